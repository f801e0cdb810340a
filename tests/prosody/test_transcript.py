from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from emotionthinker import audio
from emotionthinker.errors import WeightsError
from emotionthinker.prosody import activity, rate, transcript, whisper
from emotionthinker.prosody.heard import Heard, HeardWord

RATE = 16000


def measured(samples: np.ndarray, **options: Any) -> Any:
    return transcript.measure(samples, RATE, activity.speech_mask(samples, RATE), **options)


def test_given_text_wins(speech: Any) -> None:
    found = measured(speech(), text="  It is eleven. ")
    assert (found.text, found.source, found.reason) == ("It is eleven.", "given", None)
    assert found.language is None


def test_reasons_without_words(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(speech(), transcribe=False).reason == "no_transcript"
    assert measured(np.zeros(RATE, np.float32)).reason == "silent"
    assert measured(np.zeros(RATE // 50, np.float32)).reason == "silent"
    assert measured(speech(seconds=0.02)).reason == "too_short"

    monkeypatch.setattr(whisper, "_failures", {os.environ.get("EMOTIONTHINKER_HOME"): WeightsError("no network")})
    assert measured(speech()).reason == "no_recogniser"


def test_refused_words_leave_a_reason(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "recognise", lambda *_: Heard("la " * 30, -0.1, "en"))
    assert measured(speech()).reason == "unintelligible"


def test_long_sound_is_cut_at_pauses() -> None:
    mask = np.zeros(9000, bool)
    mask[100:2000] = mask[2100:3500] = mask[4000:8900] = True
    pieces = transcript._chunks(np.arange(90 * RATE, dtype=np.float32), RATE, mask)
    lengths = [len(piece) / RATE for _, piece in pieces]
    assert max(lengths) <= transcript.MAX_CHUNK_S + 0.41
    assert sum(lengths) >= (1900 + 1400 + 4900) / 100
    assert all(piece[0] == pytest.approx(start_s * RATE) for start_s, piece in pieces)
    assert pieces[0][0] == pytest.approx(0.8)


def test_the_pieces_of_long_sound_make_one_transcript(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word times count from the start of the clip."""
    word = Heard("so", -0.1, "en", (HeardWord("so", 0.5, 0.7, 0.9),))
    monkeypatch.setattr(whisper, "recognise", lambda *_: word)
    sound = np.concatenate([speech(seconds=20.0), np.zeros(RATE, np.float32), speech(seconds=20.0)])
    found = measured(sound)
    assert found.text == "so so"
    starts = [place.start_s for place in found.words]
    assert starts == pytest.approx([0.5, 21.3], abs=0.1)
    assert found.confidence == pytest.approx(np.exp(-0.1), abs=1e-3)


def test_the_first_words_of_long_sound_tell_its_language(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answers = [
        Heard("", -0.1, "la"),  # a piece without words tells nothing
        Heard("ja so", -0.1, "de"),
        Heard("nein", -0.1, "de"),
    ]

    def recognise(samples: np.ndarray, sample_rate: int, language: str | None) -> Heard:
        asked.append(language)
        return answers[len(asked) - 1]

    monkeypatch.setattr(whisper, "recognise", recognise)
    pause = np.zeros(RATE, np.float32)
    sound = np.concatenate([speech(seconds=20.0), pause, speech(seconds=20.0), pause, speech(seconds=20.0)])
    found = measured(sound, language=None)
    assert asked == [None, None, "de"]
    assert (found.text, found.language) == ("ja so nein", "de")


def test_an_ear_hears_the_whole_sound_once(speech: Any) -> None:
    lengths = []

    def listen(samples: np.ndarray, language: str | None) -> Heard:
        lengths.append(len(samples))
        return Heard("so", -0.1, language or "de")

    sound = np.concatenate([np.zeros(RATE, np.float32), speech(seconds=2.0)])
    found = measured(sound, language=None, listen=listen)
    assert (found.text, found.source, found.language) == ("so", "whisper-base", "de")
    assert lengths == [3 * RATE]


@pytest.mark.weights
def test_whisper_hears_the_example_clip(spoken: Any) -> None:
    samples, _rate = audio.load(spoken("neutral"))
    try:
        whisper.embedded()
    except (WeightsError, ImportError) as error:
        pytest.skip(f"Whisper base is not to be had: {error}")
    found = measured(samples)
    assert found.source == "whisper-base"
    assert found.text.rstrip(".!").lower() == "they are coming home tomorrow evening"
    speaking = activity.speech_mask(samples, RATE)
    _, spans = rate.measure(samples, RATE, speaking, found.text)
    apart = [abs(word.start_s - span.start_s) for word, span in zip(found.words, spans, strict=True)]
    assert max(apart) < 0.2  # the aligner agrees on where the words begin
    assert 0.5 < found.confidence <= 1.0
