"""F0: both trackers on sound whose F0 is known, and what must not change the measures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from emotionthinker import audio
from emotionthinker.prosody import activity, pitch
from emotionthinker.prosody.levels import Calibration
from emotionthinker.prosody.pitch import PitchTrack
from emotionthinker.records import Pitch, Prosody

RATE = 16000
BACKENDS = ("swift", "fast")
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


def measured(samples: np.ndarray, backend: str = "swift", rate: int = RATE) -> Pitch:
    return pitch.measure(pitch.track(samples, rate, backend), activity.speech_mask(samples, rate))


def labelled(samples: np.ndarray, backend: str) -> Pitch:
    prosody = Prosody(duration_s=len(samples) / RATE, pitch=measured(samples, backend))
    return Calibration.load("reference").apply(prosody).pitch


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f0", [80.0, 120.0, 210.0, 400.0])
def test_constant_pitch(backend: str, f0: float) -> None:
    found = measured(glide(f0, f0), backend)
    assert found.median_hz == pytest.approx(f0, rel=0.01)
    assert found.range_st == pytest.approx(0.0, abs=0.3)
    assert found.voiced_share == pytest.approx(1.0, abs=0.06)
    assert found.repaired_share == 0.0
    assert found.reliable
    assert found.reason is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_glide_is_followed_in_time(backend: str) -> None:
    samples = glide(120, 240, 2.0)
    track = pitch.track(samples, RATE, backend)
    middle = (track.times_s > 0.1) & (track.times_s < 1.9)
    expected = 120 * 2 ** (track.times_s / 2)
    assert np.abs(pitch.semitones(track.f0_hz[middle], 1) - pitch.semitones(expected[middle], 1)).max() < 0.5
    assert measured(samples, backend).range_st == pytest.approx(0.9 * 12, abs=0.4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_any_sample_rate(backend: str, rate: int) -> None:
    import soxr

    samples = np.asarray(soxr.resample(np.pad(glide(150, 150), 8000), RATE, rate), np.float32)
    track = pitch.track(samples, rate, backend)
    assert np.median(track.f0_hz[track.f0_hz > 0]) == pytest.approx(150, rel=0.01)
    assert np.ptp(track.times_s[track.f0_hz > 0]) == pytest.approx(1.0, abs=0.08)
    assert track.times_s[track.f0_hz > 0][0] == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("backend", BACKENDS)
def test_noise_is_unvoiced(backend: str) -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    found = measured(noise, backend)
    assert found.reason == "unvoiced"
    assert found.median_hz is None
    assert not found.reliable


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("seconds", "gain", "reason"), [(1.0, 0.0, "silent"), (0.05, 1.0, "too_short"), (0.0, 1.0, "too_short")]
)
def test_reasons(backend: str, seconds: float, gain: float, reason: str) -> None:
    found = measured(gain * glide(200, 200)[: round(seconds * RATE)], backend)
    assert (found.reason, found.median_hz, found.reliable) == (reason, None, False)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("samples", [1, 2, 100, 255, 256, 257, 400])
def test_the_track_covers_any_length(backend: str, samples: int) -> None:
    track = pitch.track(glide(200, 200)[100 : 100 + samples], RATE, backend)
    assert len(track.times_s) == len(track.f0_hz) >= 1
    assert (np.diff(track.times_s) > 0).all()


def test_little_voicing_has_values_but_is_not_reliable() -> None:
    times = np.arange(200) * 0.01
    found = pitch.measure(PitchTrack(times, np.where(times < 0.3, 150.0, 0.0)), np.ones(200, bool))
    assert found.median_hz == 150.0
    assert (found.reliable, found.reason) == (False, "unvoiced")


def test_frames_outside_speech_do_not_count() -> None:
    times = np.arange(200) * 0.01
    track = PitchTrack(times, np.where(times < 1.0, 150.0, 151.0))
    assert pitch.measure(track, times > 1.0).median_hz == 151.0


@pytest.mark.parametrize("frames", [0, 1, 2, 50])
def test_tracks_without_voicing_are_unvoiced(frames: int) -> None:
    track = PitchTrack(np.arange(frames) * 0.016, np.zeros(frames))
    assert pitch.measure(track, np.ones(40, bool)).reason == "unvoiced"


def test_unknown_backend_names_the_known() -> None:
    with pytest.raises(ValueError, match=r"'crepe'.*fast, swift"):
        pitch.track(np.zeros(100, np.float32), RATE, backend="crepe")


def test_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(100, 2\)"):
        pitch.track(np.zeros((100, 2), np.float32), RATE)


@given(backend=st.sampled_from(BACKENDS), before=st.integers(0, 40000), after=st.integers(0, 20000))
@settings(max_examples=20)
def test_the_track_moves_with_the_sound(speech: Speech, backend: str, before: int, after: int) -> None:
    clip = speech(seconds=1.0)
    plain, padded = pitch.track(clip, RATE, backend), pitch.track(np.pad(clip, (before, after)), RATE, backend)
    assert np.array_equal(plain.f0_hz[plain.f0_hz > 0], padded.f0_hz[padded.f0_hz > 0])
    np.testing.assert_allclose(
        plain.times_s[plain.f0_hz > 0] + before / RATE, padded.times_s[padded.f0_hz > 0], atol=1e-9
    )


@given(
    backend=st.sampled_from(BACKENDS),
    pad=st.sampled_from([160, 16000, 24000]),
    gain_db=st.floats(-35, 9),
    seed=st.integers(0, 3),
)
@settings(max_examples=20)
def test_measures_unchanged_by_silence_and_gain(
    speech: Speech, backend: str, pad: int, gain_db: float, seed: int
) -> None:
    clip = speech(seconds=1.0, seed=seed)
    changed = np.pad(clip * np.float32(10 ** (gain_db / 20)), pad)
    before, after = measured(clip, backend), measured(changed, backend)
    assert after.median_hz == pytest.approx(before.median_hz, rel=1e-3)
    assert after.range_st == pytest.approx(before.range_st, abs=0.05)
    assert after.voiced_share == pytest.approx(before.voiced_share, abs=0.02)


@given(
    backend=st.sampled_from(BACKENDS),
    f0=st.floats(90, 320),
    change=st.sampled_from(["before", "after", "both", "louder", "softer", "stereo"]),
)
@settings(max_examples=30)
def test_labels_unchanged_by_silence_gain_and_stereo(speech: Speech, backend: str, f0: float, change: str) -> None:
    clip = speech(seconds=1.0, f0=f0)
    changed = {
        "before": lambda: np.pad(clip, (RATE, 0)),
        "after": lambda: np.pad(clip, (0, RATE)),
        "both": lambda: np.pad(clip, RATE),
        "louder": lambda: clip * np.float32(2),
        "softer": lambda: clip * np.float32(1 / 32),
        "stereo": lambda: audio.check(np.stack([clip, clip], axis=1), RATE),
    }[change]()
    before, after = labelled(clip, backend), labelled(changed, backend)
    assert before.level is not None
    assert (after.level, after.near, after.reliable) == (before.level, before.near, before.reliable)


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_from_both_channels(speech: Speech, backend: str) -> None:
    clip = speech(seconds=1.0)
    assert measured(audio.check(np.stack([clip, clip], axis=1), RATE), backend) == measured(clip, backend)


@given(backend=st.sampled_from(BACKENDS), gap_s=st.floats(0.2, 1.5), seed=st.integers(0, 3))
@settings(max_examples=16)
def test_a_gap_in_the_speech_changes_nothing(speech: Speech, backend: str, gap_s: float, seed: int) -> None:
    first, second = speech(seconds=1.0, seed=seed), speech(seconds=1.0, seed=seed + 1)
    gap = np.zeros(round(gap_s * RATE), np.float32)
    whole = measured(np.concatenate((first, second)), backend)
    parted = measured(np.concatenate((first, gap, second)), backend)
    assert parted.median_hz == pytest.approx(whole.median_hz, rel=0.01)
    assert parted.range_st == pytest.approx(whole.range_st, abs=0.2)
    assert parted.voiced_share == pytest.approx(whole.voiced_share, abs=0.05)


@given(backend=st.sampled_from(BACKENDS), f0=st.floats(90, 280))
@settings(max_examples=16)
def test_a_missing_fundamental_changes_nothing(speech: Speech, backend: str, f0: float) -> None:
    clip = speech(seconds=1.0, f0=f0)
    sections = butter(6, 1.5 * f0, "highpass", fs=RATE, output="sos")
    assert measured(sosfilt(sections, clip).astype(np.float32), backend).median_hz == pytest.approx(
        measured(clip, backend).median_hz, rel=0.02
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_soft_ends_of_a_sure_voice_are_voiced(backend: str) -> None:
    """A voice that fades into steady noise is followed further down than the noise alone would be believed."""
    fade = np.concatenate((np.ones(RATE // 2), np.logspace(0, -1.5, RATE // 2))).astype(np.float32)
    noise = (0.003 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)
    track = pitch.track(glide(180, 180) * fade + noise, RATE, backend)
    voiced = track.f0_hz > 0
    assert track.times_s[voiced].max() > 0.85
    assert np.abs(pitch.semitones(track.f0_hz[voiced], 180)).max() < 1


@pytest.mark.real
@pytest.mark.parametrize(("backend", "gross", "off"), [("swift", 0.009, 0.12), ("fast", 0.050, 0.22)])
def test_targets_on_imposed_pitch(backend: str, gross: float, off: float) -> None:
    """Gross pitch error and share of wrong medians on the voices the trackers were not tuned on."""
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared or not Path(shared, "f0_truth").is_dir():
        pytest.skip("EMOTIONTHINKER_SHARED does not name a folder with f0_truth/")
    folder = Path(shared, "f0_truth")
    clips = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    clips = [clip for clip in clips if clip["speaker"] in ("005", "en_US_f_Allison", "it_IT_m_Carlo")]
    wrong = both = medians = 0
    for clip in clips:
        track = pitch.repair_octaves(pitch.track(*audio.load(folder / clip["path"]), backend))
        known = np.asarray(clip["f0_hz"])
        nearest = np.rint(track.times_s / clip["hop_s"]).astype(int)
        inside = nearest < len(known)
        found, truth = track.f0_hz[inside], known[nearest[inside]]
        voiced = (found > 0) & (truth > 0)
        wrong += int(np.sum(np.abs(found[voiced] / truth[voiced] - 1) > 0.2))
        both += int(voiced.sum())
        median = pitch.semitones(np.median(track.f0_hz[track.f0_hz > 0]), float(np.median(known[known > 0])))
        medians += bool(abs(median) > 1)
    assert wrong / both <= gross
    assert medians / len(clips) <= off
