"""Channels to mono: their mean, held against the channels themselves so that speech is not lost unnoticed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotionthinker.errors import AudioError

Samples = npt.NDArray[np.float32]

MAX_PEAK = 8.0
"""Float samples may exceed full scale by 18 dB (a mix that was never limited); beyond it they are integers."""
_EMPTY = 1e-5
"""A channel with less of the loudest one's power (-50 dB) holds no sound of its own."""
_CANCELLED = 0.1
"""Mono power, over that of independent channels, below which the channels cancel each other out."""


class Downmix:
    """The mean over the channels of a clip that comes block by block, and over those that sound once all is known.

    A recording with one empty channel would lose 6 dB otherwise. A `part` of one keeps the mean over all, so that its
    parts stay comparable whichever channel is silent in which.
    """

    def __init__(self, name: str, part: bool = False) -> None:
        self.name = name
        self.part = part
        self._peak = 0.0
        self._mono_power = 0.0
        self._powers = np.zeros(1)

    def add(self, block: Samples) -> Samples:
        """The mean [n] of finite samples [n] or [n, channels]."""
        if not block.size:
            return np.zeros(len(block), np.float32)
        self._peak = max(self._peak, float(block.max()), -float(block.min()))
        if block.ndim == 1 or block.shape[1] == 1:
            return np.ascontiguousarray(block.reshape(-1))
        mono = block @ np.full(block.shape[1], 1 / block.shape[1], np.float32)
        self._powers = self._powers + [float(np.vdot(channel, channel)) for channel in block.T]
        self._mono_power += float(np.vdot(mono, mono))
        return np.asarray(mono, np.float32)

    def check(self) -> float:
        """What the mean of all channels must be multiplied by to be that of the channels that sound.

        Raises `AudioError` of kind out_of_range or cancelled.
        """
        if self._peak > MAX_PEAK:
            raise AudioError(
                "out_of_range",
                f"{self.name}: float samples up to {self._peak:g}; expected full scale 1.0: "
                "divide integer samples by their full scale (32768 for 16 bits)",
            )
        sounding = int(np.count_nonzero(self._powers > _EMPTY * self._powers.max()))
        if sounding < 2:
            return len(self._powers) / sounding if sounding and not self.part else 1.0
        gain = len(self._powers) / sounding
        if gain**2 * self._mono_power < _CANCELLED * float(self._powers.sum()) / sounding**2:
            raise AudioError(
                "cancelled",
                f"{self.name}: its {sounding} channels cancel each other out in mono; expected channels of one "
                "polarity: name one channel (`#channel=1` behind the path, or samples[:, 0])",
            )
        return 1.0 if self.part else gain

    def finish(self, mono: Samples) -> Samples:
        """All the clip's mono samples, as the mean of the channels that sound. Raises what `check` does."""
        gain = self.check()
        return mono if gain == 1.0 else np.asarray(mono * np.float32(gain))
