"""Channels to mono: their mean, held against the channels themselves so that speech is not lost unnoticed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotionthinker.errors import AudioError

Samples = npt.NDArray[np.float32]

MAX_PEAK = 8.0
"""Float samples may exceed full scale by 18 dB (a mix that was never limited); beyond it they are integers."""
_EMPTY = 1e-4
"""A channel with less of the loudest one's power (-40 dB) holds no sound of its own: an open input hisses at -80 dBFS,
40 to 50 dB under speech, while a second microphone in the room hears the voice at -30 dB or more."""
_ROUNDING = 1e-12
"""Share of its power that a constant channel may seem to vary with, as its sums are rounded."""
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
        self._count = 0
        self._sums = np.zeros(1)
        """Of each channel and, last, of the mean; the powers likewise."""
        self._powers = np.zeros(1)

    def add(self, block: Samples) -> Samples:
        """The mean [n] of finite samples [n] or [n, channels]."""
        if not block.size:
            return np.zeros(len(block), np.float32)
        self._peak = max(self._peak, float(block.max()), -float(block.min()))
        if block.ndim == 1 or block.shape[1] == 1:
            return np.ascontiguousarray(block.reshape(-1))
        mono = block @ np.full(block.shape[1], 1 / block.shape[1], np.float32)
        exact = np.column_stack([block, mono]).astype(np.float64)
        self._count += len(exact)
        self._sums = self._sums + exact.sum(axis=0)
        self._powers = self._powers + np.einsum("ij,ij->j", exact, exact)
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
        if not self._count:
            return 1.0
        # A constant offset is no sound: it neither makes an empty channel sound nor hides that channels cancel.
        *powers, mono_power = np.maximum(self._powers * (1 - _ROUNDING) - self._sums**2 / self._count, 0.0)
        sounding = int(np.count_nonzero(np.array(powers) > _EMPTY * max(powers)))
        gain = len(powers) / sounding if sounding else 1.0
        if sounding >= 2 and gain**2 * mono_power < _CANCELLED * float(sum(powers)) / sounding**2:
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
