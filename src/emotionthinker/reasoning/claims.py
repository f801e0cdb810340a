"""Verified grounding: the acoustic claims of a reasoning text, each compared with the measured prosody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

from emotionthinker.reasoning.checking import verdict
from emotionthinker.reasoning.read_claim import ReadClaim
from emotionthinker.reasoning.reading import read
from emotionthinker.records import Claim, Prosody

__all__ = ["ClaimSummary", "ReadClaim", "check", "read", "summary"]


class ClaimSummary(TypedDict):
    """Counts of verdicts; `precision` is supported / (supported + contradicted), `None` when nothing was checkable."""

    claims: int
    supported: int
    contradicted: int
    not_checkable: int
    precision: float | None
    by_feature: dict[str, dict[str, int]]


def check(think: str, prosody: Prosody) -> list[Claim]:
    """Every acoustic claim of `think` with its verdict and the measured value, in order of appearance.

    `supported`: the claimed word equals the measured level or the neighbour within the calibration's tolerance.
    `contradicted`: it differs from both. `not_checkable`: nothing was measured, or it is a comparison; `measured`
    says why. Rules for stress and quotes: `checking`.
    """
    claims = []
    for claim in read(think):
        outcome, measured = verdict(claim, prosody)
        claims.append(
            Claim(
                text=claim.text,
                feature=claim.feature,
                claimed=claim.claimed,
                measured=measured,
                verdict=outcome,
                start=claim.start,
                end=claim.end,
            )
        )
    return claims


def summary(claims: Iterable[Claim]) -> ClaimSummary:
    """Verdict counts, overall and by feature, and the precision of the checkable claims (0..1)."""
    claims = list(claims)
    verdicts = Counter(claim.verdict for claim in claims)
    by_feature: dict[str, dict[str, int]] = {}
    for claim in claims:
        counts = by_feature.setdefault(claim.feature, {"supported": 0, "contradicted": 0, "not_checkable": 0})
        counts[claim.verdict] += 1
    checkable = verdicts["supported"] + verdicts["contradicted"]
    return ClaimSummary(
        claims=len(claims),
        supported=verdicts["supported"],
        contradicted=verdicts["contradicted"],
        not_checkable=verdicts["not_checkable"],
        precision=verdicts["supported"] / checkable if checkable else None,
        by_feature=by_feature,
    )
