"""Octave repair: what it undoes, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emotionthinker.prosody import pitch
from emotionthinker.prosody.pitch import PitchTrack


def sentence(seed: int) -> PitchTrack:
    """A contour of a few semitones with voiceless gaps."""
    rng = np.random.default_rng(seed)
    times = np.arange(150) * 0.016
    curve = 2.5 * np.sin(2 * np.pi * times / rng.uniform(1.5, 4) + rng.uniform(0, 6))
    voiced = np.sin(2 * np.pi * times * rng.uniform(2, 4)) > -0.7
    return PitchTrack(times, np.where(voiced, 160 * 2 ** (curve / 12), 0.0))


@given(seed=st.integers(0, 1000), direction=st.sampled_from([0.5, 2.0]), length=st.integers(2, 7))
@settings(deadline=None)
def test_octave_bursts_are_undone(seed: int, direction: float, length: int) -> None:
    track = sentence(seed)
    voiced = np.flatnonzero(track.f0_hz > 0)
    runs = [run for run in np.split(voiced, np.flatnonzero(np.diff(voiced) > 1) + 1) if len(run) > length + 4]
    assume(runs)
    run = runs[seed % len(runs)]
    f0 = track.f0_hz.copy()
    f0[run[2 : 2 + length]] *= direction
    repaired = pitch.repair_octaves(PitchTrack(track.times_s, f0))
    np.testing.assert_allclose(repaired.f0_hz, track.f0_hz)


@given(seed=st.integers(0, 1000))
@settings(deadline=None)
def test_a_final_halving_is_undone(seed: int) -> None:
    track = sentence(seed)
    voiced = np.flatnonzero(track.f0_hz > 0)
    last = np.split(voiced, np.flatnonzero(np.diff(voiced) > 1) + 1)[-1]
    f0 = track.f0_hz.copy()
    f0[last[max(len(last) // 2, len(last) - 7) :]] /= 2
    if len(last) >= 4:
        np.testing.assert_allclose(pitch.repair_octaves(PitchTrack(track.times_s, f0)).f0_hz, track.f0_hz)


@given(seed=st.integers(0, 1000))
@settings(deadline=None)
def test_sound_contours_are_left_alone_and_repair_is_idempotent(seed: int) -> None:
    track = sentence(seed)
    once = pitch.repair_octaves(track)
    assert np.array_equal(once.f0_hz, track.f0_hz)
    assert np.array_equal(pitch.repair_octaves(once).f0_hz, once.f0_hz)


def test_a_steep_but_continuous_octave_is_left_alone() -> None:
    times = np.arange(100) * 0.016
    f0 = 150 * 2 ** np.clip((times - 1.2) / 0.3, 0, 1.2)
    assert np.array_equal(pitch.repair_octaves(PitchTrack(times, f0)).f0_hz, f0)


def test_a_high_word_after_a_gap_is_left_alone() -> None:
    times = np.arange(100) * 0.016
    f0 = np.where(times < 1.0, 150.0, np.where(times < 1.1, 0.0, 310.0))
    assert np.array_equal(pitch.repair_octaves(PitchTrack(times, f0)).f0_hz, f0)


@pytest.mark.parametrize("frames", [0, 1, 2, 50])
def test_tracks_without_voicing_are_fine(frames: int) -> None:
    assert not pitch.repair_octaves(PitchTrack(np.arange(frames) * 0.016, np.zeros(frames))).f0_hz.any()


@pytest.mark.parametrize(("bursts", "reason"), [(0, None), (1, None), (4, "octave_errors")])
def test_many_repairs_make_the_pitch_unreliable(bursts: int, reason: str | None) -> None:
    times = np.arange(150) * 0.016
    f0 = np.full(150, 160.0)
    for burst in range(bursts):
        f0[20 + 30 * burst : 25 + 30 * burst] *= 2
    found = pitch.measure(PitchTrack(times, f0), np.ones(240, bool))
    assert found.repaired_share == pytest.approx(5 * bursts / 150, abs=0.01)
    assert (found.median_hz, found.reliable, found.reason) == (160.0, reason is None, reason)
