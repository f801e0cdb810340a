"""The clips that ship: their form, and that the prosody they promise is there to be measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from emotionthinker.prosody import annotate
from emotionthinker.records import Prosody

FOLDER = Path(__file__).parents[1] / "examples"
CLIPS = sorted(FOLDER.glob("*.flac"))
SAME = "They are coming home tomorrow evening."


@pytest.fixture(scope="module")
def measured() -> dict[str, Prosody]:
    words = {
        "surprise": "Wait, is that really you? I had no idea.",
        "whisper": "Keep the light off. He is still outside.",
    }
    return {
        path.stem: annotate(path, text=words.get(path.stem, SAME), calibration="reference").prosody for path in CLIPS
    }


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_a_clip_is_small_sound_and_described(path: Path):
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (16_000, 1, "FLAC", "PCM_16")
    assert 1.0 <= info.duration <= 5.0
    assert path.stat().st_size < 100_000
    samples, _ = soundfile.read(path)
    assert 0.02 < abs(samples).max() < 0.999
    assert abs(samples.mean()) < 1e-3
    assert f"`{path.name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_there_are_a_few(measured: dict[str, Prosody]):
    assert {"neutral", "happy", "sad", "angry"} <= measured.keys()
    assert 4 <= len(measured) <= 6


def test_the_same_words_differ_in_voice(measured: dict[str, Prosody]):
    neutral, happy, sad, angry = (measured[name] for name in ("neutral", "happy", "sad", "angry"))
    assert happy.pitch.median_hz > 1.15 * neutral.pitch.median_hz
    assert happy.pitch.range_st > neutral.pitch.range_st + 2
    assert angry.pitch.median_hz > 1.5 * sad.pitch.median_hz
    assert angry.rate.articulation > 1.2 * sad.rate.articulation
    assert sad.energy.active_dbfs < neutral.energy.active_dbfs - 6 < angry.energy.active_dbfs - 12
    assert (sad.energy.level, angry.energy.level) == ("low", "high")
    assert sad.rate.level == "slow"
    assert "fast" in (angry.rate.level, angry.rate.near)


def test_the_whisper_has_no_pitch(measured: dict[str, Prosody]):
    assert measured["whisper"].pitch.level is None
    assert measured["whisper"].energy.level == "low"
