from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emotionthinker import audio
from emotionthinker.corpora import soundness
from emotionthinker.errors import AudioError


def test_the_same_sound_in_another_container(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    samples = (speech(seconds=1.0) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    soundfile.write(tmp_path / "a.flac", samples, 16000)
    soundfile.write(tmp_path / "b.wav", samples[:-1], 16000)
    soundfile.write(tmp_path / "c.wav", samples, 8000)
    files = ("a.wav", "a.flac", "b.wav", "c.wav")
    wav, flac, shorter, slower = (soundness.examine(str(tmp_path / name)) for name in files)
    assert wav["pcm"] == flac["pcm"]
    assert wav["sha256"] != flac["sha256"]
    assert len({wav["pcm"], shorter["pcm"], slower["pcm"]}) == 3
    assert (wav["seconds"], wav["rate"], wav["channels"]) == (1.0, 16000, 1)


def test_a_part_is_measured_as_a_part(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    samples = speech(seconds=1.0)
    soundfile.write(tmp_path / "whole.wav", np.stack([samples, np.zeros_like(samples)], axis=1), 16000)
    soundfile.write(tmp_path / "part.wav", samples[4000:8000], 16000)
    part = soundness.examine(f"{tmp_path}/whole.wav#t=0.25,0.5&channel=1")
    assert part["pcm"] == soundness.examine(str(tmp_path / "part.wav"))["pcm"]
    assert (part["seconds"], part["channels"], part["sha256"]) == (0.25, 1, None)
    assert soundness.examine(f"{tmp_path}/whole.wav#channel=2")["loudest_dbfs"] is None


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no sound at all", "undecodable"), (b"", "empty"), (None, "missing")]
)
def test_bad_files_are_rows_not_errors(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    row = soundness.examine(str(path))
    assert row["reason"] == reason
    assert "x.wav" in row["message"]


def test_no_samples_and_no_numbers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan], dtype=np.float32), 16000, subtype="FLOAT")
    assert soundness.examine(str(tmp_path / "empty.wav"))["reason"] == "empty"
    assert soundness.examine(str(tmp_path / "nan.wav"))["reason"] == "not_finite"


def test_a_peak_at_full_scale_is_not_clipping(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    """A normalised clip touches full scale at a sample; a clipped one stays there."""
    for name, samples in (("peak", speech(gain=1.0)), ("cut", np.clip(3 * speech(gain=1.0), -1, 1))):
        soundfile.write(tmp_path / f"{name}.wav", samples, 16000)
    assert soundness.examine(str(tmp_path / "peak.wav"))["clipped_share"] == 0
    assert soundness.examine(str(tmp_path / "cut.wav"))["clipped_share"] > 0.01


@given(arrays.arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 2)), elements=st.sampled_from([-1, 0, 1])))
def test_runs_at_full_scale_are_counted_as_counted_one_by_one(signs: np.ndarray) -> None:
    expected = 0
    for channel in signs.T:
        run = 1
        for before, after in zip(channel, [*channel[1:], 0], strict=True):
            if before and before == after:
                run += 1
                continue
            expected += run if before and run >= 3 else 0
            run = 1
    for is_float in (False, True):
        clipping = soundness._Clipping(signs.shape[1], is_float)
        clipping.add(signs.astype(np.float32))
        assert clipping.samples() == expected


@pytest.mark.parametrize("seconds", [1.0, 40.0])
def test_float_sound_over_full_scale_is_not_clipped_but_where_it_lies_flat(seconds: float, tmp_path: Path) -> None:
    over = 1.9 * np.sin(2 * np.pi * 200 * np.arange(round(16000 * seconds)) / 16000)
    soundfile.write(tmp_path / "over.wav", over, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "flat.wav", np.clip(over, -1.2, 1.2), 16000, subtype="FLOAT")
    assert soundness.examine(str(tmp_path / "over.wav"))["clipped_share"] == 0
    assert soundness.examine(str(tmp_path / "flat.wav"))["clipped_share"] > 0.5


def test_clipping_below_full_scale_is_seen_in_loud_sound(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    cut = np.clip(3 * speech(gain=1.0), -1, 1)
    shares = {}
    for name, samples, subtype in (
        ("mulaw", cut, "ULAW"),
        ("scaled", 0.8 * cut, "PCM_16"),
        ("quiet", 0.5 * cut, "PCM_16"),
        ("whole", speech(gain=1.0), "ULAW"),
    ):
        soundfile.write(tmp_path / "x.wav", samples, 16000, subtype=subtype)
        shares[name] = soundness.examine(str(tmp_path / "x.wav"))["clipped_share"]
    assert min(shares["mulaw"], shares["scaled"]) > 0.01
    assert shares["quiet"] == 0
    assert shares["whole"] < 0.001


def test_a_limit_reached_in_a_later_block_is_the_limit() -> None:
    clipping = soundness._Clipping(1, True)
    for block in ([0.8] * 5, [0.9] * 4, [0.8] * 5, [0.9] * 3):
        clipping.add(np.array(block, np.float32)[:, None])
    assert clipping.samples() == 7


@pytest.mark.parametrize("seconds", [0.01, 0.05, 1.0])
def test_level_of_the_loudest_frame(seconds: float, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.full(round(16000 * seconds), 0.1), 16000, subtype="FLOAT")
    assert soundness.examine(str(tmp_path / "x.wav"))["loudest_dbfs"] == pytest.approx(-20, abs=0.01)


def test_sound_that_audio_refuses_is_refused_here(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    wave = speech(1.0)
    soundfile.write(tmp_path / "anti.wav", np.stack([wave, -0.9 * wave], 1), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", 32768 * wave, 16000, subtype="FLOAT")
    for name, reason in (("anti.wav", "cancelled"), ("loud.wav", "out_of_range")):
        row = soundness.examine(str(tmp_path / name))
        assert row["reason"] == reason
        with pytest.raises(AudioError):
            audio.load(tmp_path / name)
    assert "reason" not in soundness.examine(f"{tmp_path}/anti.wav#channel=2")
