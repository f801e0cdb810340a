"""Sources of speech: sound files, folders, and manifests (JSONL, CSV, Parquet) with the field names people use."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from emotionthinker import audio, languages
from emotionthinker.corpora import files, ids
from emotionthinker.corpora.entries import ALIASES as ALIASES  # where a source is read, rows are looked for
from emotionthinker.corpora.entries import GENDER_WORDS as GENDER_WORDS
from emotionthinker.corpora.entries import to_utterance as to_utterance
from emotionthinker.corpora.tables import rows
from emotionthinker.errors import CorpusError, RecipeError, RecordError
from emotionthinker.records import Utterance

AUTO = "auto"
SOUND_FILES = frozenset(".wav .flac .ogg .oga .opus .mp3 .aif .aiff .au .caf .w64".split())
UNREADABLE = frozenset(".3gp .aac .ac3 .amr .ape .avi .m4a .m4b .mka .mkv .mov .mp4 .webm .wma .wv".split())
"""Sound, and video with sound, that libsndfile has no decoder for."""
_SOUNDS = files.ending(SOUND_FILES)
MANIFESTS = frozenset(".jsonl .ndjson .csv .tsv .parquet".split())


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
    return (item for _, item in by_source(sources, language))


def by_source(sources: Sequence[str | Path], language: str | None = None) -> Iterator[tuple[Path, Utterance | BadRow]]:
    """(its source, clip) of `utterances`."""
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
                    yield source, item
                    continue
                named = item if again else _renamed(item, source)
                if named.id != item.id and seen.add(named.id):
                    yield source, named
                else:
                    text = f"{source}: id {item.id!r} comes a second time; ids must be unique: give each row an `id`"
                    yield source, BadRow(item.id, CorpusError("repeated_id", text))


def _renamed(item: Utterance | BadRow, source: Path) -> Utterance | BadRow:
    """A clip that a file or folder names, called after that folder as well; others as they are."""
    if isinstance(item, BadRow) or Path(item.id).name != Path(item.audio or "").name:
        return item
    folder = source.resolve() if source.is_dir() else source.resolve().parent
    return item.model_copy(update={"id": f"{folder.name}/{item.id}"})


def refuse_absent(sources: Sequence[str | Path]) -> None:
    """Raise `RecordError` for a source that does not exist."""
    for source in sources:
        if Path(source).exists():
            continue
        named = str(source)
        hint = "; a part of a recording, or a row of a Parquet file, is named in a manifest, as its `path`"
        raise RecordError(f"{named}: no such file or folder{hint if audio.file_of(named) != named else ''}")


def refuse_results(sources: Sequence[str | Path], out: Path, results: Sequence[str], *, sound: bool = False) -> None:
    """Raise `RecipeError` for a source among the `results` that a stage writes, and deletes, in the folder `out`, and
    for a folder in which they would be read as clips: Parquet files beside no sound, or `sound` itself."""
    for source, result in itertools.product(sources, results):
        place, own = Path(source).resolve(), Path(out).resolve() / result
        if place.is_relative_to(own):
            raise RecipeError(
                f"{source}: is a result in {out}, where it would be written anew or deleted; use another --out"
            )
        if own.is_relative_to(place) and place.is_dir() and (sound or not any(files.below(place, *_SOUNDS))):
            raise RecipeError(
                f"{source}: the results go into {out}, inside of it, and would be read as clips; use another --out"
            )


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
    lines, last = 0, b"\n"
    with open(source, "rb") as data:
        while block := data.read(1 << 20):
            lines, last = lines + block.count(b"\n"), block[-1:]
    return lines + (last != b"\n") - (source.suffix.lower() in {".csv", ".tsv"})


def _rows(source: Path, language: str | None) -> Iterator[Utterance | BadRow]:
    refuse_absent([source])
    if source.is_dir():
        yield from _from_folder(source, language)
    elif source.suffix.lower() in MANIFESTS and not files.is_utf8(source.resolve()):
        raise misnamed(source.resolve()).error
    elif source.suffix.lower() in MANIFESTS:
        yield from _from_manifest(source, language)
    elif source.suffix.lower() in SOUND_FILES:
        yield from_file(source, Path(source.name), language)
    else:
        suffix = source.suffix.lower()
        instead = f": {how_to_convert(Counter([suffix]))}" if suffix in UNREADABLE else ""
        expected = f"neither sound ({' '.join(sorted(SOUND_FILES))}) nor manifest ({' '.join(sorted(MANIFESTS))})"
        raise RecordError(f"{source}: {expected}{instead}")


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
        unread = passed_by([folder])
        instead = f"; there are {how_to_convert(unread)}" if unread else ""
        raise RecordError(f"{folder}: no sound file in this folder; expected {expected} (or Parquet files){instead}")


def passed_by(sources: Sequence[str | Path]) -> Counter[str]:
    """How many files of each ending the folders among `sources` hold that cannot be decoded; one beside which a file of
    its name lies that can be (converted before) does not count."""
    unread = Counter[str]()
    for folder in filter(Path.is_dir, map(Path, sources)):
        for path in files.below(folder, *files.ending(UNREADABLE)):
            if not any(path.with_suffix(suffix).exists() for suffix in SOUND_FILES):
                unread[path.suffix.lower()] += 1
    return unread


def how_to_convert(unread: Counter[str]) -> str:
    """The files of `passed_by`, and what to do with them."""
    first = unread.most_common(1)[0][0]
    return (
        f"{', '.join(f'{count} {suffix}' for suffix, count in sorted(unread.items()))}, which cannot be decoded here; "
        f"convert them, for example with `ffmpeg -i IN{first} -ar 16000 -ac 1 IN.wav`"
    )


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
