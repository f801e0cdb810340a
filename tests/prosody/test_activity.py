"""Voice activity: where the sound is, whatever its gain and surroundings."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emotionthinker.prosody import activity

RATE = 16000
Speech = Callable[..., np.ndarray]


def noise(seconds: float, rms: float, seed: int = 0) -> np.ndarray:
    return (rms * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def bursts(*spans: tuple[float, float], seconds: float = 2.0, rms: float = 0.1) -> np.ndarray:
    """Bursts of noise at the (start, end) spans, digital silence elsewhere."""
    samples = noise(seconds, rms)
    inside = np.zeros(len(samples), bool)
    for start, end in spans:
        inside[round(start * RATE) : round(end * RATE)] = True
    return np.where(inside, samples, 0).astype(np.float32)


def found(samples: np.ndarray) -> list[tuple[float, float]]:
    return activity.segments(activity.speech_mask(samples, RATE))


def test_finds_the_spoken_part() -> None:
    assert found(bursts((0.5, 1.2))) == [pytest.approx((0.5, 1.2), abs=0.021)]


def test_one_value_per_10_ms_frame_begun() -> None:
    assert len(activity.speech_mask(np.zeros(RATE + 1, np.float32), RATE)) == 101
    assert len(activity.speech_mask(np.zeros(44100, np.float32), 44100)) == 100
    assert len(activity.speech_mask(np.zeros(0, np.float32), RATE)) == 0


@given(st.sampled_from([11025, 22050, 44100]), st.integers(0, 30000))
@example(22050, 18302)
@example(22050, 11246)
def test_rates_that_10_ms_does_not_divide(rate: int, samples: int) -> None:
    """The last frame may round to begin where the samples end; it is silent then."""
    levels = activity.frame_levels(np.full(samples, 0.1, np.float32), rate)
    assert len(levels) == math.ceil(samples / rate * 100 - 1e-9)
    assert np.isfinite(levels).all()


@pytest.mark.parametrize(("gap", "segments"), [(0.06, 1), (0.2, 2)])
def test_closures_are_bridged_and_pauses_are_not(gap: float, segments: int) -> None:
    assert len(found(bursts((0.3, 0.8), (0.8 + gap, 1.6)))) == segments


def test_clicks_are_dropped() -> None:
    assert found(bursts((0.2, 0.21), (0.8, 1.5))) == [pytest.approx((0.8, 1.5), abs=0.021)]


def test_speech_over_steady_noise_is_found() -> None:
    samples = bursts((0.8, 1.6), seconds=2.4) + noise(2.4, 0.01, seed=1)
    assert found(samples) == [pytest.approx((0.8, 1.6), abs=0.031)]


def test_trimming_keeps_a_margin_and_every_active_frame() -> None:
    samples = bursts((0.5, 1.2))
    kept = activity.trim(samples, RATE)
    assert len(kept) / RATE == pytest.approx(1.1, abs=0.05)
    assert np.count_nonzero(kept) == np.count_nonzero(samples)
    assert len(activity.trim(samples, RATE, margin_s=10.0)) == len(samples)


def test_nothing_is_trimmed_from_silence() -> None:
    assert len(activity.trim(np.zeros(RATE, np.float32), RATE)) == RATE
    assert len(activity.trim(np.zeros(0, np.float32), RATE)) == 0


@pytest.mark.parametrize("seconds", [0.05, 1.0])
def test_steady_sound_is_active_throughout(seconds: float) -> None:
    assert activity.speech_mask(noise(seconds, 0.1), RATE).all()


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_silence_and_constant_offset_hold_no_speech(offset: float) -> None:
    assert not activity.speech_mask(np.full(RATE, offset, np.float32), RATE).any()


def test_an_offset_and_hum_change_nothing(speech: Speech) -> None:
    clip = speech(seconds=1.5)
    hum = 0.02 * np.sin(2 * np.pi * 10 * np.arange(len(clip)) / RATE)
    plain, shifted = activity.speech_mask(clip, RATE), activity.speech_mask((clip + 0.2 + hum).astype(np.float32), RATE)
    assert np.mean(plain[10:] == shifted[10:]) > 0.97


@given(gain_db=st.floats(-40, 9), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_unchanged_by_gain(speech: Speech, gain_db: float, seed: int) -> None:
    clip = speech(seconds=1.0, seed=seed)
    louder = (clip * 10 ** (gain_db / 20)).astype(np.float32)
    assert np.array_equal(activity.speech_mask(clip, RATE), activity.speech_mask(louder, RATE))


@given(before=st.integers(0, 150), after=st.integers(0, 150), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_moves_with_the_sound_when_silence_surrounds_it(speech: Speech, before: int, after: int, seed: int) -> None:
    clip = speech(seconds=1.0, seed=seed)
    padded = np.pad(clip, (before * 160, after * 160))
    inside = activity.speech_mask(padded, RATE)
    assert np.array_equal(inside[before : before + 100], activity.speech_mask(clip, RATE))
    assert not inside[:before].any()
    assert not inside[before + 100 :].any()


def test_quiet_room_noise_around_it_changes_nothing(speech: Speech) -> None:
    clip = speech(seconds=1.0)
    padded = np.concatenate([noise(1.0, 2e-5), clip, noise(1.0, 2e-5, seed=1)])
    assert np.array_equal(activity.speech_mask(padded, RATE)[100:200], activity.speech_mask(clip, RATE))


def test_blocks_are_seamless(speech: Speech, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = speech(seconds=1.0)
    whole = activity.frame_power(clip, RATE)
    monkeypatch.setattr(activity, "_BLOCK_FRAMES", 7)
    np.testing.assert_allclose(activity.frame_power(clip, RATE), whole, rtol=1e-9)


def test_levels_are_decibels_of_full_scale() -> None:
    time = np.arange(RATE) / RATE
    tone = (0.1 * np.sqrt(2) * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    assert activity.frame_levels(tone, RATE)[5:-5] == pytest.approx(-20.0, abs=0.05)
    assert activity.frame_levels(np.zeros(RATE, np.float32), RATE) == pytest.approx(activity.FLOOR_DBFS)


@given(st.lists(st.booleans(), max_size=60))
def test_segments_rebuild_the_mask(values: list[bool]) -> None:
    mask = np.array(values, bool)
    rebuilt = np.zeros_like(mask)
    for start, end in activity.segments(mask):
        rebuilt[round(start * 100) : round(end * 100)] = True
    assert np.array_equal(mask, rebuilt)


@pytest.mark.parametrize("cut", [0, 1, 37, 159, 160])
def test_levels_of_a_clip_that_ends_within_a_frame_do_not_ring_on(speech: Speech, cut: int) -> None:
    clip = speech(seconds=1.1)[: -cut or None]
    plain = activity.frame_power(clip, 16000)
    padded = activity.frame_power(np.pad(clip, 16000), 16000)
    assert padded[100 : 100 + len(plain)] == pytest.approx(plain, rel=1e-9)
    assert not padded[100 + len(plain) :].any()


@given(before=st.integers(0, 3000), after=st.integers(0, 3000), offset=st.floats(-0.4, 0.4), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_prepared_sound_is_the_same_in_any_silence_and_with_any_offset(
    speech: Speech, before: int, after: int, offset: float, seed: int
) -> None:
    samples = speech(seconds=1.0, seed=seed)
    plain, _ = activity.prepared(samples, RATE)
    whole = np.pad(samples + np.where(samples != 0, np.float32(offset), 0), (before, after)).astype(np.float32)
    padded, skipped_s = activity.prepared(whole, RATE)
    assert len(padded) + skipped_s * RATE == pytest.approx(len(whole))
    assert abs(float(plain.mean())) < 1e-6
    shift = len(padded) - after - len(plain)
    assert shift % 160 == 0
    assert shift <= before
    np.testing.assert_allclose(padded[shift : shift + len(plain)], plain, atol=2e-6)


def test_nothing_is_prepared_in_silence() -> None:
    silent = np.zeros(1000, np.float32)
    assert activity.prepared(silent, RATE)[0] is silent


@pytest.mark.parametrize("noise_db", [None, -40, -30])
def test_the_core_of_the_speech_leaves_noise_around_it_out(speech: Speech, noise_db: float | None) -> None:
    samples = speech(seconds=1.5, gain=0.5)
    alone = activity.core_mask(samples, RATE)
    padded = np.pad(samples, (8000, 8000))
    if noise_db is not None:
        padded = padded + noise(len(padded) / RATE, 10 ** (noise_db / 20))
    mask = activity.core_mask(padded, RATE)
    assert alone.any()
    assert mask[44:-44].sum() / mask.sum() > 0.97
    assert mask.sum() == pytest.approx(alone.sum(), rel=0.2)


@given(gain_db=st.floats(-40, 9), seed=st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_the_core_is_unchanged_by_gain_and_silence(speech: Speech, gain_db: float, seed: int) -> None:
    samples = speech(seconds=1.0, seed=seed)[800:-1600]
    padded = np.pad(np.float32(10 ** (gain_db / 20)) * samples, (1600, 3200))
    mask = activity.core_mask(padded, RATE)
    assert np.count_nonzero(mask[10:-20] != activity.core_mask(samples, RATE)) <= 2
    assert not mask[:10].any()
    assert not mask[-20:].any()


@pytest.mark.parametrize("softer_db", [10.0, 20.0, 25.0])
def test_soft_speech_a_second_after_loud_speech_has_a_core_of_its_own(speech: Speech, softer_db: float) -> None:
    """A rate is phones over the time of the core: what is said softly takes as long as what is said loudly."""
    samples = speech(seconds=3.0)
    alone = activity.core_mask(samples, RATE)
    both = activity.core_mask(np.concatenate([samples, samples * np.float32(10 ** (-softer_db / 20))]), RATE)
    assert both[:300].sum() == pytest.approx(alone.sum(), rel=0.05)
    assert both[400:].sum() == pytest.approx(alone[100:].sum(), rel=0.05)


@pytest.mark.parametrize("level_db", [-60, -50, -45])
def test_noise_that_begins_or_ends_within_the_clip_is_not_spoken(speech: Speech, level_db: float) -> None:
    samples = speech(seconds=2.0, gain=0.3)
    mask = activity.speech_mask(samples, RATE)
    hiss = noise(1.5, 10 ** (level_db / 20))
    noisy = np.concatenate([hiss, samples, hiss])
    voiced = np.concatenate([np.zeros(150, bool), mask, np.zeros(150, bool)])
    levels = activity.frame_levels(noisy, RATE)
    spoken = activity.without_steady(activity.speech_mask(noisy, RATE), levels, voiced)
    assert spoken[150:-150].sum() == pytest.approx(mask.sum(), abs=5)
    assert spoken[:140].sum() + spoken[-140:].sum() == 0


def test_only_what_is_long_steady_and_unvoiced_is_left_out() -> None:
    speech, levels = np.ones(200, bool), np.full(200, -20.0)
    unvoiced = np.zeros(200, bool)
    rising = levels + np.linspace(0, 30, 200)
    assert activity.without_steady(speech, rising, unvoiced).all()
    assert activity.without_steady(speech, levels, ~unvoiced).all()
    assert activity.without_steady(speech[:60], levels[:60], unvoiced[:60]).all(), "a long fricative"
    assert activity.without_steady(speech, levels, unvoiced).all(), "nothing else is there"
    half = np.arange(200) < 100
    assert (activity.without_steady(speech, levels, half) == half).all()
