"""Energy of the active speech."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.prosody import activity, energy
from emotionthinker.records import Energy

RATE = 16000
Speech = Callable[..., np.ndarray]


def measured(samples: np.ndarray) -> Energy:
    """Every frame of the speech taken as voiced."""
    samples = samples.astype(np.float32)
    speech = activity.speech_mask(samples, RATE)
    return energy.measure(samples, RATE, speech, speech)


def tone(seconds: float, rms: float) -> np.ndarray:
    return rms * np.sqrt(2) * np.sin(2 * np.pi * 500 * np.arange(round(seconds * RATE)) / RATE)


def test_level_and_peak_of_a_tone() -> None:
    found = measured(tone(1.0, 0.05))
    assert found.active_dbfs == pytest.approx(20 * np.log10(0.05), abs=0.1)
    assert found.peak_dbfs == pytest.approx(20 * np.log10(0.05 * np.sqrt(2)), abs=0.05)
    assert found.reason is None


def test_pauses_do_not_count() -> None:
    pause = np.zeros(RATE)
    with_pauses = np.concatenate([tone(0.5, 0.1), pause, tone(0.5, 0.1), pause])
    assert measured(with_pauses).active_dbfs == pytest.approx(measured(tone(1.0, 0.1)).active_dbfs, abs=0.3)


@pytest.mark.parametrize("fall_db", [6, 12, 18, 24])
def test_dynamic_range_of_a_fading_tone(fall_db: float) -> None:
    """p95 against p10 spans 85 % of a linear fall."""
    fade = 10 ** (-fall_db / 20 * np.linspace(0, 1, RATE))
    assert measured(tone(1.0, 0.2) * fade).dynamic_range_db == pytest.approx(0.85 * fall_db, abs=0.5)


@pytest.mark.parametrize("snr", [10, 20, 30])
def test_snr(snr: float) -> None:
    noise = np.random.default_rng(0).standard_normal(3 * RATE) * 0.1 * 10 ** (-snr / 20)
    found = measured(np.concatenate([np.zeros(RATE), tone(1.0, 0.1), np.zeros(RATE)]) + noise)
    assert found.snr_db == pytest.approx(snr, abs=1.0)


def test_no_snr_without_noise() -> None:
    assert measured(np.concatenate([np.zeros(RATE), tone(1.0, 0.1)])).snr_db is None


@pytest.mark.parametrize(("samples", "reason"), [(np.zeros(RATE), "silent"), (tone(0.03, 0.1), "too_short")])
def test_reasons(samples: np.ndarray, reason: str) -> None:
    found = measured(samples)
    assert found.reason == reason
    assert found.active_dbfs is found.dynamic_range_db is found.snr_db is None
    assert found.loudness_lufs is found.alpha_ratio_db is None


@given(gain_db=st.floats(-30, 6), seed=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_gain_moves_levels_and_nothing_else(speech: Speech, gain_db: float, seed: int) -> None:
    clip = speech(seconds=1.0, seed=seed)
    plain, louder = measured(clip), measured(clip * 10 ** (gain_db / 20))
    assert louder.active_dbfs == pytest.approx(plain.active_dbfs + gain_db, abs=0.03)
    assert louder.peak_dbfs == pytest.approx(plain.peak_dbfs + gain_db, abs=0.03)
    assert louder.loudness_lufs == pytest.approx(plain.loudness_lufs + gain_db, abs=0.03)
    assert louder.dynamic_range_db == pytest.approx(plain.dynamic_range_db, abs=0.03)
    assert louder.alpha_ratio_db == pytest.approx(plain.alpha_ratio_db, abs=0.03)


@pytest.mark.parametrize("ratio_db", [-20, -6, 0, 10])
def test_alpha_ratio_of_two_tones(ratio_db: float) -> None:
    """One tone in each band: the ratio is that of their powers, whatever stands outside the bands."""
    time = np.arange(RATE) / RATE
    high = 10 ** (ratio_db / 20) * np.sin(2 * np.pi * 2500 * time)
    outside = 0.5 * np.sin(2 * np.pi * 6500 * time)
    found = measured(0.05 * (np.sin(2 * np.pi * 500 * time) + high + outside))
    assert found.alpha_ratio_db == pytest.approx(ratio_db, abs=0.1)


def test_alpha_ratio_rises_with_effort(speech: Speech) -> None:
    """A flatter spectrum is a pressed voice: raising it by 6 dB an octave raises the ratio."""
    clip = speech(seconds=1.0)
    pressed = np.diff(clip, prepend=0.0)
    assert measured(pressed).alpha_ratio_db > measured(clip).alpha_ratio_db + 6


def test_alpha_ratio_looks_at_voiced_frames_only(speech: Speech) -> None:
    clip = speech(seconds=1.0).astype(np.float32)
    hiss = 0.2 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    both = np.concatenate([clip, hiss])
    first = np.arange(200) < 99
    mask = np.ones(200, bool)
    assert energy.measure(both, RATE, mask, first).alpha_ratio_db == pytest.approx(
        energy.measure(clip, RATE, mask[:100], first[:100]).alpha_ratio_db, abs=0.3
    )
    assert energy.measure(both, RATE, mask, ~mask).alpha_ratio_db is None
    assert energy.measure(both, RATE, mask).alpha_ratio_db is None


@pytest.mark.parametrize("pad", [160, 16000])
def test_unchanged_by_silence_around(speech: Speech, pad: int) -> None:
    clip = speech(seconds=1.0)
    assert measured(np.pad(clip, pad)) == measured(clip)


def test_level_hardly_depends_on_where_frames_begin(speech: Speech) -> None:
    clip = speech(seconds=1.0)
    assert measured(np.pad(clip, 16037)).active_dbfs == pytest.approx(measured(clip).active_dbfs, abs=0.3)
