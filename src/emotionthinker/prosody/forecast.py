"""What an `annotate` run would do and how long it would take, told before the hours are spent."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from emotionthinker import audio, workers
from emotionthinker.corpora import ids, manifest
from emotionthinker.errors import RecipeError
from emotionthinker.progress import followed
from emotionthinker.prosody import batch, corpus, parts
from emotionthinker.prosody.annotate_recipe import AnnotateRecipe, Task, measuring, tasks

SAMPLE = 40
"""Clips that are measured for the estimate, at most."""
ENOUGH_S = 60.0
"""After so long no further clip of the sample is begun."""
PROBLEMS = 10
"""Rows that cannot be used and are quoted, at most."""
Row = dict[str, Any]


class _Trial(NamedTuple):
    """What measuring a clip took and gave: seconds of one process, seconds of sound, bytes of its row and of the sound
    that is embedded; all but the first 0 for a clip that fails."""

    worded: bool
    took_s: float
    sound_s: float = 0.0
    size: int = 0
    embedded: int = 0
    failed: bool = False


def forecast(recipe: AnnotateRecipe, out: Path, *, progress: bool = True) -> dict[str, Any]:
    """Look through `recipe.source` and what `out` holds of it, and measure up to 40 of the other clips.

    Returns the number of `rows`, of those `stored`, `unusable`, `to_measure` and, of these, `without_text`; the clips
    `sampled`; and of what is to be measured, each as [low, high] (twice the standard error; None without a sample):
    `failing` clips, `hours_of_sound`, `process_hours`, `hours` with so many `workers` (start-up included), `megabytes`
    of measured/, utterances.jsonl and embedded sound (tables come on top). `problems` quotes up to 10 rows that would
    fail. Writes nothing. Raises what the run would raise before its first clip.
    """
    corpus.checked(recipe, out)
    survey, source = _Survey(), tasks(recipe)
    seen = followed(source, manifest.size(recipe.source), "look through") if progress else source
    survey.look_through(seen, out / "measured")
    if not survey.rows:
        raise RecipeError(f"{', '.join(map(str, recipe.source))}: nothing to annotate; the source has no rows")
    for trial in _trials(recipe, survey, progress):
        survey.kinds[trial.worded].trials.append(trial)
    kinds, processes = list(survey.kinds.values()), workers.number(recipe.workers)
    count = sum(kind.count for kind in kinds)
    hours = _total(kinds, lambda trial: trial.took_s / 3600)
    return {
        "rows": survey.rows,
        "stored": survey.stored,
        "unusable": survey.unusable,
        "to_measure": count,
        "without_text": survey.kinds[False].count,
        "sampled": sum(len(kind.trials) for kind in kinds),
        "failing": _total(kinds, lambda trial: float(trial.failed)),
        "hours_of_sound": _total(kinds, lambda trial: trial.sound_s / 3600),
        "process_hours": hours,
        "workers": processes,
        "hours": hours and [_rounded(survey.start_s / 3600 + end / max(1, min(processes, count))) for end in hours],
        "megabytes": _total(kinds, lambda trial: (2 * trial.size + trial.embedded) / 1e6),  # the row stands in both
        "problems": survey.problems,
    }


@dataclass
class _Kind:
    """Clips with a text, or without (a recogniser costs many times as much): how many, a sample, what it told."""

    count: int = 0
    sample: list[Row] = field(default_factory=list)
    trials: list[_Trial] = field(default_factory=list)


class _Survey:
    """The rows of a source, counted; of those to measure samples by reservoir, so that memory does not grow."""

    def __init__(self) -> None:
        self.random = random.Random(0)
        self.rows = self.stored = self.unusable = 0
        self.start_s = 0.0
        self.kinds = {True: _Kind(), False: _Kind()}
        self.problems: list[Row] = []

    def look_through(self, source: Iterator[Task | manifest.BadRow], measured: Path) -> None:
        """Count the rows of the source, with what `measured` holds of them (wherever: it moves along with its clip)."""
        with contextlib.closing(ids.Places()) as stored:
            for found in parts.stored(measured):
                stored.put("\n".join(found), 0)
            for row in source:
                self.rows += 1
                if isinstance(row, manifest.BadRow):
                    self.refuse(batch.failure_of(row.id, None, row.error))
                elif row.absent:
                    path = row.utterance.audio
                    self.refuse(batch.failure_of(row.id, path, audio.missing(str(path))))
                elif stored.claim(f"{row.id}\n{row.stamp}") is None:
                    self.want(row)
                else:
                    self.stored += 1

    def refuse(self, problem: Row) -> None:
        self.unusable += 1
        self.quote(problem)

    def quote(self, problem: Row) -> None:
        if len(self.problems) < PROBLEMS:
            self.problems.append(problem)

    def want(self, task: Task) -> None:
        kind = self.kinds[bool(task.utterance.text)]
        kind.count += 1
        most = SAMPLE // len(self.kinds)
        place = len(kind.sample) if kind.count <= most else self.random.randrange(kind.count)
        if place < most:
            kind.sample[place : place + 1] = [task.row]


def _trials(recipe: AnnotateRecipe, survey: _Survey, progress: bool) -> Iterator[_Trial]:
    """Trials of the samples, in a child as the run's workers are; what fails in it becomes a problem."""
    samples = [kind.sample for kind in survey.kinds.values() if kind.sample]
    first = [sample[0] for sample in samples]  # these load the models, and do not count
    for sample in samples:
        survey.random.shuffle(sample)  # time may not suffice for all
    rows = [row for turn in zip_longest(*samples) for row in turn if row is not None]
    ended = time.monotonic() + ENOUGH_S

    def in_time() -> Iterator[Row]:
        yield from first
        for row in followed(rows, len(rows), "measure a few") if progress else rows:
            if time.monotonic() > ended:
                return
            yield row

    began = time.monotonic()
    results = workers.in_processes(partial(_timed, measuring(recipe)), in_time(), 1)
    for number, (row, result) in enumerate(results):
        took_s, found = result or (0.0, batch.died(row))
        if number < len(first):
            survey.start_s = time.monotonic() - began
            continue
        worded = bool(row.get("text"))
        if batch.is_failure(found):
            survey.quote(found)
            yield _Trial(worded, took_s, failed=True)
        else:
            seconds = found["prosody"]["duration_s"]
            embedded = _size_of(row["audio"], seconds) if recipe.embed_audio else 0
            yield _Trial(worded, took_s, seconds, len(json.dumps(found)), embedded)


def _size_of(sound: str, seconds: float) -> int:
    """Bytes of a sound file, or about those of a part of one."""
    return os.path.getsize(sound) if audio.file_of(sound) == sound else round(2 * audio.SAMPLE_RATE * seconds)


def _timed(work: Callable[[list[Row]], list[Row]], row: Row) -> tuple[float, Row]:
    started = time.monotonic()
    (found,) = work([row])
    return time.monotonic() - started, found


def _total(kinds: list[_Kind], value: Callable[[_Trial], float]) -> list[float] | None:
    """[low, high] of the sum over all clips by the means of the samples and twice their standard error."""
    total = variance = 0.0
    for kind in kinds:
        values = [value(trial) for trial in kind.trials]
        if kind.count and not values:
            return None
        if values:
            total += kind.count * statistics.fmean(values)
        if kind.count > len(values) > 1:
            variance += kind.count**2 * statistics.variance(values) / len(values)
    return [_rounded(max(0.0, total - 2 * math.sqrt(variance))), _rounded(total + 2 * math.sqrt(variance))]


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")
