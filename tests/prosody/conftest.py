"""Clips and records for the annotation tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.records import Energy, Intonation, Pitch, Prosody, Rate, Speaker, Utterance

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def spoken() -> Any:
    """`spoken(name)` -> path of an example clip: synthetic English speech with known words (examples/README.md)."""

    def path(name: str) -> Path:
        clip = EXAMPLES / f"{name}.flac"
        if not clip.exists():
            pytest.skip(f"{clip} is not there; the example clips belong to the repository")
        return clip

    return path


@pytest.fixture(scope="session")
def utterance() -> Any:
    """`utterance(number, f0=, level=, rate=, range_st=, gender=)` -> a measured Utterance without levels."""

    def make(
        number: int,
        f0: float | None = 200.0,
        level: float | None = -25.0,
        rate: float | None = 12.0,
        range_st: float | None = 8.0,
        gender: str | None = "female",
        **fields: Any,
    ) -> Utterance:
        pitch = Pitch(median_hz=f0, range_st=range_st, reliable=f0 is not None, reason=None if f0 else "unvoiced")
        prosody = Prosody(
            duration_s=2.0,
            pitch=pitch,
            energy=Energy(active_dbfs=level),
            rate=Rate(articulation=rate),
            intonation=Intonation(shape="falling"),
            speaker=Speaker(gender=gender),
        )
        return Utterance(id=f"u{number}", gender=gender, prosody=prosody, **fields)

    return make


@pytest.fixture(scope="session")
def shared_speech() -> list[dict[str, Any]]:
    """Rows of the real speech that is not part of the repository, `audio` an absolute path."""
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared or not (Path(shared) / "speech" / "manifest.jsonl").exists():
        pytest.skip("EMOTIONTHINKER_SHARED does not name a folder with speech/manifest.jsonl")
    folder = Path(shared) / "speech"
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**row, "audio": str(folder / row["path"])} for row in map(json.loads, lines)]
