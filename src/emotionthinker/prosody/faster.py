"""The choice of the recogniser, and faster-whisper (optional extra `asr`) as one of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotionthinker.languages import WHISPER
from emotionthinker.prosody.heard import Heard, HeardWord
from emotionthinker.prosody.words import primary

Samples = npt.NDArray[np.float32]

RECOGNISER, FASTER = "whisper-base", "faster-whisper"


def model_of(recogniser: str) -> str:
    """The model of `faster-whisper:MODEL`; empty for the embedded recogniser. Raises `ValueError` for others."""
    kind, _, model = recogniser.partition(":")
    if recogniser != RECOGNISER and not (kind == FASTER and model):
        raise ValueError(f"recogniser is {recogniser!r}; expected {RECOGNISER} or {FASTER}:MODEL_OR_FOLDER")
    return model


def check(recogniser: str) -> None:
    """Raise `WeightsError` or `ValueError` unless a chosen recogniser can be had (its model is fetched if need be)."""
    if named := model_of(recogniser):
        from emotionthinker.models import ctranslate_whisper

        ctranslate_whisper.folder(named)


def hear(samples: Samples, language: str | None, model: str) -> list[Heard]:
    """The segments that faster-whisper hears in 16 kHz samples: beam search at temperature 0, so always the same."""
    from emotionthinker.models import ctranslate_whisper

    loaded = ctranslate_whisper.load(model)
    code = primary(language) if language else ""
    code = WHISPER.get(code, code)
    segments, info = loaded.transcribe(
        samples,
        language=code if code in loaded.supported_languages else None,
        temperature=0.0,
        condition_on_previous_text=False,
        word_timestamps=True,
    )
    return [
        Heard(
            segment.text.strip(),
            float(segment.avg_logprob),
            info.language,
            tuple(
                HeardWord(w.word.strip(), float(w.start), float(w.end), round(float(w.probability), 4))
                for w in segment.words or ()
            ),
        )
        for segment in segments
    ]
