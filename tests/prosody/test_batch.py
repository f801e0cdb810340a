from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker.prosody import batch, whisper
from emotionthinker.prosody.batch import annotate_batch
from emotionthinker.prosody.heard import Heard


def test_the_language_that_was_heard_is_kept(speech: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", speech(seconds=1.0), 16_000)
    monkeypatch.setattr(whisper, "recognise", lambda *_: Heard("komm heim", -0.1, "de"))
    row = {"id": "a", "audio": str(tmp_path / "a.wav")}
    (found,) = annotate_batch([row])
    assert (found["text"], found["language"]) == ("komm heim", "de")
    (named,) = annotate_batch([{**row, "language": "German"}])
    assert named["language"] == "de"


PINNED: dict[str, dict[str, tuple[float, float]]] = {
    "pitch": {"median_hz": (124.89, 0.1), "range_st": (5.092, 0.05), "voiced_share": (0.7486, 0.005)},
    "energy": {"active_dbfs": (-25.38, 0.02), "snr_db": (54.7, 0.2), "loudness_lufs": (-26.07, 0.02)},
    "rate": {"articulation": (5.638, 0.01), "speaking": (4.85, 0.01)},
    "intonation": {"end_difference_st": (4.128, 0.05), "turn_depth_st": (-1.414, 0.05)},
}
"""What `MEASURES` finds in the clip of the test, and how far another machine's rounding may take it."""


def test_what_is_measured_has_a_number(speech: Any, tmp_path: Path) -> None:
    """Two stretches of speech with an offset, between pauses: results of another method are not to be gone on with."""
    pause = 1e-4 * np.random.default_rng(0).standard_normal(11_200)
    parts = speech(seconds=2.0, f0=120.0, seed=1), speech(seconds=1.6, f0=150.0, gain=0.1, seed=2)
    samples = np.concatenate([pause, parts[0] + 0.02, pause, parts[1] + 0.02, pause])
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    (row,) = annotate_batch([{"id": "a", "audio": str(tmp_path / "a.wav"), "text": "well so be it then my friend"}])
    found = {group: {name: row["prosody"][group][name] for name in names} for group, names in PINNED.items()}
    other = [
        f"{group}.{name} {found[group][name]}, was {value}"
        for group, names in PINNED.items()
        for name, (value, slack) in names.items()
        if found[group][name] != pytest.approx(value, abs=slack)
    ]
    assert batch.MEASURES == 4
    assert not other, f"measurements changed: raise MEASURES and write this into PINNED. {'; '.join(other)}"
