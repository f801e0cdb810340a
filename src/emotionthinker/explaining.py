"""The public face: a clip in; an emotion, the reasoning behind it and the verdict on each acoustic claim out."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from emotionthinker import languages
from emotionthinker.emotions import parse_answer
from emotionthinker.models.prompt import emotion_question, split_completion
from emotionthinker.records import Explanation, Prosody, Transcript

if TYPE_CHECKING:
    from emotionthinker.prosody.levels import Calibration

Samples = npt.NDArray[np.float32]
Audio = str | os.PathLike[str] | npt.ArrayLike

RATE = 16_000
MAX_SECONDS = 30.0
"""Length the audio encoder was made for; a longer recording is several utterances and asks for a cut."""


class Explainer(Protocol):
    """What is asked of a model: `emotionthinker.models.thinker.Thinker` is one."""

    @property
    def name(self) -> str: ...

    def stream(self, audio: Samples, question: str, /) -> Iterator[str]:
        """Pieces of the completion, whose concatenation is the whole of it."""
        ...

    def label_probabilities(
        self, audios: Sequence[Samples], questions: Sequence[str], thinks: Sequence[str], /
    ) -> Sequence[dict[str, float]]:
        """For each clip the probability of each of the nine emotions after the given reasoning."""
        ...


def explain(
    audio: Audio,
    *,
    model: str | Path | Explainer = "nano",
    sample_rate: int = RATE,
    text: str | None = None,
    gender: str | None = None,
    language: str | None = "en",
    calibration: str | Path | Calibration | None = "reference",
    transcribe: bool = True,
    max_seconds: float = MAX_SECONDS,
) -> Explanation:
    """Name the emotion of a clip, say why, and check what was said against the measured prosody.

    `audio` is a sound file, or samples [n] or [n, channels] at `sample_rate` Hz. `model` is `nano`, a hub id, a folder,
    or a loaded model; loaded ones stay in memory. `text` and `gender` (female, male) win over what would be recognised;
    with `transcribe=False` a missing text stays missing, and the model is asked without it. `emotion` is None when the
    answer does not name exactly one of the nine (`raw` keeps what was said), and without speech (nothing is asked).
    Raises `AudioError` for an unusable sound, too_long above `max_seconds`, `ValueError` for an unknown language,
    and `WeightsError` for an unusable model.
    """
    stream = explain_stream(
        audio,
        model=model,
        sample_rate=sample_rate,
        text=text,
        gender=gender,
        language=language,
        calibration=calibration,
        transcribe=transcribe,
        max_seconds=max_seconds,
    )
    *_, explanation = stream
    assert isinstance(explanation, Explanation)
    return explanation


def explain_stream(
    audio: Audio,
    *,
    model: str | Path | Explainer = "nano",
    sample_rate: int = RATE,
    text: str | None = None,
    gender: str | None = None,
    language: str | None = "en",
    calibration: str | Path | Calibration | None = "reference",
    transcribe: bool = True,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[str | Explanation]:
    """As `explain`, but yields the pieces of the model's words as they come, and the `Explanation` last.

    The prosody is measured while the model speaks.
    """
    from emotionthinker.prosody import activity, energy, transcript
    from emotionthinker.reasoning.claims import check

    language = languages.checked(language)
    name, samples = _hear(audio, sample_rate, max_seconds)
    speech = activity.speech_mask(samples, RATE)
    anyone_speaks = speech.sum() * activity.FRAME_S >= energy.MIN_SPEECH_S - 1e-9
    # Not in a thread: the recogniser imports from transformers too, whose lazy imports fail when two threads race.
    thinker = load_model(model) if anyone_speaks else None
    said = transcript.measure(samples, RATE, speech, text=text, language=language, transcribe=transcribe)
    question = emotion_question(said.text)
    raw, probabilities = "", dict[str, float]()
    with ThreadPoolExecutor(max_workers=1) as aside:
        measuring = aside.submit(_measure, samples, said, gender, language, calibration)
        if thinker is not None:
            for piece in thinker.stream(samples, question):
                raw += piece
                yield piece
            (probabilities,) = thinker.label_probabilities([samples], [question], [split_completion(raw)[0]])
        prosody = measuring.result()
    think, answer = split_completion(raw)
    yield Explanation(
        audio=name,
        duration_s=prosody.duration_s,
        emotion=parse_answer(raw).label,
        probabilities=probabilities,
        think=think,
        answer=answer,
        raw=raw,
        prosody=prosody,
        claims=check(think, prosody),
        model=_name(thinker or model),
    )


def to_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain JSON types; a claim keeps its text, feature, claimed, measured and verdict."""
    return explanation.model_dump(mode="json", exclude={"claims": {"__all__": {"start", "end"}}})


_loaded: dict[str, Explainer] = {}
_loading = threading.Lock()
_measuring = threading.Lock()


def load_model(model: str | Path | Explainer) -> Explainer:
    """A loaded model as it is; else the one of that name, kept for the life of the process."""
    if not isinstance(model, (str, Path)):
        return model
    with _loading:
        if (key := str(model)) not in _loaded:
            from emotionthinker.models.thinker import Thinker

            _loaded[key] = Thinker.load(key)
        return _loaded[key]


def _name(model: str | Path | Explainer) -> str:
    return str(model) if isinstance(model, (str, Path)) else model.name


def _hear(audio: Audio, sample_rate: int, max_seconds: float) -> tuple[str, Samples]:
    """What the clip is called and its samples at 16 kHz."""
    from emotionthinker import audio as sound

    if isinstance(audio, (str, os.PathLike)):
        return os.fspath(audio), sound.load(audio, max_seconds=max_seconds)[0]
    return "array", sound.check(audio, sample_rate, max_seconds=max_seconds)


def _measure(
    samples: Samples,
    said: Transcript,
    gender: str | None,
    language: str | None,
    calibration: str | Path | Calibration | None,
) -> Prosody:
    """The annotation of a clip whose words are known already; one at a time, since the aligner keeps state."""
    from emotionthinker.prosody import annotate

    with _measuring:
        prosody = annotate(
            samples,
            text=said.text,
            gender=gender,
            language=said.language or language,
            calibration=calibration,
            transcribe=False,
        ).prosody
    assert prosody is not None
    return prosody.model_copy(update={"transcript": said})
