"""Corpora in miniature: trees written on the spot in the layout of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker.corpora import base, registry
from emotionthinker.corpora.manifest import BadRow, utterances
from emotionthinker.errors import kind_of
from emotionthinker.records import Utterance, write_jsonl


class Tree:
    """A folder to fill, and what a corpus reads from it."""

    def __init__(self, root: Path, samples: np.ndarray) -> None:
        self.root, self._samples = root, samples

    def sound(self, *names: str, channels: int = 1, seconds: float | None = None) -> None:
        """Sound files of these paths; those libsndfile cannot write hold bytes of no sound."""
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".mp4", ".m4a", ".flv"):
                path.write_bytes(b"\0\0\0\x18ftypmp42")
                continue
            samples = self._samples if seconds is None else np.resize(self._samples, round(16000 * seconds))
            soundfile.write(path, np.repeat(samples[:, None], channels, axis=1), 16000)

    def text(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def read(self, corpus: str) -> tuple[dict[str, Utterance], dict[str, str]]:
        """(records by id, reasons by id) of the corpus."""
        found: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for item in base.items(registry.get(corpus), self.root):
            if isinstance(item, BadRow):
                assert str(item.error)
                failed[item.id] = kind_of(item.error)
            else:
                utterance = item.utterance if isinstance(item, base.Embedded) else item
                assert utterance.dataset
                found[utterance.id] = utterance
        self._survives_a_manifest(list(found.values()))
        return found, failed

    def _survives_a_manifest(self, clips: list[Utterance]) -> None:
        """What `annotate` reads is what was written, with an open split assigned."""
        path = self.root.parent / "survives.jsonl"
        write_jsonl(path, clips)
        for clip, back in zip(clips, utterances([path]), strict=True):
            assert isinstance(back, Utterance)
            sound = str((path.parent / str(clip.audio)).resolve())
            assert back == clip.model_copy(update={"audio": sound, "split": clip.split or back.split})


@pytest.fixture
def tree(tmp_path: Path, speech: Callable[..., np.ndarray]) -> Tree:
    root = tmp_path / "corpus"
    root.mkdir()
    return Tree(root, speech(seconds=0.5))
