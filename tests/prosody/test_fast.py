"""The autocorrelation tracker: its path against brute force, its candidates against known periods."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.prosody import fast, pitch

RATE = 8000


def cost_of(states: tuple[int, ...], scores: np.ndarray, octaves: np.ndarray) -> float:
    total = float(sum(scores[frame, state] for frame, state in enumerate(states)))
    last = scores.shape[1] - 1
    for frame, (now, after) in enumerate(itertools.pairwise(states)):
        if (now == last) != (after == last):
            total -= fast._ONSET
        elif now != last:
            total -= fast._JUMP * abs(octaves[frame, now] - octaves[frame + 1, after])
    return total


@given(frames=st.integers(1, 6), seed=st.integers(0, 10_000))
@settings(max_examples=60)
def test_the_path_is_the_best_of_all(frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, octaves = rng.uniform(0, 1, (frames, 3)), rng.uniform(6, 9, (frames, 2))
    best = max(cost_of(s, scores, octaves) for s in itertools.product(range(3), repeat=frames))
    found = tuple(fast.viterbi(scores, octaves))
    assert cost_of(found, scores, octaves) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("f0", [55.0, 90.3, 151.7, 333.0, 640.0])
def test_the_period_is_among_the_candidates(f0: float) -> None:
    time = np.arange(RATE) / RATE
    sound = sum(np.sin(2 * np.pi * f0 * n * time) / n for n in range(1, int(3500 / f0) + 1)).astype(np.float32)
    found = fast.candidates(sound)
    middle = slice(10, -10)
    nearest = np.abs(found.octaves[middle] - np.log2(f0)).min(axis=1)
    assert 12 * nearest.max() < 0.1
    strength = np.take_along_axis(
        found.strength[middle], np.abs(found.octaves[middle] - np.log2(f0)).argmin(1)[:, None], 1
    )
    assert strength.min() > 0.9


def test_a_long_clip_is_read_in_blocks(speech: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    clip = speech(seconds=2.0)
    whole = pitch.track(clip, 16000, "fast")
    monkeypatch.setattr(fast, "_BLOCK", 7)
    np.testing.assert_allclose(pitch.track(clip, 16000, "fast").f0_hz, whole.f0_hz, rtol=1e-4)


@given(f0=st.floats(90, 350), seed=st.integers(0, 5), snr_db=st.floats(10, 40))
@settings(max_examples=15)
def test_it_agrees_with_the_accurate_tracker(
    speech: Callable[..., np.ndarray], f0: float, seed: int, snr_db: float
) -> None:
    clip = speech(seconds=1.5, f0=f0, seed=seed)
    noise = np.random.default_rng(seed).standard_normal(len(clip))
    noise *= np.sqrt(np.mean(clip**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    tracks = [pitch.track((clip + noise).astype(np.float32), 16000, backend) for backend in ("fast", "swift")]
    fast_hz, swift_hz = (np.median(track.f0_hz[track.f0_hz > 0]) for track in tracks)
    assert abs(pitch.semitones(fast_hz, swift_hz)) < 0.5
