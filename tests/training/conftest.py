"""A small annotated corpus and a tiny thinker's folder, for the stages that train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker.records import (
    Energy,
    Intonation,
    Pitch,
    Prosody,
    Rate,
    Speaker,
    Trace,
    Transcript,
    Utterance,
    write_jsonl,
)

EMOTIONS_HERE = ("Happy", "Sad", "Angry", "Neutral")


def prosody_of(level: str, gender: str, seconds: float) -> Prosody:
    """A filled-in table."""
    place = {"low": 0, "normal": 1, "high": 2}[level]
    return Prosody(
        duration_s=seconds,
        pitch=Pitch(median_hz=120.0 + 60 * place, range_st=6.0, reliable=True, level=level),
        energy=Energy(active_dbfs=-40.0 + 10 * place, level=level),
        rate=Rate(articulation=9.0 + 3 * place, level=("slow", "normal", "fast")[place]),
        intonation=Intonation(shape="falling", style="moderate", confidence=0.9),
        speaker=Speaker(gender=gender, gender_confidence=1.0, gender_method="given"),
        transcript=Transcript(text="hello there", source="given"),
        calibration="reference",
    )


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, speech: Callable[..., np.ndarray]) -> Path:
    """JSONL of 12 annotated utterances with traces: 8 to train on, 4 of another speaker to test on."""
    folder = tmp_path_factory.mktemp("corpus")
    utterances = []
    for i in range(12):
        level = ("low", "normal", "high")[i % 3]
        seconds = 0.5 + 0.1 * (i % 4)
        path = folder / f"clip{i}.wav"
        soundfile.write(path, speech(seconds=seconds, f0=120.0 + 60 * (i % 3), seed=i), 16000)
        utterances.append(
            Utterance(
                id=f"u{i}",
                audio=str(path),
                dataset="alpha" if i % 2 else "beta",
                speaker="test" if i >= 8 else "train",
                split="test" if i >= 8 else "train",
                text="hello there",
                emotion=EMOTIONS_HERE[i % 4],
                gender="female",
                prosody=prosody_of(level, "female", seconds),
                trace=Trace(think=f"The pitch is {level}.", answer=EMOTIONS_HERE[i % 4], writer="test"),
            )
        )
    write_jsonl(folder / "traces.jsonl", utterances)
    return folder / "traces.jsonl"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_thinker: tuple[Any, Any]) -> Path:
    """The tiny thinker saved as a training stage saves it."""
    from emotionthinker.models.loading import save_thinker

    folder = tmp_path_factory.mktemp("tiny")
    save_thinker(*tiny_thinker, folder)
    return folder
