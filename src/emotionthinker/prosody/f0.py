"""What the F0 trackers share: the track, semitones, a frame grid that starts with the sound, voicing by hysteresis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody.activity import SILENT_PEAK

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

FLOOR_HZ, CEILING_HZ = 50.0, 800.0
HOP_S = 0.016
LEAP_ST = 1.5
"""Most that F0 moves from frame to frame within a voiced stretch (94 st/s)."""


class PitchTrack(NamedTuple):
    """F0 over time: `times_s` [n] frame centres, `f0_hz` [n], 0 where unvoiced."""

    times_s: Floats
    f0_hz: Floats


def semitones(f0_hz: npt.ArrayLike, reference_hz: float) -> Floats:
    """12 log2(f0 / reference); `f0_hz` must be positive."""
    return np.asarray(12 * np.log2(np.asarray(f0_hz, np.float64) / reference_hz))


def sounding(samples: Samples) -> tuple[int, int, float]:
    """(first, end, peak) of the samples within 80 dB of the peak; all 0 for a silent clip.

    A frame grid that starts with the sound, and a fixed peak, free a tracker of padding and gain.
    """
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    if peak < SILENT_PEAK:
        return 0, 0, 0.0
    sound = np.flatnonzero(np.abs(samples) > SILENT_PEAK * peak)
    return int(sound[0]), int(sound[-1]) + 1, peak


def over_clip(f0: Floats, start_s: float, clip_s: float) -> PitchTrack:
    """`f0` [n] of frames at start_s, start_s + 16 ms ... as a track of the whole clip, unvoiced outside them."""
    first = -int(start_s / HOP_S + 1e-6)
    frames = np.arange(first, max(first, int(np.ceil((clip_s - start_s) / HOP_S - 1e-6))))
    inside = (frames >= 0) & (frames < len(f0))
    out = np.zeros(len(frames))
    out[inside] = f0[frames[inside]]
    return PitchTrack(np.asarray(start_s + frames * HOP_S, np.float64), out)


def anchored(f0: Floats, confidence: Floats, anchor: float) -> Floats:
    """`f0` with only those voiced stretches that reach the confidence `anchor` somewhere; the others become 0.

    A stretch is what moves without a leap over 1.5 st from frame to frame: weak frames count where they carry on a
    sure voice, not on their own.
    """
    voiced = f0 > 0
    if not voiced.any():
        return f0
    leaps = np.abs(np.diff(semitones(np.where(voiced, f0, 1.0), 1.0))) > LEAP_ST
    stretch = np.concatenate(([0], np.cumsum(leaps | (voiced[1:] != voiced[:-1]))))
    sure = np.zeros(stretch[-1] + 1, bool)
    sure[stretch[voiced & (confidence >= anchor)]] = True
    return np.where(sure[stretch] & voiced, f0, 0.0)
