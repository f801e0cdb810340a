"""Prosody annotations that others published: what each row says of a clip, in our fields and words.

Known are the fields of the EmotionCoT annotation (pitch, energy, speed, intonation, gender, age, and the measurements
its pipeline writes beside them) and our own `Utterance` records.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from emotionthinker import embedded
from emotionthinker.corpora import ids
from emotionthinker.corpora.manifest import ALIASES, GENDER_WORDS, MANIFESTS, BadRow
from emotionthinker.corpora.places import Places
from emotionthinker.corpora.tables import rows
from emotionthinker.errors import RecordError

FIELDS: dict[str, tuple[str, ...]] = {
    "pitch": ("pitch_level", "pitch"),
    "energy": ("energy_level", "energy", "volume", "loudness"),
    "rate": ("speed_level", "speed", "rate_level", "rate", "speaking_rate", "tempo"),
    "intonation": ("intonation",),
    "shape": ("contour_shape", "shape"),
    "style": ("contour_dynamics", "style"),
    "gender": ("gender",),
    "age": ("age_level", "age_group", "age_range", "age", "age_years"),
    "stress": ("stressed_words", "stress", "emphasis"),
    "pitch_hz": ("f0_median_hz", "median_hz", "pitch_hz"),
    "energy_dbfs": ("energy_dbfs", "active_dbfs"),
    "rate_pps": ("articulation_rate_pps", "articulation"),
    "range_st": ("f0_range_st", "range_st"),
}
"""Our field -> names it is published under; a number under a word's name goes to the field in `NUMBERS`."""
NUMBERS = {"pitch": "pitch_hz", "energy": "energy_dbfs", "rate": "rate_pps"}
_OWN = {
    "pitch": ("pitch", "level"),
    "energy": ("energy", "level"),
    "rate": ("rate", "level"),
    "shape": ("intonation", "shape"),
    "style": ("intonation", "style"),
    "gender": ("speaker", "gender"),
    "age": ("speaker", "age_group"),
    "pitch_hz": ("pitch", "median_hz"),
    "energy_dbfs": ("energy", "active_dbfs"),
    "rate_pps": ("rate", "articulation"),
    "range_st": ("pitch", "range_st"),
}
_WITH_UNIT = ("_hz", "_dbfs", "_pps", "_st")
"""Ends of the names that tell their unit; of any other one it is assumed."""
_CARRIED = ("dataset", "speaker", "language", "split")
_NOTHING = ("", "none", "null", "nan", "n/a")

Value = str | float | list[str]


class Published(NamedTuple):
    """What one row says: `clip` is a manifest row for `annotate` (without gender), `says` our field -> value.

    `assumed`: our field -> the name its number was published under, where that name tells no unit (`energy`, `speed`).
    `unread`: columns with a value that nothing was taken from.
    """

    clip: dict[str, Any]
    says: dict[str, Value]
    assumed: dict[str, str]
    unread: list[str]


def read(path: Path, folder: Path) -> Iterator[Published | BadRow]:
    """The rows of an annotation set (JSON list, JSONL, CSV, TSV, Parquet); sound files lie in `folder`.

    A published path that does not lie below `folder` is looked for there by its end (`Places`); sound inside a Parquet
    set is heard from there. A row without sound, or without one of `FIELDS`, or whose path fits several files, comes as
    `BadRow`. Raises `RecordError` for a file of no known kind.
    """
    kinds = MANIFESTS | {".json"}
    if path.suffix.lower() not in kinds or not path.is_file():
        raise RecordError(f"{path}: not an annotation set; expected a file, one of {' '.join(sorted(kinds))}")
    places = Places(folder)
    for number, row in rows(path):
        where = f"{path.name}:{number}"
        try:
            if isinstance(row, RecordError):
                raise row
            yield _published(row, places, path, where)
        except RecordError as error:
            yield BadRow(where, error)


def _published(row: dict[str, Any], places: Places, sheet: Path, where: str) -> Published:
    named = {ours: next((row[n] for n in names if _given(row.get(n))), None) for ours, names in ALIASES.items()}
    if named["audio"] is None:
        raise RecordError(f"{where}: no sound file named; expected one of the fields {', '.join(ALIASES['audio'])}")
    says, assumed = _says(row)
    if not says:
        raise RecordError(
            f"{where}: nothing to audit; expected one of {', '.join(n for f in FIELDS.values() for n in f)}"
        )
    written = str(named["audio"])
    clip = {
        "id": str(named["id"] or ids.named_by(written)),
        "audio_path": str(_sound(written, places, sheet, where).resolve()),
        "transcription": named["text"],
        "emotion": named["emotion"],
        **{name: row[name] for name in _CARRIED if _given(row.get(name))},
    }
    return Published({name: value for name, value in clip.items() if value is not None}, says, assumed, _unread(row))


def _unread(row: dict[str, Any]) -> list[str]:
    """Columns that are neither audited nor say which clip is meant; own records have none."""
    if isinstance(_parsed(row.get("prosody")), dict):
        return []
    read = {*_names(row).values(), *_CARRIED, *(name for known in ALIASES.values() for name in known)}
    return [name for name, value in row.items() if name not in read and _given(value)]


def _names(row: dict[str, Any]) -> dict[str, str]:
    """Our field -> the first of its names that the row has a value under."""
    return {f: name for f, known in FIELDS.items() if (name := next((n for n in known if _given(row.get(n))), ""))}


def _sound(written: str, places: Places, sheet: Path, where: str) -> Path:
    """Where the sound lies: inside the set itself, below the folder, or nowhere (the path it should have there).

    Raises `RecordError` where several files fit the path equally well.
    """
    if embedded.is_reference(written) and embedded.file_of(written) == sheet.name:
        return sheet.parent / written
    best = places.fits(written) or [places.root / written.lstrip("/")]
    if len(best) > 1:
        raise RecordError(f"{where}: {places.ambiguous(written, best)}")
    return best[0]


def _says(row: dict[str, Any]) -> tuple[dict[str, Value], dict[str, str]]:
    """Our field -> what the row says (words in lower case, finite numbers as float), and the names without a unit.

    Own records say it by their `prosody`; their units are known.
    """
    prosody = _parsed(row.get("prosody"))
    raw: dict[str, Any] = {}
    names: dict[str, str] = {}
    if isinstance(prosody, dict):
        raw = {field: _at(prosody, group).get(name) for field, (group, name) in _OWN.items()}
        words = _at(prosody, "stress").get("words")
        marked = [word for word in words if isinstance(word, dict)] if isinstance(words, list) else []
        raw["stress"] = [word.get("text") for word in marked if word.get("stressed") and _given(word.get("text"))]
        raw["gender"] = row.get("gender") or raw["gender"]
    else:
        names = _names(row)
        raw = {field: row[name] for field, name in names.items()}
    says: dict[str, Value] = {}
    assumed: dict[str, str] = {}
    for field, value in raw.items():
        if not _given(value):
            continue
        number = _number(value)
        if field == "stress":
            says[field] = _words(value)
        elif number is not None and field in (*NUMBERS, *NUMBERS.values(), "range_st"):
            ours, name = NUMBERS.get(field, field), names.get(field, "")
            says[ours] = number
            assumed.pop(ours, None)
            if name and not name.endswith(_WITH_UNIT):
                assumed[ours] = name
        else:
            word = str(value).strip().lower()
            says[field] = GENDER_WORDS.get(word, word) if field == "gender" else word
    return {field: value for field, value in says.items() if value != []}, assumed


def _at(record: dict[str, Any], group: str) -> dict[str, Any]:
    found = record.get(group)
    return found if isinstance(found, dict) else {}


def _words(value: Any) -> list[str]:
    """Stressed words, published as a list or as text with commas."""
    value = _parsed(value)
    items = value if isinstance(value, list) else str(value).split(",")
    return [str(item).strip() for item in items if str(item).strip().lower() not in _NOTHING]


def _parsed(value: Any) -> Any:
    """JSON inside a column of CSV or Parquet."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _given(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING
    return value is not None and value != [] and not (isinstance(value, float) and math.isnan(value))
