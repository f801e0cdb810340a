"""Metrics of the acoustic claims in reasonings: are they true, and do they cover what was measured?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emotionthinker.reasoning.claims import summary
from emotionthinker.records import Claim, Prosody

ASPECTS: dict[str, frozenset[str]] = {
    "pitch": frozenset({"pitch"}),
    "energy": frozenset({"energy", "energy_shape"}),
    "rate": frozenset({"rate"}),
    "intonation": frozenset({"shape", "style"}),
    "stress": frozenset({"stress"}),
    "speaker": frozenset({"gender", "age"}),
    "words": frozenset({"quote"}),
}
"""What the paper's reasonings are made of (section 3.1) -> the claim features that speak of it."""


def measured_aspects(prosody: Prosody) -> set[str]:
    """The aspects a reasoning on this clip could speak of with support."""
    present = {
        "pitch": prosody.pitch.level,
        "energy": prosody.energy.level,
        "rate": prosody.rate.level,
        "intonation": prosody.intonation.shape or prosody.intonation.style,
        "stress": prosody.stress.stressed,
        "speaker": prosody.speaker.gender or prosody.speaker.age_group,
        "words": prosody.transcript.text,
    }
    return {aspect for aspect, value in present.items() if value}


def completeness(claims: Sequence[Claim], prosody: Prosody) -> float | None:
    """Share (0..1) of the measured aspects that the reasoning speaks of; None when nothing was measured."""
    measured = measured_aspects(prosody)
    features = {claim.feature for claim in claims}
    spoken = {aspect for aspect in measured if ASPECTS[aspect] & features}
    return len(spoken) / len(measured) if measured else None


def claim_metrics(claims: Sequence[Sequence[Claim]], prosodies: Sequence[Prosody]) -> dict[str, Any]:
    """Over all reasonings: precision of the checkable claims, verdicts by feature, claims a clip, completeness.

    `clean` is the share of reasonings without a contradicted claim, `precision_of_clips` the mean over clips of
    each one's precision.
    """
    if len(claims) != len(prosodies):
        raise ValueError(f"{len(claims)} lists of claims but {len(prosodies)} measured clips; expected one each")
    total = summary([claim for one in claims for claim in one])
    each = [summary(one)["precision"] for one in claims]
    checkable = [value for value in each if value is not None]
    covered = [v for one, p in zip(claims, prosodies, strict=True) if (v := completeness(one, p)) is not None]
    return {
        **total,
        "clips": len(claims),
        "claims_per_clip": total["claims"] / len(claims) if claims else None,
        "precision_of_clips": _mean(checkable),
        "clean": _mean([float(not any(claim.verdict == "contradicted" for claim in one)) for one in claims]),
        "completeness": _mean(covered),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
