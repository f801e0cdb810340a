"""How a command becomes a stage: recipe file and overrides in, metrics printed, results in a folder."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

RecipeFile = Annotated[Path, typer.Argument(help="Recipe (YAML); those that ship lie in recipes/.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the results; a stopped run goes on in it.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="Override a field: `--set steps=10 --set lora.rank=8`.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Empty the folder first instead of going on.")]


def run_stage(
    module: str, recipe_class: str, recipe: Path, out: Path, overrides: list[str] | None, restart: bool
) -> Any:
    """Import `emotionthinker.<module>`, read the recipe, run the stage, print what it returns as JSON."""
    from emotionthinker import recipes

    stage = importlib.import_module(f"emotionthinker.{module}")
    settings = recipes.load(recipe, getattr(stage, recipe_class), overrides)
    if restart and out.exists():
        shutil.rmtree(out)
    result = stage.run(settings, out)
    typer.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str))
    return result
