from __future__ import annotations

from pathlib import Path

import pytest

from emotionthinker import recipes
from emotionthinker.training.grpo_recipe import GrpoRecipe

FOLDER = Path(__file__).parents[2] / "recipes"


def load(name: str) -> GrpoRecipe:
    return recipes.load(FOLDER / name, GrpoRecipe)


def test_the_paper_settings() -> None:
    recipe = load("paper/grpo.yaml")
    config = recipe.config(Path("out"), processes=4)
    assert (recipe.steps, recipe.group_size, recipe.beta, recipe.learning_rate) == (3000, 8, 0.04, 1e-6)
    assert recipe.weights == (0.3, 1.0, 0.5)
    assert (recipe.reasoning, recipe.trust, recipe.progressive, recipe.schedule.threshold) == (
        "trained",
        True,
        True,
        0.5,
    )
    assert (config.loss_type, config.scale_rewards, config.num_iterations) == ("grpo", "group", 1)
    # this test is one process, so TRL counts a quarter of the step
    assert config.generation_batch_size * 4 == recipe.prompts_per_step * recipe.group_size


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("grpo_v2_rules", {"reasoning": "none", "reward_model": None}),
        ("grpo_v3_untrained_rm", {"reasoning": "untrained", "reward_model": "Qwen/Qwen2.5-Omni-3B"}),
        ("grpo_v4_no_trust", {"trust": False}),
        ("grpo_v5_no_schedule", {"progressive": False}),
    ],
)
def test_table_4_variants_change_one_thing(variant: str, changes: dict[str, object]) -> None:
    full, other = load("paper/grpo.yaml").model_dump(), load(f"paper/{variant}.yaml").model_dump()
    assert {key: value for key, value in other.items() if full[key] != value} == changes


def test_the_nano_recipe_fits_one_process() -> None:
    recipe = load("nano/grpo.yaml")
    config = recipe.config(Path("out"), processes=1)
    assert config.generation_batch_size == recipe.prompts_per_step * recipe.group_size
    assert recipe.weights == (0.3, 1.0, 0.5)
