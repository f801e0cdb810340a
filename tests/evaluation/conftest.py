"""A model that answers from a table, and the clips it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import AudioError
from emotionthinker.models.prompt import SYSTEM
from emotionthinker.records import Energy, Pitch, Prosody, Speaker, Transcript, Utterance

CLASSES = ("Neutral", "Happy", "Sad", "Angry")


class FakeThinker:
    """Says the emotion that is coded in the first sample of a clip; counts what it is asked."""

    def __init__(self, answer: Callable[[str], str] | None = None, dies_after: int | None = None) -> None:
        self.answer = answer or (lambda emotion: f"<think>The pitch is high.</think><answer>{emotion.lower()}</answer>")
        self.asked: list[str] = []
        self.dies_after = dies_after

    def generate(
        self,
        audios: Sequence[np.ndarray],
        questions: Sequence[str],
        *,
        max_new_tokens: int,
        batch_size: int,
        system: str = SYSTEM,
    ) -> list[str]:
        if any(len(audio) > 20000 for audio in audios):
            raise AudioError("too_long", "longer than the model takes")
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            raise KeyboardInterrupt
        self.asked += questions
        return [self.answer(CLASSES[round(float(audio[0]) * 8)]) for audio in audios]

    def label_probabilities(
        self, audios: Sequence[np.ndarray], questions: Sequence[str], thinks: Sequence[str] | None = None
    ) -> list[dict[str, float]]:
        assert thinks is None or all(think == "The pitch is high." for think in thinks)
        tables = []
        for audio in audios:
            right = CLASSES[round(float(audio[0]) * 8)]
            tables.append({label: 0.6 if label == right else 0.05 for label in EMOTIONS})
        return tables


def prosody(**fields: object) -> Prosody:
    return Prosody(
        duration_s=1.0,
        pitch=Pitch(median_hz=240.0, reliable=True, level="high"),
        energy=Energy(active_dbfs=-20.0, level="normal"),
        speaker=Speaker(gender="female", gender_confidence=0.9),
        transcript=Transcript(text="kids are talking", source="given"),
        **fields,
    )


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora; 12 training and 16 test clips; the emotion is written into the first sample."""
    folder = tmp_path_factory.mktemp("clips")
    path = folder / "utterances.jsonl"
    with open(path, "w", encoding="utf-8") as out:
        for number in range(28):
            split = "train" if number < 12 else "test"
            kind = number % 4
            sound = np.full(8000, 1e-3)
            sound[0] = kind / 8
            wav = folder / f"{number}.wav"
            soundfile.write(wav, sound, 16000, subtype="FLOAT")
            utterance = Utterance(
                id=f"u{number}",
                audio=str(wav),
                dataset="alpha" if number % 2 else "beta",
                speaker=f"{split}_{number // 4}",
                split=split,
                text="Kids are talking" if number % 3 else None,
                emotion=CLASSES[kind],
                prosody=prosody(),
            )
            out.write(utterance.model_dump_json() + "\n")
    return path
