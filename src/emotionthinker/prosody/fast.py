"""F0 by autocorrelation (numpy and scipy only): batched FFT, log-spaced lags, and a Viterbi path through candidates.

The autocorrelation of each frame, its window's divided out, is a cosine transform of the power spectrum: one matrix
product gives it at lags a quarter of a semitone apart (Boersma 1993 for the window and the costs of the path).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.audio import resampled
from emotionthinker.prosody.f0 import FLOOR_HZ, HOP_S, Floats, PitchTrack, Samples, anchored, over_clip, sounding

Singles = npt.NDArray[np.float32]

CEILING_HZ = 700.0
_RATE = 8000
_HOP = round(HOP_S * _RATE)
_WINDOW = 400
_FFT = 576
"""Window and longest lag together: the circular autocorrelation does not wrap."""
_BAND_HZ = 3000.0
_STEP_ST = 0.25
_CANDIDATES = 6
_BLOCK = 4096
_PIECE = 16

# In units of correlation. Tuned on the `tune` voices of benchmarks/pitch.py and on speech resynthesised with a known F0
# (benchmarks/imposed_pitch.py), one value at a time.
_VOICING = 0.28
"""Strength at which a candidate is as good as unvoiced."""
_OCTAVE = 0.015
"""Cost of a candidate an octave lower."""
_JUMP = 0.625
"""Cost of moving an octave from frame to frame."""
_ONSET = 0.2
"""Cost of a change of voicing."""
_QUIET_DB, _QUIET_PER_DB = 9.0, 0.02
"""Frames this far under the loud level need more strength to be voiced, per dB."""
_RANGE_OCTAVES, _OUT_OF_RANGE = 0.5, 0.3
"""Second path: cost an octave beyond this distance from the median of the first."""
_SECOND_OPINION = 0.5
"""Weight of the magnitude spectrum's vote."""
_ANCHOR = 0.55
"""Strength a voiced stretch must reach."""


class Lags(NamedTuple):
    """Cosines [bins, lags] of the power and of the magnitude spectrum, `energy` [bins] of lag 0, `octaves` [lags]."""

    power: Singles
    magnitude: Singles
    energy: Singles
    octaves: Floats


class Candidates(NamedTuple):
    """Of each frame: `octaves` log2 Hz and `strength` [frames, K] (-9 where there is none), `level_db` [frames]."""

    octaves: Floats
    strength: Floats
    level_db: Floats


def track(samples: Samples, sample_rate: int) -> PitchTrack:
    """F0 of mono samples [n] every 16 ms, 50-700 Hz."""
    first, end, peak = sounding(samples)
    clip_s = len(samples) / sample_rate
    if not peak:
        return over_clip(np.zeros(0), 0.0, clip_s)
    sound = np.asarray(samples[first:end] / np.float32(peak), np.float32)
    found = candidates(resampled(sound, sample_rate, _RATE))
    f0, strength = _path(found, np.zeros_like(found.octaves))
    if (f0 > 0).any():
        middle = float(np.median(np.log2(f0[f0 > 0])))
        strays = np.maximum(np.abs(found.octaves - middle) - _RANGE_OCTAVES, 0.0)
        f0, strength = _path(found, _OUT_OF_RANGE * strays)
    return over_clip(anchored(f0, strength, _ANCHOR), first / sample_rate, clip_s)


@functools.lru_cache(maxsize=1)
def _window() -> Singles:
    return np.hanning(_WINDOW + 2)[1:-1].astype(np.float32)


@functools.lru_cache(maxsize=1)
def _lags() -> Lags:
    from scipy.fft import rfft

    octaves = np.arange(np.log2(FLOOR_HZ), np.log2(CEILING_HZ) + _STEP_ST / 12, _STEP_ST / 12)
    hz = np.arange(_FFT // 2 + 1) * (_RATE / _FFT)
    cosines = np.cos(2 * np.pi * hz[:, None] / 2.0 ** octaves[None, :])
    twice = np.where((hz > 0) & (hz < _RATE / 2), 2.0, 1.0)  # the negative frequencies
    own = twice * np.abs(rfft(_window(), _FFT)) ** 2
    window = own @ cosines / own.sum()
    band = twice * np.clip(2 * hz / FLOOR_HZ - 1, 0, 1) * np.clip((_BAND_HZ - hz) / 200, 0, 1)
    heard = slice(int(np.flatnonzero(band)[-1]) + 1)
    cosines, band = (band[:, None] * cosines)[heard], band[heard]
    power, magnitude = (cosines / window**share for share in (1.0, 0.5))
    return Lags(power.astype(np.float32), magnitude.astype(np.float32), band.astype(np.float32), octaves)


def candidates(sound: Singles) -> Candidates:
    """The highest peaks of the autocorrelation of `sound` [n] (8 kHz) in each frame of 50 ms."""
    from scipy.fft import rfft

    lags, count = _lags(), -(-len(sound) // _HOP)
    bins = len(lags.energy)
    padded = np.pad(sound, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:count]
    octaves, strength = np.zeros((2, count, _CANDIDATES))
    energy = np.zeros(count)
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        spectrum = rfft(frames[block] * _window(), _FFT, axis=1)
        power = spectrum.real[:, :bins] ** 2 + spectrum.imag[:, :bins] ** 2
        octaves[block], strength[block] = _peaks(power, lags)
        energy[block] = _product(power, lags.energy[:, None])[:, 0]
    loud = float(np.sum(energy**2) / max(np.sum(energy), 1e-12))
    return Candidates(octaves, strength, 10 * np.log10(np.maximum(energy, 1e-12) / max(loud, 1e-12)))


def _peaks(power: Singles, lags: Lags) -> tuple[Floats, Floats]:
    """(log2 Hz, strength) [frames, K] of the K highest local maxima along the lags, refined by a parabola.

    The strength is the correlation, less half of what the candidate lacks to the best one in the correlation of the
    magnitude spectrum, where strong formants weigh less.
    """
    correlation = _correlation(power, lags.power, lags.energy)
    inner = correlation[:, 1:-1]
    peak = (inner >= correlation[:, :-2]) & (inner > correlation[:, 2:])
    height = np.where(peak, inner + (_OCTAVE * lags.octaves[1:-1]).astype(np.float32), np.float32(-9))
    at = np.argpartition(height, -_CANDIDATES, axis=1)[:, -_CANDIDATES:] + 1
    rows = np.arange(len(power))[:, None]
    known = peak[rows, at - 1]
    left, top, right = (correlation[rows, at + step].astype(np.float64) for step in (-1, 0, 1))
    place = np.clip(0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9), -0.5, 0.5)
    flat = _correlation(np.sqrt(power), lags.magnitude, lags.energy)
    second = np.where(known, np.maximum.reduce([flat[rows, at + step] for step in (-1, 0, 1)]), -1.0)
    lacking = second.max(1, keepdims=True) - second
    return lags.octaves[at] + place * (_STEP_ST / 12), np.where(known, top - _SECOND_OPINION * lacking, -9.0)


def _correlation(spectrum: Singles, cosines: Singles, energy: Singles) -> Singles:
    return np.asarray(_product(spectrum, cosines) / np.maximum(_product(spectrum, energy[:, None]), np.float32(1e-12)))


def _product(rows: Singles, matrix: Singles) -> Singles:
    """rows @ matrix in pieces too small for BLAS to share out: its waiting threads spin, which costs twice the work."""
    pieces = np.pad(rows, ((0, -len(rows) % _PIECE), (0, 0))).reshape(-1, _PIECE, rows.shape[1])
    return np.asarray(np.matmul(pieces, matrix).reshape(-1, matrix.shape[1])[: len(rows)])


def _path(found: Candidates, extra_cost: Floats) -> tuple[Floats, Floats]:
    """(f0_hz, strength) [frames] along the best path; `extra_cost` [frames, K] is laid on the candidates."""
    strength = found.strength - _OCTAVE * (np.log2(200.0) - found.octaves)
    quiet = np.maximum(-found.level_db - _QUIET_DB, 0.0)
    scores = np.column_stack((strength - extra_cost, _VOICING + _QUIET_PER_DB * quiet))
    state = viterbi(scores, found.octaves)
    rows = np.arange(len(state))
    f0 = np.column_stack((2.0**found.octaves, np.zeros(len(state))))[rows, state]
    return f0, np.column_stack((strength, np.zeros(len(state))))[rows, state]


def viterbi(scores: Floats, octaves: Floats) -> npt.NDArray[np.intp]:
    """State [frames] along the path of the highest sum of `scores` [frames, K + 1] less the costs of its moves.

    The last state is unvoiced; the others move between `octaves` [frames, K]. The two halves, the later one
    backwards, are searched in step and meet in the middle: half the steps, the same path.
    """
    odd = len(scores) % 2  # a frame that favours nothing evens the halves
    scores = np.pad(scores, ((odd, 0), (0, 0)))
    octaves = np.pad(octaves, ((odd, 0), (0, 0)), "edge")
    half = len(scores) // 2
    value = np.stack((scores[:half], scores[: half - 1 : -1]), 1, dtype=np.float32, casting="same_kind")
    place = np.stack((octaves[:half], octaves[: half - 1 : -1]), 1, dtype=np.float32, casting="same_kind")
    moves = _moves(place[:-1], place[1:])
    back = np.zeros((half, 2, scores.shape[1]), np.intp)
    best = value[0]
    for step in range(1, half):
        total = best[:, :, None] + moves[step - 1]
        total.argmax(1, out=back[step])
        best = total.max(1) + value[step]
    meeting = best[0][:, None] + _moves(place[-1, 0], place[-1, 1]) + best[1][None, :]
    ends = np.unravel_index(int(meeting.argmax()), meeting.shape)
    earlier, later = (_trace(back[:, side], int(ends[side])) for side in (0, 1))
    return np.concatenate((earlier, later[::-1]))[odd:]


def _moves(before: Singles, after: Singles) -> Singles:
    """What each move [..., K + 1, K + 1] adds to the score, never over 0; the last state of either side is unvoiced."""
    moves = np.full((*before.shape[:-1], before.shape[-1] + 1, after.shape[-1] + 1), -_ONSET, np.float32)
    moves[..., :-1, :-1] = -_JUMP * np.abs(before[..., :, None] - after[..., None, :])
    moves[..., -1, -1] = 0.0
    return moves


def _trace(back: npt.NDArray[np.intp], end: int) -> npt.NDArray[np.intp]:
    """The states that lead to `end`, [frames]."""
    states = [end]
    for row in back[:0:-1].tolist():
        states.append(row[states[-1]])
    return np.asarray(states[::-1])
