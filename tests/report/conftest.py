"""A hand-made explanation with one claim of each verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from emotionthinker.emotions import EMOTIONS
from emotionthinker.records import (
    Claim,
    Energy,
    Explanation,
    Intonation,
    Pitch,
    Prosody,
    Rate,
    Speaker,
    Stress,
    Transcript,
    Word,
)

THINK = "She speaks loudly and the pitch is low. She sounds older than before; the rest is a guess."


def _claim(text: str, feature: str, claimed: str, measured: str, verdict: Any) -> Claim:
    start = THINK.index(text)
    return Claim(
        text=text,
        feature=feature,
        claimed=claimed,
        measured=measured,
        verdict=verdict,
        start=start,
        end=start + len(text),
    )


def _prosody(seconds: float) -> Prosody:
    return Prosody(
        duration_s=seconds,
        pitch=Pitch(
            median_hz=243.2, p5_hz=180.0, p95_hz=320.0, range_st=9.96, reliable=True, level="high", near="normal"
        ),
        energy=Energy(active_dbfs=-18.04, dynamic_range_db=20.0, snr_db=31.0, level="high"),
        rate=Rate(articulation=13.1, speaking=11.4, phones=30, method="alignment", level="normal"),
        stress=Stress(
            words=[
                Word(text="We", start_s=0.1, end_s=0.3, score=-0.5),
                Word(text="won", start_s=0.3, end_s=0.8, score=1.4, stressed=True),
            ],
            method="acoustic",
        ),
        intonation=Intonation(shape="rising", style="moderate", end_difference_st=3.25, energy_shape="level"),
        speaker=Speaker(gender="female", gender_confidence=0.91, gender_method="median F0"),
        transcript=Transcript(text="We won", source="whisper-base"),
        calibration="reference",
    )


def _explanation(seconds: float = 1.0, **changes: Any) -> Explanation:
    shares = [0.7, *(0.3 / 8 for _ in range(8))]
    fields: dict[str, Any] = {
        "audio": "folder/clip.wav",
        "duration_s": seconds,
        "emotion": "Happy",
        "probabilities": dict(zip(("Happy", *(e for e in EMOTIONS if e != "Happy")), shares, strict=True)),
        "think": THINK,
        "answer": "happy",
        "raw": f"<think>{THINK}</think><answer>happy</answer>",
        "prosody": _prosody(seconds),
        "claims": [
            _claim("speaks loudly", "energy", "high", "high, -18.0 dBFS", "supported"),
            _claim("pitch is low", "pitch", "low", "high, 243 Hz", "contradicted"),
            _claim("older than before", "age", "older", "comparison", "not_checkable"),
        ],
        "model": "fake",
    }
    return Explanation(**{**fields, **changes})


@pytest.fixture(scope="session")
def explanation() -> Callable[..., Explanation]:
    """`explanation(seconds=1.0, **fields)` -> a complete Explanation with the given fields replaced."""
    return _explanation


@pytest.fixture
def silence() -> np.ndarray:
    return np.zeros(16_000, np.float32)
