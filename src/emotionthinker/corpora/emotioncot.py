"""The released EmotionCoT annotations: prosody labels and reasoning for clips of other corpora, without their sound."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Item, bad, clip
from emotionthinker.corpora.places import Places
from emotionthinker.emotions import EMOTIONS
from emotionthinker.records import Trace

_ALIASES = {
    "audio": ("audio_path", "audio", "path", "wav"),
    "emotion": ("emotion", "gt", "groundtruth_emotion", "label"),
    "text": ("transcription", "text", "transcript"),
    "gender": ("gender", "gender_new", "speaker_gender"),
    "think": ("cot_analysis", "reasoning", "cot"),
}
"""The names the release, its pipeline and its model card use."""
_CARRIED = ("pitch_level", "energy_level", "speed_level", "stressed_words", "intonation", "age_level")
_DATASETS = ("iemocap", "meld", "expresso", "ears", "msp_podcast")


def read(root: Path) -> Iterator[Item]:
    """Sound is looked for below `root`, by the longest end of its path: put or link the five corpora there."""
    sheets = list(files.below(root, "*.jsonl", "*.json", "*.parquet"))
    places = Places(root)
    for sheet in sheets:
        for where, row in _rows(sheet):
            if isinstance(row, str):
                yield bad("bad_row", where, f"{where}: {row}")
            elif any(name in row for name in _ALIASES["think"]):
                yield _item(row, where, places)


def _item(row: dict[str, Any], where: str, places: Places) -> Item:
    audio, label, think = (_first(row, key) for key in ("audio", "emotion", "think"))
    if not audio or not label or not think:
        return bad("bad_row", where, f"{where}: expected audio_path, emotion and cot_analysis; got {sorted(row)}")
    sound = places.find(str(audio))
    if sound is None:
        return bad("missing_sound", where, f"{where}: {audio} is not below the root; put or link the corpora there")
    named = re.sub(r"[^a-z]", "", f"{row.get('dataset', '')}/{audio}".lower())
    dataset = next((name for name in _DATASETS if name.replace("_", "").removesuffix("podcast") in named), None)
    utterance = clip(
        dataset or "emotioncot",
        f"emotioncot_{dataset or 'clip'}_{re.sub(r'[^A-Za-z0-9]+', '_', str(audio)).strip('_')[-120:]}",
        sound,
        str(label),
        gender={"male": "male", "female": "female"}.get(str(_first(row, "gender") or "").lower()),
        text=_first(row, "text"),
        extra={
            "released": {name: row[name] for name in _CARRIED if row.get(name) not in (None, "", [])},
            "annotation": where,
        },
    )
    answer = utterance.emotion or str(label)
    return utterance.model_copy(update={"trace": Trace(think=str(think), answer=answer, writer="EmotionCoT")})


def _first(row: dict[str, Any], key: str) -> Any:
    return next((row[name] for name in _ALIASES[key] if row.get(name) not in (None, "")), None)


def _rows(sheet: Path) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """(place, row, or why it is none) of a JSON list, JSON lines or a Parquet table."""
    if sheet.suffix == ".parquet":
        import pyarrow.parquet as pq

        rows: list[Any] = pq.read_table(sheet).to_pylist()
    elif sheet.suffix == ".json":
        try:
            found = json.loads(sheet.read_text(encoding="utf-8"))
        except ValueError as error:
            yield sheet.name, f"not JSON: {error}"
            return
        rows = found if isinstance(found, list) else []
    else:
        rows = [line for line in sheet.read_text(encoding="utf-8").splitlines() if line.strip()]
    for number, row in enumerate(rows, 1):
        where = f"{sheet.name}:{number}"
        try:
            row = json.loads(row) if isinstance(row, str) else row
        except ValueError as error:
            row = f"not JSON: {error}"
        if isinstance(row, (dict, str)):
            yield where, row


CORPUS = Corpus(
    "emotioncot",
    "EmotionCoT",
    ("en",),
    tuple(label.lower() for label in EMOTIONS),
    "none in the release; records keep `split` open",
    "MIT (annotations); the sound under the terms of IEMOCAP, MELD, Expresso, EARS and MSP-Podcast",
    "free download; the sound from the five corpora",
    "https://huggingface.co/datasets/ddwang2000/EmotionCoT",
    "the annotation files (*.jsonl, *.json, *.parquet: audio_path, emotion, transcription, cot_analysis, ...) "
    "and the corpora they name",
    read,
)
