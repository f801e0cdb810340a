"""Octave leaps over gaps: found where a voice cannot leap, and nowhere else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.prosody.leaps import octaves_off

NAN = np.nan


def contour(*runs: tuple[float, int], gap: int = 5) -> np.ndarray:
    """Level runs of (semitones, frames of 10 ms) with `gap` unvoiced frames between them."""
    parts = [np.concatenate([np.full(frames, st_), np.full(gap, NAN)]) for st_, frames in runs]
    return np.concatenate(parts)[: -gap or None]


def moves(values: np.ndarray) -> list[float]:
    """The moves of the runs in order, one for each stretch of the same."""
    moved = octaves_off(values)[~np.isnan(values)]
    return [float(moved[0]), *(float(b) for a, b in itertools.pairwise(moved) if a != b)]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(0.0, 60), (-12.0, 15)], [0.0, 12.0]),
        ([(-12.0, 15), (0.0, 60)], [12.0, 0.0]),
        ([(0.0, 40), (-11.0, 10), (1.0, 40)], [0.0, 12.0, 0.0]),
        ([(0.0, 40), (12.0, 5), (0.0, 40)], [0.0, -12.0, 0.0]),
        ([(0.0, 40), (12.0, 5), (-12.0, 5), (0.0, 40)], [0.0, -12.0, 12.0, 0.0]),
    ],
)
def test_short_runs_an_octave_apart_are_moved_back(runs: list[tuple[float, int]], expected: list[float]) -> None:
    assert moves(contour(*runs)) == expected


@pytest.mark.parametrize(
    ("runs", "gap"),
    [
        pytest.param([(0.0, 60), (9.0, 15)], 5, id="a high accent at the end"),
        pytest.param([(0.0, 60), (-7.0, 15)], 5, id="a fall of a fifth"),
        pytest.param([(0.0, 60), (-12.0, 15)], 15, id="a pause long enough to fall in"),
        pytest.param([(0.0, 60), (-12.0, 60)], 5, id="half of the speech"),
        pytest.param([(0.0, 30)], 5, id="one run"),
    ],
)
def test_what_a_voice_can_do_stays(runs: list[tuple[float, int]], gap: int) -> None:
    assert moves(contour(*runs, gap=gap)) == [0.0]


@given(
    runs=st.lists(st.tuples(st.integers(-14, 14), st.integers(3, 40)), min_size=1, max_size=6),
    up=st.integers(-24, 24),
    gap=st.integers(0, 20),
)
def test_only_octaves_only_voiced_and_free_of_height(runs: list[tuple[int, int]], up: int, gap: int) -> None:
    """Whole semitones: sums are exact, so that ties fall the same way at every height."""
    values = contour(*runs, gap=gap)
    found = octaves_off(values)
    assert set(np.unique(found)) <= {-12.0, 0.0, 12.0}
    assert not found[np.isnan(values)].any()
    assert np.array_equal(octaves_off(values + up), found)
    if gap > 10:  # too far apart to be held against each other
        assert not found.any()


@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=300), st.integers(0, 6))
def test_smooth_contours_are_left_alone(steps: list[float], gap: int) -> None:
    values = np.cumsum(steps)
    values[:: gap + 20] = NAN
    if not np.isnan(values).all():
        assert not octaves_off(values).any()
