"""The `annotate` stage: a corpus of any size to annotated utterances, on all cores, safe against a kill at any time.

Two passes. The first measures every clip and appends to `measured.jsonl`; the second puts the words to the numbers
with one calibration and writes the results in the order of the source. So another calibration costs no measuring.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from emotionthinker import __version__, audio, runs
from emotionthinker.corpora import manifest, parquet
from emotionthinker.errors import EmotionThinkerError, RecipeError, kind_of
from emotionthinker.prosody import stress_detector, summary, workers
from emotionthinker.prosody.levels import Calibration
from emotionthinker.recipes import Recipe
from emotionthinker.records import Prosody, Utterance, write_jsonl

FIT = "fit"


class AnnotateRecipe(Recipe):
    """Settings of the `annotate` stage."""

    source: list[Path] = Field(min_length=1)
    """Sound files, folders, or manifests (JSONL, CSV, Parquet)."""
    calibration: str = "reference"
    """`reference`, a calibration file, or `fit` to fit one on these clips (those of the test split are left out)."""
    name: str = "fitted"
    """Name of a calibration that is fitted."""
    by_dataset: bool = False
    """A fitted calibration also gets cuts for each dataset of 50 clips."""
    workers: int = Field(default=0, ge=0)
    """Processes; 0 takes every core."""
    language: str = "en"
    """Language of clips that name none."""
    transcribe: bool = True
    """Recognise the words of clips without a transcript."""
    stress: str = stress_detector.ACOUSTIC
    """`acoustic`, or `whistress:FOLDER` for a trained detector."""
    max_seconds: float = Field(default=audio.MAX_SECONDS, gt=0)
    """Longer files are refused."""


class Task(NamedTuple):
    """One clip to measure; `stamp` changes with the row, the file or the settings that matter."""

    utterance: Utterance
    stamp: str
    transcribe: bool
    max_seconds: float
    stress: str = stress_detector.ACOUSTIC

    @property
    def id(self) -> str:
        return self.utterance.id


def run(recipe: AnnotateRecipe, out: Path, *, progress: bool = True) -> dict[str, Any]:
    """Annotate `recipe.source` into `out`; returns counts rows, annotated, failed, measured, resumed, and seconds.

    Writes `utterances.jsonl`, `utterances.parquet`, `thresholds.json`, `summary.json`, `failures.jsonl` and
    `manifest.json`. Started again after a kill it goes on; rows whose entry, sound or settings changed are
    measured anew, failed rows are tried again. Raises `RecordError` or `RecipeError` for a source, calibration or way
    to find stress that cannot be used, `WeightsError` for a stress detector that is not there.
    """
    started = time.monotonic()
    stress_detector.check(recipe.stress)
    calibration = None if recipe.calibration == FIT else Calibration.load(recipe.calibration)
    job = runs.Run(out, "annotate", recipe.model_dump(mode="json"), list(recipe.source))
    job.begin()
    stamps = {task.id: task.stamp for task in tasks(recipe) if isinstance(task, Task)}
    if not stamps and not any(True for _ in tasks(recipe)):
        raise RecipeError(f"{', '.join(map(str, recipe.source))}: nothing to annotate; the source has no rows")
    measured = out / "measured.jsonl"
    _drop_stale(measured, stamps)
    with runs.JsonlStore(measured) as store, open(out / "failures.jsonl.part", "w", encoding="utf-8") as failures:
        resumed = len(store)
        failed = _measure(recipe, store, failures, len(stamps), progress)
    (out / "failures.jsonl.part").replace(out / "failures.jsonl")
    places = _places(measured)
    order = [id for id in stamps if id in places]
    if calibration is None:
        calibration = _fitted(recipe, lambda: _stored(measured, order, places))
    calibration.save(out / "thresholds.json")
    write_jsonl(out / "utterances.jsonl", (_levelled(u, calibration) for u in _stored(measured, order, places)))
    parquet.write(out / "utterances.parquet", (_levelled(u, calibration) for u in _stored(measured, order, places)))
    counts = {
        "rows": len(order) + failed,
        "annotated": len(order),
        "failed": failed,
        "measured": len(order) - resumed,
        "resumed": resumed,
    }
    table = summary.summarise(out / "utterances.jsonl", out / "failures.jsonl", calibration.name)
    seconds = round(time.monotonic() - started, 1)
    runs.write_json(out / "summary.json", {**counts, "seconds": seconds, **table})
    job.finish(counts=counts, metrics=table)
    return {**counts, "seconds": seconds}


def tasks(recipe: AnnotateRecipe) -> Iterator[Task | manifest.BadRow]:
    """The clips of the source in order, each with its stamp."""
    for item in manifest.utterances(recipe.source, recipe.language):
        if isinstance(item, manifest.BadRow):
            yield item
            continue
        try:
            status = os.stat(item.audio or "")
            sound = f"{status.st_size}:{status.st_mtime_ns}"
        except OSError:
            sound = "missing"
        text = f"{__version__}|{item.model_dump_json()}|{sound}|{recipe.transcribe}|{recipe.max_seconds}"
        text += "" if recipe.stress == stress_detector.ACOUSTIC else f"|{recipe.stress}"
        stamp = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]
        yield Task(item, stamp, recipe.transcribe, recipe.max_seconds, recipe.stress)


def measure(task: Task) -> dict[str, Any]:
    """One row of `measured.jsonl`, or of the failures (`reason`, `message`). Runs in a worker process."""
    from emotionthinker.prosody.annotator import annotate

    utterance = task.utterance
    try:
        heard = annotate(
            utterance.audio or "",
            id=utterance.id,
            text=utterance.text,
            gender=utterance.gender,
            language=utterance.language,
            calibration=None,
            transcribe=task.transcribe,
            max_seconds=task.max_seconds,
            stress=task.stress,
        )
    except EmotionThinkerError as error:
        return failure(utterance.id, utterance.audio, kind_of(error), str(error))
    except Exception as error:  # one clip must never stop a corpus; the side file names it
        return failure(utterance.id, utterance.audio, kind_of(error), f"unexpected {error!r}; please report it")
    return {
        "id": utterance.id,
        "stamp": task.stamp,
        "utterance": utterance.model_copy(update={"prosody": heard.prosody, "text": heard.text}).model_dump(
            mode="json"
        ),
    }


def failure(id: str, path: str | None, reason: str, message: str) -> dict[str, Any]:
    """A row of `failures.jsonl`."""
    return {"id": id, "audio": path, "reason": reason, "message": message}


def _measure(recipe: AnnotateRecipe, store: runs.JsonlStore, failures: Any, total: int, progress: bool) -> int:
    """First pass over all clips not yet in the store; returns the number of failed rows."""
    failed = 0

    def refuse(row: dict[str, Any]) -> None:
        nonlocal failed
        failed += 1
        failures.write(json.dumps(row, ensure_ascii=False) + "\n")

    def todo() -> Iterator[Task]:
        for task in tasks(recipe):
            if isinstance(task, manifest.BadRow):
                refuse(failure(task.id, None, kind_of(task.error), str(task.error)))
            elif task.id not in store:
                yield task

    with workers.progress_bar(total, len(store), show=progress) as advance:
        for task, row in workers.run(measure, todo(), recipe.workers or os.cpu_count() or 1):
            if row is None:
                row = failure(task.id, task.utterance.audio, "WorkerDied", "the process that measured this clip died")
            if "reason" in row:
                refuse(row)
            else:
                store.append(row)
            advance()
    return failed


def _drop_stale(path: Path, stamps: dict[str, str]) -> None:
    """Rewrite the store without rows of another source, sound or setting (a torn last line is left to the store)."""
    if not path.exists():
        return
    part, dropped = path.with_name(path.name + ".part"), 0
    with open(path, encoding="utf-8") as lines, open(part, "w", encoding="utf-8") as kept:
        for line in lines:
            try:
                row = json.loads(line) if line.endswith("\n") else {}
            except json.JSONDecodeError:
                row = {}
            if row and stamps.get(row.get("id", "")) == row.get("stamp"):
                kept.write(line)
            else:
                dropped += 1
    if dropped:
        part.replace(path)
    else:
        part.unlink()


def _fitted(recipe: AnnotateRecipe, stored: Callable[[], Iterator[Utterance]]) -> Calibration:
    """Cuts from all clips but those of the test split, with where they come from."""
    datasets = Counter(u.dataset or "(no dataset)" for u in stored() if u.split != "test")
    return Calibration.fit(
        (utterance for utterance in stored() if utterance.split != "test"),
        recipe.name,
        by_dataset=recipe.by_dataset,
        clips=dict(datasets),
        left_out="clips of the test split",
        source=[path.name for path in recipe.source],
        command=f"the annotate stage with calibration={FIT} and name={recipe.name}; this is its thresholds.json",
    )


def _places(path: Path) -> dict[str, int]:
    """Byte offset of each row, so that results come in the order of the source without holding them in memory."""
    places, offset = {}, 0
    with open(path, "rb") as lines:
        for line in lines:
            places[json.loads(line)["id"]] = offset
            offset += len(line)
    return places


def _stored(path: Path, order: list[str], places: dict[str, int]) -> Iterator[Utterance]:
    with open(path, "rb") as lines:
        for id in order:
            lines.seek(places[id])
            yield Utterance.model_validate(json.loads(lines.readline())["utterance"])


def _levelled(utterance: Utterance, calibration: Calibration) -> Utterance:
    prosody: Prosody | None = utterance.prosody
    if prosody is None:
        return utterance
    return utterance.model_copy(update={"prosody": calibration.apply(prosody, utterance.gender, utterance.dataset)})
