from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker.errors import AudioError
from emotionthinker.prosody import annotate, stress, whisper
from emotionthinker.prosody.heard import Heard
from emotionthinker.prosody.levels import Calibration, Cut
from emotionthinker.records import Utterance

RATE = 16000
TEXT = "They are coming home tomorrow evening."
GROUPS = ("pitch", "energy", "rate", "stress", "intonation")


def reasons(utterance: Utterance) -> dict[str, str | None]:
    return {group: getattr(utterance.prosody, group).reason for group in GROUPS}


def test_a_clip_gets_every_group(spoken: Any) -> None:
    clip = spoken("neutral")
    found = annotate(clip, text=TEXT, gender="female", transcribe=False)
    assert (found.id, found.audio, found.text, found.gender) == ("neutral", str(clip), TEXT, "female")
    prosody = found.prosody
    assert prosody.calibration == "reference"
    assert prosody.duration_s == pytest.approx(soundfile.info(clip).duration, abs=1e-3)
    assert prosody.pitch.level in ("low", "normal", "high")
    assert prosody.energy.level in ("low", "normal", "high")
    assert prosody.rate.level in ("slow", "normal", "fast")
    assert prosody.intonation.style in ("flat", "moderate", "expressive")
    assert prosody.transcript.source == "given"
    assert len(prosody.stress.words) == 6
    assert Utterance.model_validate_json(found.model_dump_json()) == found


def test_imposed_prosody_is_ordered_as_it_was_imposed(spoken: Any) -> None:
    angry, sad = (annotate(spoken(n), text=TEXT, gender="male", transcribe=False).prosody for n in ("angry", "sad"))
    assert angry.pitch.median_hz > sad.pitch.median_hz
    assert angry.energy.active_dbfs > sad.energy.active_dbfs + 15
    assert angry.rate.articulation > sad.rate.articulation


def test_the_whispered_clip_is_unvoiced(spoken: Any) -> None:
    found = annotate(spoken("whisper"), text="Keep the light off. He is still outside.", transcribe=False)
    assert found.prosody.pitch.level is found.prosody.intonation.shape is None
    assert reasons(found)["pitch"] == reasons(found)["intonation"] == "unvoiced"
    assert found.prosody.speaker.gender is None


@pytest.mark.parametrize("seconds", [0.05, 2.0])
def test_silence_has_a_reason_in_every_group(seconds: float) -> None:
    found = annotate(np.zeros(round(seconds * RATE), np.float32))
    assert all(reasons(found).values()), reasons(found)
    assert found.prosody.transcript.reason == "silent"
    assert found.prosody.pitch.level is found.prosody.energy.level is found.prosody.rate.level is None


def test_fifty_milliseconds_of_speech(speech: Any) -> None:
    found = annotate(speech(seconds=0.05), text="hi", transcribe=False)
    assert {reasons(found)[group] for group in ("pitch", "rate", "stress", "intonation")} == {"too_short"}


@pytest.mark.parametrize(
    ("text", "language", "seconds", "reason"),
    [
        ("hi", "en", 0.05, "too_short"),
        ("more words than anyone could say in so short a time " * 2, "en", 0.3, "implausible_text"),
        ("你 " * 99, "zh", 0.5, "implausible_text"),
        ("...", "en", 1.0, "no_words"),
        (None, "en", 1.0, "no_transcript"),
    ],
)
def test_stress_says_why_it_has_no_words(
    text: str | None, language: str, seconds: float, reason: str, speech: Any
) -> None:
    found = annotate(speech(seconds=seconds), text=text, language=language, transcribe=False).prosody.stress
    assert (found.words, found.reason) == ([], reason)


@pytest.mark.parametrize("kind", ["noise", "dc", "click", "clipped", "tone"])
def test_odd_sound_never_raises(kind: str) -> None:
    time = np.arange(RATE) / RATE
    click = np.zeros(RATE)
    click[8000] = 1.0
    sounds = {
        "noise": np.random.default_rng(0).normal(0, 0.1, RATE),
        "dc": np.full(RATE, 0.5),
        "click": click,
        "clipped": np.clip(5 * np.sin(2 * np.pi * 150 * time), -1, 1),
        "tone": 0.3 * np.sin(2 * np.pi * 3000 * time),
    }
    found = annotate(sounds[kind].astype(np.float32), text="some words here", transcribe=False)
    for group in ("pitch", "energy", "rate"):
        part = getattr(found.prosody, group)
        assert part.level is not None or part.reason is not None


def test_no_text_has_its_reason(speech: Any) -> None:
    found = annotate(speech(), transcribe=False)
    assert found.prosody.transcript.reason == found.prosody.stress.reason == "no_transcript"
    assert found.prosody.rate.method == "nuclei+vad"


def test_stereo_and_other_rates_measure_the_same(spoken: Any, tmp_path: Path) -> None:
    samples, rate = soundfile.read(spoken("neutral"))
    import soxr

    soundfile.write(tmp_path / "stereo.wav", np.stack([samples, samples], 1), rate)
    soundfile.write(tmp_path / "low.mp3", soxr.resample(samples, rate, 44100), 44100)
    plain = annotate(samples, sample_rate=rate, transcribe=False).prosody
    for name in ("stereo.wav", "low.mp3"):
        other = annotate(tmp_path / name, transcribe=False).prosody
        assert other.pitch.median_hz == pytest.approx(plain.pitch.median_hz, rel=0.02)
        assert other.energy.active_dbfs == pytest.approx(plain.energy.active_dbfs, abs=0.5)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda p: p, "missing"),
        (lambda p: (p.write_bytes(b"RIFF not a sound"), p)[1], "undecodable"),
        (lambda p: (soundfile.write(p, np.zeros(0), RATE), p)[1], "empty"),
        (lambda p: (soundfile.write(p, np.array([0.1, np.nan] * 99), RATE, subtype="FLOAT"), p)[1], "not_finite"),
        (lambda p: np.array([0.0, np.inf], np.float32), "not_finite"),
        (lambda p: np.zeros((2, 3, 4), np.float32), "wrong_shape"),
    ],
)
def test_unusable_sound_raises_its_kind(make: Any, kind: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        annotate(make(tmp_path / "clip.wav"))
    assert caught.value.kind == kind


def test_too_long_is_refused(speech: Any) -> None:
    with pytest.raises(AudioError) as caught:
        annotate(speech(seconds=1.0), max_seconds=0.5)
    assert caught.value.kind == "too_long"


def test_unknown_gender_is_refused(speech: Any) -> None:
    with pytest.raises(ValueError, match="female"):
        annotate(speech(), gender="Male")


@pytest.mark.parametrize("language", ["English", "eng", "en-US", "EN"])
def test_a_language_may_be_named_in_other_ways(language: str, spoken: Any) -> None:
    found = annotate(spoken("neutral"), text=TEXT, language=language, transcribe=False)
    assert found.language in ("en", "en-US")
    assert found.prosody.rate.method == "alignment"


def test_the_language_that_was_heard_is_used_for_all_that_follows(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard("Das will sie am Mittwoch", -0.1, "de")
    monkeypatch.setattr(whisper, "recognise", lambda *_: heard)
    seen = []
    real = stress.measure
    monkeypatch.setattr(stress, "measure", lambda *a, **k: seen.append(k["language"]) or real(*a, **k))
    found = annotate(speech(seconds=2.0), language=None)
    assert found.language == found.prosody.transcript.language == "de"
    assert found.prosody.rate.method == "letters+vad"
    assert seen == ["de"]
    told = annotate(speech(seconds=2.0), language="tlh")  # not known to the recogniser, which then tells for itself
    assert (told.language, told.prosody.transcript.language) == ("tlh", "de")
    assert told.prosody.rate.method == "letters+vad"


def test_a_given_text_of_unknown_language_is_read_by_its_letters(speech: Any) -> None:
    found = annotate(speech(seconds=2.0), text="the words that we say", language=None)
    assert (found.language, found.prosody.rate.method) == (None, "letters+vad")


def test_unknown_language_is_refused(speech: Any) -> None:
    with pytest.raises(ValueError, match="Elvish"):
        annotate(speech(), language="Elvish")


def test_calibration_can_be_left_out_given_or_changed_on_disk(speech: Any, tmp_path: Path) -> None:
    samples = speech(seconds=1.0)
    bare = annotate(samples, calibration=None, transcribe=False).prosody
    assert bare.energy.level is bare.calibration is None
    path = tmp_path / "cuts.json"
    Calibration(name="one", energy=Cut(low=-1, high=0, count=1)).save(path)
    assert annotate(samples, calibration=path, transcribe=False).prosody.energy.level == "low"
    Calibration(name="two", energy=Cut(low=-90, high=-80, count=1)).save(path)
    os.utime(path, (1, 1))
    second = annotate(samples, calibration=path, transcribe=False).prosody
    assert (second.energy.level, second.calibration) == ("high", "two")


def test_importing_the_package_is_cheap() -> None:
    heavy = "torch transformers scipy pandas pocketsphinx swift_f0 onnxruntime"
    code = f"import sys, emotionthinker.prosody; print([m for m in {heavy.split()} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
