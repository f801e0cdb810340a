"""Every kind of sound file and array gets float32 mono at 16 kHz or a typed error."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker import audio
from emotionthinker.errors import AudioError


def tone(seconds: float, rate: int, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def level_of(samples: np.ndarray, hz: float) -> float:
    """Amplitude at `hz` in the middle half (edges ring)."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    wave = np.exp(-2j * np.pi * hz * np.arange(len(middle)) / audio.SAMPLE_RATE)
    return float(2 * abs(np.mean(middle * wave * np.hanning(len(middle)))) / np.hanning(len(middle)).mean())


def kind(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(AudioError) as caught:
        call(*args, **kwargs)  # type: ignore[operator]
    assert str(caught.value)
    return caught.value.kind


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (8000, 1), (48000, 2)])
def test_any_format_rate_and_channels(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, np.tile(tone(1.0, rate)[:, None], (1, channels)), rate)
    samples, sample_rate = audio.load(path)
    assert sample_rate == audio.SAMPLE_RATE
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / sample_rate == pytest.approx(1.0, abs=0.12 if suffix == "mp3" else 0.002)
    assert level_of(samples, 440.0) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_channels_that_sound_are_averaged(tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "_BLOCK_FRAMES", 500)
    path = tmp_path / "six.wav"
    wave = tone(0.2, rate)
    empty = np.zeros(len(wave))
    late = np.where(np.arange(len(wave)) < 700, 0.0, wave)  # sounds after the first block only
    soundfile.write(path, np.stack([0.6 * wave, empty, 0.3 * late, empty], axis=1), rate, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(path)[0], audio.check(0.5 * (0.6 * wave + 0.3 * late), rate), atol=1e-6)


def test_channels_that_cancel_are_no_silence(tmp_path: Path) -> None:
    path = tmp_path / "anti.wav"
    wave = tone(0.2, 16000)
    soundfile.write(path, np.stack([wave, -0.99 * wave], axis=1), 16000, subtype="FLOAT")
    assert kind(audio.load, path) == "cancelled"
    assert kind(audio.check, np.stack([wave, -wave], axis=1)) == "cancelled"
    np.testing.assert_allclose(audio.load(f"{path}#channel=1")[0], wave, atol=1e-6)


def test_a_channel_with_next_to_nothing_costs_no_level_but_parts_stay_comparable(tmp_path: Path) -> None:
    wave, hiss = tone(0.4, 16000), 3e-5 * np.random.default_rng(0).normal(size=6400)
    np.testing.assert_allclose(audio.check(np.stack([wave, hiss], axis=1)), wave, atol=2e-4)
    late = np.where(np.arange(6400) < 3200, 0.0, tone(0.4, 16000, 300.0))
    soundfile.write(tmp_path / "talk.wav", np.stack([wave, late], axis=1), 16000, subtype="FLOAT")
    alone, _ = audio.load(f"{tmp_path}/talk.wav#t=0,0.2")
    np.testing.assert_allclose(alone, audio.load(tmp_path / "talk.wav")[0][:3200], atol=1e-6)


@pytest.mark.parametrize("offset", [1e-4, -3e-3, 0.5])
def test_a_constant_offset_does_not_make_an_empty_channel_sound(offset: float) -> None:
    wave = tone(0.4, 16000) * 0.03
    mixed = audio.check(np.stack([wave, np.full(6400, offset)], axis=1))
    np.testing.assert_allclose(mixed - mixed.mean(), wave, atol=1e-6)
    assert kind(audio.check, np.stack([wave + offset, offset - wave], axis=1)) == "cancelled"
    constant = audio.check(np.full((6400, 2), offset))
    np.testing.assert_allclose(constant, offset, rtol=1e-6)


def test_the_hiss_of_an_open_input_is_no_second_channel() -> None:
    wave, noise = 0.025 * tone(0.4, 16000), np.random.default_rng(0).normal(size=6400)
    alone = audio.check(np.stack([wave, 7e-5 * noise], axis=1))  # 42 dB below
    np.testing.assert_allclose(alone, wave + 7e-5 * noise, atol=1e-6)
    both = audio.check(np.stack([wave, 3e-4 * noise], axis=1))  # 29 dB below
    np.testing.assert_allclose(both, (wave + 3e-4 * noise) / 2, atol=1e-6)


def test_independent_channels_do_not_cancel() -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=(16000, 8))
    np.testing.assert_allclose(audio.check(noise), noise.mean(1), atol=1e-6)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_integers_in_disguise_are_refused(tmp_path: Path, rate: int) -> None:
    loud = (20000 * tone(0.2, rate)).astype(np.float32)
    with pytest.raises(AudioError, match=r"up to 1\d\d\d\d.*divide"):
        audio.check(loud, rate)
    soundfile.write(tmp_path / "loud.wav", loud, rate, subtype="FLOAT")
    assert kind(audio.load, tmp_path / "loud.wav") == "out_of_range"
    assert np.abs(audio.check(4 * tone(0.2, rate), rate)).max() > 1.5, "over full scale, but no integers"


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([8000, 11025, 16000, 22050, 32000, 44100, 48000]),
    before=st.integers(0, 3),
    after=st.floats(0.0, 2.0),
    inner=st.integers(0, 400),
    block=st.sampled_from([301, 4096, 1 << 18]),
)
def test_silence_around_the_sound_changes_no_sample_of_it(
    rate: int, before: int, after: float, inner: int, block: int
) -> None:
    wave = np.random.default_rng(rate).normal(size=rate // 4).astype(np.float32) * 0.1
    wave[:inner] = 0.0
    padded = np.concatenate([np.zeros(before * rate), wave, np.zeros(round(after * rate))]).astype(np.float32)
    expected = audio.check(wave, rate)
    blocks = iter([padded[i : i + block] for i in range(0, len(padded), block)])
    found = audio._resample(blocks, rate, "array")
    first = before * audio.SAMPLE_RATE
    np.testing.assert_array_equal(found[first : first + len(expected)], expected)
    assert not found[:first].any()
    assert not found[first + len(expected) :].any()
    assert len(found) == int(np.ceil(len(padded) * audio.SAMPLE_RATE / rate))


def test_resampling_across_blocks_is_seamless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.wav"
    wave = tone(1.0, 44100)
    soundfile.write(path, wave, 44100, subtype="FLOAT")
    whole = audio.check(wave, 44100)
    monkeypatch.setattr(audio, "_BLOCK_FRAMES", 1000)
    np.testing.assert_allclose(audio.load(path)[0], whole, atol=1e-6)


def test_resampling_keeps_time() -> None:
    click = np.zeros(48000)
    click[24000] = 1.0
    assert np.argmax(np.abs(audio.check(click, 48000))) == pytest.approx(8000, abs=1)


def test_native_keeps_the_rate_of_the_file(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 10_000 * np.arange(48_000) / 48_000).astype(np.float32)
    soundfile.write(tmp_path / "t.wav", np.stack([tone, tone], 1) / 2, 48_000, subtype="FLOAT")
    samples, rate = audio.load(tmp_path / "t.wav", native=True)
    assert rate == 48_000
    np.testing.assert_allclose(samples, tone / 2, atol=1e-6)


def test_open_file_is_accepted() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(0.1, 16000), 16000, format="WAV")
    buffer.seek(0)
    assert len(audio.load(buffer)[0]) == 1600


def test_missing(tmp_path: Path) -> None:
    assert kind(audio.load, tmp_path / "no.wav") == "missing"


@pytest.mark.parametrize("content", [b"RIFF", b"not a sound " * 50, b"fLaC" + bytes(100)])
def test_undecodable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    assert kind(audio.load, path) == "undecodable"


def test_an_mp3_that_is_a_tag_alone_is_not_said_to_be_absent(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp3"
    path.write_bytes(b"ID3\x03\0\0\0\0\x0f\x76" + bytes(2038))
    with pytest.raises(AudioError, match=r"cannot be decoded as sound \(no sound in it\)"):
        audio.load(path)


@pytest.mark.parametrize("name", ["folder", "clip.raw", "notes.txt"])
def test_what_is_no_sound_file_is_undecodable(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_bytes(bytes(1000))
    assert kind(audio.load, path) == "undecodable"


def test_flac_damaged_in_the_middle_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 64000), 16000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    path.write_bytes(content)
    outcome: np.ndarray | AudioError
    try:
        outcome = audio.load(path)[0]
    except AudioError as error:
        outcome = error
    assert getattr(outcome, "kind", None) == "undecodable" or np.isfinite(outcome).all()


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.zeros(0), 16000)
    assert kind(audio.load, path) == "empty"
    path.write_bytes(b"")
    assert kind(audio.load, path) == "empty"
    assert kind(audio.load, f"{path}#t=1,2") == "empty"
    assert kind(audio.check, np.zeros(0)) == "empty"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_names_the_place(tmp_path: Path, bad: float) -> None:
    wave = tone(1.0, 16000)
    wave[8000] = bad
    path = tmp_path / "clip.wav"
    soundfile.write(path, wave, 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"0\.500 s") as caught:
        audio.load(path)
    assert caught.value.kind == "not_finite"
    assert kind(audio.check, wave) == "not_finite"


def test_float64_too_big_for_float32_is_not_finite() -> None:
    assert kind(audio.check, np.array([0.0, 1e300])) == "not_finite"


def test_too_long_is_refused_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.zeros(32000), 16000)

    def no_read(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", no_read)
    assert kind(audio.load, path, max_seconds=1.5) == "too_long"


def streamed_flac(path: Path, seconds: float) -> None:
    """A FLAC file as an encoder writes it to a pipe: the total number of samples (36 bits) is left 0."""
    soundfile.write(path, tone(seconds, 16000), 16000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)


def test_a_streamed_file_of_unknown_length_is_counted_while_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.flac"
    streamed_flac(path, 4.0)
    monkeypatch.setattr(audio, "_BLOCK_FRAMES", 8000)
    assert len(audio.load(path)[0]) == 64000
    assert kind(audio.load, path, max_seconds=1.5) == "too_long"


def test_an_hour_loads(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    soundfile.write(path, np.zeros(3600 * 1000, np.int16), 1000)
    samples, _ = audio.load(path)
    assert len(samples) == 3600 * audio.SAMPLE_RATE
    soundfile.write(path, np.zeros(3601 * 1000, np.int16), 1000)
    assert kind(audio.load, path) == "too_long"
    assert len(audio.load(path, max_seconds=3700)[0]) == 3601 * audio.SAMPLE_RATE


@pytest.mark.parametrize("seconds", [0.001, 0.05])
def test_short_and_silent_sound_is_no_error(seconds: float) -> None:
    assert not audio.check(np.zeros(round(seconds * 16000))).any()


@pytest.mark.parametrize(
    ("dtype", "zero", "half"),
    [(np.int16, 0, 1 << 14), (np.int32, 0, 1 << 30), (np.uint8, 128, 192), (np.float16, 0, 0.5), (np.float64, 0, 0.5)],
)
def test_integers_are_scaled_as_a_decoder_does(dtype: type, zero: int, half: float) -> None:
    samples = audio.check(np.array([zero, half] * 100, dtype=dtype))
    assert samples[:2].tolist() == [0.0, 0.5]
    assert samples.dtype == np.float32


@pytest.mark.parametrize("shape", [(), (2, 16000), (10, 2, 3), (100, 0)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    assert kind(audio.check, np.zeros(shape)) == "wrong_shape"


@pytest.mark.parametrize("array", [np.zeros(9, complex), np.zeros(9, bool), np.array(["a"])])
def test_wrong_type(array: np.ndarray) -> None:
    assert kind(audio.check, array) == "wrong_shape"


@pytest.mark.parametrize("rate", [0, -16000, 16000.5, True])
def test_bad_sample_rate_is_named(rate: float) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        audio.check(np.zeros(10), rate)  # type: ignore[arg-type]


@given(rate=st.integers(4000, 192000), seconds=st.floats(0.01, 0.3), channels=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_duration_is_kept_at_any_rate(rate: int, seconds: float, channels: int) -> None:
    wave = np.tile(tone(seconds, rate)[:, None], (1, channels))
    samples = audio.check(wave, rate)
    assert len(samples) / audio.SAMPLE_RATE == pytest.approx(len(wave) / rate, abs=2 / audio.SAMPLE_RATE)
    assert np.abs(samples).max() < 0.7


def test_check_copies_nothing_it_would_change() -> None:
    wave = np.ones(100, np.float32)
    before = wave.copy()
    audio.check(wave)
    assert np.array_equal(wave, before)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_part_and_a_channel_of_a_recording(tmp_path: Path, suffix: str) -> None:
    """A media fragment is heard as the file cut by hand."""
    left, right = tone(3.0, 16000), tone(3.0, 16000, 1000.0)
    path = tmp_path / f"talk.{suffix}"
    soundfile.write(path, np.stack([left, right], axis=1), 16000)
    whole, _ = audio.load(path)
    assert np.array_equal(audio.load(f"{path}#t=0.5,2.25")[0], whole[8000:36000])
    assert np.array_equal(audio.load(f"{path}#t=1")[0], whole[16000:])
    assert np.array_equal(audio.load(f"{path}#t=,1")[0], whole[:16000])
    second = audio.load(f"{path}#t=0.5,2.25&channel=2")[0]
    assert level_of(second, 1000.0) == pytest.approx(0.5, abs=0.02)
    assert level_of(second, 440.0) < 0.02
    first = audio.load(f"{path}#channel=1")[0]
    assert len(first) == 48000
    assert level_of(first, 440.0) == pytest.approx(0.5, abs=0.02)
    assert level_of(first, 1000.0) < 0.02


def test_a_part_across_blocks_at_another_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = tone(2.0, 44100)
    soundfile.write(tmp_path / "talk.wav", wave, 44100, subtype="FLOAT")
    soundfile.write(tmp_path / "cut.wav", wave[22050:66150], 44100, subtype="FLOAT")
    monkeypatch.setattr(audio, "_BLOCK_FRAMES", 1000)
    assert np.array_equal(audio.load(f"{tmp_path}/talk.wav#t=0.5,1.5")[0], audio.load(tmp_path / "cut.wav")[0])


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", tone(1.0, 16000), 16000)
    for part, expected in (("t=5,6", "empty"), ("t=0.5,0.2", "empty"), ("t=0,1&channel=3", "wrong_shape")):
        assert kind(audio.load, f"{tmp_path}/talk.wav#{part}") == expected
    assert kind(audio.load, f"{tmp_path}/gone.wav#t=0,1") == "missing"
    for part in ("t=a,b", "channel=0", "channel=one", "t=1,0:x"):
        with pytest.raises(AudioError, match=r"is no part of a recording; expected t=START,END") as caught:
            audio.load(f"{tmp_path}/talk.wav#{part}")
        assert caught.value.kind == "wrong_part"
    with pytest.raises(AudioError, match=r"begins at 5 s; the recording has 1\.00 s"):
        audio.load(f"{tmp_path}/talk.wav#t=5,9")


def test_times_of_a_part_in_minutes(tmp_path: Path) -> None:
    assert audio.fragment("talk.wav#t=1:04.25,0:01:05")[1:3] == (64.25, 65.0)
    assert audio.fragment("talk.wav#t=.5,1.")[1:3] == (0.5, 1.0)


def test_only_the_part_has_to_be_short_enough(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", tone(3.0, 16000), 16000)
    assert kind(audio.load, tmp_path / "talk.wav", max_seconds=1) == "too_long"
    assert len(audio.load(f"{tmp_path}/talk.wav#t=1,2", max_seconds=1)[0]) == 16000


def test_a_file_whose_name_looks_like_a_part_is_that_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "take#t=1,2", tone(1.0, 16000), 16000, format="WAV")
    assert len(audio.load(tmp_path / "take#t=1,2")[0]) == 16000


@given(
    st.floats(0, 1e5).map(lambda value: round(value, 3)),
    st.none() | st.floats(0, 1e5).map(lambda value: round(value, 3)),
    st.none() | st.integers(1, 64),
)
def test_fragments_are_read_as_they_are_written(start: float, end: float | None, channel: int | None) -> None:
    text = f"a#b.wav#t={start:.3f}" + (f",{end:.3f}" if end is not None else "")
    text += f"&channel={channel}" if channel else ""
    assert audio.fragment(text) == ("a#b.wav", start, end, channel)


def test_a_stamp_changes_with_the_file_behind_a_part_and_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    names = [f"{path}", f"{path}#t=1,2&channel=1", f"{tmp_path / 'a.parquet'}#3"]
    assert [audio.file_of(name) for name in names] == [str(path), str(path), str(tmp_path / "a.parquet")]
    assert {audio.stamp(name) for name in names} == {"missing"}
    for file in (path, tmp_path / "a.parquet"):
        file.write_bytes(b"12345")
    assert all(audio.stamp(name).startswith("5:") for name in names)


def test_a_file_that_may_not_be_read_is_not_called_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing to see")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    with pytest.raises(AudioError, match=r"a\.wav: may not be read .*give access") as told:
        audio.load(tmp_path / "a.wav")
    assert told.value.kind == "unreadable"
