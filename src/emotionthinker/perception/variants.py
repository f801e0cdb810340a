"""One utterance with its pitch, speed or energy changed, and the measurement that says whether the change is true.

Pitch: WORLD (Morise et al. 2016), the spectral envelope stays, so the formants do. Speed: Signalsmith Stretch, the
pitch stays. Energy: gain. After pitch and speed the level of the active speech is restored, so that one attribute
moves alone. The unchanged version goes through the same processing: artefacts must not give the answer away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotionthinker.prosody import activity, energy, pitch

Samples = NDArray[np.float32]
Levels = NDArray[np.float64]

WORLD_FRAME_S = 0.005
PEAK = 0.97
"""Highest sample of a finished sequence (full scale is 1)."""


@dataclass(frozen=True)
class Change:
    """What is asked of a variant, or what was measured between original and variant."""

    pitch_st: float = 0.0
    speed: float = 1.0
    """Ratio of speaking rates: 1.25 is a quarter faster."""
    energy_db: float = 0.0


@dataclass(frozen=True)
class Tolerance:
    """How far the measured change may lie from the asked one: semitones, ratio - 1, dB."""

    pitch_st: float = 0.5
    speed: float = 0.03
    energy_db: float = 1.0

    def failures(self, asked: Change, got: Change) -> list[str]:
        """One sentence for each attribute that missed; a change that could not be measured missed."""
        found = []
        for name, unit, error, limit in (
            ("pitch", "st", got.pitch_st - asked.pitch_st, self.pitch_st),
            ("speed", "", got.speed / asked.speed - 1, self.speed),
            ("energy", "dB", got.energy_db - asked.energy_db, self.energy_db),
        ):
            if not abs(error) <= limit:
                found.append(f"{name} off by {error:+.3f}{unit}, allowed {limit:g}{unit}")
        return found


def active_level(samples: Samples, sample_rate: int) -> float:
    """Level of the active speech, dBFS; nan when there is none."""
    level = energy.measure(samples, sample_rate, activity.speech_mask(samples, sample_rate)).active_dbfs
    return float("nan") if level is None else level


def trim(samples: Samples, sample_rate: int, margin_s: float = 0.08) -> Samples:
    """The speech without the silence before and after it, but for a margin; empty when there is no speech."""
    spoken = activity.segments(activity.speech_mask(samples, sample_rate))
    if not spoken:
        return samples[:0]
    start, end = max(0.0, spoken[0][0] - margin_s), spoken[-1][1] + margin_s
    return samples[round(start * sample_rate) : round(end * sample_rate)]


def shift_pitch(samples: Samples, sample_rate: int, semitones: float) -> Samples:
    """F0 multiplied, formants and timing kept (WORLD: StoneMask, CheapTrick, D4C on our own pitch track).

    WORLD's own DIO takes many frames of noisy recordings for unvoiced, which would turn the voice into a whisper.
    """
    import pyworld

    x = samples.astype(np.float64)
    times = np.arange(0.0, len(x) / sample_rate, WORLD_FRAME_S)
    track = pitch.repair_octaves(pitch.track(samples, sample_rate))
    nearest = np.abs(track.times_s[None, :] - times[:, None]).argmin(axis=1)
    f0 = pyworld.stonemask(x, np.ascontiguousarray(track.f0_hz[nearest], np.float64), times, sample_rate)
    envelope = pyworld.cheaptrick(x, f0, times, sample_rate)
    aperiodicity = pyworld.d4c(x, f0, times, sample_rate)
    shifted = pyworld.synthesize(f0 * 2 ** (semitones / 12), envelope, aperiodicity, sample_rate)
    return np.asarray(shifted[: len(samples)], dtype=np.float32)


def change_speed(samples: Samples, sample_rate: int, ratio: float) -> Samples:
    """Speech `ratio` times as fast, pitch kept (Signalsmith Stretch)."""
    from python_stretch import Signalsmith

    stretch = Signalsmith.Stretch()
    stretch.preset(1, sample_rate)
    stretch.setTimeFactor(ratio)
    lead = np.zeros(stretch.inputLatency() + stretch.outputLatency(), dtype=np.float32)
    out = np.asarray(stretch.process(np.concatenate([samples, lead])[None, :]), dtype=np.float32)[0]
    return np.asarray(out[: round(len(samples) / ratio)])


def apply(samples: Samples, sample_rate: int, attribute: str, asked: Change) -> Samples:
    """The variant of `samples` for `attribute` (`pitch`, `speed`, `energy`); it may exceed full scale."""
    if attribute == "energy":
        return (samples * np.float32(10 ** (asked.energy_db / 20))).astype(np.float32)
    if attribute == "pitch":
        changed = shift_pitch(samples, sample_rate, asked.pitch_st)
    elif attribute == "speed":
        changed = change_speed(samples, sample_rate, asked.speed)
    else:
        raise ValueError(f"attribute {attribute!r}: expected pitch, speed or energy")
    lost_db = active_level(samples, sample_rate) - active_level(changed, sample_rate)
    return (changed * np.float32(10 ** (lost_db / 20))).astype(np.float32)


def measure(original: Samples, variant: Samples, sample_rate: int) -> Change:
    """The change that really happened, measured on the sound alone.

    Speed: the time warp under which the two level contours agree best. Pitch: median semitone difference over the
    frames voiced in both, at matching places of the warp (nan when fewer than ten). Energy: active level.
    """
    speed, delay_s = _warp(original, variant, sample_rate)
    before, after = pitch.track(original, sample_rate), pitch.track(variant, sample_rate)
    there = _semitones_at(after, before.times_s / speed + delay_s)
    here = _semitones_at(before, before.times_s)
    both = np.isfinite(here) & np.isfinite(there)
    return Change(
        pitch_st=float(np.median((there - here)[both])) if both.sum() >= 10 else float("nan"),
        speed=speed,
        energy_db=active_level(variant, sample_rate) - active_level(original, sample_rate),
    )


def _semitones_at(track: pitch.PitchTrack, times_s: Levels) -> Levels:
    """Semitones over 1 Hz, interpolated between voiced neighbours; nan elsewhere."""
    if not len(track.times_s):
        return np.full(len(times_s), np.nan)
    values = np.where(track.f0_hz > 0, 12 * np.log2(np.maximum(track.f0_hz, 1.0)), np.nan)
    return np.interp(times_s, track.times_s, values, left=np.nan, right=np.nan)


def _warp(original: Samples, variant: Samples, sample_rate: int) -> tuple[float, float]:
    """Speed ratio (0.6..1.7, to 0.25 %) and delay (s, within 40 ms) under which the level contours agree most.

    Searched in steps of 2 %, then around the best; nan when nothing overlaps.
    """
    a, b = (_contour(x, sample_rate) for x in (original, variant))
    coarse = max(_agreement(a, b, step, lag) for step in 0.02 * np.arange(-25, 27) for lag in range(-4, 5))
    fine = max(_agreement(a, b, coarse[1] + d, lag) for d in 0.0025 * np.arange(-8, 9) for lag in range(-4, 5))
    agreement, log_ratio, lag = fine
    return (float(np.exp(log_ratio)) if agreement > -1 else float("nan")), lag * activity.FRAME_S


def _agreement(a: Levels, b: Levels, log_ratio: float, lag: int) -> tuple[float, float, int]:
    """(correlation of `a` with `b` read `exp(log_ratio)` times as fast and `lag` frames later, log_ratio, lag)."""
    places = np.arange(len(a)) / np.exp(log_ratio) + lag
    inside = (places >= 0) & (places <= len(b) - 1)
    if inside.sum() <= 0.8 * min(len(a), len(b) * np.exp(log_ratio)):
        return -1.0, log_ratio, lag
    x, y = a[inside], np.interp(places[inside], np.arange(len(b)), b)
    spread = float(np.std(x) * np.std(y))
    return (float(np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread else -1.0), log_ratio, lag


def _contour(samples: Samples, sample_rate: int) -> Levels:
    """Level contour over its own floor, so that silence weighs nothing."""
    levels = activity.frame_levels(samples, sample_rate)
    return np.asarray(np.maximum(levels - (np.percentile(levels, 95) - 40), 0.0))
