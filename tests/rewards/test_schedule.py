from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.rewards import ProgressiveSchedule

accuracies = st.lists(st.floats(0, 1), max_size=30)
settings = st.tuples(st.floats(0, 1), st.integers(1, 5), st.integers(1, 4))


def test_mean_of_the_window_for_patience_batches_then_stays() -> None:
    schedule = ProgressiveSchedule(threshold=0.5, window=2, patience=2)
    #       mean of 2: -    .5    .5
    assert [schedule.update(a) for a in (0.5, 0.5, 0.5)] == [False, False, True]
    assert [schedule.update(0.0) for _ in range(4)] == [True] * 4


def test_a_drop_starts_the_count_again() -> None:
    schedule = ProgressiveSchedule(threshold=0.5, window=1, patience=2)
    assert [schedule.update(a) for a in (0.6, 0.4, 0.6, 0.6)] == [False, False, False, True]


def test_a_spike_does_not_open_a_wide_window() -> None:
    schedule = ProgressiveSchedule(threshold=0.5, window=4, patience=1)
    assert not any(schedule.update(a) for a in (0.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    assert schedule.accuracy == 0.25


@given(settings, accuracies)
def test_agrees_with_the_definition(setting: tuple[float, int, int], values: list[float]) -> None:
    threshold, window, patience = setting
    schedule = ProgressiveSchedule(*setting)
    for n, value in enumerate(values, 1):
        means = [math.fsum(values[i - window : i]) / window for i in range(window, n + 1)]
        reached = [mean >= threshold for mean in means]
        runs = [all(reached[i : i + patience]) for i in range(len(reached) - patience + 1)]
        assert schedule.update(value) == schedule.active == any(runs)


@given(settings, accuracies, accuracies)
def test_state_survives(setting: tuple[float, int, int], before: list[float], after: list[float]) -> None:
    first, second = ProgressiveSchedule(*setting), ProgressiveSchedule()
    for value in before:
        first.update(value)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [second.update(v) for v in after] == [first.update(v) for v in after]
    assert second.state_dict() == first.state_dict()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"threshold": 1.2}, "threshold is 1.2"),
        ({"threshold": math.nan}, "threshold is nan"),
        ({"window": 0}, "window is 0"),
        ({"window": 2.5}, "window is 2.5"),
        ({"patience": -1}, "patience is -1"),
    ],
)
def test_bad_settings_are_named(setting: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ProgressiveSchedule(**setting)


@pytest.mark.parametrize("accuracy", [-0.1, 1.01, math.nan, math.inf, None, "high"])
def test_bad_accuracy_is_named_and_leaves_no_trace(accuracy: Any) -> None:
    schedule = ProgressiveSchedule()
    before = schedule.state_dict()
    with pytest.raises(ValueError, match=f"accuracy is {accuracy!r}"):
        schedule.update(accuracy)
    assert schedule.state_dict() == before


@pytest.mark.parametrize(
    ("change", "named"), [({"history": [2.0]}, "history is 2.0"), ({"streak": -3}, "streak"), ({"active": 7}, "active")]
)
def test_bad_state_is_named(change: dict[str, Any], named: str) -> None:
    schedule = ProgressiveSchedule()
    with pytest.raises(ValueError, match=named):
        schedule.load_state_dict({**schedule.state_dict(), **change})
    with pytest.raises(ValueError, match="lacks"):
        schedule.load_state_dict({"active": True})
