"""The reasoning reward R_t (section 3.3.2, first equation)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from emotionthinker.records import CRITERIA, Rating
from emotionthinker.rewards import _checks

LOWEST, HIGHEST = 1, 5


def reasoning_reward(
    ratings: Rating | Mapping[str, float] | Sequence[float],
    weights: Mapping[str, float] | Sequence[float] | None = None,
) -> float:
    """R_t = sum_j w_j g_j / 5 over the four criteria, in 0.2..1.

    `ratings`: g_j in 1..5 by criterion name, or four numbers in the order of `records.CRITERIA`; `weights`: w_j >= 0
    with sum 1, by default 1/4 each. Raises `ValueError` naming what is missing, unknown or out of range.
    """
    values = ratings.model_dump() if isinstance(ratings, Rating) else ratings
    scores = [_checks.number(f"ratings.{c}", g, LOWEST, HIGHEST) for c, g in _by_criterion("ratings", values)]
    if weights is None:
        return math.fsum(scores) / (len(CRITERIA) * HIGHEST)
    shares = [_checks.number(f"weights.{c}", w, 0.0, 1.0) for c, w in _by_criterion("weights", weights)]
    if not math.isclose(math.fsum(shares), 1.0, abs_tol=1e-6):
        raise ValueError(f"weights are {shares}, expected a sum of 1 (it is {math.fsum(shares):g})")
    return math.fsum(w * g for w, g in zip(shares, scores, strict=True)) / HIGHEST


def _by_criterion(name: str, values: Mapping[str, float] | Sequence[float]) -> list[tuple[str, float]]:
    if isinstance(values, Mapping):
        if set(values) != set(CRITERIA):
            raise ValueError(f"{name} has the fields {sorted(values)}, expected {list(CRITERIA)}")
        return [(criterion, values[criterion]) for criterion in CRITERIA]
    if len(values) != len(CRITERIA):
        raise ValueError(f"{name} are {values!r}, expected {len(CRITERIA)} numbers for {list(CRITERIA)}")
    return list(zip(CRITERIA, values, strict=True))
