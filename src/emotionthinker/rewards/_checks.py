"""Checks the rewards share: each raises `ValueError` naming the argument and the value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """`value` as a float, when it is a finite number in low..high."""
    converted = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not math.isfinite(converted) or not low <= converted <= high:
        raise ValueError(f"{name} is {value!r}, expected a finite number in [{low:g}, {high:g}]")
    return converted


def binary(name: str, value: Any) -> float:
    """0.0 or 1.0 for `False`, `True`, 0, 1 and their floats."""
    # numpy's own booleans are no `Real`, but have an item() that is.
    plain = value.item() if hasattr(value, "item") else value
    if not isinstance(plain, Real) or plain not in (0, 1):
        raise ValueError(f"{name} is {value!r}, expected 0 or 1")
    return float(plain)


def count(name: str, value: Any) -> int:
    """`value` when it is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
    return value


def same_length(**columns: Sequence[Any]) -> None:
    """All columns of a group describe the same completions."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"a group's columns differ in length: {lengths}")


def reasoning_rewards(values: Sequence[float | None]) -> list[float | None]:
    """A group's R_t: each in 0..1, or `None` where there is no rating."""
    return [v if v is None else number(f"reasoning[{i}]", v, 0.0, 1.0) for i, v in enumerate(values)]
