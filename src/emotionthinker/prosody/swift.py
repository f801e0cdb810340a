"""F0 by SwiftF0, a small network (ONNX, MIT), with voicing by hysteresis on its confidence."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

from emotionthinker.audio import resampled
from emotionthinker.prosody.f0 import CEILING_HZ, FLOOR_HZ, PitchTrack, Samples, anchored, over_clip, sounding

_HOP = 256
_RATE = 16_000
_ANCHOR, _WEAK = 0.65, 0.4
"""Confidence a voiced stretch must reach, and keep: the network's own cut of 0.5 misses weak frames of sure voices."""
_PEAK = 0.25
_CONTEXT = 12 * _HOP
"""Zeros around the clip: more than the receptive field of the network, so that its edges see the same everywhere."""


def track(samples: Samples, sample_rate: int) -> PitchTrack:
    """F0 of mono samples [n] every 16 ms."""
    samples = resampled(samples, sample_rate, _RATE)
    # The network is not quite free of gain nor of the phase of its frames.
    first, end, peak = sounding(samples)
    if not peak:
        return over_clip(np.zeros(0), 0.0, len(samples) / _RATE)
    padded = np.pad(samples[first:end] * (_PEAK / peak), _CONTEXT)
    found = detector(os.getpid()).detect(padded, _RATE, fmin=FLOOR_HZ, fmax=CEILING_HZ)
    inside = slice(_CONTEXT // _HOP, None)
    confidence = np.asarray(found.confidence[inside], np.float64)
    f0 = np.where(confidence >= _WEAK, found.pitch_hz[inside], 0.0)
    return over_clip(anchored(f0, confidence, _ANCHOR), first / _RATE, len(samples) / _RATE)


@functools.lru_cache(maxsize=1)
def detector(process: int) -> Any:
    """One ONNX session a process (its id is the key: a session must not be shared across a fork)."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)
