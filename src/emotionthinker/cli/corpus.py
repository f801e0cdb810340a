"""Commands that take corpora in: one a corpus, a list of them, and the doctor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from emotionthinker.cli.command import Command
from emotionthinker.cli.stages import Workers, fail_for
from emotionthinker.corpora import registry


def _above_0(value: float) -> float:
    if not value > 0:
        raise typer.BadParameter(f"{value:g}; expected more than 0")
    return value


class AnySpelling(TyperGroup):
    """Finds `CREMA-D`, `crema-d` and `crema_d` alike."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, registry.spelled(cmd_name) or cmd_name)


app = typer.Typer(
    cls=AnySpelling,
    no_args_is_help=True,
    help="Prepare corpora as manifests, and examine their files.\n\nExample: "
    "`emotionthinker corpus ravdess data/RAVDESS --out ravdess.jsonl`",
)


@app.command("list", cls=Command)
def list_(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables of docs/corpora.md.")] = False,
) -> None:
    """Every corpus with its licence and how to get it.

    Example: `emotionthinker corpus list`
    """
    from emotionthinker.corpora import listing

    typer.echo(listing.markdown() if markdown else listing.plain())


@app.command(cls=Command)
def doctor(
    source: Annotated[Path, typer.Argument(help="A folder, or a manifest (JSONL, CSV, Parquet).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the findings; a stopped run goes on in it.")],
    corpus: Annotated[str | None, typer.Option(help="Read SOURCE as the root of this corpus (see `list`).")] = None,
    write_clean: Annotated[
        Path | None, typer.Option(help="Also write a manifest (.jsonl) without the clips that cannot be used.")
    ] = None,
    max_seconds: Annotated[float, typer.Option(help="Longer clips are told.", callback=_above_0)] = 30.0,
    min_seconds: Annotated[float, typer.Option(help="Shorter clips are told.", min=0)] = 0.3,
    silent_dbfs: Annotated[float, typer.Option(help="Clips whose loudest 50 ms lie below are told.")] = -60.0,
    clipped_share: Annotated[
        float, typer.Option(help="Share of samples flat at full scale.", max=1, callback=_above_0)
    ] = 0.001,
    workers: Workers = 0,
) -> None:
    """Decode every file and tell what is broken, silent, clipped, too long, doubled, without words or known to be bad.

    Writes doctor.jsonl, fixes.txt (what to do, a line a file) and summary.json. Exit status 1 when there are problems.

    Example: `emotionthinker corpus doctor data/MELD --corpus meld --out runs/doctor --write-clean meld_clean.jsonl`
    """
    from emotionthinker.corpora import doctor as stage

    recipe = stage.DoctorRecipe(
        source=source,
        corpus=corpus,
        max_seconds=max_seconds,
        min_seconds=min_seconds,
        silent_dbfs=silent_dbfs,
        clipped_share=clipped_share,
        workers=workers,
    )
    summary = stage.run(recipe, out, clean=write_clean)
    typer.echo(json.dumps(summary, indent=2))
    if summary["with_problems"]:
        typer.echo(f"{summary['with_problems']} clips have problems; what to do: {out / 'fixes.txt'}", err=True)
        raise typer.Exit(1)


def _prepare(name: str) -> Callable[..., None]:
    """The command of one corpus."""

    def prepare(
        root: Annotated[Path, typer.Argument(help="Folder the corpus was unpacked into.", show_default=False)],
        out: Annotated[Path, typer.Option("--out", "-o", help="Manifest to write (.jsonl).", show_default=False)],
    ) -> None:
        from emotionthinker.corpora import prepare as stage

        counts = stage.prepare(registry.get(name), root, out)
        typer.echo(json.dumps(counts, indent=2, ensure_ascii=False))
        fail_for(sum(counts["failed"].values()), "rows", stage.failures_of(out))

    prepare.__doc__ = f"""Write a manifest of {name}, labels mapped to the nine, for `emotionthinker annotate`.

    Bad rows go to OUT's name with .failures.jsonl; exit status 1 when there are some. What is expected below ROOT,
    licence and access: `emotionthinker corpus list`.

    Example: `emotionthinker corpus {name} ROOT --out {name}.jsonl`
    """
    return prepare


for _name in registry.NAMES:
    app.command(_name, cls=Command)(_prepare(_name))
