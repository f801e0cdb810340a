"""Every recipe that ships reads, and no text that ships still waits for a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotionthinker import recipes
from emotionthinker.training.reward_model import RewardModelRecipe
from emotionthinker.training.sft import SftRecipe

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["sft_1", "sft_2", "sft_v1", "reward_model"])
def test_the_papers_stages_have_recipes(name: str) -> None:
    recipe = recipes.load(
        ROOT / "recipes" / "paper" / f"{name}.yaml", RewardModelRecipe if name == "reward_model" else SftRecipe
    )
    missing = recipe.parts - set(recipe.learning_rates)
    assert not missing


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_no_number_is_left_out(path: Path) -> None:
    assert "@@" not in path.read_text(encoding="utf-8")


def test_the_paper_index_points_at_files_that_exist() -> None:
    import re

    text = (ROOT / "docs" / "paper_index.md").read_text(encoding="utf-8")
    for code in re.findall(r"`((?:recipes|tests)/[^`{*]+)`", text):
        assert (ROOT / code).exists(), code
    for code in re.findall(r"`((?:rewards|training|evaluation|reasoning|perception)/[^`{*]+)`", text):
        assert (ROOT / "src" / "emotionthinker" / code).exists(), code
