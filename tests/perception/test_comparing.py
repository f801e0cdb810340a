from __future__ import annotations

import numpy as np
import pytest

from emotionthinker.perception import comparing

from .conftest import RATE, syllables


def differences(original: np.ndarray, variant: np.ndarray) -> tuple[float, float, float]:
    """(speed, pitch in st, formants in st)."""
    matched = comparing.warp(original, variant, RATE)
    voicing = comparing.voiced_in_both(original, variant, RATE, matched)
    formants = comparing.formant_shift(original, variant, RATE, voicing)
    return matched.speed, comparing.pitch_shift(voicing), formants


def test_a_sound_does_not_differ_from_itself(voice: np.ndarray) -> None:
    assert differences(voice, voice) == pytest.approx((1, 0, 0), abs=0.005)


@pytest.mark.parametrize("ratio", [0.84, 1.19])
def test_tape_speed_moves_all_three_by_as_much(voice: np.ndarray, ratio: float) -> None:
    from scipy.signal import resample

    speed, pitch_st, formants_st = differences(voice, resample(voice, round(len(voice) / ratio)).astype(np.float32))
    assert speed == pytest.approx(ratio, rel=0.02)
    assert pitch_st == pytest.approx(12 * np.log2(ratio), abs=0.3)
    assert formants_st == pytest.approx(12 * np.log2(ratio), abs=0.5)


def test_another_pitch_with_the_same_formants_has_no_formant_shift() -> None:
    low, high = (syllables(f0=f0, seed=3) for f0 in (120.0, 170.0))
    _, pitch_st, formants_st = differences(low, high)
    assert pitch_st == pytest.approx(12 * np.log2(170 / 120), abs=0.3)
    assert abs(formants_st) < 0.5


def test_tempo_is_found_in_a_long_clip() -> None:
    long = np.concatenate([syllables(f0=150, seed=seed, count=8) for seed in range(9)])
    assert len(long) > 15 * RATE
    from scipy.signal import resample

    assert comparing.warp(long, resample(long, round(len(long) / 1.13)).astype(np.float32), RATE).speed == (
        pytest.approx(1.13, rel=0.005)
    )


def test_unvoiced_sound_has_neither_pitch_nor_formants_to_compare() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    speed, pitch_st, formants_st = differences(noise, noise)
    assert speed == 1
    assert np.isnan([pitch_st, formants_st]).all()


def test_silence_has_no_tempo_to_compare(voice: np.ndarray) -> None:
    matched = comparing.warp(voice, np.zeros_like(voice), RATE)
    assert np.isnan(matched.speed)
    assert np.isnan(comparing.pitch_shift(comparing.voiced_in_both(voice, voice, RATE, matched)))
