"""Loudness by ITU-R BS.1770-4, in blocks short enough for an utterance.

Kept here rather than taken from a library: the blocks lie on the frames of the speech, so that silence around it
changes nothing, and an hour of sound is filtered in pieces.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody.activity import Floats, Mask, frame_power

BLOCK_FRAMES = 20
"""0.2 s; the standard's 0.4 s leaves too few blocks in a short utterance."""
_STEP_FRAMES = 5
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET = -0.691
_SHELF_HZ, _SHELF_DB, _SHELF_Q, _SHELF_BEND = (
    1681.974450955533,
    3.999843853973347,
    0.7071752369554196,
    0.4996667741545416,
)
_PASS_HZ, _PASS_Q, _PASS_GAIN = 38.13547087602444, 0.5003270373238773, 1.0049949


def lufs(samples: npt.NDArray[np.float32], sample_rate: int, speech: Mask) -> float | None:
    """Gated loudness of mono `samples` [n] from the first to the last frame of `speech`, LUFS.

    Blocks of 0.2 s overlap by three quarters; those under -70 LUFS, or 10 LU under the mean of the rest, do not
    count. None without a whole block, or when all are under -70. A full-scale 997 Hz sine reads -3.01.
    """
    frames = np.flatnonzero(speech)
    if not len(frames) or frames[-1] + 1 - frames[0] < BLOCK_FRAMES:
        return None
    power = frame_power(samples, sample_rate, k_weighting(sample_rate))[frames[0] : frames[-1] + 1]
    blocks = np.lib.stride_tricks.sliding_window_view(power, BLOCK_FRAMES)[::_STEP_FRAMES].mean(1)
    blocks = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(blocks):
        return None
    gate = float(blocks.mean()) * 10 ** (_RELATIVE_GATE_LU / 10)
    return _OFFSET + 10 * math.log10(float(blocks[blocks > gate].mean()))


@functools.lru_cache(maxsize=8)
def k_weighting(sample_rate: int) -> Floats:
    """Second-order sections [2, 6] of the head's shelf and the low cut; at 48 kHz those of the standard.

    Other rates take the bilinear transform of the same analogue filters (De Man 2018), bent back at the corners.
    """
    high = 10 ** (_SHELF_DB / 20)
    shelf = _digital((high, high**_SHELF_BEND / _SHELF_Q, 1.0), _SHELF_HZ, _SHELF_Q, sample_rate)
    low_cut = _digital((_PASS_GAIN, 0.0, 0.0), _PASS_HZ, _PASS_Q, sample_rate)
    return np.array([shelf, low_cut])


def _digital(numerator: tuple[float, float, float], corner_hz: float, q: float, sample_rate: int) -> Floats:
    """Bilinear transform of numerator / (s^2 + s / q + 1), s in units of the corner: [b0, b1, b2, 1, a1, a2]."""
    from scipy.signal import bilinear

    unit = 2 * sample_rate * math.tan(math.pi * corner_hz / sample_rate)
    scale = np.array([1.0, unit, unit**2])
    return np.concatenate(bilinear(np.array(numerator) * scale, np.array([1.0, 1 / q, 1.0]) * scale, sample_rate))


def _power(level_lufs: float) -> float:
    return float(10 ** ((level_lufs - _OFFSET) / 10))
