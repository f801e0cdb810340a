"""The `audit` stage: a published annotation set measured again from its sound, disagreements listed by field."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from emotionthinker import audio as sound
from emotionthinker import runs
from emotionthinker.corpora import published
from emotionthinker.corpora.manifest import BadRow
from emotionthinker.errors import RecordError, kind_of
from emotionthinker.evaluation.findings import OVER_FULL_SCALE, UNITS, Finding, compare
from emotionthinker.prosody import batch, corpus, faster
from emotionthinker.prosody.annotate_recipe import FIT, AnnotateRecipe
from emotionthinker.prosody.levels import Calibration
from emotionthinker.recipes import Recipe
from emotionthinker.records import ACOUSTIC, GENDERS, Utterance, read_jsonl

SHOWN_REASONS = 3
OUTCOMES = ("agrees", "near_boundary", "disagrees", "not_checkable")
SAME_PEAK_DB, SAME_PEAK_SHARE = 0.5, 0.8
LEAST_NUMBERS, OTHER_UNIT_SHARE = 20, 0.9
"""Of so many numbers, so many wrong: another unit. Errors of annotation are fewer."""


class AuditRecipe(Recipe):
    """Settings of the `audit` stage."""

    annotations: Path
    """JSON list, JSONL, CSV, TSV or Parquet with a sound file and at least one prosodic field a row."""
    audio: Path
    """Folder of the sound files."""
    calibration: str = "reference"
    """`reference`, a calibration file, or `fit` to fit one on the audited clips."""
    workers: int = Field(default=0, ge=0)
    """Processes; 0 takes every core."""
    language: str = "en"
    """Language of rows that name none."""
    transcribe: bool = True
    """Recognise the words of clips without a transcript."""
    recogniser: str = faster.RECOGNISER
    """`whisper-base` (embedded) or `faster-whisper:MODEL_OR_FOLDER`."""
    stress: str = ACOUSTIC
    """`acoustic`, or `whistress:FOLDER`: labels that a detector made are checked by one."""
    speaker_model: str = ""
    """Folder or hub id of a wav2vec2 of age and gender; without it a published age is not checkable."""
    accept_non_commercial: bool = False
    """Consent to the terms of such weights (CC-BY-NC-SA-4.0)."""
    max_seconds: float = Field(default=sound.MAX_SECONDS, gt=0)
    """Longer files are refused."""


@runs.frees_folder
def run(recipe: AuditRecipe, out: Path, *, progress: bool = True) -> dict[str, Any]:
    """Audit `recipe.annotations` into `out`; returns counts rows, audited, failed, and the table of the fields.

    Writes `disagreements.jsonl`, `summary.json`, `failures.jsonl`, `manifest.json`, and the measurements in
    `annotate/`, where a stopped run goes on. The published gender picks the cuts of the pitch, so that one error is
    not counted twice. Raises `RecordError`, `RecipeError` or `WeightsError` for a set, calibration or model that cannot
    be used.
    """
    settings = recipe.model_dump(exclude={"annotations", "audio"})
    measuring = AnnotateRecipe(source=[out / "clips.jsonl"], **settings)
    measuring.check()
    if recipe.calibration != FIT:
        Calibration.load(recipe.calibration)
    if not recipe.audio.is_dir():
        raise RecordError(f"{recipe.audio}: no such folder; expected the one the sound files of the set lie in")
    job = runs.Run(out, "audit", recipe, [recipe.annotations])
    job.begin()
    bad, unread = _prepare(recipe, out / "clips.jsonl")
    counts = corpus.run(measuring, out / "annotate", progress=progress)
    failed = _failures(out, bad)
    calibration = Calibration.load(out / "annotate" / "thresholds.json")
    table, measured = _Table(), read_jsonl(out / "annotate" / "utterances.jsonl")
    runs.write_lines(out / "disagreements.jsonl", table.rows(measured, calibration))
    totals = {"rows": counts["annotated"] + failed, "audited": counts["annotated"], "failed": failed}
    told = {"fields": table.summary(), "not_audited": dict(unread.most_common()), "warnings": table.warnings()}
    summary = {**totals, "calibration": calibration.name, **told}
    runs.write_json(out / "summary.json", summary)
    job.finish(counts=totals, metrics=summary["fields"])
    return summary


def _prepare(recipe: AuditRecipe, path: Path) -> tuple[list[BadRow], Counter[str]]:
    """Write the clips as a manifest, each with what was published of it; returns the rows that are none, and in how
    many rows a column has a value that is not audited."""
    bad: list[BadRow] = []
    unread = Counter[str]()

    def clips() -> Iterator[dict[str, Any]]:
        for row in published.read(recipe.annotations, recipe.audio):
            if isinstance(row, BadRow):
                bad.append(row)
            else:
                unread.update(row.unread)
                yield {**row.clip, "published": row.says, **({"assumed": row.assumed} if row.assumed else {})}

    runs.write_lines(path, clips())
    if not path.stat().st_size:
        why = f"the first problem: {bad[0].error}" if bad else "it has no rows"
        raise RecordError(f"{recipe.annotations}: nothing to audit; {why}")
    return bad, unread


def _failures(out: Path, bad: list[BadRow]) -> int:
    """Unreadable rows and those that could not be measured, in one file; returns how many."""
    rows = [batch.failure(row.id, None, kind_of(row.error), str(row.error)) for row in bad]
    with open(out / "annotate" / "failures.jsonl", encoding="utf-8") as lines:
        rows += [json.loads(line) for line in lines]
    runs.write_lines(out / "failures.jsonl", rows)
    return len(rows)


class _Table:
    """Counts over all findings."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.pairs: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.reasons: dict[str, Counter[str]] = defaultdict(Counter)
        self.assumed: dict[str, Counter[str]] = defaultdict(Counter)
        self.peaks: list[float] = []

    def rows(self, utterances: Iterable[Utterance], calibration: Calibration) -> Iterator[dict[str, Any]]:
        """Count every finding; yields those that do not agree."""
        for utterance in utterances:
            says, prosody = utterance.extra["published"], utterance.prosody
            if prosody is None:
                continue
            if says.get("gender") in GENDERS:
                prosody = calibration.apply(prosody, says["gender"], utterance.dataset)
            if prosody.energy.peak_dbfs is not None:
                self.peaks.append(prosody.energy.peak_dbfs)
            for finding in compare(says, prosody, calibration.tolerances, utterance.extra.get("assumed")):
                self._count(finding)
                if finding.outcome != "agrees":
                    yield {"id": utterance.id, "audio": utterance.audio, **finding._asdict()}

    def _count(self, finding: Finding) -> None:
        self.outcomes[finding.field][finding.outcome] += 1
        if finding.assumed:
            self.assumed[finding.field][finding.assumed] += 1
        if finding.outcome == "not_checkable":
            self.reasons[finding.field][finding.reason or ""] += 1
        elif isinstance(finding.published, str):
            self.pairs[finding.field][finding.published, str(finding.measured)] += 1

    def summary(self) -> dict[str, dict[str, Any]]:
        """By field: counts, `agreement` (exact, of those compared), Cohen's `kappa`, agreement `by_class`.

        Numbers under a name that tells no unit: which one was `assumed`.
        """
        fields: dict[str, dict[str, Any]] = {}
        for field in published.FIELDS:
            if field not in self.outcomes:
                continue
            counts, pairs = self.outcomes[field], self.pairs[field]
            compared = counts.total() - counts["not_checkable"]
            classes = {word: sum(n for (said, _), n in pairs.items() if said == word) for word, _ in sorted(pairs)}
            fields[field] = {
                "compared": compared,
                **{outcome: counts[outcome] for outcome in OUTCOMES},
                "agreement": round(counts["agrees"] / compared, 4) if compared else None,
                "kappa": kappa(pairs),
                "by_class": {word: {"compared": n, "agrees": pairs[word, word]} for word, n in classes.items()},
                "confusion": {f"{said} -> {heard}": n for (said, heard), n in pairs.most_common()},
                "reasons": dict(self.reasons[field].most_common()),
            }
            if self.assumed[field]:
                fields[field]["assumed"] = {"unit": UNITS[field], "names": dict(self.assumed[field].most_common())}
        return fields

    def warnings(self) -> list[str]:
        """What makes a field of this set not worth comparing."""
        return [*self._other_units(), *self._normalised()]

    def _other_units(self) -> Iterator[str]:
        """Fields of numbers that hardly ever agree."""
        for field, unit in UNITS.items():
            counts, over = self.outcomes[field], self.reasons[field][OVER_FULL_SCALE]
            wrong = counts["disagrees"] + over
            of = counts.total() - counts["not_checkable"] + over
            if of < LEAST_NUMBERS or wrong < OTHER_UNIT_SHARE * of:
                continue
            names = ", ".join(f"`{name}`" for name in self.assumed[field])
            taken = f"{names} was taken for {unit}" if names else f"compared as {unit}"
            yield (
                f"{field}: {wrong} of {of} numbers are not what is measured; their unit or definition is probably "
                f"another one ({taken}): convert them before these rows are called wrong"
            )

    def _normalised(self) -> list[str]:
        """That the sound was brought to one peak."""
        peaks = sorted(self.peaks)
        same = max((bisect_right(peaks, peak + SAME_PEAK_DB) - i for i, peak in enumerate(peaks)), default=0)
        if len(peaks) < 10 or same < SAME_PEAK_SHARE * len(peaks):
            return []
        return [f"energy: {same} of {len(peaks)} clips peak within {SAME_PEAK_DB} dB of each other; the sound was "
                "normalised, and its levels say nothing of how loud the voice was"]  # fmt: skip


def kappa(pairs: Counter[tuple[str, str]]) -> float | None:
    """Cohen's kappa of (published, measured) counts; None when chance alone explains everything, or without pairs."""
    total = pairs.total()
    if not total:
        return None
    said, heard = Counter[str](), Counter[str]()
    for (a, b), count in pairs.items():
        said[a] += count
        heard[b] += count
    chance = sum(said[word] * heard[word] for word in said) / total**2
    agreed = sum(count for (a, b), count in pairs.items() if a == b) / total
    return None if chance >= 1 else round((agreed - chance) / (1 - chance), 4)


def render(summary: dict[str, Any]) -> str:
    """The table of the fields as text."""
    names = ("compared", *OUTCOMES, "agreement", "kappa")
    lines = [f"{'field':12}" + "".join(f"{name.replace('_', ' '):>15}" for name in names)]
    for field, row in summary["fields"].items():
        shown = (
            "-" if row[name] is None else f"{row[name]:.3f}" if name in names[-2:] else str(row[name]) for name in names
        )
        lines.append(f"{field:12}" + "".join(f"{value:>15}" for value in shown))
    for field, row in summary["fields"].items():
        classes = ", ".join(
            f"{word} {counts['agrees']}/{counts['compared']}" for word, counts in row["by_class"].items()
        )
        lines += [f"{field}: agreement by published word: {classes}"] if classes else []
        if "assumed" in row:
            taken = ", ".join(f"`{name}` ({count})" for name, count in row["assumed"]["names"].items())
            lines.append(f"{field}: {taken} taken for {row['assumed']['unit']}")
        if row["reasons"]:
            first = "; ".join(f"{reason} ({count})" for reason, count in list(row["reasons"].items())[:SHOWN_REASONS])
            lines.append(f"{field}: not checkable: {first}")
    if summary["not_audited"]:
        lines.append(
            "columns that were not audited: " + ", ".join(f"{n} ({c})" for n, c in summary["not_audited"].items())
        )
    return "\n".join([*lines, *(f"warning: {text}" for text in summary["warnings"])])
