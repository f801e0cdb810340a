"""How a command becomes a stage: recipe file and overrides in, metrics printed, results in a folder."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from emotionthinker.errors import RecipeError
from emotionthinker.folder_lock import hold, is_main_process, release

RecipeFile = Annotated[Path, typer.Argument(help="Recipe (YAML); those that ship lie in recipes/.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the results; a stopped run goes on in it.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="Override a field: `--set steps=10 --set lora.rank=8`.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Empty the folder first instead of going on.")]
Workers = Annotated[int, typer.Option(help="Processes; 0 takes every core.", min=0)]


def empty(out: Path, recipe: Path) -> None:
    """Empty the folder of an earlier run. Raises `RecipeError` for a folder that is none, or is in use.

    Under torchrun or accelerate the first process does it, the others wait for its stage to begin.
    """
    if not is_main_process():
        return
    place = out.resolve()
    inside = [path for path in (Path.cwd().resolve(), recipe.resolve()) if path.is_relative_to(place)]
    if inside or not (out / "manifest.json").is_file():
        raise RecipeError(
            f"--restart would empty {out}, which "
            + (f"holds {inside[0]}" if inside else "is not the folder of an earlier run (no manifest.json)")
            + "; delete what you do not need by hand, or use another folder"
        )
    hold(out)
    for path in out.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def run_stage(
    module: str, recipe_class: str, recipe: Path, out: Path, overrides: list[str] | None, restart: bool
) -> Any:
    """Import `emotionthinker.<module>`, read the recipe, run the stage, print what it returns as JSON."""
    from emotionthinker import recipes

    stage = importlib.import_module(f"emotionthinker.{module}")
    settings = recipes.load(recipe, getattr(stage, recipe_class), overrides)
    try:
        if restart and out.exists():
            empty(out, recipe)
        result = stage.run(settings, out)
    finally:
        release(out)  # `empty` holds it, for the stage to go on in
    typer.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str))
    return result


def fail_for(rows: int, what: str, side: Path) -> None:
    """Exit status 1 when rows failed, with the number and the file that has their reasons."""
    if rows:
        typer.echo(f"{rows} {what} failed; reasons in {side}", err=True)
        raise typer.Exit(1)
