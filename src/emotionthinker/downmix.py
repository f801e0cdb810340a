"""Channels to mono: their mean, held against the channels themselves so that no sound is lost unnoticed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotionthinker.errors import AudioError

Samples = npt.NDArray[np.float32]

MAX_PEAK = 8.0
"""Float samples may exceed full scale by 18 dB (a mix that was never limited); beyond it they are integers."""
_CANCELLED = 0.05
"""Mono power, over that of independent channels, below which the channels cancel each other out."""


class Downmix:
    """The mean over the channels of a clip that comes block by block, once those that never sound are left out.

    A recording with one empty channel would lose 6 dB otherwise. What is known at the end only is done by `finish`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._peak = 0.0
        self._mono_power = 0.0
        self._powers = np.zeros(1)

    def add(self, block: Samples) -> Samples:
        """The mean [n] of finite samples [n] or [n, channels]."""
        if not block.size:
            return np.zeros(len(block), np.float32)
        self._peak = max(self._peak, float(np.abs(block).max()))
        if block.ndim == 1 or block.shape[1] == 1:
            return np.ascontiguousarray(block.reshape(-1))
        mono = np.asarray(block.mean(axis=1, dtype=np.float32))
        self._powers = self._powers + np.square(block, dtype=np.float64).sum(axis=0)
        self._mono_power += float(np.square(mono, dtype=np.float64).sum())
        return mono

    def finish(self, mono: Samples) -> Samples:
        """All the clip's mono samples, scaled as the mean of the channels that sound.

        Raises `AudioError` of kind out_of_range or cancelled.
        """
        if self._peak > MAX_PEAK:
            raise AudioError(
                "out_of_range",
                f"{self.name}: float samples up to {self._peak:g}; expected full scale 1.0: "
                "divide integer samples by their full scale (32768 for 16 bits)",
            )
        sounding = int(np.count_nonzero(self._powers))
        if not sounding:
            return mono
        gain = len(self._powers) / sounding
        alone = float(self._powers.sum()) / sounding**2
        if gain**2 * self._mono_power < _CANCELLED * alone:
            raise AudioError(
                "cancelled",
                f"{self.name}: its {sounding} channels cancel each other out in mono; expected channels of one "
                "polarity: name one channel (`#channel=1` behind the path, or samples[:, 0])",
            )
        return mono if sounding == len(self._powers) else np.asarray(mono * np.float32(gain))
