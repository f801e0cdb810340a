"""Commands that measure, and the one that runs everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotionthinker.cli.stages import Out, Overrides, RecipeFile, Restart, run_stage


def evaluate(
    recipe: RecipeFile, out: Out = Path("runs/evaluate"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Measure recognition, format and claims on speakers never trained on (section 4).

    Example: `emotionthinker evaluate recipes/nano/evaluate.yaml --out runs/nano/evaluate`
    """
    run_stage("evaluation.evaluate", "EvaluateRecipe", recipe, out, set_, restart)


def reproduce(
    scale: Annotated[str, typer.Argument(help="Folder of recipes with a plan.yaml: `nano`, or a path.")] = "nano",
    data: Annotated[
        Path | None, typer.Option(help="Speech to learn from: a manifest with path, dataset, speaker and label.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Run these stages alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the stages and their estimated time.")] = False,
) -> None:
    """Run every stage of the paper in order; finished stages are skipped, a stopped one goes on.

    Example: `emotionthinker reproduce nano --data speech/manifest.jsonl`
    """
    from emotionthinker import reproducing

    reproducing.run(scale, data=data, only=only or [], dry_run=dry_run)
