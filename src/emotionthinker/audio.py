"""Sound in: any file or array to float32 mono at 16 kHz, or a typed `AudioError`.

Silence and very short clips are not errors here: they are audio, and annotation reports what they do not support.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker import announced, embedded
from emotionthinker.downmix import Downmix
from emotionthinker.errors import AudioError

if TYPE_CHECKING:
    import soundfile

Samples = npt.NDArray[np.float32]
Source = str | os.PathLike[str] | BinaryIO

SAMPLE_RATE = 16_000
MAX_SECONDS = 3600.0
_BLOCK_FRAMES = 1 << 18
_MAX_CHANNELS = 64
_TIME = r"(?:\d+:){0,2}\d+\.?\d*|\.\d+"
_FRAGMENT = re.compile(rf"(.+)#(?=t=|channel=)(?:t=({_TIME})?(?:,({_TIME}))?)?(?:&?channel=([1-9]\d*))?")
_UNKNOWN_FRAMES = 1 << 62
"""libsndfile reports about 2^63 frames for a file whose header was written before its end was known."""


def load(source: Source, *, max_seconds: float = MAX_SECONDS, native: bool = False) -> tuple[Samples, int]:
    """Decode a sound file (WAV, FLAC, OGG, MP3, ... at any rate, any channel count).

    Returns (float32 mono [n], 16000), or the rate of the file where `native`. Decoding goes block by block, so a file
    longer than `max_seconds` is refused before it is held in memory. A path may name a part of a recording as a media
    fragment (W3C), and one channel, counted from 1: `talk.opus#t=1.5,4.25&channel=2`; `FILE.parquet#ROW` names sound
    inside a Parquet file (`embedded`). Mono is the mean of the channels that sound. Raises `AudioError` of kind
    missing, wrong_part, unreadable, undecodable, truncated, empty, not_finite, out_of_range, cancelled, too_long or (no
    such channel) wrong_shape.
    """
    import soundfile

    name = _name(source)
    place, part = place_of(source) if isinstance(source, (str, os.PathLike)) else (source, None)
    try:
        with soundfile.SoundFile(place) as file:
            rate = int(file.samplerate)
            target = rate if native else SAMPLE_RATE
            mixed = Downmix(name, part=part is not None and not part.whole)
            return mixed.finish(_resample(_blocks(file, mixed, part, max_seconds), rate, name, target)), target
    except (soundfile.SoundFileError, TypeError, OSError) as error:
        if isinstance(place, str) and not os.access(place, os.R_OK):
            raise AudioError("unreadable", f"{name}: may not be read (permission denied); give access to it") from error
        raise AudioError(
            "undecodable",
            f"{name}: cannot be decoded as sound ({decoders_word(error)}); expected WAV, FLAC, OGG or MP3: "
            f"convert it, for example with `ffmpeg -i IN -ar {SAMPLE_RATE} -ac 1 OUT.wav`",
        ) from error


def decoders_word(error: Exception) -> str:
    """Why libsndfile could not open a file that is there; of an MP3 file without sound it says that there is none."""
    return "no sound in it" if "possibly a pipe?" in str(error) else str(error)


def place_of(source: str | os.PathLike[str]) -> tuple[str | io.BytesIO, Fragment]:
    """What to open for a path, and the part of it that is meant. Raises `AudioError` missing, empty (a file of 0 bytes)
    or wrong_part."""
    name = os.fspath(source)
    part = fragment(name)
    if os.path.exists(part.path):
        if os.path.isfile(part.path) and not os.path.getsize(part.path):
            raise AudioError("empty", f"{name}: a file of 0 bytes; fetch it again, or leave it out")
        return part.path, part
    if embedded.is_reference(name):
        return io.BytesIO(embedded.read(name)[0]), Fragment(name)
    path, mark, given = name.rpartition("#")
    if mark and part.whole and os.path.exists(path):
        raise AudioError(
            "wrong_part",
            f"{name}: {given!r} is no part of a recording; expected t=START,END in seconds or [h:]mm:ss and channel=N, "
            "counted from 1 (`#t=1.5,4.25&channel=2`)",
        )
    raise missing(name)


def missing(name: str) -> AudioError:
    """The error of a sound that is not there."""
    return AudioError("missing", f"{name}: no such file; check the path")


class Fragment(NamedTuple):
    """A sound file, or the part of it from `start_s` to `end_s` (None: its end), of one channel (from 1; None: all)."""

    path: str
    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None

    @property
    def whole(self) -> bool:
        return self.start_s == 0 and self.end_s is None and self.channel is None


def fragment(source: str | os.PathLike[str]) -> Fragment:
    """What a path names; a file whose own name holds a `#` is that file."""
    name = os.fspath(source)
    match = None if "#" not in name or os.path.exists(name) else _FRAGMENT.fullmatch(name)
    if match is None:
        return Fragment(name)
    path, start, end, channel = match.groups()
    return Fragment(path, _seconds(start or "0"), _seconds(end) if end else None, int(channel) if channel else None)


def _seconds(time: str) -> float:
    """Seconds of a time as W3C's normal play time has it: `4.25`, `1:04.25`, `0:01:04.25`."""
    seconds = 0.0
    for field in time.split(":"):
        seconds = 60 * seconds + float(field)
    return seconds


def file_of(source: str | os.PathLike[str]) -> str:
    """The file behind a sound, without the part of it that is meant (`#t=…&channel=…`, or `#ROW` of a Parquet file)."""
    return fragment(embedded.file_of(os.fspath(source))).path


def stamp(source: str | os.PathLike[str]) -> str:
    """What changes when the file behind a sound does: its size and time of change; `missing` without one."""
    try:
        status = os.stat(file_of(source))
    except OSError:
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"


def check(samples: npt.ArrayLike, sample_rate: int = SAMPLE_RATE, *, max_seconds: float = MAX_SECONDS) -> Samples:
    """An array of sound as float32 mono [n] at 16 kHz.

    `samples` is [n] or [n, channels], float (full scale 1.0) or integer (full scale of its type).
    Raises `AudioError` of kind wrong_shape, empty, not_finite, out_of_range, cancelled or too_long, `ValueError` for a
    bad sample rate.
    """
    if isinstance(sample_rate, bool) or int(sample_rate) != sample_rate or sample_rate <= 0:
        raise ValueError(f"sample_rate is {sample_rate!r}; expected a positive whole number of Hz")
    array = np.asarray(samples)
    _check_shape(array)
    _check_length(len(array), int(sample_rate), max_seconds, "array")
    channels, mixed = _to_float(array), Downmix("array")
    _check_finite(channels, "array", 0, int(sample_rate))
    return mixed.finish(_resample(iter([mixed.add(channels)]), int(sample_rate), "array"))


def resampled(samples: Samples, sample_rate: int, target: int = SAMPLE_RATE) -> Samples:
    """Mono float32 samples [n] at `target` Hz; the same array where they have that rate or are none."""
    if sample_rate == target or not len(samples):
        return samples
    return _resample(iter([samples]), sample_rate, "array", target)


def _name(source: Source) -> str:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else str(getattr(source, "name", "stream"))


def frames(
    file: soundfile.SoundFile, name: str, part: Fragment | None = None, max_seconds: float = MAX_SECONDS
) -> Iterator[Samples]:
    """Blocks [n, channels] of an open file, or of a part of it, as they are: at its own rate, not checked for NaN.

    A streamed file does not know its length, so what is really decoded is counted as well. Raises `AudioError` of kind
    truncated, at the end, when the file breaks off within what is read.
    """
    part = part or Fragment(name)
    rate = int(file.samplerate)
    start, end = round(part.start_s * rate), _UNKNOWN_FRAMES if part.end_s is None else round(part.end_s * rate)
    if part.channel is not None and part.channel > file.channels:
        raise AudioError("wrong_shape", f"{name}: no channel {part.channel}; there are {file.channels}, counted from 1")
    if end <= start and part.end_s is not None:
        raise AudioError("empty", f"{name}: the part ends at {part.end_s:g} s, before it begins")
    promised = announced.frames(file)
    if file.frames < _UNKNOWN_FRAMES and start >= file.frames > 0:
        announced.check(name, promised, start, end, int(file.frames), rate)
        length = file.frames / rate
        raise AudioError("empty", f"{name}: the part begins at {part.start_s:g} s; the recording has {length:.2f} s")
    if file.frames < _UNKNOWN_FRAMES:
        _check_length(min(int(file.frames), end) - start, rate, max_seconds, name)
    if start:
        file.seek(min(start, int(file.frames)))
    # Reading forward only: soundfile would seek after each read, which fails at the end of a streamed FLAC.
    file.seekable = lambda: False
    done = start
    while done < end and len(block := file.read(min(_BLOCK_FRAMES, end - done), dtype="float32", always_2d=True)):
        done += len(block)
        _check_length(done - start, rate, max_seconds, name)
        yield block if part.channel is None else block[:, part.channel - 1 : part.channel]
    announced.check(name, promised, start, end, done, rate)


def _blocks(file: soundfile.SoundFile, mixed: Downmix, part: Fragment | None, max_seconds: float) -> Iterator[Samples]:
    """Checked mono blocks."""
    rate = int(file.samplerate)
    done = round(part.start_s * rate) if part else 0
    for block in frames(file, mixed.name, part, max_seconds):
        _check_finite(block, mixed.name, done, rate)
        done += len(block)
        yield mixed.add(block)


def _resample(blocks: Iterator[Samples], rate: int, name: str, target: int = SAMPLE_RATE) -> Samples:
    """Mono blocks at `rate` to one array at `target` Hz."""
    if rate == target:
        parts = list(blocks)
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    else:
        samples = _converted(blocks, rate, target)
    if not len(samples):
        raise AudioError("empty", f"{name}: holds no samples; expected at least one")
    return samples


def _converted(blocks: Iterator[Samples], rate: int, target: int) -> Samples:
    """Digital silence at either end is left out of the conversion and put back behind it.

    The filter would ring into it, and what begins with the sound would begin elsewhere in a padded copy. Whole periods
    of the two rates are cut, so that the samples of the copy fall on the same instants.
    """
    import soxr

    stream = soxr.ResampleStream(rate, target, 1, dtype="float32")
    period = rate // math.gcd(rate, target)
    parts: list[Samples] = []
    first, held, total = None, 0, 0
    for block in blocks:
        total += len(block)
        sound = np.flatnonzero(block) if len(block) and not (block[0] and block[-1]) else np.arange(len(block))
        if not len(sound):
            held += len(block)
            continue
        if first is None:
            first = (held + int(sound[0])) // period * period
            held -= first
        parts += [stream.resample_chunk(zeros) for zeros in _silence(held)]
        end = int(sound[-1]) + 1
        parts.append(stream.resample_chunk(block[max(0, -held) : end]))
        held = len(block) - end
    fed = total - held - (first or 0) if parts else 0
    parts.append(stream.resample_chunk(np.zeros(-fed % period, np.float32), last=True))
    start, length = (first or 0) * target // rate, -(-total * target // rate)
    converted = np.concatenate(parts)[: -(-fed * target // rate)]
    if len(converted) == length:
        return converted
    samples = np.zeros(length, np.float32)
    samples[start : start + len(converted)] = converted
    return samples


def _silence(frames: int) -> Iterator[Samples]:
    for first in range(0, frames, _BLOCK_FRAMES):
        yield np.zeros(min(_BLOCK_FRAMES, frames - first), np.float32)


def _to_float(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Integers are divided by the full scale of their type, as a decoder does; unsigned ones are centred first."""
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # an overflow becomes inf, which is reported as not finite
            return array.astype(np.float32)
    scale = 2.0 ** (np.iinfo(array.dtype).bits - 1)
    offset = 0.0 if np.issubdtype(array.dtype, np.signedinteger) else scale
    return ((array - offset) / scale).astype(np.float32)


def _check_shape(array: npt.NDArray[Any]) -> None:
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise AudioError("wrong_shape", f"array of {array.dtype}; expected real float or integer samples")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise AudioError("wrong_shape", f"array of shape {array.shape}; expected [n] or [n, channels]")
    if array.ndim == 2 and array.shape[1] > _MAX_CHANNELS:
        raise AudioError(
            "wrong_shape",
            f"array of shape {array.shape} would have {array.shape[1]} channels; expected [n, channels]: transpose it",
        )


def _check_length(frames: int, rate: int, max_seconds: float, name: str) -> None:
    if frames > max_seconds * rate:
        raise AudioError(
            "too_long",
            f"{name}: at least {frames / rate:.0f} s long; expected at most {max_seconds:g} s: "
            "cut it into utterances or raise max_seconds",
        )


def _check_finite(samples: Samples, name: str, offset: int, rate: int) -> None:
    finite = np.isfinite(samples)
    if not finite.all():
        at = (offset + int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))) / rate
        raise AudioError("not_finite", f"{name}: NaN or infinite sample at {at:.3f} s; expected finite numbers")
