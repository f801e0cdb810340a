"""How much sound the header of a file announces: a download or a copy that broke off holds less, and still decodes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from emotionthinker.errors import AudioError

if TYPE_CHECKING:
    import soundfile

_SLACK_S = 0.1
_SLACK_SHARE = 0.01
"""Less than either is no loss: encoders count their delay and padding, writers their header as sound."""
_SIZES = re.compile(r"^ *(?:data|SSND|BODY|Data Size|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""libsndfile's log of a header that announces more bytes than follow: WAV, AIFF, SVX, AU, RF64, W64."""
_STREAMED = 0x7FFF0000
"""Writers that cannot go back to the header announce about 2 or 4 GB: ffmpeg 0xFFFFFFFF, sox 0x7FFFF000."""
_ID3_HEADER = 10


def frames(file: soundfile.SoundFile) -> int:
    """Frames that the header of an open file announces; 0 where it announces none, or no more than is there."""
    if file.format == "MP3":
        return int(file.frames) if _counts_frames(file.name) else 0
    match = _SIZES.search(file.extra_info)
    announced, there = map(int, match.groups()) if match else (0, 0)
    return round(file.frames * announced / there) if there and announced < _STREAMED else 0


def check(name: str, announced: int, start: int, end: int, done: int, rate: int) -> None:
    """Raises `AudioError` of kind truncated when a file of `announced` frames, read from `start` on, was to be read to
    `end` and stopped at `done`."""
    wanted = min(end, announced)
    if wanted - done > max(_SLACK_S * rate, _SLACK_SHARE * (wanted - start)):
        raise AudioError(
            "truncated",
            f"{name}: its header announces {announced / rate:.2f} s of sound, it breaks off at {done / rate:.2f} s; "
            "fetch the file again, or, where that is all there is, write it anew: `ffmpeg -i IN OUT`",
        )


def _counts_frames(place: str | io.BytesIO) -> bool:
    """Whether an MP3 file counts its frames (Xing or Info header); libsndfile guesses the length of others."""
    if isinstance(place, (str, bytes)):
        with open(place, "rb") as data:
            return _has_xing(data)
    at = place.tell()
    try:
        place.seek(0)
        return _has_xing(place)
    finally:
        place.seek(at)


def _has_xing(data: io.BufferedReader | io.BytesIO) -> bool:
    head = data.read(_ID3_HEADER)
    tag = 0
    if head[:3] == b"ID3" and len(head) == _ID3_HEADER:
        for seven_bits in head[6:]:
            tag = tag << 7 | seven_bits & 0x7F
        tag += _ID3_HEADER
    data.seek(tag)
    first_frame = data.read(1024)
    return bool(re.search(rb"(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f]", first_frame))
