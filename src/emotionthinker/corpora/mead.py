"""MEAD: 60 actors, eight emotions at three levels. No transcripts lie beside the sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotionthinker.corpora.base import Corpus, Item, clip, sounds, unnamed

_EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
_ACTOR = re.compile(r"[MW]\d{3}")


def read(root: Path) -> Iterator[Item]:
    """`M003/audio/angry/level_1/001.m4a`; video folders, where they lie beside, are not read."""
    for path in sounds(root):
        parts = path.relative_to(root).parts
        at = next((n for n, part in enumerate(parts) if _ACTOR.fullmatch(part)), None)
        if "video" in parts:
            continue
        inside = [part for part in parts[at + 1 : -1] if part != "audio"] if at is not None else []
        emotion, level = (inside[0], inside[1].removeprefix("level_")) if len(inside) == 2 else ("", "")
        if at is None or emotion not in _EMOTIONS or level not in ("1", "2", "3"):
            yield unnamed(root, path, "M003/audio/EMOTION/level_1/001.m4a, levels 1 to 3")
            continue
        actor = parts[at]
        yield clip(
            "mead",
            f"mead_{actor}_{emotion}_{level}_{path.stem}",
            path,
            emotion,
            **_actor(actor),
            extra={"intensity": int(level), "sentence": path.stem},
        )


def told(path: Path) -> dict[str, Any]:
    """Speaker and gender by the actor's folder; MEAD has no splits."""
    return next((_actor(part) for part in reversed(path.parts) if _ACTOR.fullmatch(part)), {})


def _actor(name: str) -> dict[str, Any]:
    return {"speaker": f"mead_{name}", "gender": "male" if name.startswith("M") else "female"}


CORPUS = Corpus(
    "mead",
    "MEAD",
    ("en",),
    _EMOTIONS,
    "none",
    "free for research",
    "links on the project page; AAC in .m4a, which has to be converted (`emotionthinker corpus doctor` says how)",
    "https://wywu.github.io/projects/MEAD/MEAD.html",
    "M003/audio/angry/level_1/001.m4a",
    read,
    told,
)
