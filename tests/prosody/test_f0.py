"""What the trackers share: the frame grid and voicing by hysteresis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.prosody import f0


def test_weak_frames_count_only_beside_sure_ones() -> None:
    track = np.array([0, 200, 201, 202, 0, 300, 301, 0, 200, 202, 260, 261], float)
    confidence = np.array([0, 0.3, 0.7, 0.3, 0, 0.5, 0.5, 0, 0.3, 0.7, 0.4, 0.4])
    kept = f0.anchored(track, confidence, 0.65)
    assert kept.tolist() == [0, 200, 201, 202, 0, 0, 0, 0, 200, 202, 0, 0]


@given(
    frames=st.lists(st.tuples(st.sampled_from([0.0, 150.0, 155.0, 300.0]), st.floats(0, 1)), max_size=30),
    anchor=st.floats(0, 1),
)
def test_hysteresis_keeps_values_and_is_idempotent(frames: list[tuple[float, float]], anchor: float) -> None:
    track, confidence = (np.array([frame[i] for frame in frames], float) for i in (0, 1))
    kept = f0.anchored(track, confidence, anchor)
    assert ((kept == track) | (kept == 0)).all()
    assert (kept[(track > 0) & (confidence >= anchor)] > 0).all()
    assert np.array_equal(f0.anchored(kept, confidence, anchor), kept)
    assert kept.any() == bool(((track > 0) & (confidence >= anchor)).any())


@given(start=st.integers(0, 5000), found=st.integers(0, 40), samples=st.integers(0, 20000))
def test_a_track_covers_the_clip(start: int, found: int, samples: int) -> None:
    start = min(start, max(samples - 1, 0))
    track = f0.over_clip(np.arange(1.0, found + 1), start / 16000, samples / 16000)
    inside = (track.times_s >= -1e-9) & (track.times_s < samples / 16000)
    assert inside.all()
    assert len(track.times_s) == -(-(samples - start) // 256) + start // 256 if samples else not len(track.times_s)
    placed = np.rint((track.times_s - start / 16000) / f0.HOP_S) + 1
    expected = np.where((placed >= 1) & (placed <= found), placed, 0)
    assert np.array_equal(track.f0_hz, expected)


@pytest.mark.parametrize(("gain", "expected"), [(1.0, (3, 6, 1.0)), (1e-3, (3, 6, 1e-3)), (1e-6, (0, 0, 0.0))])
def test_where_the_sound_is(gain: float, expected: tuple[int, int, float]) -> None:
    samples = np.array([0, 1e-5, -1e-5, 1, 0, -0.5, 1e-5, 0], np.float32) * np.float32(gain)
    assert f0.sounding(samples) == pytest.approx(expected)
