"""The contour decision on simulated contours, its invariances, and its abstentions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from emotionthinker.prosody import activity, intonation, pitch
from emotionthinker.prosody.pitch import PitchTrack
from emotionthinker.records import SHAPES

HOP_S = 0.016


def targets(shape: str, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Places (0..1) and semitones of the turning points of a contour that a listener would call `shape`."""
    size = rng.uniform(3.5, 9.0)
    onset = rng.uniform(0.0, 0.5)
    turn = rng.uniform(0.3, 0.7)
    back = size * rng.uniform(0.85, 1.15)
    return {
        "level": ([0.0, 0.5, 1.0], list(rng.uniform(-0.5, 0.5, 3))),
        "rising": ([0.0, onset, 1.0], [0.0, 0.0, size]),
        "falling": ([0.0, 1 - onset, 1.0], [size, 0.0, 0.0]) if rng.random() < 0.5 else ([0.0, 1.0], [size, 0.0]),
        "rising-falling": ([0.0, turn, 1.0], [0.0, size, size - back]),
        "falling-rising": ([0.0, turn, 1.0], [0.0, -size, back - size]),
    }[shape]


def utterance(shape: str, seed: int, jitter_st: float = 0.0) -> tuple[PitchTrack, np.ndarray, np.ndarray]:
    """(track, speech mask, levels) of voiced syllables of 80 to 300 ms with voiceless gaps and now and then a pause."""
    rng = np.random.default_rng(seed)
    seconds = rng.uniform(1.2, 4.0)
    times = np.arange(round(seconds / HOP_S)) * HOP_S
    curve = PchipInterpolator(*targets(shape, rng))(times / times[-1])
    noise = rng.standard_normal(len(times))
    for i in range(1, len(noise)):
        noise[i] = 0.85 * noise[i - 1] + 0.5 * noise[i]
    voiced = np.zeros(len(times), bool)
    loud = np.zeros(round(seconds / activity.FRAME_S))
    at = 0.0
    while at < seconds:
        length = rng.uniform(0.08, 0.3)
        voiced[(times >= at) & (times < at + length)] = True
        loud[round(at * 100) : round((at + length) * 100)] = rng.uniform(0, 8)
        at += length + (rng.uniform(0.3, 0.5) if rng.random() < 0.1 else rng.uniform(0.02, 0.12))
    f0 = np.where(voiced, rng.uniform(90, 260) * 2 ** ((curve + jitter_st * noise) / 12), 0.0)
    levels = np.where(loud > 0, -30.0 + loud, -45.0)
    return PitchTrack(times, f0), np.ones(len(levels), bool), levels


def measured(shape: str, seed: int, jitter_st: float = 0.0) -> str | None:
    return intonation.measure(*utterance(shape, seed, jitter_st)).shape
