"""Synthesised speech-like sound and annotated utterances for the perception tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.records import Energy, Intonation, Pitch, Prosody, Rate, Speaker, Stress, Utterance, Word

RATE = 16000


def syllables(f0: float = 160.0, count: int = 6, seed: int = 0) -> np.ndarray:
    """Voiced syllables of changing length, loudness and melody with two formants, float32 at 16 kHz."""
    rng = np.random.default_rng(seed)
    pieces = [np.zeros(int(0.15 * RATE))]
    for _ in range(count):
        n = int(rng.uniform(0.12, 0.3) * RATE)
        t = np.arange(n) / RATE
        melody = f0 * 2 ** (rng.uniform(-2, 2) / 12 * np.sin(2 * np.pi * rng.uniform(1, 2) * t))
        phase = 2 * np.pi * np.cumsum(melody) / RATE
        harmonics = np.arange(1, int(3800 / melody.max()))
        gains = sum(np.exp(-(((harmonics * f0 - f) / 250) ** 2)) for f in (600, 1500)) + 0.05
        voice = (gains[:, None] * np.sin(harmonics[:, None] * phase)).sum(0)
        envelope = np.sin(np.pi * np.arange(n) / n) ** 0.5
        pieces += [rng.uniform(0.5, 1.0) * voice * envelope, np.zeros(int(rng.uniform(0.03, 0.08) * RATE))]
    sound = np.concatenate([*pieces, np.zeros(int(0.15 * RATE))])
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def whispered(count: int = 6, seed: int = 0) -> np.ndarray:
    """The same syllables without voice: noise with their level, float32 at 16 kHz."""
    spoken = syllables(count=count, seed=seed)
    level = np.sqrt(np.convolve(spoken.astype(np.float64) ** 2, np.hanning(480) / 240, "same"))
    noise = np.random.default_rng(seed).normal(size=len(spoken))
    return (level * noise * 0.3).astype(np.float32)


@pytest.fixture
def voice() -> np.ndarray:
    return syllables()


def measured(name: str, audio: str | None = None, split: str | None = "train", **fields: object) -> Utterance:
    """An utterance whose every attribute is clear."""
    prosody = Prosody(
        duration_s=2.0,
        pitch=Pitch(median_hz=150, reliable=True, level="high"),
        energy=Energy(active_dbfs=-20, level="low"),
        rate=Rate(articulation=12, level="normal", method="alignment"),
        stress=Stress(
            method="acoustic",
            words=[
                Word(text="Kids", start_s=0, end_s=0.4, score=0.1),
                Word(text="Talking,", start_s=0.4, end_s=1, score=1.9, stressed=True),
                Word(text="here", start_s=1, end_s=1.5, score=-0.4),
            ],
        ),
        intonation=Intonation(shape="falling", confidence=0.9, style="flat"),
        speaker=Speaker(gender="female", gender_confidence=0.95),
    )
    base = {
        "id": name,
        "audio": audio,
        "split": split,
        "speaker": f"s_{split}",
        "dataset": "d",
        "text": "Kids talking here",
    }
    return Utterance.model_validate({**base, "prosody": prosody, **fields})


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances of two speakers, one of them for testing, with sound on disk."""
    tmp_path = tmp_path_factory.mktemp("records")
    path = tmp_path / "utterances.jsonl"
    with open(path, "w", encoding="utf-8") as out:
        for number in range(4):
            wav = tmp_path / f"u{number}.wav"
            soundfile.write(wav, syllables(f0=130 + 30 * number, count=4, seed=number), RATE)
            split = "test" if number == 3 else "train"
            out.write(measured(f"u{number}", str(wav), split).model_dump_json() + "\n")
    return path
