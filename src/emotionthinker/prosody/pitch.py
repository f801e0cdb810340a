"""Fundamental frequency: tracking, octave repair, and the statistics of an utterance."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody.activity import FRAME_S, SILENT_PEAK, Mask
from emotionthinker.records import Pitch

Floats = npt.NDArray[np.float64]

MIN_VOICED_S = 0.25
MIN_VOICED_SHARE = 0.20
FLOOR_HZ, CEILING_HZ = 50.0, 800.0
_HOP = 256
_RATE = 16_000
_CONFIDENCE = 0.5
_PEAK = 0.25
_CONTEXT = 12 * _HOP
"""Zeros around the clip: more than the receptive field of the network, so that its edges see the same everywhere."""


class PitchTrack(NamedTuple):
    """F0 over time: `times_s` [n] frame centres, `f0_hz` [n], 0 where unvoiced."""

    times_s: Floats
    f0_hz: Floats


def track(samples: npt.NDArray[np.float32], sample_rate: int, backend: str = "swift") -> PitchTrack:
    """Track F0 of mono float samples [n]; unvoiced frames are 0.

    Backend `swift` is SwiftF0 (a 16 ms hop, voiced at confidence >= 0.5). The result moves with the sound when
    silence is put before it and does not depend on gain. Raises `ValueError` for an unknown backend.
    """
    if backend not in BACKENDS:
        raise ValueError(f"unknown pitch backend {backend!r}; known: {', '.join(sorted(BACKENDS))}")
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1:
        raise ValueError(f"samples of shape {samples.shape}; expected mono [n]")
    return BACKENDS[backend](samples, sample_rate)


@functools.lru_cache(maxsize=1)
def _swift_detector(process: int) -> Any:
    """One ONNX session a process (its id is the key: a session must not be shared across a fork)."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)


def _swift(samples: npt.NDArray[np.float32], sample_rate: int) -> PitchTrack:
    if sample_rate != _RATE and len(samples):
        import soxr

        samples = np.asarray(soxr.resample(samples, sample_rate, _RATE), np.float32)
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    if peak < SILENT_PEAK:
        times = np.arange(-(-len(samples) // _HOP), dtype=np.float64) * (_HOP / _RATE)
        return PitchTrack(times, np.zeros(len(times)))
    # The network is not quite free of gain nor of the phase of its frames: a fixed peak, and a frame grid that
    # starts with the sound, make both irrelevant.
    sound = np.flatnonzero(np.abs(samples) > SILENT_PEAK * peak)
    first, last = int(sound[0]), int(sound[-1]) + 1
    padded = np.pad(samples[first:last] * (_PEAK / peak), _CONTEXT)
    result = _swift_detector(os.getpid()).detect(padded, _RATE, fmin=FLOOR_HZ, fmax=CEILING_HZ)
    frames = np.arange(-(first // _HOP), (len(samples) - 1 - first) // _HOP + 1)
    f0 = np.zeros(len(frames))
    source = frames + _CONTEXT // _HOP
    inside = (source >= 0) & (source < len(result.pitch_hz))
    voiced = result.confidence >= _CONFIDENCE
    f0[inside] = np.where(voiced, result.pitch_hz, 0.0)[source[inside]]
    return PitchTrack((first + frames * _HOP) / _RATE, f0)


BACKENDS: dict[str, Callable[[npt.NDArray[np.float32], int], PitchTrack]] = {"swift": _swift}


def semitones(f0_hz: npt.ArrayLike, reference_hz: float) -> Floats:
    """12 log2(f0 / reference); `f0_hz` must be positive."""
    return np.asarray(12 * np.log2(np.asarray(f0_hz, np.float64) / reference_hz))


_LOCAL_S = 0.5
_LEAP_ST = 6.0
_JOINT_ST = 3.0
_JOINT_S = 0.025
_GLOBAL_ST = 9.0


def repair_octaves(track: PitchTrack) -> PitchTrack:
    """Move runs of frames that sit an octave off back to their neighbourhood.

    A run is what lies between two leaps of more than 6 semitones, so that a steep but continuous movement is never
    touched. It is moved by whole octaves when the leap at a voiced joint (frames at most 25 ms apart) is
    octave-sized to 3 st, and when it lies more than 6 st from the running median (0.5 s) or more than 9 st from the
    median of the utterance and would come nearer to it: wide but real excursions stay.
    """
    from scipy.ndimage import median_filter

    voiced = np.flatnonzero(track.f0_hz > 0)
    if len(voiced) < 3:
        return track
    times, y = track.times_s[voiced], semitones(track.f0_hz[voiced], 1.0)
    hop = float(np.min(np.diff(times)))
    window = min(2 * round(_LOCAL_S / hop / 2) + 1, len(y) - 1 + len(y) % 2)
    local = median_filter(y, window, mode="reflect")
    away_local, away_whole = y - local, y - float(np.median(y))
    bounds = np.concatenate(([0], np.flatnonzero(np.abs(np.diff(y)) > _LEAP_ST) + 1, [len(y)]))
    shift = np.zeros(len(y))
    for start, end in itertools.pairwise(bounds):
        joints = [(i, j) for i, j in ((start, start - 1), (end - 1, end)) if 0 <= j < len(y)]
        leaps = [float(y[i] - y[j]) for i, j in joints if abs(times[i] - times[j]) <= _JOINT_S]
        octaves = {round(leap / 12) for leap in leaps}
        if len(octaves) != 1 or any(abs(leap - 12 * round(leap / 12)) > _JOINT_ST for leap in leaps):
            continue
        move = 12 * octaves.pop()
        near, whole = float(np.median(away_local[start:end])), float(np.median(away_whole[start:end]))
        stray = (abs(near) > _LEAP_ST and abs(near - move) < abs(near)) or abs(whole) > _GLOBAL_ST
        if stray and abs(whole - move) < abs(whole):
            shift[start:end] = move
    f0 = track.f0_hz.copy()
    f0[voiced] *= 2.0 ** (-shift / 12)
    return PitchTrack(track.times_s, f0)


def at_frames(track: PitchTrack, frames: int) -> Floats:
    """F0 of the nearest tracker frame at each of `frames` 10 ms frame centres, [frames]; 0 where unvoiced."""
    if not len(track.times_s):
        return np.zeros(frames)
    centres = (np.arange(frames) + 0.5) * FRAME_S
    after = np.clip(np.searchsorted(track.times_s, centres), 1, max(1, len(track.times_s) - 1))
    if len(track.times_s) == 1:
        return np.full(frames, track.f0_hz[0])
    before = after - 1
    # Ties go to the earlier frame whatever the rounding, so that a shift of the sound changes nothing.
    late = centres - track.times_s[before] > track.times_s[after] - centres + 1e-9
    return np.asarray(track.f0_hz[np.where(late, after, before)])


def measure(track: PitchTrack, speech: Mask) -> Pitch:
    """Statistics of the octave-repaired F0 over the voiced frames within `speech` (10 ms mask).

    `reliable` asks for at least 0.25 s of voicing and 20 % of the speech. Else `reason` is silent (no speech),
    too_short (under 0.25 s of speech) or unvoiced; values are given only with at least 0.25 s of voicing.
    """
    needed = round(MIN_VOICED_S / FRAME_S)
    f0 = at_frames(repair_octaves(track), len(speech))[speech]
    voiced = f0[f0 > 0]
    share = round(len(voiced) / len(f0), 4) if len(f0) else None
    if len(voiced) < needed:
        silent = len(speech) >= needed and not len(f0)
        reason = "silent" if silent else "too_short" if len(f0) < needed else "unvoiced"
        return Pitch(voiced_share=share, reason=reason)
    reliable = len(voiced) >= MIN_VOICED_SHARE * len(f0)
    low, median, high = (float(value) for value in np.percentile(voiced, [5, 50, 95]))
    return Pitch(
        median_hz=round(median, 2),
        p5_hz=round(low, 2),
        p95_hz=round(high, 2),
        range_st=round(float(semitones(high, low)), 3),
        sd_st=round(float(np.std(semitones(voiced, median))), 3),
        voiced_share=share,
        reliable=reliable,
        reason=None if reliable else "unvoiced",
    )
