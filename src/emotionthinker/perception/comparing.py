"""What differs between two versions of one utterance, heard from the sound alone: tempo, pitch, formants."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotionthinker.prosody import activity, pitch

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

MIN_FRAMES = 10
_COARSE, _FINE = 0.02, 0.0025
"""Steps of the log tempo ratio."""
_SLIP_S = 0.05
"""How far the ends of a long clip may drift apart between two coarse steps; more, and the best match falls between."""
_LAGS = range(-4, 5)
_ENVELOPE_HZ = (300.0, 4500.0)
_ENVELOPE_FRAMES = 120
_CELL_ST = 0.1
_MAX_FORMANT_ST = 6.0
_F0_FLOOR_HZ = 50.0


class Warp(NamedTuple):
    """Time of the variant = time of the original / `speed` + `delay_s`; `speed` is nan when nothing matches."""

    speed: float
    delay_s: float

    def of(self, times_s: Floats) -> Floats:
        return times_s / self.speed + self.delay_s


class Voicing(NamedTuple):
    """Places voiced in both versions: times (s) and F0 (semitones re 1 Hz) in original and variant, [n] each."""

    before_s: Floats
    before_st: Floats
    after_s: Floats
    after_st: Floats


def warp(original: Samples, variant: Samples, sample_rate: int) -> Warp:
    """Speed ratio (0.6..1.7, to 0.25 %) and delay (s, within 40 ms) under which the level contours agree most.

    Searched in steps of 2 % (finer for clips over 5 s), then around the best; nan when nothing overlaps.
    """
    a, b = (_contour(x, sample_rate) for x in (original, variant))
    step = min(_COARSE, 2 * _SLIP_S / max(len(a) * activity.FRAME_S, 1.0))
    steps = round(0.5 / step)
    coarse = max(_agreement(a, b, step * k, lag) for k in range(-steps, steps + 2) for lag in _LAGS)
    fine = max(_agreement(a, b, coarse[1] + _FINE * k, lag) for k in range(-8, 9) for lag in _LAGS)
    agreement, log_ratio, lag = fine
    return Warp(float(np.exp(log_ratio)) if agreement > -1 else float("nan"), lag * activity.FRAME_S)


def voiced_in_both(original: Samples, variant: Samples, sample_rate: int, matched: Warp) -> Voicing:
    """The frames of the original that are voiced, and are so at the matching place of the variant."""
    before, after = pitch.track(original, sample_rate), pitch.track(variant, sample_rate)
    places = matched.of(before.times_s)
    here, there = _semitones_at(before, before.times_s), _semitones_at(after, places)
    both = np.isfinite(here) & np.isfinite(there)
    return Voicing(before.times_s[both], here[both], places[both], there[both])


def pitch_shift(voicing: Voicing) -> float:
    """Median F0 difference in semitones; nan with fewer than ten frames voiced in both."""
    if len(voicing.before_s) < MIN_FRAMES:
        return float("nan")
    return float(np.median(voicing.after_st - voicing.before_st))


def formant_shift(original: Samples, variant: Samples, sample_rate: int, voicing: Voicing) -> float:
    """Semitones (within 6) by which the spectral envelope moved: 0 when the formants stayed; nan as in `pitch_shift`.

    The envelopes (CheapTrick, Morise 2015: free of the harmonics) of matching voiced frames are laid over each other
    on a logarithmic frequency axis (300..4500 Hz); the shift with the highest correlation counts.
    """
    if len(voicing.before_s) < MIN_FRAMES:
        return float("nan")
    chosen = np.unique(np.linspace(0, len(voicing.before_s) - 1, _ENVELOPE_FRAMES).astype(int))
    a = _envelopes(original, sample_rate, voicing.before_s[chosen], voicing.before_st[chosen])
    b = _envelopes(variant, sample_rate, voicing.after_s[chosen], voicing.after_st[chosen])
    reach = round(_MAX_FORMANT_ST / _CELL_ST)
    inner = a[:, reach:-reach]
    scores = [_correlation(inner, b[:, k : k + inner.shape[1]]) for k in range(2 * reach + 1)]
    best = int(np.argmax(scores))
    return (best - reach + _vertex(scores, best)) * _CELL_ST


def _envelopes(samples: Samples, sample_rate: int, times_s: Floats, f0_st: Floats) -> Floats:
    """Spectral envelopes in dB without their tilt, [frames, cells of 0.1 st]."""
    import pyworld

    f0 = np.ascontiguousarray(2 ** (f0_st / 12))
    power = pyworld.cheaptrick(
        samples.astype(np.float64), f0, np.ascontiguousarray(times_s), sample_rate, f0_floor=_F0_FLOOR_HZ
    )
    low, high = _ENVELOPE_HZ
    cells = low * 2 ** (np.arange(0, 12 * np.log2(high / low), _CELL_ST) / 12)
    hz = np.linspace(0, sample_rate / 2, power.shape[1])
    level = np.stack([np.interp(cells, hz, row) for row in 10 * np.log10(power + 1e-16)])
    return np.asarray(level - _tilt(level))


def _tilt(level: Floats) -> Floats:
    """The straight line through each row."""
    x = np.linspace(-1, 1, level.shape[1])
    slope = (level @ x) / (x @ x)
    return np.asarray(level.mean(1, keepdims=True) + slope[:, None] * x)


def _correlation(x: Floats, y: Floats) -> float:
    """Pooled correlation of the rows, each freed of its mean."""
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    spread = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / spread if spread else -1.0


def _vertex(scores: list[float], best: int) -> float:
    """Offset (-0.5..0.5) of the parabola's vertex through the best score and its neighbours."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    left, top, right = scores[best - 1 : best + 2]
    bend = left - 2 * top + right
    return 0.5 * (left - right) / bend if bend else 0.0


def _semitones_at(track: pitch.PitchTrack, times_s: Floats) -> Floats:
    """Semitones over 1 Hz, interpolated between voiced neighbours; nan elsewhere."""
    if not len(track.times_s):
        return np.full(len(times_s), np.nan)
    values = np.where(track.f0_hz > 0, 12 * np.log2(np.maximum(track.f0_hz, 1.0)), np.nan)
    return np.interp(times_s, track.times_s, values, left=np.nan, right=np.nan)


def _agreement(a: Floats, b: Floats, log_ratio: float, lag: int) -> tuple[float, float, int]:
    """(correlation of `a` with `b` read `exp(log_ratio)` times as fast and `lag` frames later, log_ratio, lag)."""
    places = np.arange(len(a)) / np.exp(log_ratio) + lag
    inside = (places >= 0) & (places <= len(b) - 1)
    if inside.sum() <= 0.8 * min(len(a), len(b) * np.exp(log_ratio)):
        return -1.0, log_ratio, lag
    x, y = a[inside], np.interp(places[inside], np.arange(len(b)), b)
    spread = float(np.std(x) * np.std(y))
    return (float(np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread else -1.0), log_ratio, lag


def _contour(samples: Samples, sample_rate: int) -> Floats:
    """Level contour over its own floor, so that silence weighs nothing."""
    levels = activity.frame_levels(samples, sample_rate)
    return np.asarray(np.maximum(levels - (np.percentile(levels, 95) - 40), 0.0))
