"""The overall reward of GRPO-PTR (section 3.3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from emotionthinker.rewards import _checks
from emotionthinker.rewards.trust import trust_weight


def ptr_rewards(
    format: Sequence[float],
    accuracy: Sequence[float],
    reasoning: Sequence[float | None],
    *,
    weights: tuple[float, float, float] = (0.3, 1.0, 0.5),
    reasoning_active: bool = True,
    trust: bool = True,
    empty_side: float = 1.0,
) -> list[float]:
    """R_i = a_f R_f + a_o R_o + a_t tau R_t for the responses of one group.

    `format` (R_f) and `accuracy` (R_o) are 0 or 1, `reasoning` (R_t) is 0..1 or `None` (not rated: contributes
    nothing); `weights` are (a_f, a_o, a_t) >= 0. `reasoning_active=False` is the early stage of the progressive
    schedule, `trust=False` fixes tau at 1 (Table 4, V4). Raises `ValueError` naming the value out of range.
    """
    _checks.same_length(format=format, accuracy=accuracy, reasoning=reasoning)
    if len(weights) != 3:
        raise ValueError(f"weights are {weights!r}, expected three: format, accuracy, reasoning")
    a_f, a_o, a_t = (_checks.number(f"weights[{i}]", weight, 0.0) for i, weight in enumerate(weights))
    r_f = [_checks.binary(f"format[{i}]", value) for i, value in enumerate(format)]
    r_o = [_checks.binary(f"accuracy[{i}]", value) for i, value in enumerate(accuracy)]
    r_t = _checks.reasoning_rewards(reasoning)
    tau = trust_weight(r_t, [value == 1.0 for value in r_o], empty_side=empty_side) if trust else 1.0
    scale = a_t * tau if reasoning_active else 0.0
    return [a_f * f + a_o * o + scale * (t or 0.0) for f, o, t in zip(r_f, r_o, r_t, strict=True)]
