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
_RUN = 3
"""A peak-normalised clip touches full scale once; a clipped one stays there."""
_FRAME_S = 0.05


def examine(source: str) -> dict[str, Any]:
    """Measurements of a file, a part of it or sound inside a Parquet file; else `reason` and `message` of what failed.

    `seconds`, `rate` (Hz), `channels`; `loudest_dbfs`, the level of the loudest 50 ms of the mono mix; `clipped_share`,
    the share of samples in runs of three and more at full scale; `sha256` of the file (None for a part); `pcm`, a hash
    of what was decoded, the same for the same sound in any lossless container. Never raises for a bad file.
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
    count = clipped = 0
    loudest = 0.0
    try:
        with soundfile.SoundFile(place) as file:
            rate, channels = int(file.samplerate), 1 if part.channel else int(file.channels)
            for block in audio.frames(file, source, part, math.inf):
                if not np.isfinite(block).all():
                    raise AudioError("not_finite", f"{source}: NaN or infinite sample after {count / rate:.1f} s")
                digest.update(np.ascontiguousarray(block).tobytes())
                count += len(block)
                clipped += _at_full_scale(block)
                loudest = max(loudest, _loudest(mixed.add(block), max(1, round(rate * _FRAME_S))))
    except (soundfile.SoundFileError, TypeError) as error:
        raise AudioError("undecodable", f"{source}: cannot be decoded as sound ({error})") from error
    if not count:
        raise AudioError("empty", f"{source}: holds no samples")
    mixed.check()
    digest.update(f"{rate}:{channels}".encode())
    return {
        "seconds": round(count / rate, 4),
        "rate": rate,
        "channels": channels,
        "loudest_dbfs": round(20 * math.log10(loudest), 2) if loudest > 0 else None,
        "clipped_share": round(clipped / (count * channels), 6),
        "pcm": digest.hexdigest(),
    }


def _at_full_scale(block: npt.NDArray[np.float32]) -> int:
    """Samples [n, channels] in runs of `_RUN` and more at full scale, of either sign."""
    if np.abs(block).max() < _FULL_SCALE or len(block) < _RUN:
        return 0
    covered = np.zeros(block.shape, dtype=bool)
    for sign in (1, -1):
        high = sign * block >= _FULL_SCALE
        runs_from = high[: len(high) - 2] & high[1:-1] & high[2:]
        for shift in range(_RUN):
            covered[shift : shift + len(runs_from)] |= runs_from
    return int(covered.sum())


def _loudest(mono: npt.NDArray[np.float32], frame: int) -> float:
    """Highest RMS of the frames of mono samples [n]."""
    whole = len(mono) // frame * frame
    frames = [mono[:whole].reshape(-1, frame)] if whole else []
    frames += [mono[None, whole:]] if whole < len(mono) and not whole else []
    return max((float(np.sqrt(np.square(f, dtype=np.float64).mean(axis=1).max())) for f in frames), default=0.0)
