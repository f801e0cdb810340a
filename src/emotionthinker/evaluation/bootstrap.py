"""Confidence intervals that respect that clips of one speaker are alike: whole speakers are drawn, not clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

FEW = 10
"""With fewer speakers their spread is hardly known: clips are drawn within the drawn speakers too, and it is said."""


def interval(
    metric: Callable[[Sequence[int]], float],
    clusters: Sequence[Hashable],
    *,
    strata: Sequence[Hashable] | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Percentile interval of `metric` (of clip indices) when clusters are drawn with replacement.

    `strata` names each clip's corpus: clusters are drawn within it, so that every draw has as many speakers of each
    corpus as the data have. Returns `{low, high, level, draws, clusters, few_clusters}`. Where the smallest stratum has
    fewer than `FEW` clusters (`few_clusters`) the members of each drawn cluster are redrawn too: two speakers who
    happen to score alike would else give a narrow interval about nothing. With one cluster `low` and `high` are None.
    Draws for which the metric is nan (a class without clips) are left out; `draws` counts the others.
    """
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level {level} must lie in (0, 1) and draws {draws} be positive")
    members: dict[Hashable, dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, cluster in enumerate(clusters):
        members[strata[index] if strata else None][cluster].append(index)
    layers = [[np.array(indices) for indices in groups.values()] for groups in members.values()]
    count = sum(map(len, layers))
    found: dict[str, Any] = {"low": None, "high": None, "level": level, "draws": 0, "clusters": count}
    found["few_clusters"] = min(map(len, layers), default=0) < FEW
    if count < 2:
        return found
    rng = np.random.default_rng(seed)

    def draw() -> list[int]:
        chosen = [groups[g] for groups in layers for g in rng.integers(len(groups), size=len(groups))]
        if found["few_clusters"]:
            chosen = [rng.choice(group, len(group)) for group in chosen]
        return [int(index) for group in chosen for index in group]

    values = np.array([metric(draw()) for _ in range(draws)])
    values = values[np.isfinite(values)]
    if len(values):
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        found |= {"low": float(low), "high": float(high), "draws": len(values)}
    return found
