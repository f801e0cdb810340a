from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.rewards import ptr_rewards, trust_weight

rows = st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1]), st.none() | st.floats(0, 1))
groups = st.lists(rows, min_size=1, max_size=16)
weights = st.tuples(*[st.floats(0, 2)] * 3)


def columns(group: list[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*group, strict=True))


def test_worked_example_with_the_paper_weights() -> None:
    tau = math.exp(0.4 - 0.8)
    expected = [0.3 + 1.0 + 0.5 * tau * 0.4, 0.3 + 0.5 * tau * 0.8, 1.0]
    assert ptr_rewards([1, 1, 0], [1, 0, 1], [0.4, 0.8, None]) == pytest.approx(expected)


def test_before_the_schedule_opens_only_rules_count() -> None:
    assert ptr_rewards([1, 0], [0, 1], [0.9, 0.1], reasoning_active=False) == [0.3, 1.0]


def test_without_trust_tau_is_one() -> None:
    assert ptr_rewards([0, 0], [1, 0], [0.2, 0.8], trust=False) == pytest.approx([1.1, 0.4])


def test_empty_group() -> None:
    assert ptr_rewards([], [], []) == []


@given(groups, weights)
def test_equation(group: list[tuple[Any, ...]], w: tuple[float, float, float]) -> None:
    f, o, t = columns(group)
    tau = trust_weight(t, [bool(x) for x in o])
    expected = [w[0] * a + w[1] * b + w[2] * tau * (c or 0) for a, b, c in group]
    assert ptr_rewards(f, o, t, weights=w) == pytest.approx(expected)


@given(groups, st.randoms(use_true_random=False))
def test_rewards_move_with_their_rows(group: list[tuple[Any, ...]], random: Any) -> None:
    order = random.sample(range(len(group)), len(group))
    rewards = ptr_rewards(*columns(group))
    assert ptr_rewards(*columns([group[i] for i in order])) == [rewards[i] for i in order]


@given(groups)
def test_reasoning_never_costs(group: list[tuple[Any, ...]]) -> None:
    with_reasoning, without = ptr_rewards(*columns(group)), ptr_rewards(*columns(group), reasoning_active=False)
    assert all(0 <= a - b <= 0.5 + 1e-12 for a, b in zip(with_reasoning, without, strict=True))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([0.5], [1], [0.5]), r"format\[0\] is 0.5"),
        (([1], [2], [0.5]), r"accuracy\[0\] is 2"),
        (([1], [math.nan], [0.5]), r"accuracy\[0\] is nan"),
        (([1], [1], [5]), r"reasoning\[0\] is 5"),
        (([1], [1], ["good"]), r"reasoning\[0\] is 'good'"),
        (([1, 1], [1], [0.5]), "'format': 2"),
    ],
)
def test_bad_values_are_named(arguments: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ptr_rewards(*arguments)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ((0.3, -1.0, 0.5), r"weights\[1\] is -1.0"),
        ((0.3, 1.0, math.inf), r"weights\[2\] is inf"),
        ((1.0, 1.0), "three"),
    ],
)
def test_bad_weights_are_named(bad: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ptr_rewards([1], [1], [0.5], weights=bad)


def test_rewards_need_no_heavy_package() -> None:
    code = "import sys, emotionthinker.rewards; print(*sorted({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
