"""What an annotated corpus looks like: how often each word was given, by which method, and why values are missing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emotionthinker.records import Prosody, Utterance

_WORDS = {
    "pitch": ("pitch", "level"),
    "energy": ("energy", "level"),
    "rate": ("rate", "level"),
    "rate_method": ("rate", "method"),
    "shape": ("intonation", "shape"),
    "style": ("intonation", "style"),
    "pitch_near_boundary": ("pitch", "near_boundary"),
    "energy_near_boundary": ("energy", "near_boundary"),
    "rate_near_boundary": ("rate", "near_boundary"),
    "style_near_boundary": ("intonation", "near_boundary"),
    "pitch_group": ("pitch", "group"),
    "energy_shape": ("intonation", "energy_shape"),
    "stress_method": ("stress", "method"),
    "gender": ("speaker", "gender"),
    "gender_method": ("speaker", "gender_method"),
    "age_group": ("speaker", "age_group"),
    "age_method": ("speaker", "age_method"),
    "licence": ("speaker", "licence"),
    "transcript": ("transcript", "source"),
}
_REASONED = ("pitch", "energy", "rate", "stress", "intonation", "speaker", "transcript")


class Tally:
    """Hours, distribution of every word for each dataset and over all, reasons of missing values, failures by kind."""

    def __init__(self) -> None:
        self.words: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.reasons: dict[str, Counter[str]] = defaultdict(Counter)
        self.seconds = 0.0

    def add(self, utterance: Utterance) -> None:
        prosody = utterance.prosody
        if prosody is None:
            return
        self.seconds += prosody.duration_s
        for dataset in ("all", utterance.dataset or "(no dataset)"):
            for name, value in _values(prosody, utterance.emotion):
                self.words[dataset][name][value] += 1
        for group in _REASONED:
            reason = getattr(prosody, group).reason
            if reason:
                self.reasons[group][reason] += 1

    def table(self, failures: str | Path | None, calibration: str) -> dict[str, Any]:
        """As it goes into `summary.json`; `failures` is the JSONL file of the rows that failed, if any could."""
        failed: Counter[str] = Counter()
        if failures is not None:
            with open(failures, encoding="utf-8") as lines:
                failed.update(json.loads(line)["reason"] for line in lines)
        return {
            "audio_seconds": round(self.seconds, 2),
            "calibration": calibration,
            "failures": dict(failed),
            "missing": {group: dict(counts.most_common()) for group, counts in self.reasons.items()},
            "words": {d: {n: dict(c.most_common()) for n, c in names.items()} for d, names in self.words.items()},
        }


def of(utterances: Iterable[Utterance], failures: str | Path | None, calibration: str) -> dict[str, Any]:
    """The table of all utterances."""
    tally = Tally()
    for utterance in utterances:
        tally.add(utterance)
    return tally.table(failures, calibration)


def _values(prosody: Prosody, emotion: str | None) -> list[tuple[str, str]]:
    values = [(name, str(getattr(getattr(prosody, group), field))) for name, (group, field) in _WORDS.items()]
    counts = [("stressed_words", str(len(prosody.stress.stressed))), ("clicks", str(prosody.clicks))]
    return [*values, *counts, ("emotion", str(emotion))]
