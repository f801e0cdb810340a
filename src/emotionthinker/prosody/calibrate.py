"""The `calibrate` stage: cuts of the levels from annotated clips and sketches of shards, frozen, and applied to others.

Nothing is measured: it reads what `annotate` wrote. Applied cuts change the words of the records, never the numbers.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from emotionthinker import runs
from emotionthinker.corpora import files as walk
from emotionthinker.corpora import ids, parquet
from emotionthinker.corpora.splits import is_held_out
from emotionthinker.errors import RecipeError, RecordError
from emotionthinker.prosody import summary
from emotionthinker.prosody.levels import Calibration
from emotionthinker.prosody.sketch import Sketches
from emotionthinker.recipes import Recipe
from emotionthinker.records import Prosody, Utterance, read_jsonl, write_jsonl

_log = logging.getLogger(__name__)

THRESHOLDS = "thresholds.json"
SKETCHES = "sketches.json"
REPORT = "report.html"
WHOLE = "utterances.jsonl"
_ONCE = "give each clip once: a run, or what other cuts were put on of it, not both"
_WORDS = {"pitch": "level", "energy": "level", "rate": "level", "intonation": "style"}


class CalibrateRecipe(Recipe):
    """Settings of the `calibrate` stage."""

    utterances: list[Path] = Field(default_factory=list)
    """What `annotate` wrote: JSONL or Parquet files, or its folders; tables of a JSONL that is read are left out."""
    sketches: list[Path] = Field(default_factory=list)
    """`sketches.json` of shards, merged in."""
    name: str = Field(default="fitted", min_length=1)
    """Name of the calibration; it goes into every record the cuts are applied to."""
    by_dataset: bool = False
    """Cuts for each dataset too, and for each dataset and gender, of at least 50 clips."""
    apply: str | None = None
    """Frozen thresholds (a file, or `reference`) to put on `utterances` instead of fitting new ones."""


@runs.frees_folder
def run(recipe: CalibrateRecipe, out: Path) -> dict[str, Any]:
    """Fit cuts, or apply frozen ones; returns counts. Raises `RecipeError` or `RecordError` for unusable input.

    Fitting writes `thresholds.json`, `sketches.json` and `report.html`; clips of held-out splits are left out. Applying
    writes `utterances.jsonl`, `utterances.parquet`, `thresholds.json` and `summary.json`. Both: `manifest.json`.
    """
    files = [file for source in recipe.utterances for file in shards(source)]
    if recipe.apply is not None:
        return _apply(recipe, files, out)
    if not files and not recipe.sketches:
        raise RecipeError("nothing to calibrate on; give annotated utterances, or sketches of them")
    sketches, left_out = gather(files, recipe.sketches)
    calibration = Calibration.from_sketches(
        sketches,
        recipe.name,
        by_dataset=recipe.by_dataset,
        clips=sketches.clips,
        left_out="clips of held-out splits (test, validation)",
        source=sorted(sketches.sources.values()),
        command=f"emotionthinker calibrate --name {recipe.name}" + " --by-dataset" * recipe.by_dataset,
        fitted=time.strftime("%Y-%m-%d", time.gmtime()),
        **({} if sketches.measures is None else {"measures": sketches.measures}),
    )
    if not sum(sketches.clips.values()):
        raise RecipeError(
            f"{', '.join(map(str, files))}: no measured clip outside test and validation splits; run `annotate` first"
        )
    _refuse_to_thaw(out / THRESHOLDS, calibration)
    job = runs.Run(out, "calibrate", recipe, [*files, *recipe.sketches])
    job.begin()
    sketches.save(out / SKETCHES)
    calibration.save(out / THRESHOLDS)
    _draw(calibration, sketches, out / REPORT)
    counts = {"clips": sum(sketches.clips.values()), "left_out": left_out, "datasets": len(sketches.datasets)}
    warnings = _warnings(calibration)
    job.finish(counts=counts, metrics={"warnings": warnings})
    return {**counts, "name": calibration.name, "digest": calibration.digest, "warnings": warnings}


def _warnings(calibration: Calibration, misfits: Iterable[str] = ()) -> list[str]:
    """What to know before the cuts are used; it is logged too."""
    found = [*calibration.warnings(), *misfits]
    for text in found:
        _log.warning(text)
    return found


def shards(source: Path) -> list[Path]:
    """The files of annotated clips at a path: itself, or in a folder utterances.jsonl, else every Parquet file."""
    if source.is_dir():
        whole = source / WHOLE
        found = [whole] if whole.is_file() else list(walk.below(source, "*.parquet"))
        if not found:
            raise RecipeError(f"{source}: neither utterances.jsonl nor a Parquet file in it; `annotate` writes them")
        return found
    if not source.is_file():
        raise RecipeError(f"{source}: no such file or folder; expected what `annotate` wrote")
    return [source]


def without_copies(files: Sequence[Path]) -> list[Path]:
    """The files but the tables that hold the clips of a run's `utterances.jsonl` which is among them."""
    read = {file.resolve().parent for file in files if file.name == WHOLE}
    return [file for file in files if _run_of(file) not in read]


def _run_of(file: Path) -> Path | None:
    """The folder of the run whose clips a Parquet file, laid out as `annotate` does, holds again."""
    place = file.resolve()
    if place.name == "utterances.parquet":
        return place.parent
    return place.parent.parent if place.suffix == ".parquet" and place.parent.name == "shards" else None


def gather(files: Sequence[Path], saved: Sequence[Path]) -> tuple[Sketches, int]:
    """(sketches of all files and saved sketches merged, number of clips left out as of a held-out split).

    No clip counts twice: the tables of a run are left out when its JSONL is read. Raises `RecipeError` when the same
    file is in it twice (also as what cuts were applied to), or the same clip (id and sound) in two files.
    """
    total, left_out = Sketches(), 0
    with contextlib.closing(ids.Seen()) as seen:
        for file in without_copies(files):
            made = _manifest(file)
            shard = Sketches(sources=_sources(file, made), measures=_measures(made))
            for utterance in _read(file):
                if not seen.add(f"{utterance.id}\n{utterance.audio}"):
                    raise RecipeError(f"{file}: clip {utterance.id!r} was counted before; {_ONCE}")
                if is_held_out(utterance.split):
                    left_out += 1
                else:
                    shard.add(utterance)
            total = total.merge(shard)
    for path in saved:
        total = total.merge(Sketches.load(path))
    return total, left_out


def _read(file: Path) -> Iterator[Utterance]:
    return parquet.read(file) if file.suffix == ".parquet" else read_jsonl(file)


def _measures(made: dict[str, Any]) -> int | None:
    """Version of the measurements in a file, by the `_manifest` of its run; None where that does not tell."""
    found = (made.get("metrics") or {}).get("measures")
    return found if isinstance(found, int) else None


def _sources(file: Path, made: dict[str, Any]) -> dict[str, str]:
    """sha256 -> name of a file of clips, and of those with the same clips whose words it holds by other cuts."""
    applied = made.get("stage") == "calibrate" and (made.get("recipe") or {}).get("apply")
    before = {digest: Path(name).name for name, digest in made.get("inputs", {}).items() if applied and name != applied}
    return {runs.sha256(file): file.name, **before}


def _manifest(file: Path) -> dict[str, Any]:
    """The `manifest.json` of the run a file of clips lies in, empty without one."""
    home = file.resolve().parent
    path = (home.parent if home.name == "shards" else home) / "manifest.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _refuse_to_thaw(path: Path, calibration: Calibration) -> None:
    """Cuts that were fitted stay: records may name them."""
    if path.exists() and Calibration.load(path).fingerprint() != calibration.fingerprint():
        raise RecipeError(
            f"{path} holds other cuts, and cuts once fitted are frozen; write the new ones to another folder (--out) "
            "under another name (--name)"
        )


def _draw(calibration: Calibration, sketches: Sketches, path: Path) -> None:
    from emotionthinker.report import distributions

    with runs.replacing(path) as part:
        part.write_text(distributions.page(calibration, sketches), encoding="utf-8")


def _apply(recipe: CalibrateRecipe, files: Sequence[Path], out: Path) -> dict[str, Any]:
    if recipe.sketches or not files:
        raise RecipeError("frozen cuts are applied to annotated utterances; give those, and no sketches")
    files = without_copies(files)
    inside = [file for file in files if file.resolve().parent == out.resolve()]
    if inside:
        raise RecipeError(f"{inside[0]} would be overwritten by its own result; write to another folder (--out)")
    frozen = recipe.apply or "reference"
    calibration = Calibration.load(frozen)
    _refuse_to_thaw(out / THRESHOLDS, calibration)
    job = runs.Run(out, "calibrate", recipe, [*files, frozen])
    job.begin()
    calibration.save(out / THRESHOLDS)
    changed: Counter[str] = Counter()
    count = write_jsonl(out / "utterances.jsonl", _with_words(files, calibration, changed))
    parquet.write(out / "utterances.parquet", read_jsonl(out / "utterances.jsonl"))
    table = summary.of(read_jsonl(out / "utterances.jsonl"), None, calibration.name)
    counts = {"rows": count, **{f"changed_{name}": changed[name] for name in (*_WORDS, "records")}}
    made = {measures for file in files if (measures := _measures(_manifest(file))) is not None}
    outdated = filter(None, map(calibration.outdated, sorted(made)))
    table["warnings"] = _warnings(calibration, [*_misfits(calibration, changed), *outdated])
    table |= {"measures": made.pop()} if len(made) == 1 else {}
    runs.write_json(out / "summary.json", {**counts, **table})
    job.finish(counts=counts, metrics=table)
    return {**counts, "name": calibration.name, "digest": calibration.fingerprint(), "warnings": table["warnings"]}


def _misfits(calibration: Calibration, changed: Counter[str]) -> Iterator[str]:
    """Signs that the cuts are not those of these clips."""
    if changed["unmeasured"]:
        yield f"clips that were never measured and have no words: {changed['unmeasured']}; run `annotate` on them first"
    if lost := [f"{name} {changed[f'lost {name}']}" for name in _WORDS if changed[f"lost {name}"]]:
        yield (
            f"words that are gone, since calibration {calibration.name!r} has no cut for them: {', '.join(lost)}; take "
            "cuts that were fitted on clips with these measurements"
        )
    if calibration.datasets and not changed["own"]:
        yield (
            f"the cuts of {', '.join(sorted(calibration.datasets))} alone were put on no clip, all have the common "
            "cuts; where one of these datasets is meant, call the `dataset` of its clips the same"
        )


def _with_words(files: Sequence[Path], calibration: Calibration, changed: Counter[str]) -> Iterator[Utterance]:
    """Every clip with the words of the calibration. Counts in `changed` the words that are others than before, and what
    `_misfits` tells."""
    with contextlib.closing(ids.Seen()) as seen:
        for file in files:
            for utterance in _read(file):
                if not seen.add(utterance.id):
                    raise RecordError(
                        f"{file}: id {utterance.id!r} comes a second time; ids must be unique over all files"
                    )
                if utterance.prosody is None:
                    changed["unmeasured"] += 1
                    yield utterance
                    continue
                prosody = calibration.apply(utterance.prosody, utterance.gender, utterance.dataset)
                other = [name for name in _WORDS if _word(prosody, name) != _word(utterance.prosody, name)]
                lost = [f"lost {name}" for name in other if _word(prosody, name) is None]
                own = ["own"] if utterance.dataset in calibration.datasets else []
                changed.update([*other, *lost, *own, *(["records"] if other else [])])
                yield utterance.model_copy(update={"prosody": prosody})


def _word(prosody: Prosody, group: str) -> str | None:
    word: str | None = getattr(getattr(prosody, group), _WORDS[group])
    return word
