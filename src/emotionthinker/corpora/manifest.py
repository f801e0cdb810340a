"""Sources of speech: sound files, folders, and manifests (JSONL, CSV, Parquet) with the field names people use."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from emotionthinker import languages
from emotionthinker.corpora import files, ids, labels, splits
from emotionthinker.corpora.tables import rows
from emotionthinker.errors import CorpusError, RecordError
from emotionthinker.records import GENDERS, Utterance

AUTO = "auto"
SOUND_FILES = frozenset(".wav .flac .ogg .oga .opus .mp3 .aif .aiff .au .w64".split())
_SOUNDS = files.ending(SOUND_FILES)
MANIFESTS = frozenset(".jsonl .ndjson .csv .tsv .parquet".split())
ALIASES: dict[str, tuple[str, ...]] = {
    "audio": ("audio_path", "path", "audio", "file", "filename", "wav"),
    "text": ("transcription", "transcript", "text", "sentence"),
    "emotion": ("emotion", "label", "gt"),
    "original_label": ("orig_label", "original_label"),
    "speaker": ("speaker", "speaker_id"),
    "id": ("id", "utt_id", "utterance_id"),
}
"""Our field -> names under which a manifest may hold it, the first one present with a value wins."""
GENDER_WORDS = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}
_OTHER_GENDERS = frozenset("other unknown unspecified undisclosed nonbinary diverse prefernottosay".split())
_EMPTY = frozenset({"", "none", "null", "nan", "n/a"})


class BadRow(NamedTuple):
    """A row of a source that is no utterance: where it stands and why not."""

    id: str
    error: RecordError


def utterances(sources: Sequence[str | Path], language: str | None = None) -> Iterator[Utterance | BadRow]:
    """Every clip of `sources` in order, unique ids, audio paths absolute, emotion one of the nine, split assigned.

    `language` (a code or an English name; `auto`: whatever is heard) is used where a row names none. A file called as
    one of an earlier folder has its own folder's name in its id. Rows that cannot be read, or repeat an id, come as
    `BadRow`. Raises `RecordError` for a source that does not exist or is of no known kind, and where `language` is
    none.
    """
    try:
        language = None if language == AUTO else languages.checked(language)
    except ValueError as error:
        raise RecordError(f"language of the clips that name none: {error}") from error
    with contextlib.closing(ids.Seen()) as seen:
        earlier: set[Path] = set()
        for source in map(Path, sources):
            again = source.resolve() in earlier
            earlier.add(source.resolve())
            for item in _rows(source, language):
                if seen.add(item.id):
                    yield item
                    continue
                named = item if again else _renamed(item, source)
                if named.id != item.id and seen.add(named.id):
                    yield named
                else:
                    text = f"{source}: id {item.id!r} comes a second time; ids must be unique: give each row an `id`"
                    yield BadRow(item.id, CorpusError("repeated_id", text))


def _renamed(item: Utterance | BadRow, source: Path) -> Utterance | BadRow:
    """A clip that a file or folder names, called after that folder as well; others as they are."""
    if isinstance(item, BadRow) or Path(item.id).name != Path(item.audio or "").name:
        return item
    folder = source.resolve() if source.is_dir() else source.resolve().parent
    return item.model_copy(update={"id": f"{folder.name}/{item.id}"})


def size(sources: Sequence[str | Path]) -> int:
    """About how many rows `utterances` will yield, without reading them (a CSV field may hold line breaks)."""
    return sum(_size(Path(source)) for source in sources)


def _size(source: Path) -> int:
    if source.is_dir():
        return sum(1 for _ in files.below(source, *_SOUNDS)) or sum(map(_size, files.below(source, "*.parquet")))
    if not source.is_file() or source.suffix.lower() not in MANIFESTS:
        return 1
    if source.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(source).num_rows)
        except (pa.ArrowInvalid, OSError):
            return 0
    with open(source, "rb") as data:
        lines = sum(block.count(b"\n") for block in iter(lambda: data.read(1 << 20), b""))
    return lines - (source.suffix.lower() in {".csv", ".tsv"})


def _rows(source: Path, language: str | None) -> Iterator[Utterance | BadRow]:
    if source.is_dir():
        yield from _from_folder(source, language)
    elif not source.exists():
        raise RecordError(f"{source}: no such file or folder")
    elif source.suffix.lower() in MANIFESTS and not files.is_utf8(source.resolve()):
        raise misnamed(source.resolve()).error
    elif source.suffix.lower() in MANIFESTS:
        yield from _from_manifest(source, language)
    elif source.suffix.lower() in SOUND_FILES:
        yield from_file(source, Path(source.name), language)
    else:
        raise RecordError(
            f"{source}: neither sound ({' '.join(sorted(SOUND_FILES))}) nor manifest ({' '.join(sorted(MANIFESTS))})"
        )


def _from_folder(folder: Path, language: str | None) -> Iterator[Utterance | BadRow]:
    """The sound files below a folder, or, where there are none, its Parquet files (the shards of `annotate`)."""
    empty = True
    for path in files.below(folder, *_SOUNDS):
        empty = False
        yield from_file(path, path.relative_to(folder), language)
    for path in files.below(folder, "*.parquet") if empty else ():
        empty = False
        yield from _from_manifest(path, language)
    if empty:
        expected = " ".join(sorted(SOUND_FILES))
        raise RecordError(f"{folder}: no sound file in this folder; expected {expected} (or Parquet files)")


def from_file(path: Path, name: Path, language: str | None = None) -> Utterance | BadRow:
    """Ids are paths below the source; the suffix stays, since `a.wav` and `a.flac` are two clips."""
    sound = path.resolve()
    return (
        Utterance(id=name.as_posix(), audio=str(sound), language=language) if files.is_utf8(sound) else misnamed(name)
    )


def misnamed(path: Path) -> BadRow:
    """The row of a file whose name no record can hold."""
    shown = files.printable(path)
    return BadRow(
        shown, CorpusError("bad_name", f"{shown}: file name is not UTF-8; rename it, for example with `convmv`")
    )


def _from_manifest(path: Path, language: str | None) -> Iterator[Utterance | BadRow]:
    for number, row in rows(path):
        where = f"{path.name}:{number}"
        try:
            if isinstance(row, RecordError):
                raise row
            yield to_utterance(row, path.parent, language, where)
        except RecordError as error:
            yield BadRow(where, error)


def to_utterance(row: dict[str, Any], folder: Path, language: str | None, where: str) -> Utterance:
    """One manifest row as an `Utterance`; relative audio paths count from `folder`. Raises `RecordError`."""
    fields = {key: value for key, value in row.items() if not _is_empty(value)}
    named = {ours: _first(fields, names) for ours, names in ALIASES.items()}
    if named["audio"] is None:
        semicolons = "; the columns seem to be parted by ';': save it with commas" if ";" in "".join(row) else ""
        expected = ", ".join(ALIASES["audio"])
        raise RecordError(f"{where}: no sound file named; expected one of the fields {expected}{semicolons}")
    used = {name for names in ALIASES.values() for name in names}
    kept = {key: value for key, value in fields.items() if key not in used}
    dataset, extra = _text(kept.get("dataset")), _extra(kept)
    told = _language(kept.get("language") or extra.get("language"))
    emotion, original = labels.resolve(_text(named["emotion"]), _text(named["original_label"]), dataset)
    try:
        utterance = Utterance.model_validate(
            {
                **{k: v for k, v in kept.items() if k not in {"gender", "language", "dataset", "prosody", "version"}},
                "extra": extra,
                "id": _text(named["id"]) or ids.named_by(str(named["audio"])),
                "audio": str((folder / str(named["audio"])).resolve()),
                "dataset": dataset,
                "language": told or (None if "language" in extra else language),
                "speaker": _text(named["speaker"]),
                "text": _text(named["text"]),
                "emotion": emotion,
                "original_label": original,
                "gender": _gender(kept.get("gender"), where),
            }
        )
    except ValidationError as error:
        raise RecordError(f"{where}: not an utterance: {error}") from error
    return utterance.model_copy(update={"split": splits.assign(utterance)})


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields that an Utterance has no place for travel along; a corpus' own `version` is one of them.

    Tables without objects hold `extra` as JSON text; other text of such a column stays as `extra.extra`. A `language`
    or `gender` that is not known to us stays there.
    """
    extra = fields.get("extra", {})
    with contextlib.suppress(ValueError):
        extra = json.loads(extra) if isinstance(extra, str) else extra
    carried = dict(extra) if isinstance(extra, dict) else {"extra": fields["extra"]}
    if _is_other(fields.get("gender")):
        carried["gender"] = fields["gender"]
    if "version" in fields and not isinstance(fields["version"], int):
        carried["version"] = fields["version"]
    if "language" in fields and not _language(fields["language"]):
        carried["language"] = fields["language"]
    return carried


def _gender(value: Any, where: str) -> str | None:
    if value is None or _is_other(value):
        return None
    known = GENDER_WORDS.get(str(value).strip().lower())
    if known is None:
        raise RecordError(f"{where}: gender {value!r}; expected {' or '.join(GENDERS)} (or nothing)")
    return known


def _is_other(value: Any) -> bool:
    """A gender beyond the two that the voice model knows, or one that was not told: it stays in `extra.gender`."""
    return re.sub(r"[^a-z]", "", str(value).lower()) in _OTHER_GENDERS


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if name in fields), None)


def _language(value: Any) -> str | None:
    """None for a word that names no language: it stays in `extra.language`, and the clip is no English one for it."""
    try:
        return languages.checked(_text(value))
    except ValueError:
        return None


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _EMPTY
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip()
