"""The curves under a clip: waveform envelope, F0 and energy, small enough to embed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

WAVE_BINS_A_SECOND = 150
MAX_WAVE_BINS = 4000


class Curves(NamedTuple):
    """What is drawn: `low`, `high` [bins] of the waveform; `f0_hz` [n] at `f0_s` (0: unvoiced); `level_dbfs` [m]."""

    duration_s: float
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    f0_s: npt.NDArray[np.float64]
    f0_hz: npt.NDArray[np.float64]
    level_s: npt.NDArray[np.float64]
    level_dbfs: npt.NDArray[np.float64]


def measure(samples: Samples, sample_rate: int) -> Curves:
    """Curves of mono samples [n]; F0 is octave-repaired as in the annotation, levels are those of 10 ms frames."""
    from emotionthinker.prosody import activity, pitch

    track = pitch.repair_octaves(pitch.track(samples, sample_rate))
    levels = activity.frame_levels(samples, sample_rate)
    low, high = envelope(samples, sample_rate)
    return Curves(
        duration_s=len(samples) / sample_rate,
        low=low,
        high=high,
        f0_s=track.times_s,
        f0_hz=track.f0_hz,
        level_s=np.asarray((np.arange(len(levels)) + 0.5) * activity.FRAME_S, np.float64),
        level_dbfs=levels,
    )


def envelope(samples: Samples, sample_rate: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lowest and highest sample of each of at most 4000 equal bins."""
    wanted = int(len(samples) / sample_rate * WAVE_BINS_A_SECOND)
    bins = max(1, min(wanted, MAX_WAVE_BINS, len(samples)))
    starts = np.linspace(0, len(samples), bins, endpoint=False).astype(np.intp)
    low = np.minimum.reduceat(samples, starts).astype(np.float64)
    high = np.maximum.reduceat(samples, starts).astype(np.float64)
    return low, high
