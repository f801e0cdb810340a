"""All stages in order, each in a process of its own, with an estimate of what is left.

A plan (`recipes/<scale>/plan.yaml`) lists the stages: command, recipe, folder and the minutes it took on the reference
machine. Every stage resumes by itself and knows when it is finished, so running the plan again does what is left.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.console import Console
from rich.table import Table

from emotionthinker.errors import RecipeError
from emotionthinker.recipes import folder_of


class Step(BaseModel):
    """One stage of a plan."""

    model_config = ConfigDict(extra="forbid")

    name: str
    command: str
    recipe: str | None = None
    """File beside the plan; `annotate` and `ship` have none."""
    arguments: list[str] = Field(default_factory=list)
    out: Path
    minutes: float = Field(gt=0)
    """On the machine named in the plan."""

    @property
    def finished(self) -> bool:
        """Whether the stage's manifest says so (the stage itself checks recipe and inputs once more)."""
        if self.out.suffix:
            return self.out.is_file()
        try:
            manifest: dict[str, Any] = json.loads((self.out / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return manifest.get("status") == "finished"


class Plan(BaseModel):
    """The stages of a reproduction."""

    model_config = ConfigDict(extra="forbid")

    machine: str
    """What the minutes were measured on."""
    steps: list[Step]


def read_plan(folder: Path) -> Plan:
    """`plan.yaml` of a folder of recipes. Raises `RecipeError`."""
    path = folder / "plan.yaml"
    try:
        return Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(
            f"no plan at {path}: {error.strerror}; give a folder with a plan.yaml, such as recipes/nano"
        ) from error
    except (yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"{path}: {error}") from error


def run(scale: str, *, data: Path | None, only: list[str], dry_run: bool) -> None:
    """Run the plan of `recipes/<scale>` (or of the folder `scale`) in the current folder.

    `data` is the manifest `annotate` reads. Raises `RecipeError` for an unknown stage, missing data, or a failed stage.
    """
    folder = folder_of(scale)
    plan = read_plan(folder)
    unknown = sorted(set(only) - {step.name for step in plan.steps})
    if unknown:
        raise RecipeError(f"no stages {unknown} in {folder}; there are {[step.name for step in plan.steps]}")
    steps = [step for step in plan.steps if not only or step.name in only]
    console = Console(stderr=True)
    console.print(_table(plan, steps))
    if dry_run:
        return
    started, expected = time.monotonic(), 0.0
    for number, step in enumerate(steps, 1):
        left = sum(later.minutes for later in steps[number - 1 :] if not later.finished)
        pace = (time.monotonic() - started) / 60 / expected if expected else 1.0
        console.rule(f"{number}/{len(steps)} {step.name} · about {left * pace:.0f} min left")
        expected += 0.0 if step.finished else step.minutes
        if step.finished and not step.recipe and not step.arguments and data is None:
            console.print("finished; nothing to do")
            continue
        command = [sys.executable, "-m", "emotionthinker", step.command, *_arguments(step, folder, data)]
        status = subprocess.run(command, check=False).returncode
        if status == 1 and step.command == "annotate" and step.finished:
            console.print(f"[yellow]some rows of {data} could not be used: {step.out / 'failures.jsonl'}; going on")
        elif status != 0:
            raise RecipeError(
                f"stage {step.name} ended with status {status}; mend what it says and run the same command again: "
                "finished work is kept"
            )
    console.print(f"done in {(time.monotonic() - started) / 60:.1f} min")


def _arguments(step: Step, folder: Path, data: Path | None) -> list[str]:
    if step.recipe is not None:
        return [str(folder / step.recipe), "--out", str(step.out)]
    if step.arguments:
        return [*step.arguments, "--out", str(step.out)]
    if data is None:
        raise RecipeError(f"stage {step.name} needs speech: give --data MANIFEST (docs/guide.md says what it holds)")
    return [str(data), "--out", str(step.out)]


def _table(plan: Plan, steps: list[Step]) -> Table:
    table = Table(title=f"minutes on {plan.machine}", title_justify="left")
    for column in ("stage", "command", "results", "minutes", ""):
        table.add_column(column)
    for step in steps:
        table.add_row(step.name, step.command, str(step.out), f"{step.minutes:g}", "finished" if step.finished else "")
    left = sum(step.minutes for step in steps if not step.finished)
    table.add_row("left", "", "", f"{left:g}", "")
    return table
