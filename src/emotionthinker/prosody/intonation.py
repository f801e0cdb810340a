"""Intonation: the shape of the smoothed pitch contour, and of the energy contour.

The contour of an utterance is fitted by a constant, a line and a hinge (two legs that meet at a knot) with robust
weights; the Bayesian information criterion picks the model, a just reliable pitch difference ('t Hart 1981: about
2 semitones) decides the word, and block resampling says how sure the word is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import leaps
from emotionthinker.prosody.activity import FRAME_S, Mask, runs
from emotionthinker.prosody.pitch import (
    MIN_VOICED_S,
    MIN_VOICED_SHARE,
    PitchTrack,
    at_frames,
    repair_octaves,
    semitones,
)
from emotionthinker.records import Intonation

Floats = npt.NDArray[np.float64]

PITCH_STEP_ST = 2.0
ENERGY_STEP_DB = 4.0
MAX_GAP_S = 0.25
MAX_MOVED = 0.35
MIN_CONFIDENCE = 0.6
BRIEF_VOICED_S = 0.5
BRIEF_CONFIDENCE = 0.8
"""Under half a second of voicing a shape must be surer to be told."""
_WINDOW = 15
_LOUDNESS_FRAMES = 25
_MEDIAN = 5
_KNOTS = np.linspace(0.2, 0.8, 25)
_FRAMES_PER_DEGREE = 10
_HUBER = 1.345
_ROBUST_ROUNDS = 4
_MAX_POINTS = 2000
_RESAMPLES = 40
_WEIGHT_SPAN_DB = 25.0
_PITCH_SPREAD_ST = 0.3
_ENERGY_SPREAD_DB = 1.0


class Fit(NamedTuple):
    """The chosen model of a contour: values at start, knot and end, and what follows from them."""

    shape: str
    start: float
    turn: float
    end: float
    knot: float | None
    confidence: float


def smooth(track: PitchTrack) -> tuple[Floats, Floats]:
    """The smoothed contour for plots: (times_s, semitones re the median), on a 10 ms grid, NaN in long gaps."""
    if not (track.f0_hz > 0).any():
        return np.zeros(0), np.zeros(0)
    frames = int(np.ceil(track.times_s[-1] / FRAME_S)) + 1
    f0 = at_frames(repair_octaves(track), frames)
    values = np.full(frames, np.nan)
    voiced = f0 > 0
    values[voiced] = semitones(f0[voiced], float(np.median(f0[voiced])))
    values += leaps.octaves_off(values)
    return (np.arange(frames, dtype=np.float64) + 0.5) * FRAME_S, _smooth_islands(values)


def measure(track: PitchTrack, speech: Mask, levels_db: Floats) -> Intonation:
    """Shape of the pitch contour over the utterance, with energy weights, and shape of the energy contour.

    `speech` and `levels_db` are per 10 ms frame (`activity.speech_mask`, `activity.frame_levels`). A shape that
    the signal does not support is None with `reason` silent, too_short, unvoiced, octave_errors or uncertain;
    style is left to the calibration.
    """
    energy = _energy_shape(speech, levels_db)
    repaired = repair_octaves(track)
    f0 = np.where(speech, at_frames(repaired, len(speech)), 0.0)
    voiced = f0 > 0
    reason = _abstention(voiced, speech)
    if reason is not None:
        return Intonation(energy_shape=energy, reason=reason)
    values = np.full(len(f0), np.nan)
    values[voiced] = semitones(f0[voiced], float(np.median(f0[voiced])))
    octaves = leaps.octaves_off(values)
    values += octaves
    if reason is None and _moved(track, repaired) + np.mean(octaves[voiced] != 0) > MAX_MOVED:
        reason = "octave_errors"
    weights = np.where(voiced, _loudness_weights(levels_db, speech), 0.0)
    contour = _smooth_islands(values)
    found = fit(_times(voiced), contour[voiced], weights[voiced], PITCH_STEP_ST, _PITCH_SPREAD_ST)
    seconds = float(np.ptp(_times(voiced)))
    brief = voiced.sum() < round(BRIEF_VOICED_S / FRAME_S)
    if reason is None and found.confidence < (BRIEF_CONFIDENCE if brief else MIN_CONFIDENCE):
        reason = "uncertain"
    return Intonation(
        shape=found.shape if reason is None else None,
        end_difference_st=round(found.end - found.start, 3),
        slope_st_s=round((found.end - found.start) / seconds, 3),
        turn_depth_st=None if found.knot is None else round(_depth(found), 3),
        turn_place=None if found.knot is None else round(found.knot, 3),
        confidence=round(found.confidence, 3),
        energy_shape=energy,
        reason=reason,
    )


def _times(mask: Mask) -> Floats:
    return np.flatnonzero(mask).astype(np.float64) * FRAME_S


def _abstention(voiced: Mask, speech: Mask) -> str | None:
    if not speech.any():
        return "silent" if len(speech) * FRAME_S >= MIN_VOICED_S else "too_short"
    if voiced.sum() < round(MIN_VOICED_S / FRAME_S):
        return "too_short" if speech.sum() * FRAME_S < MIN_VOICED_S else "unvoiced"
    return "unvoiced" if voiced.sum() < MIN_VOICED_SHARE * speech.sum() else None


def _moved(track: PitchTrack, repaired: PitchTrack) -> float:
    """Share of the voiced frames that the repair moved."""
    return float(np.sum(track.f0_hz != repaired.f0_hz) / np.sum(track.f0_hz > 0))


def _energy_shape(speech: Mask, levels_db: Floats) -> str | None:
    """The same decision on the loudness contour of the speech, with 4 dB; None when unsure."""
    if speech.sum() < round(BRIEF_VOICED_S / FRAME_S):
        return None
    contour = _smooth_islands(_loudness_contour(speech, levels_db))
    weights = _loudness_weights(levels_db, speech)
    found = fit(_times(speech), contour[speech], weights[speech], ENERGY_STEP_DB, _ENERGY_SPREAD_DB)
    return found.shape if found.confidence >= MIN_CONFIDENCE else None


def _loudness_contour(speech: Mask, levels_db: Floats) -> Floats:
    """Level averaged in power over 0.25 s of speech, dB, NaN outside: syllables and closures are not movement."""
    window = np.hanning(_LOUDNESS_FRAMES + 2)
    share = np.convolve(speech.astype(np.float64), window, "full")
    power = np.convolve(np.where(speech, 10 ** (levels_db / 10), 0.0), window, "full")
    offset = len(window) // 2
    inside = slice(offset, offset + len(speech))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(speech, 10 * np.log10(power[inside] / share[inside]), np.nan)


def _loudness_weights(levels_db: Floats, speech: Mask) -> Floats:
    """0.1 .. 1 over the 25 dB under the loud level (p95 of the speech)."""
    loud = float(np.percentile(levels_db[speech], 95))
    return np.clip((levels_db - (loud - _WEIGHT_SPAN_DB)) / _WEIGHT_SPAN_DB, 0.1, 1.0)


def _depth(found: Fit) -> float:
    """How far the turn lies above (or under, negative) the nearer end."""
    legs = found.turn - found.start, found.turn - found.end
    return min(legs, key=abs) if legs[0] * legs[1] > 0 else 0.0


def _smooth_islands(values: Floats) -> Floats:
    """Bridge gaps up to 0.25 s, then median 5 and Savitzky-Golay (150 ms, order 2) within each island."""
    from scipy.ndimage import median_filter
    from scipy.signal import savgol_filter

    known = ~np.isnan(values)
    bridged = known.copy()
    for start, end in zip(*runs(~known), strict=True):
        if start > 0 and end < len(values) and (end - start) * FRAME_S <= MAX_GAP_S + 1e-9:
            bridged[start:end] = True
    out = np.full(len(values), np.nan)
    for start, end in zip(*runs(bridged), strict=True):
        inside = known[start:end]
        island = median_filter(values[start:end][inside], size=min(_MEDIAN, int(inside.sum())), mode="nearest")
        filled = np.interp(np.arange(end - start), np.flatnonzero(inside), island)
        window = min(_WINDOW, (end - start - 1) // 2 * 2 + 1)
        out[start:end] = savgol_filter(filled, window, 2) if window > 3 else filled
    return out


def fit(times_s: Floats, values: Floats, weights: Floats, step: float, spread: float) -> Fit:
    """Fit constant, line and hinge to `values` [n] and name the shape.

    `step` is the smallest difference that counts as movement, `spread` the residual below which models are not
    told apart (both in the unit of the values). Frames are correlated: ten count as one observation.
    """
    if len(values) > _MAX_POINTS:
        chosen = np.linspace(0, len(values) - 1, _MAX_POINTS).round().astype(np.intp)
        observations = len(values) / _FRAMES_PER_DEGREE
        times_s, values, weights = times_s[chosen], values[chosen], weights[chosen]
    else:
        observations = len(values) / _FRAMES_PER_DEGREE
    observations = max(6.0, observations)
    u = (times_s - times_s[0]) / (times_s[-1] - times_s[0])
    centre = float(np.median(values))
    moments = _moments(u, values - centre)
    robust = weights
    for _ in range(_ROBUST_ROUNDS):
        curve = _curve(u, *_solve(robust[None] @ moments, observations, spread, hinge_only=True)[0])
        residual = np.abs(values - centre - curve)
        scale = max(spread, 1.4826 * float(np.median(residual)))
        robust = weights * np.minimum(1.0, _HUBER * scale / np.maximum(residual, 1e-9))
    rows = np.vstack([np.ones(len(u)), _block_counts(len(u), times_s)]) * robust
    models = _solve(rows @ moments, observations, spread)
    named = [_name(model, step) for model in models]
    start, turn, end, knot = models[0]
    agreement = named[1:].count(named[0]) / _RESAMPLES
    return Fit(named[0], start + centre, turn + centre, end + centre, None if np.isnan(knot) else knot, agreement)


def _block_counts(n: int, times_s: Floats) -> Floats:
    """How often each point occurs in each resample of 100 ms blocks, [resamples, n]; the seed is fixed."""
    blocks = np.floor((times_s - times_s[0]) / 0.1 + 1e-6).astype(np.intp)
    _, blocks = np.unique(blocks, return_inverse=True)
    count = int(blocks[-1]) + 1
    random = np.random.default_rng(0)
    drawn = random.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    return np.asarray(drawn[:, blocks], np.float64).reshape(_RESAMPLES, n)


def _moments(u: Floats, y: Floats) -> Floats:
    """Products whose weighted sums are the normal equations of all models at once, [n, 6 + 4 knots]."""
    h = np.maximum(u[:, None] - _KNOTS, 0.0)
    common = np.stack([np.ones_like(u), u, u * u, y, u * y, y * y], axis=1)
    return np.concatenate([common, h, u[:, None] * h, h * h, y[:, None] * h], axis=1)


def _solve(
    sums: Floats, observations: float, spread: float, hinge_only: bool = False
) -> list[tuple[float, float, float, float]]:
    """The best model of each row of moment sums by BIC: (start, turn, end, knot), knot NaN unless a hinge."""
    sums = sums / sums[:, :1]
    k = len(_KNOTS)
    one, u, uu, y, uy, yy = sums[:, :6].T
    h, uh, hh, yh = (sums[:, 6 + i * k : 6 + (i + 1) * k] for i in range(4))

    def wide(a: Floats) -> Floats:
        return np.broadcast_to(a[:, None], h.shape)

    gram = np.stack([wide(one), wide(u), h, wide(u), wide(uu), uh, h, uh, hh], axis=-1).reshape(*h.shape, 3, 3)
    right = np.stack([wide(y), wide(uy), yh], axis=-1)
    hinge = np.linalg.solve(gram + 1e-9 * np.eye(3), right[..., None])[..., 0]
    hinge_error = np.maximum(yy[:, None] - (hinge * right).sum(-1), 0.0)
    best = hinge_error.argmin(1)
    rows = np.arange(len(sums))
    slope = (uy - u * y) / np.maximum(uu - u * u, 1e-12)
    variance = np.maximum(yy - y * y, 0.0)
    line_error = np.maximum(variance - slope**2 * (uu - u * u), 0.0)
    errors = np.stack([variance, line_error, hinge_error[rows, best]], axis=1)
    criterion = observations * np.log(errors + spread**2) + np.log(observations) * np.array([1.0, 2.0, 4.0])
    choice = np.full(len(sums), 2) if hinge_only else criterion.argmin(1)
    models = []
    for row in rows:
        if choice[row] == 0:
            models.append((float(y[row]),) * 3 + (float("nan"),))
        elif choice[row] == 1:
            low = float(y[row] - slope[row] * u[row])
            models.append((low, low + float(slope[row]) / 2, low + float(slope[row]), float("nan")))
        else:
            knot = float(_KNOTS[best[row]])
            a, b, c = (float(value) for value in hinge[row, best[row]])
            models.append((a, a + b * knot, a + b + c * (1 - knot), knot))
    return models


def _curve(u: Floats, start: float, turn: float, end: float, knot: float) -> Floats:
    return np.interp(u, [0.0, knot, 1.0], [start, turn, end])


def _name(model: tuple[float, float, float, float], step: float) -> str:
    start, turn, end, knot = model
    first, second = turn - start, end - turn
    if not np.isnan(knot) and first * second < 0 and min(abs(first), abs(second)) >= step:
        return "rising-falling" if first > 0 else "falling-rising"
    if abs(end - start) >= step:
        return "rising" if end > start else "falling"
    return "level"
