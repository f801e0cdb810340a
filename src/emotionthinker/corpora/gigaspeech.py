"""GigaSpeech: long recordings with transcribed parts; no emotion labels. Each part is a row of its recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Item, bad, clip, segment
from emotionthinker.errors import CorpusError

_MARKS = {" <COMMA>": ",", " <PERIOD>": ".", " <QUESTIONMARK>": "?", " <EXCLAMATIONPOINT>": "!"}
_NO_SPEECH = frozenset({"<SIL>", "<MUSIC>", "<NOISE>", "<OTHER>"})
_CHUNK = 1 << 20


def read(root: Path) -> Iterator[Item]:
    """Parts marked as silence, music, noise or other are no speech and make no rows.

    A recording that is not there is one bad row: of a small subset, with the sheet of all ten million parts, most are
    not.
    """
    sheet = next(files.below(root, "GigaSpeech.json"), None)
    if sheet is None:
        return
    for recording in audios(sheet):
        sound = sheet.parent / str(recording.get("path", ""))
        parts = recording.get("segments", [])
        if not sound.is_file():
            aid = str(recording.get("aid", "?"))
            what = f"no {sound}, so its {len(parts)} segments make no rows"
            yield bad(
                "missing_sound", aid, f"{sheet.name}, recording {aid}: {what}; download its subset, or go without"
            )
            continue
        for part in parts:
            id_ = str(part.get("sid", "?"))
            text = str(part.get("text_tn", "")).strip()
            if text in _NO_SPEECH:
                continue
            try:
                start, end = float(part["begin_time"]), float(part["end_time"])
            except (KeyError, ValueError, TypeError):
                yield bad("bad_row", id_, f"{sheet.name}, segment {id_}: expected begin_time and end_time; got {part}")
                continue
            yield _utterance(recording, part, id_, text, segment(sound, start, end), start, end)


def _utterance(
    recording: dict[str, Any], part: dict[str, Any], id_: str, text: str, sound: Path, start: float, end: float
) -> Item:
    subsets = [str(name).strip("{}") for name in part.get("subsets", [])]
    speaker = next((str(s) for s in (part.get("speaker"), recording.get("speaker")) if s and s != "N/A"), None)
    for mark, sign in _MARKS.items():
        text = text.replace(mark, sign)
    return clip(
        "gigaspeech",
        f"gigaspeech_{id_}",
        sound,
        None,
        split="test" if "TEST" in subsets else "validation" if "DEV" in subsets else "train",
        speaker=f"gigaspeech_{speaker}" if speaker else None,
        text=text or None,
        extra={
            "subsets": subsets,
            "source": recording.get("source"),
            "recording": recording.get("aid"),
            "start_s": start,
            "end_s": end,
        },
    )


def audios(sheet: Path) -> Iterator[dict[str, Any]]:
    """The recordings of `GigaSpeech.json`, one after the other: the sheet has gigabytes, memory stays flat.

    Raises `CorpusError` of kind bad_row for a sheet that is no JSON with a list `audios`.
    """
    decoder = json.JSONDecoder()
    with open(sheet, encoding="utf-8") as source:
        text = _until_list(source, sheet)
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                return
            try:
                recording, end = decoder.raw_decode(text)
            except json.JSONDecodeError as error:
                more = source.read(max(_CHUNK, len(text)))
                if not more:
                    raise CorpusError("bad_row", f"{sheet}: ends inside the list `audios`: {error}") from error
                text += more
                continue
            yield recording
            text = text[end:]


def _until_list(source: TextIO, sheet: Path) -> str:
    """What follows `"audios": [`."""
    text = ""
    while more := source.read(_CHUNK):
        text += more
        if match := re.search(r'"audios"\s*:\s*\[', text):
            return text[match.end() :]
    raise CorpusError("bad_row", f'{sheet}: no list "audios"; expected the metadata of GigaSpeech')


CORPUS = Corpus(
    "gigaspeech",
    "GigaSpeech",
    ("en",),
    (),
    "official subsets: TEST, DEV (here `validation`), the rest train; `extra.subsets` holds XS to XL",
    "Apache 2.0 (metadata); the sound for non-commercial research under the GigaSpeech terms",
    "request form",
    "https://github.com/SpeechColab/GigaSpeech",
    "GigaSpeech.json and audio/podcast/P0000/POD0000000001.opus",
    read,
)
