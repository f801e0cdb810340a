"""Loudness against the values and coefficients that ITU-R BS.1770-4 prints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.prosody import activity, loudness

RATES = (16000, 22050, 44100, 48000)
TENTH = 0.1
"""What EBU Tech 3341 allows a meter, LU."""


def read(samples: np.ndarray, rate: int = 16000) -> float | None:
    samples = samples.astype(np.float32)
    return loudness.lufs(samples, rate, activity.speech_mask(samples, rate))


def sine(seconds: float, peak_dbfs: float, rate: int = 16000, hertz: float = 997.0) -> np.ndarray:
    return 10 ** (peak_dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("peak_dbfs", [0.0, -20.0, -60.0])
def test_reference_sine(rate: int, peak_dbfs: float) -> None:
    """Annex 1: a 0 dBFS 997 Hz sine in one channel reads -3.01."""
    assert read(sine(2.0, peak_dbfs, rate), rate) == pytest.approx(-3.01 + peak_dbfs, abs=TENTH)


def test_coefficients_at_48_khz_are_those_of_the_standard() -> None:
    shelf, low_cut = loudness.k_weighting(48000)
    printed = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    assert shelf == pytest.approx(printed, abs=1e-7)
    assert low_cut == pytest.approx([1, -2, 1, 1, -1.99004745483398, 0.99007225036621], abs=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_other_rates_weight_alike(rate: int) -> None:
    from scipy.signal import sosfreqz

    hertz = np.geomspace(30, 7000, 60)
    ours, theirs = (np.abs(sosfreqz(loudness.k_weighting(r), hertz, fs=r)[1]) for r in (rate, 48000))
    assert 20 * np.log10(ours / theirs) == pytest.approx(np.zeros(60), abs=TENTH)


def test_quiet_parts_are_gated_and_half_as_loud_ones_are_not() -> None:
    loud, soft, faint = sine(2.0, -20.0), sine(2.0, -26.0), sine(2.0, -36.0)
    mean = -23.01 + 10 * np.log10((1 + 10**-0.6) / 2)
    assert read(np.concatenate([loud, soft])) == pytest.approx(mean, abs=TENTH)
    assert read(np.concatenate([loud, faint])) == pytest.approx(-23.01, abs=2 * TENTH)


def test_nothing_loud_or_long_enough_is_none() -> None:
    assert read(np.zeros(16000)) is read(np.zeros(0)) is None
    assert read(sine(0.15, -10.0)) is None
    assert read(sine(0.25, -10.0)) is not None
    assert read(sine(1.0, -75.0)) is None


@given(gain_db=st.floats(-30, 6), seed=st.integers(0, 3))
def test_follows_gain(speech: Callable[..., np.ndarray], gain_db: float, seed: int) -> None:
    clip = speech(seconds=1.0, seed=seed)
    plain, louder = read(clip), read(clip * 10 ** (gain_db / 20))
    assert plain is not None
    assert louder == pytest.approx(plain + gain_db, abs=0.02)
