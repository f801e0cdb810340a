"""Commands that make data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from emotionthinker.cli.stages import Out, Overrides, RecipeFile, Restart, run_stage


def annotate(
    source: Annotated[list[Path], typer.Argument(help="Sound files, folders, or manifests (JSONL, CSV, Parquet).")],
    out: Out,
    calibration: Annotated[
        str, typer.Option(help="Cuts of the levels: `reference`, a thresholds.json, or `fit` from these clips.")
    ] = "reference",
    workers: Annotated[int, typer.Option(help="Processes; 0 takes every core.", min=0)] = 0,
    language: Annotated[str, typer.Option(help="Language of clips that name none.")] = "en",
    transcribe: Annotated[bool, typer.Option(help="Recognise the words of clips without a transcript.")] = True,
    max_seconds: Annotated[float, typer.Option(help="Longer files are refused.", min=1)] = 3600,
    stress: Annotated[
        str, typer.Option(help="How stress is found: `acoustic`, or `whistress:FOLDER` of a trained detector.")
    ] = "acoustic",
) -> None:
    """Measure pitch, energy, rate, stress, intonation, speaker and words of speech (section 3.1).

    Writes utterances.jsonl and .parquet, thresholds.json, summary.json and failures.jsonl; goes on after a stop.
    Exit status 1 when a row failed.

    Example: `emotionthinker annotate recordings/ more.flac --out runs/annotate`
    """
    from emotionthinker.prosody import corpus

    recipe = corpus.AnnotateRecipe(
        source=source,
        calibration=calibration,
        workers=workers,
        language=language,
        transcribe=transcribe,
        max_seconds=max_seconds,
        stress=stress,
    )
    counts = corpus.run(recipe, out)
    typer.echo(json.dumps(counts, indent=2))
    if counts["failed"]:
        typer.echo(f"{counts['failed']} rows failed; reasons in {out / 'failures.jsonl'}", err=True)
        raise typer.Exit(1)


def cot(recipe: RecipeFile, out: Out = Path("runs/cot"), set_: Overrides = None, restart: Restart = False) -> None:
    """Write chain-of-thought traces, each checked against the measurements (section 3.1).

    Example: `emotionthinker cot recipes/nano/cot.yaml --out runs/nano/cot --set writer=grammar`
    """
    run_stage("reasoning.cot", "CotRecipe", recipe, out, set_, restart)


def perception(
    recipe: RecipeFile, out: Out = Path("runs/perception"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Build the prosody-centric corpus: attribute questions and comparative sequences (section 3.2).

    Example: `emotionthinker perception recipes/nano/perception.yaml --out runs/nano/perception`
    """
    run_stage("perception.build", "PerceptionRecipe", recipe, out, set_, restart)


def reward_data(
    recipe: RecipeFile, out: Out = Path("runs/reward_data"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Make reasonings of known quality for the reward model: each trace and degraded variants (section 3.3.2).

    Example: `emotionthinker reward-data recipes/nano/reward_data.yaml --out runs/nano/reward_data`
    """
    run_stage("reasoning.reward_data", "RewardDataRecipe", recipe, out, set_, restart)
