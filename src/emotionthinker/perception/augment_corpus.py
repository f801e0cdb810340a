"""The `augment` stage: verified variants of a corpus' clips, on all cores, safe against a kill at any time."""

from __future__ import annotations

import contextlib
import json
import math
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from emotionthinker import __version__, audio, runs, workers
from emotionthinker.corpora import manifest
from emotionthinker.errors import RecipeError, kind_of, message_of
from emotionthinker.perception import augmenter, variants
from emotionthinker.perception.augmenter import ENERGY_DB, PITCH_ST, SPEED
from emotionthinker.perception.variants import ATTRIBUTES, REFERENCE
from emotionthinker.prosody import batch
from emotionthinker.prosody.batch import failure
from emotionthinker.recipes import Recipe
from emotionthinker.records import Utterance

_CARRIED = ("dataset", "speaker", "split", "language", "text", "emotion", "original_label", "gender", "age")
_FIELDS = {"pitch": "pitch_st", "speed": "speed", "energy": "energy_db"}


class AugmentRecipe(Recipe):
    """Settings of the `augment` stage."""

    source: list[Path] = Field(min_length=1)
    """Sound files, folders, or manifests (JSONL, CSV, Parquet)."""
    pitch: list[Annotated[float, Field(ge=PITCH_ST[0], le=PITCH_ST[1])]] = Field(default_factory=list)
    """Semitones, one variant each; 0 is the unchanged voice through the same processing."""
    speed: list[Annotated[float, Field(ge=SPEED[0], le=SPEED[1])]] = Field(default_factory=list)
    """Ratios of speaking rates; 1.25 is a quarter faster."""
    energy: list[Annotated[float, Field(ge=ENERGY_DB[0], le=ENERGY_DB[1])]] = Field(default_factory=list)
    """Decibels."""
    headroom_db: float = Field(default=0.0, ge=0, le=40)
    """Makes every clip softer first; the softer original is then written too, as kind `reference`."""
    workers: int = Field(default=0, ge=0)
    """Processes; 0 takes every core."""
    language: str = "en"
    """Language of clips that name none."""
    max_seconds: float = Field(default=augmenter.MAX_SECONDS, gt=0)
    """Longer files are refused."""


class Task(NamedTuple):
    """One variant to make; `key` changes with the file, the change, the settings that matter and what is measured."""

    utterance: Utterance
    kind: str
    value: float
    key: str
    headroom_db: float
    max_seconds: float
    folder: str

    @property
    def id(self) -> str:
        return f"{self.utterance.id}/{self.kind}{_label(self.kind, self.value)}"

    @property
    def asked(self) -> dict[str, float]:
        return {_FIELDS[self.kind]: self.value} if self.kind in _FIELDS else {}

    @property
    def file(self) -> str:
        return f"{variants.file_stem(self.utterance.id)}_{self.kind}{_label(self.kind, self.value)}.flac"


@runs.frees_folder
def run(recipe: AugmentRecipe, out: Path, *, progress: bool = True) -> dict[str, Any]:
    """Make and verify variants of `recipe.source` in `out`; returns counts clips, variants, accepted, rejected, failed,
    made, resumed, headroom_wanted_db, `by_kind` (see `Tally`) and seconds.

    Writes `audio/*.flac` (16 kHz, 16 bit), `manifest.jsonl` (accepted variants: parent, kind, asked, measured, what
    could not be checked and the parent's labels; itself a source for `annotate`), `rejected.jsonl` (with reason),
    `failures.jsonl` (clips that could not be used), `summary.json` and `manifest.json`. Started again after a kill it
    goes on; failed clips are tried again. Memory grows by some 300 bytes a variant. Raises `RecipeError` when nothing
    is asked, or the source is empty or among the results, `RecordError` for an unusable source.
    """
    started = time.monotonic()
    if not (recipe.pitch or recipe.speed or recipe.energy):
        raise RecipeError("no change is asked for; give at least one of pitch, speed or energy")
    variants.check_tools([name for name in ("pitch", "speed", "energy") if getattr(recipe, name)])
    manifest.refuse_results(recipe.source, out, ("manifest.jsonl", "rejected.jsonl", "audio"), sound=True)
    listed = Path(out) / "manifest.jsonl"
    if listed.exists() and not (Path(out) / "results.jsonl").exists():
        raise RecipeError(f"{listed}: a manifest that `augment` did not write would be overwritten; use another --out")
    job = runs.Run(out, "augment", recipe, list(recipe.source))
    job.begin()
    folder = Path(out).resolve() / "audio"
    for part in folder.glob("*.part"):
        part.unlink()
    if not any(True for _ in tasks(recipe, folder)):
        raise RecipeError(f"{', '.join(map(str, recipe.source))}: nothing to augment; the source has no rows")
    failures, resumed = _make(recipe, Path(out), folder, progress)
    counts = _gather(recipe, Path(out), folder, failures)
    counts |= {"made": counts["variants"] - resumed, "resumed": resumed}
    seconds = round(time.monotonic() - started, 1)
    runs.write_json(Path(out) / "summary.json", {**counts, "seconds": seconds})
    job.finish(counts=counts)
    return {**counts, "seconds": seconds}


def tasks(recipe: AugmentRecipe, folder: Path) -> Iterator[Task | manifest.BadRow]:
    """The variants of each clip of the source in order."""
    changes = [
        (kind, value)
        for kind, values in (("pitch", recipe.pitch), ("speed", recipe.speed), ("energy", recipe.energy))
        for value in {_label(kind, value): value for value in values}.values()
    ]
    if recipe.headroom_db:
        changes.insert(0, (REFERENCE, 0.0))
    made_by = f"{__version__}|{batch.MEASURES}|{variants.CHECKS}"
    for item in manifest.utterances(recipe.source, recipe.language):
        if isinstance(item, manifest.BadRow):
            yield item
            continue
        sound = f"{item.audio}:{audio.stamp(item.audio or '')}"
        for kind, value in changes:
            text = f"{made_by}|{item.id}|{sound}|{kind}|{value}|{recipe.headroom_db}|{recipe.max_seconds}"
            yield Task(item, kind, value, runs.digest(text), recipe.headroom_db, recipe.max_seconds, str(folder))


def vary(task: Task) -> dict[str, Any]:
    """One row of `results.jsonl`, or of the failures (with `reason` and `message`). Runs in a worker process. Raises
    `OSError` for a folder that cannot be written to."""
    parent = task.utterance
    try:
        samples, rate = augmenter.read(
            parent.audio or "", audio.SAMPLE_RATE, task.headroom_db, max_seconds=task.max_seconds
        )
        if task.kind == REFERENCE:
            found = variants.reference(samples, rate)
        else:
            found = variants.make(samples, rate, task.kind, augmenter.change_of(task.kind, task.value))
        path = Path(task.folder) / task.file
        if found.accepted:
            variants.write_flac(path, found.samples, audio.SAMPLE_RATE, task.key)
        else:
            path.unlink(missing_ok=True)  # of an earlier run with other sound
    except OSError:  # of the folder, not of the clip (`AudioError`): every other clip would meet it as well
        raise
    except Exception as error:  # one clip must never stop a corpus; the side file names it
        return failure(parent.id, parent.audio, kind_of(error), message_of(error))
    return {
        "key": task.key,
        "accepted": found.accepted,
        "reasons": found.failures,
        "measured": {k: round(v, 4) if np.isfinite(v) else None for k, v in vars(found.measured).items()},
        "unchecked": found.unchecked,
        "guard_db": round(found.guard_db, 3),
        "seconds": round(len(found.samples) / audio.SAMPLE_RATE, 3),
    }


def _make(recipe: AugmentRecipe, out: Path, folder: Path, progress: bool) -> tuple[dict[str, dict[str, Any]], int]:
    """Work off what is not made yet; returns the clips that could not be used, by id, and how many variants were."""
    failures: dict[str, dict[str, Any]] = {}
    with runs.JsonlStore(out / "results.jsonl", key="key") as store:
        total, todo = _missing(recipe, folder, store)

        def waiting() -> Iterator[Task]:
            for item in tasks(recipe, folder):
                if isinstance(item, manifest.BadRow):
                    failures[item.id] = failure(item.id, None, kind_of(item.error), str(item.error))
                elif item.key in todo:
                    yield item

        count = workers.number(recipe.workers)
        with (
            workers.progress_bar(total, total - len(todo), show=progress, what="augment") as advance,
            contextlib.closing(workers.run(vary, waiting(), count, marker=out / "at_work")) as done,
        ):
            for task, row in done:
                if row is None:
                    parent = task.utterance
                    row = failure(parent.id, parent.audio, "crashed", "its process died twice; the file may be damaged")
                if "message" in row:
                    failures.setdefault(task.utterance.id, row)
                else:
                    store.append(row)
                advance(1, failed=int("message" in row))
    return failures, total - len(todo)


def _missing(recipe: AugmentRecipe, folder: Path, store: runs.JsonlStore) -> tuple[int, set[str]]:
    """How many variants there are to be, and the keys of those that have no result, or lost their file: it may hold
    what another headroom, or other sound, made of the same clip."""
    rejected = {row["key"] for row in store.rows() if not row["accepted"]}
    total, missing = 0, set()
    for item in tasks(recipe, folder):
        if isinstance(item, Task):
            total += 1
            made = item.key in store and variants.comment_of(folder / item.file) == item.key
            if item.key not in rejected and not made:
                missing.add(item.key)
    return total, missing


def _gather(recipe: AugmentRecipe, out: Path, folder: Path, failures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Write manifest, rejected and failures in the order of the source, as they come; returns the counts."""
    places = runs.places_of(out / "results.jsonl")
    tally, clips = Tally(), set(failures)
    with (
        open(out / "results.jsonl", "rb") as results,
        runs.replacing(out / "manifest.jsonl") as accepted_part,
        runs.replacing(out / "rejected.jsonl") as rejected_part,
        open(accepted_part, "w", encoding="utf-8") as accepted,
        open(rejected_part, "w", encoding="utf-8") as rejected,
    ):
        for task in tasks(recipe, folder):
            if isinstance(task, manifest.BadRow) or task.key not in places:
                continue
            results.seek(places[task.key])
            result = json.loads(results.readline())
            row = _row(task, result)
            tally.add(row, result["accepted"])
            clips.add(task.utterance.id)
            (accepted if result["accepted"] else rejected).write(json.dumps(row, ensure_ascii=False) + "\n")
    runs.write_lines(out / "failures.jsonl", failures.values())
    return {
        "clips": len(clips),
        "variants": tally.counts["accepted"] + tally.counts["rejected"],
        "accepted": tally.counts["accepted"],
        "rejected": tally.counts["rejected"],
        "failed": len(failures),
        "headroom_wanted_db": tally.headroom_db(recipe.headroom_db),
        "by_kind": tally.by_kind(),
    }


def _row(task: Task, result: dict[str, Any]) -> dict[str, Any]:
    """What the manifest says of an accepted variant, or `rejected.jsonl` of another."""
    about = {
        "id": task.id,
        "parent": task.utterance.id,
        "kind": task.kind,
        "asked": task.asked,
        "measured": result["measured"],
        "unchecked": result["unchecked"],
        "guard_db": result["guard_db"],
    }
    if not result["accepted"]:
        return {**about, "reason": "; ".join(result["reasons"])}
    labels = task.utterance.model_dump(mode="json", include=set(_CARRIED), exclude_none=True)
    return {"path": f"audio/{task.file}", **about, "seconds": result["seconds"], **labels}


class Tally:
    """What became of the variants, row by row."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kinds: dict[str, dict[str, Any]] = {}
        self._errors: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._guard_db = 0.0

    def add(self, row: dict[str, Any], accepted: bool) -> None:
        name, what = row["id"].rpartition("/")[2], "accepted" if accepted else "rejected"
        self.counts[what] += 1
        entry = self._kinds.setdefault(name, {"accepted": 0, "rejected": 0, "missed": Counter()})
        entry[what] += 1
        if not accepted:
            entry["missed"].update({part.split()[0] for part in row["reason"].split("; ")} & set(ATTRIBUTES))
            if "peak guard" in row["reason"]:
                self._guard_db = min(self._guard_db, row["guard_db"])
            return
        for field, value in row["asked"].items():
            got = row["measured"][field]
            self._errors[name].append(abs(got / value - 1 if field == "speed" else got - value))

    def by_kind(self) -> dict[str, dict[str, Any]]:
        """For each change asked: how many accepted and rejected, the median absolute error of those accepted (st,
        share or dB), and which attributes the rejected missed."""
        medians = {name: round(float(np.median(errors)), 4) for name, errors in self._errors.items()}
        return {
            name: {**entry, **({"median_error": medians[name]} if name in medians else {})}
            for name, entry in self._kinds.items()
        }

    def headroom_db(self, given_db: float) -> float:
        """The headroom with which no variant would have been rejected for its peak; 0 when none was."""
        return math.ceil(10 * (given_db - self._guard_db)) / 10 if self._guard_db else 0.0


def _label(kind: str, value: float) -> str:
    return "" if kind == REFERENCE else f"{value:g}" if kind == "speed" else f"{value:+g}"
