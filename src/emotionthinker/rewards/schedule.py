"""The progressive schedule: when the reasoning reward joins (section 3.3.2, last paragraph)."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from emotionthinker.rewards import _checks


class ProgressiveSchedule:
    """Switches the reasoning reward on once emotion accuracy "consistently achieves a certain level".

    Active as soon as the mean accuracy of the last `window` batches has been >= `threshold` (0..1) for `patience`
    batches in a row; no mean is taken before the window is full. Once active it stays so.
    """

    def __init__(self, threshold: float = 0.5, window: int = 10, patience: int = 5) -> None:
        self.threshold = _checks.number("threshold", threshold, 0.0, 1.0)
        self.window = _checks.count("window", window)
        self.patience = _checks.count("patience", patience)
        self.active = False
        self._history: deque[float] = deque(maxlen=self.window)
        self._streak = 0

    @property
    def accuracy(self) -> float | None:
        """Mean accuracy of the last `window` batches, `None` before there are as many."""
        return math.fsum(self._history) / self.window if len(self._history) == self.window else None

    def update(self, accuracy: float) -> bool:
        """Take in one batch's accuracy (0..1); returns whether the reasoning reward counts from now on."""
        self._history.append(_checks.number("accuracy", accuracy, 0.0, 1.0))
        reached = self.accuracy is not None and self.accuracy >= self.threshold
        self._streak = self._streak + 1 if reached else 0
        self.active = self.active or self._streak >= self.patience
        return self.active

    def state_dict(self) -> dict[str, Any]:
        """Settings and progress as plain JSON values."""
        return {
            "threshold": self.threshold,
            "window": self.window,
            "patience": self.patience,
            "history": list(self._history),
            "streak": self._streak,
            "active": self.active,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over settings and progress of `state_dict`. Raises `ValueError` when a field is missing or wrong."""
        if missing := sorted(self.state_dict().keys() - state.keys()):
            raise ValueError(f"the schedule's state lacks {missing}; it has {sorted(state)}")
        fresh = ProgressiveSchedule(state["threshold"], state["window"], state["patience"])
        fresh._history.extend(_checks.number("history", value, 0.0, 1.0) for value in state["history"])
        if state["streak"] != 0:
            fresh._streak = _checks.count("streak", state["streak"])
        fresh.active = bool(_checks.binary("active", state["active"]))
        self.__dict__.update(fresh.__dict__)
