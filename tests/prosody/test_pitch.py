"""F0: tracking, octave repair, statistics; on sound whose F0 is known."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emotionthinker import audio
from emotionthinker.prosody import activity, pitch, swift
from emotionthinker.prosody.pitch import PitchTrack
from emotionthinker.records import Pitch

RATE = 16000
Speech = Callable[..., np.ndarray]


def pulses(f0: np.ndarray) -> np.ndarray:
    """A buzz with formants whose F0 is `f0` [n] Hz sample by sample."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    voice = np.zeros(len(f0))
    for harmonic in range(1, 25):
        hz = harmonic * f0
        weight = (1 / harmonic + np.exp(-(((hz - 600) / 250) ** 2)) + 0.5 * np.exp(-(((hz - 1700) / 300) ** 2))) * (
            hz < 7000
        )
        voice += weight * np.sin(harmonic * phase)
    return (0.3 * voice / np.abs(voice).max()).astype(np.float32)


def glide(start: float, end: float, seconds: float = 1.0) -> np.ndarray:
    return pulses(start * (end / start) ** np.linspace(0, 1, round(seconds * RATE)))


def measured(samples: np.ndarray) -> Pitch:
    return pitch.measure(pitch.track(samples, RATE), activity.speech_mask(samples, RATE))


@pytest.mark.parametrize("f0", [80.0, 120.0, 210.0, 400.0])
def test_constant_pitch(f0: float) -> None:
    found = measured(glide(f0, f0))
    assert found.median_hz == pytest.approx(f0, rel=0.01)
    assert found.range_st == pytest.approx(0.0, abs=0.3)
    assert found.voiced_share == pytest.approx(1.0, abs=0.06)
    assert found.reliable
    assert found.reason is None


def test_a_glide_is_followed_in_time() -> None:
    samples = glide(120, 240, 2.0)
    track = pitch.track(samples, RATE)
    middle = (track.times_s > 0.1) & (track.times_s < 1.9)
    expected = 120 * 2 ** (track.times_s / 2)
    assert np.abs(pitch.semitones(track.f0_hz[middle], 1) - pitch.semitones(expected[middle], 1)).max() < 0.5
    assert measured(samples).range_st == pytest.approx(0.9 * 12, abs=0.4)


def test_any_sample_rate() -> None:
    samples = audio.check(glide(150, 150), RATE)
    doubled = np.repeat(samples, 2)
    track = pitch.track(doubled, 2 * RATE)
    assert np.median(track.f0_hz[track.f0_hz > 0]) == pytest.approx(150, rel=0.01)


def test_noise_is_unvoiced() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    found = measured(noise)
    assert found.reason == "unvoiced"
    assert found.median_hz is None
    assert not found.reliable


@pytest.mark.parametrize(
    ("seconds", "gain", "reason"), [(1.0, 0.0, "silent"), (0.05, 1.0, "too_short"), (0.0, 1.0, "too_short")]
)
def test_reasons(seconds: float, gain: float, reason: str) -> None:
    found = measured(gain * glide(200, 200)[: round(seconds * RATE)])
    assert (found.reason, found.median_hz, found.reliable) == (reason, None, False)


def test_little_voicing_has_values_but_is_not_reliable() -> None:
    times = np.arange(200) * 0.01
    found = pitch.measure(PitchTrack(times, np.where(times < 0.3, 150.0, 0.0)), np.ones(200, bool))
    assert found.median_hz == 150.0
    assert (found.reliable, found.reason) == (False, "unvoiced")


def test_frames_outside_speech_do_not_count() -> None:
    times = np.arange(200) * 0.01
    track = PitchTrack(times, np.where(times < 1.0, 150.0, 151.0))
    assert pitch.measure(track, times > 1.0).median_hz == 151.0


def test_unknown_backend_names_the_known() -> None:
    with pytest.raises(ValueError, match=r"'crepe'.*swift"):
        pitch.track(np.zeros(100, np.float32), RATE, backend="crepe")


def test_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(100, 2\)"):
        pitch.track(np.zeros((100, 2), np.float32), RATE)


def test_the_session_is_made_once() -> None:
    assert swift.detector(os.getpid()) is swift.detector(os.getpid())


@given(before=st.integers(0, 40000), after=st.integers(0, 20000))
@settings(max_examples=10, deadline=None)
def test_the_track_moves_with_the_sound(speech: Speech, before: int, after: int) -> None:
    clip = speech(seconds=1.0)
    plain, padded = pitch.track(clip, RATE), pitch.track(np.pad(clip, (before, after)), RATE)
    assert np.array_equal(plain.f0_hz[plain.f0_hz > 0], padded.f0_hz[padded.f0_hz > 0])
    np.testing.assert_allclose(
        plain.times_s[plain.f0_hz > 0] + before / RATE, padded.times_s[padded.f0_hz > 0], atol=1e-9
    )


@given(pad=st.sampled_from([160, 16000, 24000]), gain_db=st.floats(-35, 9), seed=st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_measures_unchanged_by_silence_and_gain(speech: Speech, pad: int, gain_db: float, seed: int) -> None:
    clip = speech(seconds=1.0, seed=seed)
    changed = np.pad(clip * np.float32(10 ** (gain_db / 20)), pad)
    before, after = measured(clip), measured(changed)
    assert after.median_hz == pytest.approx(before.median_hz, rel=1e-3)
    assert after.range_st == pytest.approx(before.range_st, abs=0.05)
    assert after.voiced_share == pytest.approx(before.voiced_share, abs=0.02)


def test_same_from_both_channels(speech: Speech) -> None:
    clip = speech(seconds=1.0)
    assert measured(audio.check(np.stack([clip, clip], axis=1), RATE)) == measured(clip)


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
    track = PitchTrack(np.arange(frames) * 0.016, np.zeros(frames))
    assert not pitch.repair_octaves(track).f0_hz.any()
    assert pitch.measure(track, np.ones(40, bool)).reason == "unvoiced"


@pytest.mark.real
def test_targets_on_imposed_pitch() -> None:
    """Gross pitch error at most 1.0 %, before and after repair, on all clips of the folder with known F0."""
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared or not Path(shared, "f0_truth").is_dir():
        pytest.skip("EMOTIONTHINKER_SHARED does not name a folder with f0_truth/")
    folder = Path(shared, "f0_truth")
    gross = np.zeros(2)
    frames = 0
    for line in (folder / "truth.jsonl").read_text().splitlines():
        clip = json.loads(line)
        samples, rate = audio.load(folder / clip["path"])
        raw = pitch.track(samples, rate)
        known = np.asarray(clip["f0_hz"])
        nearest = np.rint(raw.times_s / clip["hop_s"]).astype(int)
        inside = nearest < len(known)
        both = inside.copy()
        both[inside] &= (raw.f0_hz[inside] > 0) & (known[nearest[inside]] > 0)
        truth = known[nearest[both]]
        frames += len(truth)
        for i, found in enumerate((raw.f0_hz, pitch.repair_octaves(raw).f0_hz)):
            gross[i] += np.sum(np.abs(found[both] / truth - 1) > 0.2)
    assert gross[0] / frames <= 0.010
    assert gross[1] <= gross[0]
