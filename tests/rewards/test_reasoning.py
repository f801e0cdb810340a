from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.records import CRITERIA, Rating
from emotionthinker.rewards import reasoning_reward

ratings = st.lists(st.integers(1, 5), min_size=4, max_size=4)
shares = (
    st.lists(st.floats(0, 1), min_size=4, max_size=4)
    .filter(lambda w: sum(w) > 0.1)
    .map(lambda w: [x / sum(w) for x in w])
)


def test_equal_weights_are_the_mean_over_five() -> None:
    assert reasoning_reward([1, 1, 1, 1]) == 0.2
    assert reasoning_reward([5, 5, 5, 5]) == 1.0
    assert reasoning_reward([5, 4, 3, 2]) == pytest.approx(14 / 20)


@given(ratings, shares)
def test_mapping_record_and_numbers_agree(g: list[int], w: list[float]) -> None:
    named = dict(zip(CRITERIA, g, strict=True))
    expected = sum(wj * gj / 5 for wj, gj in zip(w, g, strict=True))
    for value in (g, named, dict(reversed(named.items())), Rating(**named)):
        assert reasoning_reward(value, w) == pytest.approx(expected)
        assert reasoning_reward(value, dict(zip(CRITERIA, w, strict=True))) == pytest.approx(expected)
        assert reasoning_reward(value) == reasoning_reward(g)


@given(ratings, shares, st.integers(0, 3))
def test_bounded_and_monotone(g: list[int], w: list[float], j: int) -> None:
    reward = reasoning_reward(g, w)
    assert 0.2 - 1e-9 <= reward <= 1 + 1e-9
    better = [min(5, r + (i == j)) for i, r in enumerate(g)]
    assert reasoning_reward(better, w) >= reward - 1e-12


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([1, 2, 3, 6], "fluency_and_structural_clarity is 6"),
        ([0, 2, 3, 4], "factual_alignment is 0"),
        ([1, math.nan, 3, 4], "interpretative_quality is nan"),
        ([1, 2, math.inf, 4], "caption_completeness is inf"),
        ([1, 2, 3, None], "fluency_and_structural_clarity is None"),
        ([1, 2, 3, True], "fluency_and_structural_clarity is True"),
        ([1, 2, 3], r"\[1, 2, 3\]"),
        ({"factual_alignment": 3}, "factual_alignment"),
        ({**dict.fromkeys(CRITERIA, 3), "style": 3}, "style"),
    ],
)
def test_bad_ratings_are_named(values: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        reasoning_reward(values)


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ([0.25, 0.25, 0.25, 0.3], "sum of 1"),
        ([0.5, 0.5, 0.5, -0.5], "fluency_and_structural_clarity is -0.5"),
        ([math.nan, 0.5, 0.25, 0.25], "factual_alignment is nan"),
        ([1.0], "expected 4"),
        ({"factual_alignment": 1.0}, "weights has the fields"),
    ],
)
def test_bad_weights_are_named(weights: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        reasoning_reward([3, 3, 3, 3], weights)
