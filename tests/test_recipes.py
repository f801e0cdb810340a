from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from emotionthinker.errors import RecipeError
from emotionthinker.recipes import Recipe, folder_of, load


class Inner(BaseModel):
    rank: int = 4


class Example(Recipe):
    steps: int
    inner: Inner = Inner()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("steps: 3\ninner: {rank: 8}\n")
    return path


def test_overrides_reach_nested_fields(recipe: Path) -> None:
    found = load(recipe, Example, ["steps=5", "inner.rank=2", "seed=9"])
    assert (found.steps, found.inner.rank, found.seed) == (5, 2, 9)


@pytest.mark.parametrize(
    ("override", "message"),
    [("stepps=5", "stepps"), ("steps=many", "steps"), ("steps", "has no '='"), ("steps.x=1", "steps")],
)
def test_a_wrong_override_says_what_is_wrong(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load(recipe, Example, [override])


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.yaml cannot be read"):
        load(tmp_path / "nowhere.yaml", Example)
    (tmp_path / "broken.yaml").write_text("steps: [")
    with pytest.raises(RecipeError, match=r"broken\.yaml is not YAML"):
        load(tmp_path / "broken.yaml", Example)
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(RecipeError, match="holds a list"):
        load(tmp_path / "list.yaml", Example)


def test_the_nano_plan_ships() -> None:
    assert (folder_of("nano") / "plan.yaml").is_file()
    with pytest.raises(RecipeError, match="no recipes for"):
        folder_of("pico")
