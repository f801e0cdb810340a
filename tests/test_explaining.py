from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

import emotionthinker
from emotionthinker import explaining
from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import AudioError
from emotionthinker.explaining import explain, explain_stream, to_json
from emotionthinker.models import prompt
from emotionthinker.records import Explanation, Transcript

THINK = "The voice is loud. The pitch is low."
GOOD = f"<think>{THINK}</think><answer>angry</answer>"
Speech = Callable[..., np.ndarray]


class FakeThinker:
    """Says what it is told to, three characters at a time, and keeps what it was asked."""

    name = "fake"

    def __init__(self, raw: str = GOOD) -> None:
        self.raw = raw
        self.asked: list[str] = []
        self.reasoned: list[str] = []

    def stream(self, audio: np.ndarray, question: str, /) -> Iterator[str]:
        assert audio.dtype == np.float32
        self.asked.append(question)
        return (self.raw[at : at + 3] for at in range(0, len(self.raw), 3))

    def label_probabilities(
        self, audios: Sequence[np.ndarray], questions: Sequence[str], thinks: Sequence[str], /
    ) -> list[dict[str, float]]:
        self.reasoned += thinks
        return [dict.fromkeys(EMOTIONS, 1 / 9) for _ in audios]


@pytest.fixture
def clip(speech: Speech) -> np.ndarray:
    return speech(seconds=1.5, f0=220.0)


def test_a_clip_is_explained(clip: np.ndarray):
    model = FakeThinker()
    result = explain(clip, model=model, text="they moved it", gender="female")
    assert result.emotion == "Angry"
    assert (result.think, result.answer, result.raw) == (THINK, "angry", GOOD)
    assert {claim.feature for claim in result.claims} == {"energy", "pitch"}
    assert result.probabilities.keys() == set(EMOTIONS)
    assert model.asked == [prompt.emotion_question("they moved it")]
    assert model.reasoned == [THINK]
    assert result.model == "fake"
    assert result.duration_s == 1.5
    assert result.prosody.transcript == Transcript(text="they moved it", source="given")
    assert result.prosody.calibration == "reference"


def test_json_has_exactly_the_published_keys(clip: np.ndarray):
    value = to_json(explain(clip, model=FakeThinker(), transcribe=False))
    published = "audio duration_s emotion probabilities think answer raw prosody claims model"
    assert list(value) == published.split()
    assert value["claims"]
    for claim in value["claims"]:
        assert list(claim) == ["text", "feature", "claimed", "measured", "verdict"]


def test_the_stream_gives_the_words_and_then_the_whole(clip: np.ndarray):
    *pieces, last = explain_stream(clip, model=FakeThinker(), transcribe=False)
    assert "".join(pieces) == GOOD
    assert isinstance(last, Explanation)
    assert last == explain(clip, model=FakeThinker(), transcribe=False)


def test_a_recognised_text_is_asked_about_and_keeps_its_source(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    from emotionthinker.prosody import transcript

    heard = Transcript(text="hello there", source="whisper-base")
    monkeypatch.setattr(transcript, "measure", lambda *_, text=None, **__: heard)
    model = FakeThinker()
    result = explain(clip, model=model)
    assert model.asked == [prompt.emotion_question("hello there")]
    assert result.prosody.transcript == heard


def test_the_language_that_was_heard_is_measured_by(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    from emotionthinker.prosody import whisper
    from emotionthinker.prosody.heard import Heard

    heard = Heard("komm heim", -0.1, "de")
    monkeypatch.setattr(whisper, "recognise", lambda *_: heard)
    assert explain(clip, model=FakeThinker(), language=None).prosody.rate.method == "letters+vad"


def test_without_a_transcript_the_model_is_asked_without_it(clip: np.ndarray):
    model = FakeThinker()
    result = explain(clip, model=model, transcribe=False)
    assert model.asked == [prompt.QUESTION]
    assert result.prosody.transcript.reason == "no_transcript"


@pytest.mark.parametrize(
    ("raw", "think", "answer"),
    [
        ("", "", ""),
        ("<think>loud", "loud", ""),
        ("<think>loud</think>", "loud", ""),
        ("<think>loud</think><answer>", "loud", ""),
        ("<think>loud</think><answer>blue</answer>", "loud", "blue"),
        ("<think>loud</think><answer>sad or angry</answer>", "loud", "sad or angry"),
        ("<answer></answer>", "", ""),
        ("</think></answer>", "", ""),
        ("Das ist schön 🎈 \u202e", "Das ist schön 🎈 \u202e", ""),
    ],
)
def test_an_answer_that_names_no_emotion_gives_none_and_keeps_what_was_said(
    clip: np.ndarray, raw: str, think: str, answer: str
):
    result = explain(clip, model=FakeThinker(raw), transcribe=False)
    assert result.emotion is None
    assert (result.raw, result.think, result.answer) == (raw, think, answer)
    assert Explanation.model_validate_json(result.model_dump_json()) == result


def test_a_model_without_tags_is_read_and_checked(clip: np.ndarray):
    result = explain(clip, model=FakeThinker("She sounds sad: the voice is very loud."), transcribe=False)
    assert result.emotion == "Sad"
    assert [claim.feature for claim in result.claims] == ["energy"]


def test_reasoning_without_claims(clip: np.ndarray):
    result = explain(clip, model=FakeThinker("<think>I guess.</think><answer>fear</answer>"), transcribe=False)
    assert result.emotion == "Fear"
    assert result.claims == []


@pytest.mark.parametrize("samples", [np.zeros(16_000, np.float32), np.zeros(1, np.float32)])
def test_silence_is_not_put_to_the_model(samples: np.ndarray):
    model = FakeThinker()
    result = explain(samples, model=model)
    assert model.asked == []
    assert (result.emotion, result.probabilities, result.raw, result.claims) == (None, {}, "", [])
    assert result.prosody.energy.reason is not None


def test_a_sliver_of_speech_is_explained_as_far_as_it_goes(clip: np.ndarray):
    result = explain(clip[1600:3200], model=FakeThinker(), transcribe=False)
    assert result.duration_s == pytest.approx(0.1)
    assert result.emotion == "Angry"


def test_files_of_any_rate_and_arrays_with_channels(clip: np.ndarray, tmp_path: Path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([clip, clip], 1), 16_000)
    from_file = explain(path, model=FakeThinker(), transcribe=False)
    assert from_file.audio == str(path)
    doubled = explain(np.repeat(clip, 2), sample_rate=32_000, model=FakeThinker(), transcribe=False)
    assert doubled.audio == "array"
    assert doubled.duration_s == from_file.duration_s == 1.5


def test_unusable_sound_raises_before_the_model_is_loaded(tmp_path: Path):
    with pytest.raises(AudioError) as missing:
        explain(tmp_path / "gone.wav", model="no such model")
    assert missing.value.kind == "missing"
    with pytest.raises(AudioError) as long:
        explain(np.zeros(31 * 16_000, np.float32), model=FakeThinker())
    assert long.value.kind == "too_long"
    with pytest.raises(AudioError) as broken:
        explain(np.array([0.1, np.nan]), model=FakeThinker())
    assert broken.value.kind == "not_finite"


def test_a_named_model_is_loaded_once(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    from emotionthinker.models.thinker import Thinker

    loads: list[str] = []
    monkeypatch.setattr(explaining, "_loaded", {})
    monkeypatch.setattr(Thinker, "load", lambda source: loads.append(source) or FakeThinker())
    for _ in range(2):
        assert explain(clip, model="somewhere", transcribe=False).model == "fake"
    assert loads == ["somewhere"]


def test_a_failure_of_the_model_reaches_the_caller(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    model = FakeThinker()
    monkeypatch.setattr(model, "label_probabilities", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explain(clip, model=model, transcribe=False)


def test_a_stream_can_be_left_early(clip: np.ndarray):
    stream = explain_stream(clip, model=FakeThinker(), transcribe=False)
    assert next(stream) == GOOD[:3]
    stream.close()
    assert explain(clip, model=FakeThinker(), transcribe=False).emotion == "Angry"


def test_a_random_thinker_goes_all_the_way(clip: np.ndarray, tiny_thinker: tuple[object, object]):
    from emotionthinker.models.thinker import Thinker

    thinker = Thinker(*tiny_thinker, name="tiny")
    result = explain(clip, model=thinker, text="They moved it.")
    assert result.model == "tiny"
    assert sum(result.probabilities.values()) == pytest.approx(1.0)
    assert Explanation.model_validate_json(result.model_dump_json()) == result


def test_the_public_face_is_reachable_and_light():
    assert emotionthinker.explain is explain
    heavy = "{'torch', 'scipy', 'transformers'}"
    code = f"import sys, emotionthinker; emotionthinker.explain; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
