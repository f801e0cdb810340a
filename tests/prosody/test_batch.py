from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import soundfile

from emotionthinker.prosody import whisper
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
