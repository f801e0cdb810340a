"""Files that hold less sound than their header announces."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker import announced, audio
from emotionthinker.corpora import soundness
from emotionthinker.errors import AudioError

TONE = 0.3 * np.sin(np.arange(24001))
KINDS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("MP3", "MPEG_LAYER_III"),
]


def encoded(form: str, subtype: str) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, TONE, 16000, format=form, subtype=subtype)
    return data.getvalue()


def loaded(data: bytes) -> int:
    return len(audio.load(io.BytesIO(data))[0])


def kind(data: bytes) -> str:
    with pytest.raises(AudioError) as caught:
        loaded(data)
    return caught.value.kind


@pytest.mark.parametrize(("form", "subtype"), KINDS)
def test_half_a_file_is_refused_and_a_whole_one_is_not(form: str, subtype: str, tmp_path: Path) -> None:
    data = encoded(form, subtype)
    assert loaded(data) >= len(TONE)
    assert kind(data[: len(data) // 2]) == "truncated"
    (tmp_path / "half").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match=r"announces 1\.5\d s of sound.*breaks off at 0\.\d\d s.*fetch the file again"):
        audio.load(tmp_path / "half")
    assert soundness.examine(str(tmp_path / "half"))["reason"] == "truncated"


@pytest.mark.parametrize("form", ["WAV", "MP3"])
def test_a_part_before_the_break_is_whole(form: str, tmp_path: Path) -> None:
    data = encoded(form, soundfile.default_subtype(form))
    (tmp_path / "half").write_bytes(data[: len(data) // 2])
    assert len(audio.load(f"{tmp_path}/half#t=0.1,0.3")[0]) == 3200
    for part in ("t=0.5,1.2", "t=0.5", "t=1.2,1.4"):
        with pytest.raises(AudioError, match="announces"):
            audio.load(f"{tmp_path}/half#{part}")


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF - 36, 0x7FFFF000])
def test_a_streamed_header_announces_nothing(size: int) -> None:
    data = encoded("WAV", "PCM_16")
    assert loaded(data[:40] + struct.pack("<I", size) + data[44:]) == len(TONE)


def test_what_lies_behind_the_sound_may_break_off() -> None:
    data = encoded("WAV", "PCM_16")
    more = b"LIST" + struct.pack("<I", 40000) + b"INFOISFT"
    assert loaded(data + more) == len(TONE)
    riff = data[:4] + struct.pack("<I", len(data) + 40000) + data[8:]
    assert loaded(riff + more) == len(TONE)


def test_a_few_samples_are_no_loss() -> None:
    assert loaded(encoded("WAV", "PCM_16")[:-88]) == len(TONE) - 44


def test_an_mp3_that_does_not_count_its_frames_announces_nothing() -> None:
    data = encoded("MP3", "MPEG_LAYER_III")
    at = next(data.find(mark) for mark in (b"Xing", b"Info") if mark in data)
    bare = data[:at] + bytes(8) + data[at + 8 :]
    assert loaded(bare[: len(bare) // 2]) < len(TONE)


def test_the_count_of_an_mp3_is_found_behind_its_tag() -> None:
    size = 300_000
    digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    sound = encoded("MP3", "MPEG_LAYER_III")
    data = b"ID3\3\0\0" + digits + bytes(size) + sound
    assert loaded(data) >= len(TONE)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert announced.frames(file) == file.frames
    assert kind(data[: -len(sound) // 2]) == "truncated"
