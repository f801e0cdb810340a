"""Manifests with a fault of each kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def manifest_of(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A manifest in `folder` of the rows, a clip that is no sound, one that is not there, and a line that is no row."""
    (folder / "broken.wav").write_bytes(b"no sound")
    lines = [json.dumps(row) for row in (*rows, {"path": "broken.wav"}, {"path": "missing.wav"})]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("\n".join(lines) + "\nno json\n", encoding="utf-8")
    return manifest
