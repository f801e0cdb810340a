from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.rewards import trust_weight

groups = st.lists(st.tuples(st.none() | st.floats(0, 1), st.booleans()), min_size=1, max_size=16)


def weigh(group: list[tuple[float | None, bool]], **options: float) -> float:
    return trust_weight([r for r, _ in group], [c for _, c in group], **options)


def test_equation() -> None:
    assert trust_weight([0.8, 0.6, 0.4, 0.2], [True, True, False, False]) == 1.0
    assert trust_weight([0.5, 0.5], [True, False]) == 1.0
    assert trust_weight([0.2, 0.4, 0.8, 1.0], [True, True, False, False]) == pytest.approx(math.exp(0.3 - 0.9))
    assert trust_weight([0.0, 1.0], [True, False]) == pytest.approx(math.exp(-1))


def test_unrated_responses_leave_the_means() -> None:
    assert trust_weight([0.2, None, 0.6], [True, True, False]) == pytest.approx(math.exp(-0.4))


@pytest.mark.parametrize("correct", [[True, True], [False, False]])
def test_empty_side_is_an_option(correct: list[bool]) -> None:
    assert trust_weight([0.2, 0.9], correct) == 1.0
    assert trust_weight([0.2, 0.9], correct, empty_side=0.3) == 0.3


def test_a_side_without_ratings_is_empty() -> None:
    assert trust_weight([0.1, None], [True, False], empty_side=0.0) == 0.0


@given(groups)
def test_bounded(group: list[tuple[float | None, bool]]) -> None:
    assert math.exp(-1) - 1e-12 <= weigh(group) <= 1.0


@given(groups, st.randoms(use_true_random=False))
def test_order_does_not_matter(group: list[tuple[float | None, bool]], random: Any) -> None:
    shuffled = random.sample(group, len(group))
    assert weigh(shuffled) == weigh(group)


@given(groups, st.floats(0, 1))
def test_monotone_in_the_correct_side_and_against_the_wrong(
    group: list[tuple[float | None, bool]], other: float
) -> None:
    for i, (reward, right) in enumerate(group):
        if reward is not None:
            raised = [*group[:i], (max(reward, other), right), *group[i + 1 :]]
            before, after = weigh(group), weigh(raised)
            assert after >= before - 1e-12 if right else after <= before + 1e-12


@pytest.mark.parametrize(
    ("reasoning", "correct", "named"),
    [
        ([0.1, 1.5], [True, False], r"reasoning\[1\] is 1.5"),
        ([-0.1, 1.0], [True, False], r"reasoning\[0\] is -0.1"),
        ([math.nan, 1.0], [True, False], r"reasoning\[0\] is nan"),
        ([0.1, 0.2], [True, 0.5], r"correct\[1\] is 0.5"),
        ([0.1, 0.2], [None, True], r"correct\[0\] is None"),
        ([0.1, 0.2], [True], "'reasoning': 2, 'correct': 1"),
    ],
)
def test_bad_values_are_named(reasoning: Any, correct: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        trust_weight(reasoning, correct)


def test_bad_option_is_named() -> None:
    with pytest.raises(ValueError, match=r"empty_side is 1\.1"):
        trust_weight([0.5], [True], empty_side=1.1)
