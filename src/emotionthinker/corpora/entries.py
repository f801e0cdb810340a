"""One row of a manifest, under the field names people use, as an `Utterance`."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from emotionthinker import audio, languages
from emotionthinker.corpora import ids, labels, parquet, splits
from emotionthinker.errors import RecordError
from emotionthinker.records import SCHEMA_VERSION, Rating, Record, Trace, Utterance

R = TypeVar("R", bound=Record)

ALIASES: dict[str, tuple[str, ...]] = {
    "audio": ("audio_path", "path", "audio", "file", "filename", "wav", "file_name"),
    "text": ("transcription", "transcript", "text", "sentence"),
    "emotion": ("emotion", "label", "gt"),
    "original_label": ("orig_label", "original_label"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "id": ("id", "utt_id", "utterance_id"),
    "language": ("language", "lang", "locale"),
}
"""Our field -> names under which a manifest may hold it, the first one present with a value wins."""
GENDER_WORDS = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}
_USED = frozenset(name for names in ALIASES.values() for name in names)
_OWN = frozenset(Utterance.model_fields) - _USED
_EMPTY = frozenset({"", "none", "null", "nan", "n/a"})
"""What tables write where they have no value. Any of them but the first may be what somebody said."""
_TIMES = (frozenset({"start", "end"}), frozenset({"start_time", "end_time"}))


def to_utterance(row: dict[str, Any], folder: Path, language: str | None, where: str) -> Utterance:
    """One manifest row as an `Utterance`; relative audio paths count from `folder` (`_lying`). Raises `RecordError`.

    What cannot be read as the field it is called after (an age of `twenties`) stays in `extra` under its name.
    """
    fields = {key: value for key, value in row.items() if not _is_empty(key, value)}
    named = {ours: _first(fields, names) for ours, names in ALIASES.items()}
    if named["audio"] is None:
        semicolons = "; the columns seem to be parted by ';': save it with commas" if ";" in "".join(row) else ""
        expected = ", ".join(ALIASES["audio"])
        raise RecordError(f"{where}: no sound file named; expected one of the fields {expected}{semicolons}")
    kept = {key: value for key, value in fields.items() if key not in _USED}
    dataset, sound = _text(kept.get("dataset")), _part(str(named["audio"]), kept, where)
    emotion, original = labels.resolve(_text(named["emotion"]), _text(named["original_label"]), dataset)
    read = _read(kept, named["language"])
    extra = _extra(kept, {**kept, "language": named["language"]}, read)
    if read["language"] is None:
        read["language"] = _language(extra["language"]) if "language" in extra else language
    try:
        utterance = Utterance.model_validate(
            {
                **{key: value for key, value in kept.items() if key not in _OWN},
                **read,
                "extra": extra,
                "id": _text(named["id"]) or ids.named_by(sound),
                "audio": str(_lying(folder, sound).resolve()),
                "dataset": dataset,
                "split": _text(kept.get("split")),
                "speaker": _text(named["speaker"]),
                "text": _text(named["text"]),
                "emotion": emotion,
                "original_label": original,
            }
        )
        utterance.model_dump_json()  # a row that cannot be written (half a character) must not end a run later
    except ValueError as error:
        raise RecordError(f"{where}: not an utterance: {error}") from error
    return utterance.model_copy(update={"split": splits.assign(utterance)})


def has_untold_times(utterance: Utterance) -> bool:
    """Whether the row has times in no named unit beside a sound that was taken whole."""
    return any(pair <= utterance.extra.keys() for pair in _TIMES) and "#" not in (utterance.audio or "")


def _lying(folder: Path, sound: str) -> Path:
    """Where the sound of a table in `folder` lies: there, or, named without a folder, in `clips` (Common Voice)."""
    file = audio.file_of(sound)
    if Path(file).name != file or (folder / file).exists() or not (folder / "clips" / file).is_file():
        return folder / sound
    return folder / "clips" / sound


def _part(sound: str, fields: dict[str, Any], where: str) -> str:
    """The sound, cut to seconds `start_s` to `end_s` where the row has them and the sound is no part already."""
    given = {name: fields[name] for name in ("start_s", "end_s") if name in fields}
    if not given or audio.file_of(sound) != sound:
        return sound
    start, end = _number(given.get("start_s", 0.0)), _number(given.get("end_s", math.inf))
    if start is None or end is None or not 0 <= start < end or math.isinf(start):
        raise RecordError(f"{where}: the part is {given}; expected seconds, 0 <= start_s < end_s")
    return f"{sound}#t={round(start, 4)}" + ("" if math.isinf(end) else f",{round(end, 4)}")


def _read(fields: dict[str, Any], language: Any) -> dict[str, Any]:
    """Fields that have to be of a certain kind; None for what is not."""
    return {
        "language": _language(language),
        "gender": _gender(fields.get("gender")),
        "age": _finite(fields.get("age")),
        "trace": _record(Trace, fields.get("trace")),
        "rating": _record(Rating, fields.get("rating")),
    }


def _extra(fields: dict[str, Any], given: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    """Fields that an Utterance has no place for travel along: what was `given` and not `read`, a corpus' own `version`.

    Tables without objects hold `extra` as JSON text; other text of such a column stays as `extra.extra`. A record of
    our own, whose `version` is ours, is known by its `extra`.
    """
    extra = parquet.decoded(fields.get("extra", {}))
    carried = dict(extra) if isinstance(extra, dict) else {"extra": fields["extra"]}
    carried |= {name: given[name] for name, value in read.items() if value is None and given.get(name) is not None}
    if "version" in fields and not ("extra" in fields and fields["version"] == SCHEMA_VERSION):
        carried["version"] = fields["version"]
    return carried


def _gender(value: Any) -> str | None:
    """One of the two that the voice model knows (also `female_feminine`); None for others and for what was not told."""
    words = re.findall("[a-z]+", str(value).lower())
    if len({GENDER_WORDS[word] for word in words if word in GENDER_WORDS}) != 1:
        return None
    return GENDER_WORDS.get(words[0]) if len(words) == 1 or len(words[0]) > 1 else None


def _record(kind: type[R], value: Any) -> R | None:
    try:
        return kind.model_validate(parquet.decoded(value))
    except ValidationError:
        return None


def _language(value: Any) -> str | None:
    """None for a word that names no language: it stays in `extra.language`, and the clip is no English one for it."""
    try:
        return languages.checked(_text(value))
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _finite(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and math.isfinite(number) else None


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if name in fields), None)


def _is_empty(name: str, value: Any) -> bool:
    """A text is missing only where nothing is written: `None` and `null` are words as well."""
    if isinstance(value, str):
        return not value.strip() if name in ALIASES["text"] else value.strip().lower() in _EMPTY
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip()
