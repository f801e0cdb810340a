"""The released EmotionCoT annotations: prosody labels and reasoning for clips of other corpora, without their sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from emotionthinker.corpora import files, registry, tables
from emotionthinker.corpora.base import Corpus, Item, bad, record
from emotionthinker.corpora.manifest import ALIASES, GENDER_WORDS, misnamed
from emotionthinker.corpora.places import Places
from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import RecordError
from emotionthinker.records import Trace

_ALIASES = {
    "audio": ALIASES["audio"],
    "emotion": ("emotion", "gt", "groundtruth_emotion", "label"),
    "text": ALIASES["text"],
    "gender": ("gender", "gender_new", "speaker_gender"),
    "think": ("cot_analysis", "reasoning", "cot"),
}
"""The names the release, its pipeline and its model card use."""
_CARRIED = ("pitch_level", "energy_level", "speed_level", "stressed_words", "intonation", "age_level")
_DATASETS = ("iemocap", "meld", "expresso", "ears", "msp_podcast", "mead")
_RELEASE = re.compile(r"(iemocap|meld|expresso|ears|msp[-_ ]?podcast|mead)(?![a-z])", re.I)
"""A folder of a release, from its beginning: `IEMOCAP_full_release`, `MELD.Raw`, `MSP-PODCAST-Publish-1.11`."""


def read(root: Path) -> Iterator[Item]:
    """Sound is looked for below `root`, by the longest end of its path: put or link the five corpora there."""
    places = Places(root)
    for sheet in files.below(root, "*.jsonl", "*.json", "*.parquet"):
        for where, row in _rows(sheet):
            if isinstance(row, RecordError):
                yield bad("bad_row", where, str(row))
            elif any(name in row for name in _ALIASES["think"]):
                yield _item(row, where, places)


def _item(row: dict[str, Any], where: str, places: Places) -> Item:
    audio, label, think = (_first(row, key) for key in ("audio", "emotion", "think"))
    if not audio or not label or not think:
        return bad("bad_row", where, f"{where}: expected audio_path, emotion and cot_analysis; got {sorted(row)}")
    best = places.fits(str(audio))
    if not best:
        return bad("missing_sound", where, f"{where}: {audio} is not below the root; put or link the corpora there")
    if len(best) > 1:
        return bad("bad_row", where, f"{where}: {places.ambiguous(str(audio), best)}")
    (sound,) = best
    if not files.is_utf8(sound):
        return misnamed(sound)
    paths = (PurePosixPath(str(audio).replace("\\", "/")), sound.relative_to(places.root))
    dataset = _dataset(row.get("dataset"), *paths)
    gender = GENDER_WORDS.get(str(_first(row, "gender") or "").lower())
    utterance = record(
        dataset or "emotioncot",
        f"emotioncot_{dataset or 'clip'}_{re.sub(r'[^A-Za-z0-9]+', '_', str(audio)).strip('_')[-120:]}",
        sound,
        str(label),
        **{"split": row.get("split") or None, "gender": gender, **_told(dataset, paths[0], sound, places.root)},
        text=_first(row, "text"),
        extra={
            "released": {name: row[name] for name in _CARRIED if row.get(name) not in (None, "", [])},
            "annotation": where,
        },
    )
    answer = utterance.emotion or str(label)
    return utterance.model_copy(update={"trace": Trace(think=str(think), answer=answer, writer="EmotionCoT")})


def _dataset(given: Any, *paths: PurePath) -> str | None:
    """The corpus the row names; without one the folder or file, nearest the end of a path, that is named after it."""
    if given not in (None, ""):
        return registry.spelled(str(given))
    parts = [part for path in paths for part in reversed(path.parts)]
    return next((registry.spelled(match[1]) for part in parts if (match := _RELEASE.match(part))), None)


def _told(dataset: str | None, published: PurePath, sound: Path, root: Path) -> dict[str, Any]:
    """What the corpus knows of a clip: by its names, and by sheets below the root; the later is nearer to the truth.

    The published path is one of another machine: what lies there on this one says nothing of the clip.
    """
    if dataset not in _DATASETS:
        return {}
    corpus = registry.get(dataset)
    known = (corpus.told(Path("/", published)), corpus.told(sound), corpus.sheets(sound, root))
    return {name: value for fields in known for name, value in fields.items() if value is not None}


def _first(row: dict[str, Any], key: str) -> Any:
    return next((row[name] for name in _ALIASES[key] if row.get(name) not in (None, "")), None)


def _rows(sheet: Path) -> Iterator[tuple[str, dict[str, Any] | RecordError]]:
    """(place, row, or why it is none) of a JSON list, JSON lines or a Parquet table.

    Other JSON below the root (EARS has some) holds no annotations.
    """
    try:
        for number, row in tables.rows(sheet):
            if isinstance(row, dict) or sheet.suffix.lower() != ".json":
                yield f"{sheet.name}:{number}", row
    except tables.NoListError:
        return
    except RecordError as error:
        yield sheet.name, RecordError(f"{sheet}: cannot be read: {error}")


CORPUS = Corpus(
    "emotioncot",
    "EmotionCoT",
    ("en",),
    tuple(label.lower() for label in EMOTIONS),
    "none in the release; those of the corpora, where path, name or the sheets beside the sound tell them",
    "MIT (annotations); the sound under the terms of IEMOCAP, MELD, Expresso, EARS and MSP-Podcast",
    "free download; the sound from the five corpora",
    "https://huggingface.co/datasets/ddwang2000/EmotionCoT",
    "the annotation files (*.jsonl, *.json, *.parquet: audio_path, emotion, transcription, cot_analysis, ...) "
    "and the corpora they name",
    read,
)
