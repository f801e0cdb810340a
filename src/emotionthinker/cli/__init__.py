"""The command line: one command a stage, nothing else. Importing it loads no torch."""

from __future__ import annotations

import signal
import sys

import typer

from emotionthinker import __version__
from emotionthinker.cli import corpus, data, judge, listen, train
from emotionthinker.cli.collector import forget_garbage
from emotionthinker.cli.command import Command
from emotionthinker.cli.extras import advice
from emotionthinker.errors import EmotionThinkerError

app = typer.Typer(
    name="emotionthinker",
    help="Speech emotion with reasons that are checked against the sound.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Start with `emotionthinker explain CLIP`. Every stage: `emotionthinker COMMAND --help`.",
)

LISTEN, DATA, TRAIN = "Listen", "Make data", "Train and measure"
app.command("explain", cls=Command, rich_help_panel=LISTEN)(listen.explain)
app.command("weights", cls=Command, rich_help_panel=LISTEN)(listen.weights)
app.add_typer(corpus.app, name="corpus", rich_help_panel=DATA)
app.command("annotate", cls=Command, rich_help_panel=DATA)(data.annotate)
app.command("augment", cls=Command, rich_help_panel=DATA)(data.augment)
app.command("audit", cls=Command, rich_help_panel=DATA)(data.audit)
app.command("calibrate", cls=Command, rich_help_panel=DATA)(data.calibrate)
app.command("cot", cls=Command, rich_help_panel=DATA)(data.cot)
app.command("perception", cls=Command, rich_help_panel=DATA)(data.perception)
app.command("reward-data", cls=Command, rich_help_panel=DATA)(data.reward_data)
app.command("tower", cls=Command, rich_help_panel=TRAIN)(train.tower)
app.command("sft", cls=Command, rich_help_panel=TRAIN)(train.sft)
app.command("reward-train", cls=Command, rich_help_panel=TRAIN)(train.reward_train)
app.command("grpo", cls=Command, rich_help_panel=TRAIN)(train.grpo)
app.command("whistress-train", cls=Command, rich_help_panel=TRAIN)(train.whistress_train)
app.command("ship", cls=Command, rich_help_panel=TRAIN)(train.ship)
app.command("evaluate", cls=Command, rich_help_panel=TRAIN)(judge.evaluate)
app.command("reproduce", cls=Command, rich_help_panel=TRAIN)(judge.reproduce)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: errors raised on purpose, and missing extras, are one message and exit status 2, no traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is a Ctrl-C: processes are put away
    try:
        app()
    except EmotionThinkerError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (way_out := advice(error)) is None:
            raise
        typer.echo(f"error: {way_out}", err=True)
        sys.exit(2)
    finally:
        if "torch.distributed" in sys.modules:
            from emotionthinker.training.world import leave

            leave()
        forget_garbage()
