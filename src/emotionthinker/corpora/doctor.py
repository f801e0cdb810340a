"""The `corpus doctor` stage: every file decoded, what is wrong with it, and a list of what to do about it."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from emotionthinker import __version__, audio, runs, workers
from emotionthinker.corpora import base, manifest, registry, soundness
from emotionthinker.corpora.manifest import BadRow
from emotionthinker.corpora.verdicts import UNUSABLE, VERDICTS, Copies, Limits, Verdict, verdicts
from emotionthinker.errors import CorpusError, RecipeError
from emotionthinker.records import Utterance, write_jsonl


class DoctorRecipe(Limits):
    """Settings of the doctor."""

    source: Path
    """A folder (of sound, else of Parquet tables), or a manifest (JSONL, CSV, Parquet); transcripts are only looked for
    in a manifest or a corpus."""
    corpus: str | None = None
    """Read `source` as the root of this corpus."""
    workers: int = Field(default=0, ge=0)
    """Processes; 0 takes every core."""


class Task(NamedTuple):
    """A file to examine; `key` changes with the file and with what is measured."""

    key: str

    @property
    def audio(self) -> str:
        return self.key.rsplit("|", 4)[0]


@runs.frees_folder
def run(recipe: DoctorRecipe, out: Path, *, clean: Path | None = None, progress: bool = True) -> dict[str, Any]:
    """Examine `recipe.source` into `out`: `doctor.jsonl` (a row a clip), `fixes.txt` (a line a clip with a problem),
    `summary.json`, and `convert.sh` where files have to be converted; `clean` gets a manifest without the unusable.
    Returns the summary.

    Started again after a stop it decodes what is new, changed or failed before only; other limits cost no decoding.
    Memory grows by some 600 bytes a clip. Raises `RecordError` or `RecipeError` for a source that cannot be read or is
    empty.
    """
    if clean and clean.suffix != ".jsonl":
        raise RecipeError(f"--write-clean {clean}: expected a file that ends in .jsonl; `annotate` reads it")
    job = runs.Run(out, "doctor", recipe.model_dump(mode="json"), [recipe.source])
    job.begin()
    failed, decoded = _examine(recipe, out / "examined.jsonl", progress)
    summary = {**_judge(recipe, out, clean, failed), "decoded": decoded}
    runs.write_json(out / "summary.json", summary)
    job.finish(counts={name: summary[name] for name in ("clips", "with_problems", "unusable")}, metrics=summary)
    return summary


def clips(recipe: DoctorRecipe) -> Iterator[Utterance | BadRow]:
    """The clips of the source. Raises `CorpusError` for a corpus whose sound lies inside tables."""
    if recipe.corpus:
        for row in base.items(registry.get(recipe.corpus), recipe.source):
            if isinstance(row, base.Embedded):
                raise CorpusError(
                    "wrong_layout",
                    f"{recipe.source}: the sound of {recipe.corpus} lies inside tables; first write a manifest with "
                    f"`emotionthinker corpus {recipe.corpus} {recipe.source} --out M.jsonl`, then give M.jsonl here",
                )
            yield row
    elif recipe.source.is_dir() and (found := base.sounds(recipe.source, every=True)):
        for path in found:
            yield manifest.from_file(path, path.relative_to(recipe.source))
    else:
        yield from manifest.utterances([recipe.source])


def _examine(recipe: DoctorRecipe, path: Path, progress: bool) -> tuple[dict[str, dict[str, Any]], int]:
    """Decode every file whose row is not in `path` yet; returns the rows of those that failed, by key, and how many
    were decoded.

    What failed is not stored: a file that could not be read, or whose process died, may be sound the next time.
    """
    total = sum(1 for _ in clips(recipe))
    if not total:
        raise RecipeError(f"{recipe.source}: no clips; expected sound files or a manifest with rows")
    failed: dict[str, dict[str, Any]] = {}
    with runs.JsonlStore(path, key="key") as store:
        before = len(store)

        def todo() -> Iterator[Task]:
            for item in clips(recipe):
                key = None if isinstance(item, BadRow) else _key(item.audio)
                if key and key not in store and key not in failed:
                    yield Task(key)

        count = workers.number(recipe.workers)
        with (
            workers.progress_bar(total, 0, show=progress, what="doctor") as advance,
            contextlib.closing(workers.run(examine, todo(), count, marker=path.with_name("at_work"))) as done,
        ):
            for task, row in done:
                if row is None:
                    message = f"{task.audio}: the process that decoded it died"
                    failed[task.key] = {"reason": "WorkerDied", "message": message}
                elif "reason" in row:
                    failed[task.key] = row
                elif task.key not in store:  # two rows for one file may be worked on at once
                    store.append({"key": task.key, **row})
                advance()
        return failed, len(store) - before


def examine(task: Task) -> dict[str, Any]:
    """One row of `examined.jsonl`. Runs in a worker process."""
    return soundness.examine(task.audio)


def _key(sound: str | None) -> str | None:
    """Path, size and time of the file, and what measures it; None when it is not there."""
    try:
        status = os.stat(audio.file_of(sound or ""))
    except OSError:
        return None
    return f"{sound}|{status.st_size}|{status.st_mtime_ns}|{__version__}|{soundness.MEASURES}"


def _judge(recipe: DoctorRecipe, out: Path, clean: Path | None, failed: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Second pass: verdicts in the order of the source, written as they come."""
    places = runs.places_of(out / "examined.jsonl")
    counts: Counter[str] = Counter()
    copies = Copies()
    texts = recipe.corpus is not None or not recipe.source.is_dir()
    left_out: set[str] = set()
    commands: list[str] = []
    with (
        open(out / "examined.jsonl", "rb") as examined,
        runs.replacing(out / "doctor.jsonl") as report_part,
        runs.replacing(out / "fixes.txt") as fixes_part,
        open(report_part, "w", encoding="utf-8") as report,
        open(fixes_part, "w", encoding="utf-8") as fixes,
    ):
        for item in clips(recipe):
            row = _row(item, places, examined, failed)
            found = list(verdicts(item, row, recipe, copies, texts))
            names = {verdict.verdict for verdict in found}
            usable = not names & set(UNUSABLE)
            counts.update(["clips", *names, *(["with_problems"] if found else []), *([] if usable else ["unusable"])])
            _report(report, fixes, _own_path(recipe, item), item, row, found, usable)
            commands += [verdict.command for verdict in found if verdict.command]
            if not usable and isinstance(item, Utterance):
                left_out.add(item.id)
    if commands:
        with runs.replacing(out / "convert.sh") as part:
            part.write_text("\n".join(commands) + "\n", encoding="utf-8")
    else:
        (out / "convert.sh").unlink(missing_ok=True)
    if clean:
        kept = (item for item in clips(recipe) if isinstance(item, Utterance) and item.id not in left_out)
        write_jsonl(clean, kept)
    return {
        **{name: counts[name] for name in ("clips", "with_problems", "unusable")},
        "verdicts": {name: counts[name] for name in VERDICTS if counts[name]},
    }


def _own_path(recipe: DoctorRecipe, item: Utterance | BadRow) -> str:
    """Where the clip lies: in a folder its own place, not that of the file which a link there leads to."""
    if isinstance(item, BadRow) or not item.audio:
        return item.id
    own = os.path.join(os.path.abspath(recipe.source), item.id)
    return own if recipe.corpus is None and recipe.source.is_dir() and os.path.lexists(own) else item.audio


def _report(
    report: Any, fixes: Any, path: str, item: Any, row: dict[str, Any], found: list[Verdict], usable: bool
) -> None:
    entry = {
        "id": item.id,
        "audio": item.audio if isinstance(item, Utterance) else None,
        "usable": usable,
        "verdicts": [{"verdict": v.verdict, "message": v.message} for v in found],
        **{name: value for name, value in row.items() if name not in ("key", "message")},
    }
    report.write(json.dumps(entry, ensure_ascii=False) + "\n")
    if found:
        what = "; ".join(f"{v.verdict}: {v.fix}" for v in found)
        fixes.write(f"{'keep' if usable else 'leave out'}\t{path}\t{what}\n")


def _row(item: Utterance | BadRow, places: dict[str, int], examined: Any, failed: dict[str, Any]) -> dict[str, Any]:
    key = None if isinstance(item, BadRow) else _key(item.audio)
    if key is None or key not in places:
        return dict(failed.get(key or "", {}))
    examined.seek(places[key])
    return dict(json.loads(examined.readline()))
