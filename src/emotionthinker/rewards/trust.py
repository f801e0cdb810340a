"""The trustworthiness weight tau (section 3.3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from emotionthinker.rewards import _checks


def trust_weight(reasoning: Sequence[float | None], correct: Sequence[bool], *, empty_side: float = 1.0) -> float:
    """tau of one group: 1 when correct responses reason at least as well as wrong ones on average,
    else exp(mean R_t of correct - mean R_t of wrong); in (0, 1].

    `reasoning`: R_t in 0..1 of each response, `None` where it could not be rated (it leaves the means); `correct`:
    R_o of each. The paper defines no mean over nothing: when no rated response is correct, or none is wrong, tau is
    `empty_side` (0..1). Raises `ValueError` naming the value that is out of range.
    """
    _checks.same_length(reasoning=reasoning, correct=correct)
    sides: dict[float, list[float]] = {0.0: [], 1.0: []}
    for i, (reward, right) in enumerate(zip(_checks.reasoning_rewards(reasoning), correct, strict=True)):
        side = sides[_checks.binary(f"correct[{i}]", right)]
        if reward is not None:
            side.append(reward)
    otherwise = _checks.number("empty_side", empty_side, 0.0, 1.0)
    if not all(sides.values()):
        return otherwise
    # fsum is exact before it rounds, so tau does not depend on the order of the responses
    wrong, right_mean = (math.fsum(side) / len(side) for side in sides.values())
    return min(1.0, math.exp(right_mean - wrong))
