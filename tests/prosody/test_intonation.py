"""The contour decision on simulated contours, its invariances, and its abstentions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from emotionthinker import audio
from emotionthinker.prosody import activity, intonation, pitch
from emotionthinker.prosody.pitch import PitchTrack
from emotionthinker.records import SHAPES, Intonation

HOP_S = 0.016


def targets(shape: str, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Places (0..1) and semitones of the turning points of a contour that a listener would call `shape`."""
    size = rng.uniform(3.5, 9.0)
    onset = rng.uniform(0.0, 0.5)
    turn = rng.uniform(0.3, 0.7)
    back = size * rng.uniform(0.85, 1.15)
    return {
        "level": ([0.0, 0.5, 1.0], list(rng.uniform(-0.5, 0.5, 3))),
        "rising": ([0.0, onset, 1.0], [0.0, 0.0, size]),
        "falling": ([0.0, 1 - onset, 1.0], [size, 0.0, 0.0]) if rng.random() < 0.5 else ([0.0, 1.0], [size, 0.0]),
        "rising-falling": ([0.0, turn, 1.0], [0.0, size, size - back]),
        "falling-rising": ([0.0, turn, 1.0], [0.0, -size, back - size]),
    }[shape]


def utterance(shape: str, seed: int, jitter_st: float = 0.0) -> tuple[PitchTrack, np.ndarray, np.ndarray]:
    """(track, speech mask, levels) of voiced syllables of 80 to 300 ms with voiceless gaps and now and then a pause."""
    rng = np.random.default_rng(seed)
    seconds = rng.uniform(1.2, 4.0)
    times = np.arange(round(seconds / HOP_S)) * HOP_S
    curve = PchipInterpolator(*targets(shape, rng))(times / times[-1])
    noise = rng.standard_normal(len(times))
    for i in range(1, len(noise)):
        noise[i] = 0.85 * noise[i - 1] + 0.5 * noise[i]
    voiced = np.zeros(len(times), bool)
    loud = np.zeros(round(seconds / activity.FRAME_S))
    at = 0.0
    while at < seconds:
        length = rng.uniform(0.08, 0.3)
        voiced[(times >= at) & (times < at + length)] = True
        loud[round(at * 100) : round((at + length) * 100)] = rng.uniform(0, 8)
        at += length + (rng.uniform(0.3, 0.5) if rng.random() < 0.1 else rng.uniform(0.02, 0.12))
    f0 = np.where(voiced, rng.uniform(90, 260) * 2 ** ((curve + jitter_st * noise) / 12), 0.0)
    levels = np.where(loud > 0, -30.0 + loud, -45.0)
    return PitchTrack(times, f0), np.ones(len(levels), bool), levels


def accented(track: PitchTrack, rng: np.random.Generator) -> PitchTrack:
    """One to three pitch accents of 1 to 3 semitones on top."""
    curve = np.zeros(len(track.times_s))
    for _ in range(rng.integers(1, 4)):
        centre, width = rng.uniform(0.1, 0.9) * track.times_s[-1], rng.uniform(0.05, 0.1)
        curve += rng.uniform(1, 3) * np.exp(-(((track.times_s - centre) / width) ** 2))
    return PitchTrack(track.times_s, track.f0_hz * 2 ** (curve / 12))


def with_octave_errors(track: PitchTrack, rng: np.random.Generator) -> PitchTrack:
    """Two bursts of 2 to 4 frames an octave off."""
    f0 = track.f0_hz.copy()
    voiced = np.flatnonzero(f0 > 0)
    for _ in range(2):
        at = rng.integers(0, len(voiced) - 5)
        f0[voiced[at : at + rng.integers(2, 5)]] *= rng.choice([0.5, 2.0])
    return PitchTrack(track.times_s, f0)


def ending_in_creak(track: PitchTrack, rng: np.random.Generator) -> PitchTrack:
    """Octave errors, and the last tenth of the voiced frames halved, wherever the voicing breaks off before."""
    f0 = with_octave_errors(track, rng).f0_hz.copy()
    voiced = np.flatnonzero(f0 > 0)
    last = voiced[-len(voiced) // 10 :]
    f0[last] = track.f0_hz[last] / 2
    return PitchTrack(track.times_s, f0)


def accuracy(change: Callable[[PitchTrack, np.random.Generator], PitchTrack], jitter_st: float) -> tuple[float, float]:
    """(share right of those named, share named) over 20 utterances of each shape."""
    right, named = 0, 0
    for row, shape in enumerate(SHAPES):
        for seed in range(20):
            track, speech, levels = utterance(shape, 1000 * row + seed, jitter_st)
            found = intonation.measure(change(track, np.random.default_rng(seed)), speech, levels).shape
            named += found is not None
            right += found == shape
    return right / named, named / (20 * len(SHAPES))


@pytest.mark.parametrize(
    ("change", "jitter_st", "least_right", "least_named"),
    [
        pytest.param(lambda track, _: track, 0.0, 0.98, 0.98, id="clean"),
        pytest.param(lambda track, _: track, 0.5, 0.95, 0.95, id="jitter"),
        pytest.param(accented, 0.5, 0.93, 0.90, id="accents"),
        pytest.param(with_octave_errors, 0.5, 0.93, 0.95, id="octave errors"),
        pytest.param(ending_in_creak, 0.5, 0.93, 0.90, id="octave errors and creak"),
    ],
)
def test_simulated_contours_get_their_shape(
    change: Callable[[PitchTrack, np.random.Generator], PitchTrack],
    jitter_st: float,
    least_right: float,
    least_named: float,
) -> None:
    right, named = accuracy(change, jitter_st)
    assert right >= least_right
    assert named >= least_named


def test_lower_confidence_is_more_often_wrong() -> None:
    """The confidence means something: among hard contours the surer half is more often right."""
    results = []
    for row, shape in enumerate(SHAPES):
        for seed in range(30):
            track, _, _ = utterance(shape, 1000 * row + seed, 1.5)
            voiced = track.f0_hz > 0
            y = pitch.semitones(track.f0_hz[voiced], float(np.median(track.f0_hz[voiced])))
            found = intonation.fit(track.times_s[voiced], y, np.ones(len(y)), 2.0, 0.3)
            results.append((found.confidence, found.shape == shape))
    results.sort()
    half = len(results) // 2
    assert np.mean([ok for _, ok in results[half:]]) > np.mean([ok for _, ok in results[:half]]) + 0.05


@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_measures_describe_the_contour(shape: str, seed: int) -> None:
    found = intonation.measure(*utterance(shape, seed))
    assert 0 <= found.confidence <= 1
    if found.shape == "rising":
        assert found.end_difference_st >= 2
        assert found.slope_st_s > 0
    if found.shape == "falling":
        assert found.end_difference_st <= -2
    if found.shape == "rising-falling":
        assert found.turn_depth_st >= 2
        assert 0.2 <= found.turn_place <= 0.8
    if found.shape == "falling-rising":
        assert found.turn_depth_st <= -2


@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 100), ratio=st.floats(0.5, 2.0), gain_db=st.floats(-30, 10))
@settings(max_examples=25, deadline=None)
def test_unchanged_by_voice_height_and_level(shape: str, seed: int, ratio: float, gain_db: float) -> None:
    track, speech, levels = utterance(shape, seed, 0.3)
    moved = PitchTrack(track.times_s, track.f0_hz * ratio)
    before = intonation.measure(track, speech, levels)
    after = intonation.measure(moved, speech, levels + gain_db)
    assert (before.shape, before.energy_shape, before.confidence) == (after.shape, after.energy_shape, after.confidence)


@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_time_reversal_reverses_the_shape(shape: str, seed: int) -> None:
    track, speech, levels = utterance(shape, seed)
    backwards = PitchTrack(track.times_s, track.f0_hz[::-1])
    mirrored = {"rising": "falling", "falling": "rising"}
    heard_forwards = intonation.measure(track, speech, levels).shape
    heard_backwards = intonation.measure(backwards, speech, levels[::-1]).shape
    if heard_forwards is not None:  # one in a hundred shallow turns is heard as a slope, then in both directions
        assert heard_backwards in (mirrored.get(heard_forwards, heard_forwards), None)


@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 100), later=st.integers(1, 1000))
@settings(max_examples=25, deadline=None)
def test_the_fit_does_not_depend_on_when_the_speech_begins(shape: str, seed: int, later: int) -> None:
    """Times are multiples of 10 ms with the rounding of floats; blocks of 100 ms must not be torn by it."""
    track, speech, _ = utterance(shape, seed, 1.0)
    f0 = pitch.at_frames(track, len(speech))
    voiced = np.flatnonzero(f0 > 0)
    values, ones = pitch.semitones(f0[voiced], 150.0), np.ones(len(voiced))
    now, then = (intonation.fit((voiced + n) * 0.01, values, ones, 2.0, 0.3) for n in (0, later))
    assert (now.shape, now.confidence) == (then.shape, then.confidence)


def voice(f0: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Four syllables a second with the given F0 [n] and amplitude [n]."""
    time = np.arange(len(f0)) / 16000
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    buzz = sum(np.sin(h * phase) / h for h in range(1, 12))
    syllable = np.where(time * 4 % 1 < 0.75, np.sin(np.pi * np.minimum(time * 4 % 1 / 0.75, 1)) ** 0.5, 0)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(f0))
    return (0.1 * loudness * buzz * syllable + noise).astype(np.float32)


def heard(samples: np.ndarray) -> Intonation:
    speech = activity.speech_mask(samples, 16000)
    return intonation.measure(pitch.track(samples, 16000), speech, activity.frame_levels(samples, 16000))


SOUNDS = {
    "rising": lambda u: 150 * 2 ** (u * 6 / 12),
    "falling": lambda u: 150 * 2 ** (-u * 6 / 12),
    "level": lambda u: 150 + 0 * u,
    "rising-falling": lambda u: 150 * 2 ** ((6 - 12 * np.abs(u - 0.5)) / 12),
    "falling-rising": lambda u: 150 * 2 ** (12 * np.abs(u - 0.5) / 12),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_sound_to_shape_whatever_surrounds_it(shape: str) -> None:
    samples = voice(SOUNDS[shape](np.linspace(0, 1, 32000)), np.ones(32000))
    plain = heard(samples)
    assert plain.shape == shape
    second = np.zeros(16000, np.float32)
    assert heard(np.concatenate([second, samples, second])).model_dump() == plain.model_dump()
    assert heard(np.float32(0.05) * samples).shape == shape
    stereo = audio.check(np.stack([samples, samples], axis=1), 16000)
    assert heard(stereo) == plain


@pytest.mark.parametrize("shape", SHAPES)
def test_energy_shape_of_sound(shape: str) -> None:
    loudness = (SOUNDS[shape](np.linspace(0, 1, 32000)) / 150) ** 3
    found = heard(voice(np.full(32000, 150.0), loudness))
    assert found.energy_shape == shape
    assert found.shape == "level"


@pytest.mark.parametrize(
    ("voiced_s", "speech_s", "reason"),
    [
        (0.0, 0.0, "silent"),
        (0.1, 0.1, "too_short"),
        (0.1, 1.0, "unvoiced"),
        (0.3, 2.0, "unvoiced"),
    ],
)
def test_abstentions(voiced_s: float, speech_s: float, reason: str) -> None:
    times = np.arange(200) * 0.01 + 0.005
    track = PitchTrack(times, np.where(times < voiced_s, 150.0, 0.0))
    found = intonation.measure(track, times < speech_s, np.full(200, -20.0))
    assert (found.shape, found.reason) == (None, reason)


def test_a_brief_word_must_be_clear() -> None:
    """0.4 s of voicing: a plain rise is told, a ragged one is not."""
    times = np.arange(40) * 0.01 + 0.005
    ragged = 2 * np.sin(2 * np.pi * times / 0.15) + 2.2 * times / 0.4
    shapes = [
        intonation.measure(PitchTrack(times, 150 * 2 ** (curve / 12)), np.ones(40, bool), np.full(40, -20.0))
        for curve in (8 * times / 0.4, ragged)
    ]
    assert [shape.shape for shape in shapes] == ["rising", None]
    assert shapes[1].reason == "uncertain"


def test_nothing_at_all_is_too_short() -> None:
    track = PitchTrack(np.zeros(0), np.zeros(0))
    assert intonation.measure(track, np.zeros(0, bool), np.zeros(0)).reason == "too_short"
    assert all(len(part) == 0 for part in intonation.smooth(track))


def test_many_octave_errors_are_a_reason() -> None:
    track, speech, levels = utterance("rising", 3)
    f0 = track.f0_hz.copy()
    for start in range(4, len(f0) - 6, 12):
        f0[start : start + 5] *= 2
    assert intonation.measure(PitchTrack(track.times_s, f0), speech, levels).reason == "octave_errors"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_halved_last_syllable_changes_nothing(shape: str) -> None:
    """It stands alone behind a closure of 50 ms, out of reach of the repair at voiced joints."""
    times = np.arange(200) * 0.01 + 0.005
    curve = SOUNDS[shape](times / times[-1])
    voiced = (times * 4 % 1 < 0.8) & (times < 1.98)
    f0 = np.where(voiced, curve, 0.0)
    creaky = np.where(times > 1.75, f0 / 2, f0)
    plain, spoiled = (
        intonation.measure(PitchTrack(times, track), np.ones(200, bool), np.full(200, -20.0)) for track in (f0, creaky)
    )
    assert plain == spoiled
    assert plain.shape == shape
    _, smoothed = intonation.smooth(PitchTrack(times, creaky))
    assert np.nanmax(np.abs(np.diff(smoothed))) < 1.5


def test_a_high_accent_behind_a_closure_stays() -> None:
    """Speech leaps up by 9 semitones, not by an octave: the accent is not taken for a doubled syllable."""
    times = np.arange(200) * 0.01 + 0.005
    curve = np.where((times > 0.8) & (times < 1.2), 9.0, 0.0)
    voiced = np.abs(times - 0.8) > 0.03
    f0 = np.where(voiced & (np.abs(times - 1.2) > 0.03), 150 * 2 ** (curve / 12), 0.0)
    found = intonation.measure(PitchTrack(times, f0), np.ones(200, bool), np.full(200, -20.0))
    assert found.shape == "rising-falling"


def test_smooth_bridges_short_gaps_only_and_keeps_the_curve() -> None:
    times = np.arange(300) * 0.01 + 0.005
    curve = 3 * np.sin(2 * np.pi * times / 3)
    gaps = ((times > 0.5) & (times < 0.7)) | ((times > 1.5) & (times < 2.0))
    track = PitchTrack(times, np.where(gaps, 0.0, 200 * 2 ** (curve / 12)))
    at, smoothed = intonation.smooth(track)
    assert np.all(np.isnan(smoothed[(at > 1.52) & (at < 1.98)]))
    filled = ~np.isnan(smoothed)
    assert filled[(at > 0.5) & (at < 0.7)].all()
    expected = np.interp(at, times, curve) - np.median(curve[~gaps])
    assert np.abs(smoothed - expected)[filled].max() < 0.35


def test_long_contours_are_thinned_not_refused() -> None:
    times = np.arange(60_000) * 0.01
    found = intonation.fit(times, 5 * times / times[-1], np.ones(len(times)), 2.0, 0.3)
    assert found.shape == "rising"
    assert found.end - found.start == pytest.approx(5, abs=0.1)
