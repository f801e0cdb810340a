"""What one sound file is like: can it be decoded, how long and how loud is it, is it cut off at full scale, what is it
a copy of. Measured on the file as it is (own rate, all channels), block by block."""

from __future__ import annotations

import hashlib
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionthinker import audio, runs
from emotionthinker.downmix import Downmix
from emotionthinker.errors import AudioError

MEASURES = 2
"""Raised with every change to what is measured of a file: the doctor takes no row of an older one."""
_POINTER = b"version https://git-lfs.github.com/spec"
_FULL_SCALE = 0.9999
_LOUD = 0.708
"""A clip whose peaks lie lower (-3 dBFS) is not held for clipped, however flat they are."""
_RUN = 3
"""A peak-normalised clip touches its highest value once; a clipped one stays there."""
_FRAME_S = 0.05


def examine(source: str) -> dict[str, Any]:
    """Measurements of a file, a part of it or sound inside a Parquet file; else `reason` and `message` of what failed.

    `seconds`, `rate` (Hz), `channels`; `loudest_dbfs`, the level of the loudest 50 ms of the mono mix; `clipped_share`,
    the share of samples in runs of three and more at full scale or at the highest value of their channel; `sha256` of
    the file (None for a part); `pcm`, a hash of what was decoded, the same for the same sound in any lossless
    container. Never raises for a bad file.
    """
    try:
        place = None
        place, part = audio.place_of(source)
        if isinstance(place, str):
            open(place, "rb").close()  # here Python says what is refused; libsndfile would only say "System error"
        return {"sha256": _sha256(place) if part.whole else None, **_measure(source, place, part)}
    except AudioError as error:
        if error.kind == "undecodable" and isinstance(place, str) and _is_pointer(place):
            message = f"{source}: a pointer of Git LFS, not the sound; run `git lfs pull` in its repository"
            return {"reason": "lfs_pointer", "message": message}
        return {"reason": error.kind, "message": str(error)}
    except OSError as error:
        return {"reason": "unreadable", "message": f"{source}: cannot be read: {error.strerror or error}"}


def _is_pointer(path: str) -> bool:
    with open(path, "rb") as data:
        return data.read(len(_POINTER)) == _POINTER


def _sha256(place: str | io.BytesIO) -> str:
    return runs.sha256(place) if isinstance(place, str) else hashlib.sha256(place.getbuffer()).hexdigest()


def _measure(source: str, place: str | io.BytesIO, part: audio.Fragment) -> dict[str, Any]:
    import soundfile

    digest, mixed = hashlib.sha256(), Downmix(source, part=not part.whole)
    count = 0
    loudest = 0.0
    try:
        with soundfile.SoundFile(place) as file:
            rate, channels = int(file.samplerate), 1 if part.channel else int(file.channels)
            clipping = _Clipping(channels, file.subtype in ("FLOAT", "DOUBLE"))
            for block in audio.frames(file, source, part, math.inf):
                if not np.isfinite(block).all():
                    raise AudioError("not_finite", f"{source}: NaN or infinite sample after {count / rate:.1f} s")
                digest.update(np.ascontiguousarray(block).tobytes())
                count += len(block)
                clipping.add(block)
                loudest = max(loudest, _loudest(mixed.add(block), max(1, round(rate * _FRAME_S))))
    except (soundfile.SoundFileError, TypeError) as error:
        raise AudioError(
            "undecodable", f"{source}: cannot be decoded as sound ({audio.decoders_word(error)})"
        ) from error
    if not count:
        raise AudioError("empty", f"{source}: holds no samples")
    mixed.check()
    digest.update(f"{rate}:{channels}".encode())
    return {
        "seconds": round(count / rate, 4),
        "rate": rate,
        "channels": channels,
        "loudest_dbfs": round(20 * math.log10(loudest), 2) if loudest > 0 else None,
        "clipped_share": round(clipping.samples() / (count * channels), 6),
        "pcm": digest.hexdigest(),
    }


class _Clipping:
    """Samples in runs at the upper and the lower limit of each channel, counted block by block.

    The limit is full scale, or, where a channel never gets there, its highest value: mu-law ends at 0.98. Float samples
    go on over full scale, so there the highest value alone counts.
    """

    def __init__(self, channels: int, is_float: bool) -> None:
        self._full_scale = np.inf if is_float else _FULL_SCALE
        self._limits = np.zeros((2, channels), np.float32)
        self._counts = np.zeros((2, channels), int)

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Samples [n, channels]."""
        both = np.stack([block, -block])
        limits = np.minimum(both.max(axis=1), np.float32(self._full_scale))
        self._counts[limits > self._limits] = 0
        self._limits = np.maximum(limits, self._limits)
        if (limits == self._limits).any() and len(block) >= _RUN:
            self._counts += _in_runs(both >= self._limits[:, None])

    def samples(self) -> int:
        return int(self._counts[self._limits >= _LOUD].sum())


def _in_runs(high: npt.NDArray[np.bool_]) -> npt.NDArray[np.int_]:
    """How many of `high` [2, n, channels] lie in runs of `_RUN` and more: [2, channels]."""
    runs_from = high[:, :-2] & high[:, 1:-1] & high[:, 2:]
    covered = np.zeros(high.shape, dtype=bool)
    for shift in range(_RUN):
        covered[:, shift : shift + runs_from.shape[1]] |= runs_from
    return np.asarray(covered.sum(axis=1))


def _loudest(mono: npt.NDArray[np.float32], frame: int) -> float:
    """Highest RMS of the frames of mono samples [n]."""
    whole = len(mono) // frame * frame
    frames = [mono[:whole].reshape(-1, frame)] if whole else []
    frames += [mono[None, whole:]] if whole < len(mono) and not whole else []
    return max((float(np.sqrt(np.square(f, dtype=np.float64).mean(axis=1).max())) for f in frames), default=0.0)
