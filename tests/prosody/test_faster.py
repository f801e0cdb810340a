from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emotionthinker import audio
from emotionthinker.errors import WeightsError
from emotionthinker.models import ctranslate_whisper
from emotionthinker.prosody import activity, faster, transcript

RATE = 16000


def measured(samples: np.ndarray, **options: Any) -> Any:
    return transcript.measure(samples, RATE, activity.speech_mask(samples, RATE), **options)


@pytest.mark.parametrize(
    ("name", "model"),
    [("whisper-base", ""), ("faster-whisper:small", "small"), ("faster-whisper:C:/models/x", "C:/models/x")],
)
def test_recognisers_are_named(name: str, model: str) -> None:
    assert faster.model_of(name) == model


@pytest.mark.parametrize("name", ["", "whisper", "faster-whisper", "faster-whisper:", "openai:whisper-1"])
def test_unknown_recognisers_are_refused(name: str, speech: Any) -> None:
    with pytest.raises(ValueError, match="expected whisper-base or faster-whisper:MODEL"):
        measured(speech(), text="given", recogniser=name)


class FakeWhisper:
    """Two segments, the second one made up; records what it was asked."""

    supported_languages = ("en", "de", "no")

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def transcribe(self, samples: np.ndarray, **options: Any) -> Any:
        self.asked.append(options)
        word = SimpleNamespace(word=" Hello", start=np.float64(0.1), end=np.float64(9.9), probability=np.float64(0.5))
        segments = [
            SimpleNamespace(text=" Hello", avg_logprob=-0.1, words=[word]),
            SimpleNamespace(text=" la" * 30, avg_logprob=-0.1, words=[word] * 30),
        ]
        return iter(segments), SimpleNamespace(language="en")


def test_segments_words_and_confidence_are_kept(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whisper = FakeWhisper()
    monkeypatch.setattr(ctranslate_whisper, "load", lambda name: whisper)
    silence = np.zeros(RATE, np.float32)
    found = measured(np.concatenate([silence, speech(seconds=2.0), silence]), recogniser="faster-whisper:x")
    assert (found.text, found.source) == ("Hello", "faster-whisper:x")
    assert found.confidence == pytest.approx(np.exp(-0.1), abs=1e-3)
    (word,) = found.words
    assert (word.text, word.confidence) == ("Hello", 0.5)
    assert 0.9 < word.start_s < 1.2  # the piece began 0.2 s before the speech
    assert word.end_s == pytest.approx(3.0, abs=0.1)  # not after the speech
    assert whisper.asked[0]["language"] == "en"
    measured(speech(), recogniser="faster-whisper:x", language="tlh")
    assert whisper.asked[1]["language"] is None
    measured(speech(), recogniser="faster-whisper:x", language="nb")
    assert whisper.asked[2]["language"] == "no"


def test_given_text_needs_no_recogniser(speech: Any) -> None:
    found = measured(speech(), text="It is eleven.", recogniser="faster-whisper:/nowhere/at all")
    assert (found.source, found.words, found.confidence) == ("given", [], None)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, speech: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ctranslate_whisper._load.cache_clear()
    with pytest.raises(WeightsError, match=r"pip install 'emotionthinker\[asr\]'"):
        measured(speech(), recogniser="faster-whisper:small")
    with pytest.raises(WeightsError, match="faster-whisper"):
        faster.check("faster-whisper:small")
    faster.check("whisper-base")


def test_a_model_whose_files_changed_is_loaded_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=lambda path: object()))
    monkeypatch.setitem(sys.modules, "ctranslate2", SimpleNamespace(set_log_level=lambda level: None))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes(b"")
    first = ctranslate_whisper.load(str(tmp_path))
    assert ctranslate_whisper.load(str(tmp_path)) is first
    (tmp_path / "model.bin").write_bytes(b"other")
    assert ctranslate_whisper.load(str(tmp_path)) is not first


def test_a_folder_that_is_no_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"lacks config.json, tokenizer.json, vocabulary.json"):
        ctranslate_whisper.folder(str(tmp_path))


def test_models_that_cannot_be_had_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str) -> str:
        raise OSError("no network")

    fake = SimpleNamespace(available_models=lambda: ["tiny", "small"], download_model=unreachable)
    monkeypatch.setitem(sys.modules, "faster_whisper", fake)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(WeightsError, match=r"no model 'smal' .* tiny, small"):
        ctranslate_whisper.folder("smal")
    with pytest.raises(WeightsError, match=r"'small' is not in the hub's cache .* no network"):
        ctranslate_whisper.folder("small")


def test_the_vocabulary_is_whole_and_ends_in_times() -> None:
    tokenizer = {"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"content": "<|endoftext|>", "id": 2}]}
    tokens = ctranslate_whisper.vocabulary(tokenizer)
    assert tokens[:4] == ["a", "b", "<|endoftext|>", "<|0.00|>"]
    assert tokens[-1] == "<|30.00|>"
    assert len(tokens) == 3 + 1501
    with pytest.raises(WeightsError, match="not 0"):
        ctranslate_whisper.vocabulary({"model": {"vocab": {"a": 0, "b": 2}}, "added_tokens": []})


@pytest.mark.weights
def test_the_embedded_whisper_runs_in_faster_whisper(spoken: Any) -> None:
    pytest.importorskip("faster_whisper")
    samples, _ = audio.load(spoken("neutral"))
    try:
        found = measured(samples, recogniser="faster-whisper:whisper-base")
    except WeightsError as error:
        pytest.skip(f"Whisper base is not to be had: {error}")
    assert found.text.rstrip(".!").lower() == "they are coming home tomorrow evening"
    assert found.source == "faster-whisper:whisper-base"
    assert [word.text.rstrip(".").lower() for word in found.words] == found.text.rstrip(".").lower().split()
    assert all(0 <= a.start_s <= a.end_s <= b.end_s <= 2.1 for a, b in zip(found.words, found.words[1:], strict=False))
