"""EARS: 107 speakers in an anechoic room; emotions, reading styles and free speech, named by the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotionthinker.corpora.base import Corpus, Item, clip, missing_sheet, sounds, unnamed
from emotionthinker.errors import CorpusError

_EMOTIONS = (
    "adoration amazement amusement anger confusion contentment cuteness desire disappointment disgust distress "
    "embarassment extasy fear guilt interest neutral pain pride realization relief sadness serenity"
).split()
_STYLES = "regular fast slow loud whisper highpitch lowpitch".split()
_SPEAKER = re.compile(r"p\d{3}")
_VALIDATION = frozenset({"p100", "p101"})
_TEST = frozenset(f"p{number}" for number in range(102, 108))
_GENDERS = ("female", "male")
_PEOPLE, _TEXTS = "speaker_statistics.json", "transcripts.json"


def read(root: Path) -> Iterator[Item]:
    """The label is the emotion or the reading style; free speech and sounds without words carry none."""
    people, texts = _json(root / _PEOPLE), _json(root / _TEXTS)
    if not (root / _TEXTS).is_file():
        yield missing_sheet(root, _TEXTS, "read speech and emotional sentences come without words", CORPUS.url)
    for path in sounds(root):
        speaker = path.parent.name
        known = told(path)
        if not known:
            yield unnamed(root, path, "p001/emo_anger_sentences.wav")
            continue
        kind, label = _kind(path.stem)
        person = people.get(speaker, {})
        gender = person.get("gender")
        yield clip(
            "ears",
            f"ears_{speaker}_{path.stem}",
            path,
            label,
            **known,
            gender=gender if gender in _GENDERS else None,
            text=texts.get(path.stem),
            extra={
                "kind": kind,
                "age_range": person.get("age"),
                "native_language": person.get("native language"),
            },
        )


def told(path: Path) -> dict[str, Any]:
    """Split and speaker by the folder; nothing in a folder of another name."""
    speaker = path.parent.name
    if not _SPEAKER.fullmatch(speaker):
        return {}
    split = "test" if speaker in _TEST else "validation" if speaker in _VALIDATION else "train"
    return {"split": split, "speaker": f"ears_{speaker}"}


def absent(root: Path) -> list[str]:
    """Without it clips come without gender and age range."""
    return [] if (root / _PEOPLE).is_file() else [_PEOPLE]


def _kind(name: str) -> tuple[str, str | None]:
    """(`emotion`, `reading`, or the first part of the name; label or None)."""
    parts = name.split("_")
    if parts[0] == "emo" and len(parts) > 2:
        return "emotion", parts[1]
    if parts[0] in ("rainbow", "sentences") and parts[-1] in _STYLES:
        return "reading", parts[-1]
    return parts[0], None


def _json(path: Path) -> dict[str, Any]:
    """Its object, empty without the file. Raises `CorpusError` of kind bad_row for a file that holds none."""
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise CorpusError(
            "bad_row", f"{path}: not a JSON object ({error}); fetch it again from {CORPUS.url}, or take it away"
        ) from error


CORPUS = Corpus(
    "ears",
    "EARS",
    ("en",),
    (*_EMOTIONS, *_STYLES),
    "those of the EARS benchmark: p001 to p099 train, p100 and p101 validation, p102 to p107 test",
    "CC BY-NC 4.0",
    "free download, with speaker_statistics.json and transcripts.json of the repository",
    "https://github.com/facebookresearch/ears_dataset",
    "p001/emo_anger_sentences.wav, speaker_statistics.json, transcripts.json",
    read,
    told,
    absent,
)
