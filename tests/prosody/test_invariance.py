"""What surrounds or carries the speech changes no measurement and no word: silence, a second channel, gain, gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emotionthinker import audio
from emotionthinker.prosody.annotator import measure
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import SHAPES, Prosody

RATE = 16000
SECOND = np.zeros(RATE, np.float32)
WORDED = ("level", "near", "style", "style_near", "shape", "energy_shape", "gender", "reason", "reliable")
GROUPS = ("pitch", "energy", "rate", "intonation", "speaker")
Speech = Callable[..., np.ndarray]

clips = st.fixed_dictionaries(
    {
        "seconds": st.sampled_from([1.0, 1.5, 2.0]),
        "f0": st.sampled_from([95.0, 140.0, 210.0, 300.0]),
        "gain": st.sampled_from([0.1, 0.3, 0.5]),
        "seed": st.integers(0, 20),
    }
)


def heard(samples: np.ndarray) -> Prosody:
    """Every measurement with its words, as `annotate` gives them; no recogniser."""
    return Calibration.load("reference").apply(measure(samples, RATE, transcribe=False))


def words(prosody: Prosody, *groups: str) -> dict[str, Any]:
    found = prosody.model_dump(include=set(groups))
    return {f"{g}.{name}": value for g, fields in found.items() for name, value in fields.items() if name in WORDED}


@given(clip=clips, cut=st.integers(0, 4000))
@example(clip={"seconds": 2.0, "f0": 210.0, "gain": 0.1, "seed": 0}, cut=3129)
@settings(max_examples=25)
def test_a_second_of_silence_on_either_side_changes_nothing_but_the_duration(
    speech: Speech, clip: dict[str, Any], cut: int
) -> None:
    """Wherever the clip ends: in the last pause, in a syllable, within a frame."""
    samples = speech(**clip)[: -cut or None]
    plain, padded = heard(samples), heard(np.concatenate([SECOND, samples, SECOND]))
    assert padded.duration_s == pytest.approx(plain.duration_s + 2, abs=2e-4)
    assert padded.model_copy(update={"duration_s": plain.duration_s}) == plain


@given(clip=clips, before=st.integers(0, 2 * RATE), after=st.integers(0, 2 * RATE))
@settings(max_examples=15)
def test_nor_does_silence_of_any_length(speech: Speech, clip: dict[str, Any], before: int, after: int) -> None:
    samples = speech(**clip)
    plain, padded = heard(samples), heard(np.pad(samples, (before, after)))
    assert padded.model_copy(update={"duration_s": plain.duration_s}) == plain


@pytest.mark.parametrize("before", [80, 16100])
def test_times_of_words_count_from_the_beginning_of_the_clip(spoken: Any, before: int) -> None:
    samples, _ = audio.load(spoken("neutral"))
    text = "They are coming home tomorrow evening."
    first = measure(samples, RATE, text=text).stress.words
    later = measure(np.pad(samples, (before, 0)), RATE, text=text).stress.words
    assert [w.text for w in later] == [w.text for w in first]
    for one, two in zip(first, later, strict=True):
        assert two.start_s == pytest.approx(one.start_s + before / RATE, abs=0.0011)
        assert two.score == one.score


@given(clip=clips, rate=st.sampled_from([8000, 11025, 22050, 44100, 48000]))
@settings(max_examples=15)
def test_nor_does_a_second_of_silence_in_sound_of_another_rate(speech: Speech, clip: dict[str, Any], rate: int) -> None:
    samples, second = soxr.resample(speech(**clip), RATE, rate), np.zeros(rate, np.float32)
    plain = heard(audio.check(samples, rate))
    padded = heard(audio.check(np.concatenate([second, samples, second]), rate))
    assert padded.model_copy(update={"duration_s": plain.duration_s}) == plain


@given(clip=clips, offset=st.floats(-0.4, 0.4))
@settings(max_examples=10)
def test_a_constant_offset_changes_no_word(speech: Speech, clip: dict[str, Any], offset: float) -> None:
    samples = speech(**clip)
    plain, shifted = heard(samples), heard(np.asarray(samples + np.float32(offset), np.float32))
    every = ("pitch", "energy", "rate", "intonation", "speaker")
    assert words(shifted, *every) == words(plain, *every)
    for name in ("active_dbfs", "peak_dbfs", "loudness_lufs"):
        assert getattr(shifted.energy, name) == pytest.approx(getattr(plain.energy, name), abs=0.1)


@given(clip=clips, place=st.sampled_from([0, 1]))
@settings(max_examples=5)
def test_an_empty_second_channel_changes_nothing(speech: Speech, clip: dict[str, Any], place: int) -> None:
    samples = speech(**clip)
    both = np.insert(np.zeros((len(samples), 1), np.float32), place, samples, axis=1)
    assert heard(audio.check(both, RATE)) == heard(audio.check(samples, RATE))


@given(clip=clips)
@settings(max_examples=10)
def test_a_second_equal_channel_changes_nothing(speech: Speech, clip: dict[str, Any]) -> None:
    samples = speech(**clip)
    assert heard(audio.check(np.stack([samples, samples], axis=1), RATE)) == heard(audio.check(samples, RATE))


@given(clip=clips, gain_db=st.floats(-20, 6))
@settings(max_examples=25)
def test_gain_moves_the_energy_alone(speech: Speech, clip: dict[str, Any], gain_db: float) -> None:
    """From -20 to +6 dB, never into clipping: the levels follow, all else stays."""
    samples = speech(**clip)
    factor = 10 ** (gain_db / 20)
    assert np.abs(factor * samples).max() <= 1
    plain, louder = heard(samples), heard(np.asarray(factor * samples, np.float32))
    same = ("pitch", "rate", "intonation", "speaker")
    assert words(louder, *same) == words(plain, *same)
    for group, names in {"pitch": ("median_hz", "range_st"), "intonation": ("end_difference_st",)}.items():
        for name in names:
            before, after = getattr(getattr(plain, group), name), getattr(getattr(louder, group), name)
            assert after == pytest.approx(before, rel=2e-3, abs=0.02)
    for name in ("active_dbfs", "peak_dbfs", "loudness_lufs"):
        assert getattr(louder.energy, name) == pytest.approx(getattr(plain.energy, name) + gain_db, abs=0.03)
    for name in ("dynamic_range_db", "alpha_ratio_db"):
        assert getattr(louder.energy, name) == pytest.approx(getattr(plain.energy, name), abs=0.03)


@given(clip=clips, gap_s=st.floats(0.3, 1.0))
@settings(max_examples=10)
def test_a_pause_inside_changes_no_level(speech: Speech, clip: dict[str, Any], gap_s: float) -> None:
    """A pause at a syllable boundary: pitch, energy, effort and articulation are those of the speech."""
    samples = speech(**clip)
    at = round(0.5 * clip["seconds"] * 4) * RATE // 4
    paused = np.concatenate([samples[:at], np.zeros(round(gap_s * 100) * RATE // 100, np.float32), samples[at:]])
    plain, found = heard(samples), heard(paused)
    assert found.pitch.median_hz == pytest.approx(plain.pitch.median_hz, rel=0.01)
    assert found.energy.active_dbfs == pytest.approx(plain.energy.active_dbfs, abs=0.4)
    assert found.energy.loudness_lufs == pytest.approx(plain.energy.loudness_lufs, abs=0.7)
    assert found.energy.alpha_ratio_db == pytest.approx(plain.energy.alpha_ratio_db, abs=0.4)
    for word in ("pitch", "energy"):
        level, near = getattr(plain, word).level, getattr(plain, word).near
        assert getattr(found, word).level in (level, near)


@given(clip=clips, at=st.floats(0.1, 0.35), seconds=st.sampled_from([0.001, 0.01, 0.03]), peak=st.floats(0.5, 0.95))
@example(clip={"seconds": 2.0, "f0": 95.0, "gain": 0.1, "seed": 0}, at=0.2, seconds=0.03, peak=0.9)
@settings(max_examples=25)
def test_a_click_before_the_speech_changes_no_word(
    speech: Speech, clip: dict[str, Any], at: float, seconds: float, peak: float
) -> None:
    """A key or a knock, louder than all speech."""
    room = 1e-4 * np.random.default_rng(1).standard_normal(round(0.6 * RATE))
    samples = np.concatenate([room, speech(**{**clip, "gain": 0.1 * clip["gain"]}), room]).astype(np.float32)
    clicked = samples.copy()
    count = round(seconds * RATE)
    clicked[round(at * RATE) :][:count] += peak * np.sin(np.arange(count)) * np.hanning(count + 2)[1:-1]
    plain, found = heard(samples), heard(clicked)
    assert (plain.clicks, found.clicks) == (0, 1)
    assert words(found, *GROUPS) == words(plain, *GROUPS)


def voice(shape: str, f0: float, size_st: float) -> np.ndarray:
    """Two seconds of syllables whose pitch moves as `shape` says."""
    u = np.linspace(0, 1, 2 * RATE)
    bend = 1 - 2 * np.abs(u - 0.5)
    curve = {"rising": u, "falling": -u, "level": 0 * u, "rising-falling": bend, "falling-rising": -bend}[shape]
    phase = 2 * np.pi * np.cumsum(f0 * 2 ** (size_st * curve / 12)) / RATE
    buzz = sum(np.sin(h * phase) / h for h in range(1, 10))
    place = np.arange(len(u)) / RATE * 4 % 1
    syllable = np.where(place < 0.75, np.sin(np.pi * np.minimum(place / 0.75, 1)) ** 0.5, 0)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(u))
    return (0.1 * buzz * syllable + noise).astype(np.float32)


@given(
    shape=st.sampled_from(SHAPES), f0=st.floats(110, 240), size_st=st.floats(4.5, 8.0), gain_db=st.floats(-20, 6),
    gap_s=st.sampled_from([0.0, 0.2, 0.6]),
)  # fmt: skip
@settings(max_examples=25)
def test_the_shape_is_that_of_the_voice_alone(
    shape: str, f0: float, size_st: float, gain_db: float, gap_s: float
) -> None:
    """Silence around, a second channel, gain and an unvoiced gap at once: a rise is still a rise."""
    samples = voice(shape, f0, size_st)
    gap = np.zeros(round(gap_s * RATE), np.float32)
    carried = np.concatenate([SECOND, samples[:RATE], gap, samples[RATE:], SECOND]) * 10 ** (gain_db / 20)
    found = heard(audio.check(np.stack([carried, carried], axis=1).astype(np.float32), RATE))
    assert found.intonation.shape == shape


@pytest.mark.real
def test_silence_around_real_speech_changes_no_word(shared_speech: list[dict[str, Any]]) -> None:
    chosen = np.random.default_rng(0).permutation(len(shared_speech))[:24]
    for row in (shared_speech[number] for number in chosen):
        samples, _ = audio.load(row["audio"])
        plain, padded = heard(samples), heard(np.concatenate([SECOND, samples, SECOND]))
        assert words(padded, *GROUPS) == words(plain, *GROUPS), row["path"]
