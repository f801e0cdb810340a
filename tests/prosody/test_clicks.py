from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.prosody import activity, clicks

RATE = 16000
Speech = Callable[..., np.ndarray]


def burst(seconds: float, amplitude: float, rate: int = RATE) -> np.ndarray:
    """Noise that swells and fades; peak about `amplitude`."""
    count = round(seconds * rate)
    noise = np.random.default_rng(3).uniform(-1, 1, count)
    return np.asarray(amplitude * noise * np.hanning(count + 2)[1:-1], np.float32)


def powers(*levels_db: float) -> np.ndarray:
    return 10 ** (np.array(levels_db) / 10)


QUIET, LOUD = [-70.0] * 40, [-20.0, -22.0, -19.0] * 15


def test_a_short_loud_event_between_quiet_frames_is_found_with_its_slopes() -> None:
    assert clicks.find(powers(*QUIET, -30, -3, -8, *QUIET, *LOUD)) == [slice(39, 45)]


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ([*QUIET, -21, *QUIET, *LOUD], "no louder than the speech"),
        ([*QUIET, *[-3] * 5, *QUIET, *LOUD], "as long as a syllable"),
        ([*LOUD, -3, *LOUD], "speech around it"),
        ([*LOUD, *QUIET, *LOUD], "none at all"),
        ([-120.0] * 30, "silent"),
        ([], "empty"),
    ],
)
def test_speech_and_silence_are_no_clicks(levels: list[float], why: str) -> None:
    assert clicks.find(powers(*levels)) == [], why


def test_clicks_close_together_and_of_any_loudness_are_all_found() -> None:
    pair = [-3, *[-70.0] * 9, -6]
    levels = [*QUIET, *pair, *QUIET, *LOUD, *QUIET, -12]
    found = clicks.find(powers(*levels))
    assert sorted(part.start for part in found) == [38, 48, 174]


def test_what_stands_alone_in_silence_is_no_click() -> None:
    assert clicks.find(powers(*[-120.0] * 30, -3, *[-90.0] * 30)) == []


def test_ten_thousand_clicks_are_found_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of each does not grow with the clip."""
    asked = []
    at = clicks._click_at
    monkeypatch.setattr(clicks, "_click_at", lambda power, peak: asked.append(peak) or at(power, peak))
    levels = np.tile([-10.0, *[-70.0] * 29], 10_000)
    assert len(clicks.find(powers(*levels, *LOUD))) == 10_000
    assert len(asked) == 10_001


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("seconds", [0.002, 0.01, 0.03])
def test_a_click_becomes_digital_silence_and_the_rest_stays(speech: Speech, rate: int, seconds: float) -> None:
    pause = 1e-4 * np.random.default_rng(0).standard_normal(rate // 2)
    samples = np.concatenate([pause, speech(seconds=2.0, gain=0.05), pause]).astype(np.float32)
    clicked = samples.copy()
    sound = burst(seconds, 0.9, rate)
    clicked[rate // 5 : rate // 5 + len(sound)] += sound
    cleaned, count = activity.without_clicks(clicked, rate)
    assert count == 1
    changed = np.flatnonzero(cleaned != samples) / rate
    assert changed.min() > 0.2 - 0.04
    assert changed.max() < 0.2 + seconds + 0.04
    assert np.abs(cleaned[rate // 5 : rate // 5 + len(sound)]).max() == 0
    again, none = activity.without_clicks(cleaned, rate)
    assert none == 0
    assert again is cleaned


@given(
    seconds=st.sampled_from([1.0, 2.0]), f0=st.sampled_from([95.0, 210.0, 300.0]), gain=st.sampled_from([0.01, 0.3]),
    seed=st.integers(0, 50), volume=st.floats(0.1, 3.0),
)  # fmt: skip
@settings(max_examples=25)
def test_speech_has_none_at_any_volume(
    speech: Speech, seconds: float, f0: float, gain: float, seed: int, volume: float
) -> None:
    samples = speech(seconds=seconds, f0=f0, gain=gain, seed=seed) * np.float32(volume)
    cleaned, count = activity.without_clicks(samples, RATE)
    assert count == 0
    assert cleaned is samples


def test_masks_of_speech_and_what_a_model_hears_know_of_clicks(speech: Speech) -> None:
    """A click 50 dB above the speech: without it in mind, the speech would be too quiet to count."""
    pause = np.zeros(RATE // 2, np.float32)
    samples = np.concatenate([pause, speech(seconds=2.0, gain=0.003), pause])
    clicked = samples.copy()
    clicked[1600:1760] += burst(0.01, 0.95)
    for mask in (activity.speech_mask, activity.core_mask):
        assert (mask(clicked, RATE) == mask(samples, RATE)).all()
    assert len(activity.trim(clicked, RATE)) == len(activity.trim(samples, RATE))
