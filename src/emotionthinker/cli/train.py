"""Commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotionthinker.cli.stages import Out, Overrides, RecipeFile, Restart, run_stage


def tower(recipe: RecipeFile, out: Out = Path("runs/tower"), set_: Overrides = None, restart: Restart = False) -> None:
    """Warm up the audio tower with emotion and prosody heads (nano scale).

    Example: `emotionthinker tower recipes/nano/tower.yaml --out runs/nano/tower`
    """
    run_stage("training.tower", "TowerRecipe", recipe, out, set_, restart)


def sft(recipe: RecipeFile, out: Out = Path("runs/sft"), set_: Overrides = None, restart: Restart = False) -> None:
    """Supervised fine-tuning (section 3.2): stage I or stage II, as the recipe says.

    Example: `emotionthinker sft recipes/nano/sft_1.yaml --out runs/nano/sft_1`
    """
    run_stage("training.sft", "SftRecipe", recipe, out, set_, restart)


def reward_train(
    recipe: RecipeFile, out: Out = Path("runs/reward_model"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Train the reward model that rates reasonings by four criteria (section 3.3.2).

    Example: `emotionthinker reward-train recipes/nano/reward_model.yaml --out runs/nano/reward_model`
    """
    run_stage("training.reward_model", "RewardModelRecipe", recipe, out, set_, restart)


def grpo(recipe: RecipeFile, out: Out = Path("runs/grpo"), set_: Overrides = None, restart: Restart = False) -> None:
    """Reinforcement learning with GRPO-PTR (section 3.3).

    Example: `emotionthinker grpo recipes/nano/grpo.yaml --out runs/nano/grpo --set trust=false`
    """
    run_stage("training.grpo", "GrpoRecipe", recipe, out, set_, restart)


def whistress_train(
    recipe: RecipeFile, out: Out = Path("runs/whistress"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Train a WhiStress detector of stressed words on a frozen Whisper (`annotate --stress whistress:OUT/model`).

    Example: `emotionthinker whistress-train recipes/paper/whistress.yaml --out runs/whistress`
    """
    run_stage("training.whistress", "WhistressRecipe", recipe, out, set_, restart)


def ship(
    model: Annotated[Path, typer.Argument(help="Folder of a trained nano thinker.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The compressed difference to nano-base.")] = Path(
        "nano.safetensors"
    ),
    rank: Annotated[int, typer.Option(help="Rank kept of every language-model matrix.", min=1)] = 60,
) -> None:
    """Compress a trained nano thinker to its difference from nano-base (what ships inside the package).

    Example: `emotionthinker ship runs/nano/grpo/model --out nano.safetensors`
    """
    from emotionthinker.models import shipping

    typer.echo(shipping.report(shipping.ship(model, out, rank=rank)))
