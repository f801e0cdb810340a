from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.perception import variants
from emotionthinker.perception.variants import Change, Tolerance

from .conftest import RATE, whispered


@pytest.mark.parametrize("semitones", [-4.0, 0.0, 4.0])
def test_pitch_moves_alone(voice: np.ndarray, semitones: float) -> None:
    asked = Change(pitch_st=semitones)
    variant = variants.apply(voice, RATE, "pitch", asked)
    assert len(variant) == len(voice)
    assert Tolerance().failures(asked, variants.measure(voice, variant, RATE)) == []


def test_pitch_shift_keeps_the_formants(voice: np.ndarray) -> None:
    def centroid(x: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(x)) ** 2
        hz = np.fft.rfftfreq(len(x), 1 / RATE)
        band = (hz > 300) & (hz < 2500)
        return float((hz[band] * power[band]).sum() / power[band].sum())

    shifted = variants.apply(voice, RATE, "pitch", Change(pitch_st=4))
    assert centroid(shifted) == pytest.approx(centroid(voice), rel=0.1)  # resampling would give 1.26
    assert abs(variants.measure(voice, shifted, RATE).formants_st) < 0.5


@given(
    known=st.lists(st.integers(0, 400), min_size=1, max_size=30, unique=True),
    wanted=st.lists(st.integers(-50, 500), min_size=1, max_size=30),
)
def test_nearest_frame_is_the_one_of_least_distance(known: list[int], wanted: list[int]) -> None:
    a, b = np.sort(np.array(known, float)), np.array(wanted, float)
    found = variants._nearest(a, b)
    assert (found == np.abs(a[None, :] - b[:, None]).argmin(axis=1)).all()


def test_level_restored_after_pitch_and_speed(voice: np.ndarray) -> None:
    for attribute, asked in (("pitch", Change(pitch_st=-4)), ("speed", Change(speed=0.8))):
        variant = variants.apply(voice, RATE, attribute, asked)
        assert variants.active_level(variant, RATE) == pytest.approx(variants.active_level(voice, RATE), abs=0.2)


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.25])
def test_speed_moves_alone(voice: np.ndarray, ratio: float) -> None:
    asked = Change(speed=ratio)
    variant = variants.apply(voice, RATE, "speed", asked)
    assert len(variant) == pytest.approx(len(voice) / ratio, abs=2)
    assert Tolerance().failures(asked, variants.measure(voice, variant, RATE)) == []


@pytest.mark.parametrize("gain", [-8.0, 6.0])
def test_energy_moves_alone(voice: np.ndarray, gain: float) -> None:
    got = variants.measure(voice, variants.apply(voice, RATE, "energy", Change(energy_db=gain)), RATE)
    assert got.energy_db == pytest.approx(gain, abs=0.05)
    assert got.pitch_st == pytest.approx(0, abs=0.05)
    assert got.speed == pytest.approx(1, abs=0.005)


def test_a_false_change_is_named() -> None:
    got = Change(pitch_st=3.2, speed=1.05, energy_db=float("nan"), formants_st=-0.6)
    failures = Tolerance().failures(Change(pitch_st=4), got)
    assert [failure.split()[0] for failure in failures] == ["pitch", "speed", "energy", "formants"]
    assert "-0.800st" in failures[0]
    assert "0.5st" in failures[0]


def test_measure_sees_a_change_in_another_attribute(voice: np.ndarray) -> None:
    from scipy.signal import resample

    faster = resample(voice, round(len(voice) / 1.25)).astype(np.float32)  # tape speed: pitch and speed together
    got = variants.measure(voice, faster, RATE)
    assert got.speed == pytest.approx(1.25, rel=0.02)
    assert got.pitch_st == pytest.approx(12 * np.log2(1.25), abs=0.3)


def test_noise_has_no_pitch_to_verify(voice: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert np.isnan(variants.measure(noise, noise, RATE).pitch_st)


@pytest.mark.parametrize(("attribute", "asked"), [("energy", Change(energy_db=-6)), ("speed", Change(speed=1.25))])
def test_a_whisper_is_not_held_to_its_pitch_unless_that_was_asked(attribute: str, asked: Change) -> None:
    found = variants.make(whispered(), RATE, attribute, asked)
    assert (found.failures, found.unchecked) == ([], ("pitch", "formants"))
    moved = variants.make(whispered(), RATE, "pitch", Change(pitch_st=3))
    assert moved.unchecked == ()
    assert "pitch could not be measured" in moved.failures


def test_a_voice_that_was_lost_is_no_whisper(voice: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    assert variants.make(voice, RATE, "energy", Change(energy_db=-6)).unchecked == ()
    monkeypatch.setattr(variants, "apply", lambda *_: whispered())
    lost = variants.make(voice, RATE, "energy", Change(energy_db=-6))
    assert lost.unchecked == ()
    assert "pitch could not be measured" in lost.failures


def test_trim_keeps_the_speech_with_a_margin(voice: np.ndarray) -> None:
    padded = np.concatenate([np.zeros(RATE, np.float32), voice, np.zeros(RATE, np.float32)])
    trimmed = variants.trim(padded, RATE)
    assert len(trimmed) < len(voice)
    assert float((trimmed**2).sum()) == pytest.approx(float((voice**2).sum()), rel=1e-3)
    assert len(variants.trim(np.zeros(RATE, np.float32), RATE)) == 0


def test_unknown_attribute_is_refused(voice: np.ndarray) -> None:
    with pytest.raises(ValueError, match="'timbre'"):
        variants.apply(voice, RATE, "timbre", Change())


def test_only_the_tools_of_what_is_asked_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    variants.check_tools(["pitch", "energy"])
    with pytest.raises(EmotionThinkerError, match=r"speed needs Signalsmith Stretch.*emotionthinker\[augment\]"):
        variants.check_tools(["energy", "speed"])
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(EmotionThinkerError, match=r"measuring every variant.*WORLD.*emotionthinker\[augment\]"):
        variants.check_tools(["energy"])
