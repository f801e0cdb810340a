"""The `annotate` stage: a corpus of any size to annotated utterances, on all cores, safe against a kill at any time.

Two passes. The first measures every clip and appends to the parts in `measured/`; the second gives each speaker one
gender, puts the words to the numbers with one calibration and writes the results in the order of the source. So another
calibration or speaker model costs no measuring. However long the source is, a few thousand rows are in memory; beside
them 8 bytes a clip of known speaker and 2 kB a speaker, and with a speaker model 1 kB for each clip that it hears.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from emotionthinker import runs, workers
from emotionthinker.corpora import entries, manifest, parquet
from emotionthinker.corpora.splits import is_held_out
from emotionthinker.errors import RecipeError, WeightsError
from emotionthinker.prosody import batch, doubts, hearing, parts, shards, spare, speakers, summary, whisper
from emotionthinker.prosody.annotate_recipe import FIT, AnnotateRecipe, Task, measuring, tasks
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import Prosody, Utterance, read_jsonl

_log = logging.getLogger(__name__)

__all__ = ["FIT", "AnnotateRecipe", "Task", "run", "tasks"]


@runs.frees_folder
def run(recipe: AnnotateRecipe, out: Path, *, progress: bool = True) -> dict[str, Any]:
    """Annotate `recipe.source` into `out`; returns counts rows, annotated, failed, measured, resumed, and seconds.

    Writes `utterances.jsonl`, `utterances.parquet` (or `shards/`), `thresholds.json`, `summary.json`, `failures.jsonl`
    and `manifest.json`. Started again after a kill it goes on; rows whose entry, sound or settings changed are
    measured anew, failed rows are tried again, and so are rows without words for want of the embedded recogniser once
    it can be had. A row whose sound is not there fails; what was measured of it is kept until the sound is back, and
    what was measured of clips the source no longer names until one names them again. What makes the words doubtful is
    logged and stands in `warnings` of the summary. Raises `RecordError` or `RecipeError` for a source or a setting that
    cannot be used, `WeightsError` for a chosen recogniser or stress detector that is not there.
    """
    started = time.monotonic()
    calibration = checked(recipe, out)
    job = runs.Run(out, "annotate", recipe, list(recipe.source))
    job.begin()
    whisper.try_again()
    measured = out / "measured"
    measured.mkdir(exist_ok=True)
    with runs.replacing(out / "failures.jsonl") as part, open(part, "w", encoding="utf-8") as failures:
        first_pass = _Measuring(recipe, measured, failures)
        first_pass.run(progress)
        if not first_pass.rows:
            raise RecipeError(f"{', '.join(map(str, recipe.source))}: nothing to annotate; the source has no rows")
    stored = partial(_stored, measured, first_pass.parts)
    stamps = partial(_stamps, measured, first_pass.parts)
    pool = _pool(recipe, out, stored, stamps, progress, some_wait=first_pass.waiting + first_pass.unnamed > 0)
    if calibration is None:
        calibration = _fitted(recipe, lambda: map(pool.apply, stored()))
    calibration.save(out / "thresholds.json")
    annotated, tally = _write(recipe, out, measured, first_pass.parts, pool, calibration)
    counts = {
        "rows": annotated + first_pass.failed,
        "annotated": annotated,
        "failed": first_pass.failed,
        "measured": annotated - first_pass.resumed,
        "resumed": first_pass.resumed,
    }
    table = tally.table(out / "failures.jsonl", calibration.name)
    table["warnings"] = [
        *doubts.no_longer(job),
        *doubts.unnamed(first_pass.unnamed, measured),
        *doubts.unread(recipe.source),
        *doubts.open_tests(recipe.source),
        *doubts.waiting(first_pass.waiting),
        *doubts.untold_times(first_pass.timed),
        *pool.warnings(),
        *doubts.words(tally, calibration),
    ]
    table["measures"] = batch.MEASURES
    for warning in table["warnings"]:
        _log.warning(warning)
    seconds = round(time.monotonic() - started, 1)
    runs.write_json(out / "summary.json", {**counts, "seconds": seconds, **table})
    job.finish(counts=counts, metrics=table)
    return {**counts, "seconds": seconds}


def checked(recipe: AnnotateRecipe, out: Path) -> Calibration | None:
    """The calibration the recipe names, None for one to be fitted. Raises what `run` raises before its first clip."""
    recipe.check()
    manifest.refuse_absent(recipe.source)
    manifest.refuse_results(recipe.source, out, ("utterances.jsonl", "utterances.parquet", "shards"))
    if recipe.shard_rows:
        shards.refuse_others(out / "shards")
    return None if recipe.calibration == FIT else Calibration.load(recipe.calibration)


class _Measuring:
    """First pass: every clip that is not stored goes to the engine, what comes back into its part or the failures."""

    def __init__(self, recipe: AnnotateRecipe, folder: Path, failures: TextIO) -> None:
        self.recipe, self.folder, self.failures = recipe, folder, failures
        self.rows = self.parts = self.failed = self.resumed = self.waiting = self.timed = self.unnamed = 0
        self.part_of: dict[str, parts.Part] = {}
        """Id -> part, of the clips in flight."""

    def run(self, progress: bool) -> None:
        total = manifest.size(self.recipe.source) if progress else 0
        with (
            workers.progress_bar(total, show=progress) as self.advance,
            contextlib.closing(spare.Spare(self.folder)) as self.spare,
        ):
            try:
                with contextlib.closing(_engine(self.recipe, self.folder)(self.todo())) as results:
                    for row, result in results:
                        self.take(batch.died(row) if result is None else result)
            finally:
                for part in self.part_of.values():
                    part.abandon()
            if self.rows:  # an empty manifest is more often a mishap than a wish
                self.unnamed = self.spare.settle(self.parts)

    def todo(self) -> Iterator[dict[str, Any]]:
        """Clips to measure, part by part, as they are asked for."""
        source = tasks(self.recipe)
        while rows := list(islice(source, parts.ROWS)):
            self.rows += len(rows)
            for row in rows:
                if isinstance(row, manifest.BadRow):
                    self.refuse(batch.failure_of(row.id, None, row.error))
            clips = {row.id: row for row in rows if isinstance(row, Task)}
            stamps = {id: clip.stamp for id, clip in clips.items()}
            absent = {id for id, clip in clips.items() if clip.absent}
            part = parts.Part(self.folder, self.parts, stamps, lambda: self.can_hear, absent)
            self.parts += 1
            self.spare.serve(part)
            missing = [] if part.finished else part.open()
            self.waiting += part.waiting
            self.timed += sum(entries.has_untold_times(clip.utterance) for clip in clips.values())
            self.resumed += len(clips) - len(missing)
            self.advance(len(clips) - len(missing), resumed=True)
            self.part_of |= dict.fromkeys(missing, part)
            for id in missing:
                yield clips[id].row

    @functools.cached_property
    def can_hear(self) -> bool:
        """Whether the embedded recogniser can be had (fetched if need be); asked where stored rows lack it.

        It is loaded, not only looked for: rows that would fail once more are not to be measured anew in every run.
        """
        try:
            whisper.embedded()
        except (WeightsError, ImportError, OSError):
            return False
        return True

    def take(self, result: dict[str, Any]) -> None:
        failed = batch.is_failure(result)
        self.part_of.pop(result["id"]).add(result["id"], None if failed else result)
        if failed:
            self.refuse(result)
        else:
            self.advance(1)

    def refuse(self, row: dict[str, Any]) -> None:
        self.failed += 1
        self.failures.write(json.dumps(row, ensure_ascii=False) + "\n")
        self.advance(1, failed=1)


def _engine(recipe: AnnotateRecipe, folder: Path) -> Callable[[Iterator[dict[str, Any]]], Generator[Any]]:
    """What maps `annotate_batch` over rows and yields (row, result or None for one that kills its process)."""
    work = measuring(recipe)
    if recipe.engine == "ray":
        from emotionthinker.prosody import ray_engine

        return lambda rows: ray_engine.run_batches(work, rows, recipe.workers, recipe.ray_address)
    count = workers.number(recipe.workers)
    return lambda rows: workers.run_batches(work, rows, count, marker=folder / "at_work")


def _pool(
    recipe: AnnotateRecipe,
    out: Path,
    stored: Callable[[], Iterator[Utterance]],
    stamps: Callable[[set[str]], dict[str, str]],
    progress: bool,
    some_wait: bool,
) -> speakers.Pool:
    """What all clips of each speaker say together; with a model, a few of them are heard first (`voices.jsonl`)."""
    pool = speakers.Pool()
    if recipe.speaker_model:
        clips = hearing.chosen(stored(), recipe.speaker_clips)
        measured = stamps({clip.id for clip in clips})
        heard_by = hearing.stamps_of(clips, recipe.speaker_model, measured)
        parts.drop_stale(out / "voices.jsonl", heard_by, others_stay=some_wait)
        found = hearing.run(
            clips,
            recipe.speaker_model,
            out / "voices.jsonl",
            heard_by,
            accept_non_commercial=recipe.accept_non_commercial,
            progress=progress,
        )
        pool = speakers.Pool(found.voices, found.method, found.licence)
    for utterance in stored():
        pool.add(utterance)
    return pool


def _stamps(folder: Path, count: int, wanted: set[str]) -> dict[str, str]:
    rows = map(json.loads, parts.lines(folder, count))
    return {row["id"]: row["stamp"] for row in rows if row["id"] in wanted}


def _fitted(recipe: AnnotateRecipe, stored: Callable[[], Iterator[Utterance]]) -> Calibration:
    """Cuts from all clips but those of held-out splits, with where they come from."""
    datasets = Counter(u.dataset or "(no dataset)" for u in stored() if not is_held_out(u.split))
    return Calibration.fit(
        (utterance for utterance in stored() if not is_held_out(utterance.split)),
        recipe.name,
        by_dataset=recipe.by_dataset,
        clips=dict(datasets),
        left_out="clips of held-out splits (test, validation)",
        source=[path.name for path in recipe.source],
        measures=batch.MEASURES,
        command=f"the annotate stage with calibration={FIT} and name={recipe.name}; this is its thresholds.json",
    )


def _write(
    recipe: AnnotateRecipe, out: Path, measured: Path, count: int, pool: speakers.Pool, calibration: Calibration
) -> tuple[int, summary.Tally]:
    """Second pass: the results with their words; returns the number of rows and what they are.

    The tables are made from the lines just written, so that both hold the same.
    """
    tally, rows = summary.Tally(), 0
    with runs.replacing(out / "utterances.jsonl") as part:
        with open(part, "w", encoding="utf-8") as lines:
            for utterance in _stored(measured, count):
                levelled = _levelled(pool.apply(utterance), calibration)
                lines.write(levelled.model_dump_json() + "\n")
                tally.add(levelled)
                rows += 1
        if recipe.shard_rows:
            made_from = partial(_made_from, measured, count, part)
            shards.write(out / "shards", made_from, rows=recipe.shard_rows, embed=recipe.embed_audio)
            (out / "utterances.parquet").unlink(missing_ok=True)
        else:
            parquet.write(out / "utterances.parquet", read_jsonl(part))
            shards.drop_after(out / "shards", 0)
    return rows, tally


def _made_from(measured: Path, count: int, results: Path) -> Iterator[tuple[bytes, bytes]]:
    """(stored line, line of the results) in order: the first one's stamp changes with the sound, which is embedded."""
    with open(results, "rb") as lines:
        yield from zip(parts.lines(measured, count), lines, strict=True)


def _stored(folder: Path, count: int) -> Iterator[Utterance]:
    return map(_utterance, parts.lines(folder, count))


def _utterance(line: bytes) -> Utterance:
    return Utterance.model_validate(json.loads(line)["utterance"])


def _levelled(utterance: Utterance, calibration: Calibration) -> Utterance:
    prosody: Prosody | None = utterance.prosody
    if prosody is None:
        return utterance
    return utterance.model_copy(update={"prosody": calibration.apply(prosody, utterance.gender, utterance.dataset)})
