"""What every corpus shares: its card, and the steps from a tree of files to `Utterance` records."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from emotionthinker.corpora import files, ids, labels
from emotionthinker.corpora.manifest import SOUND_FILES, UNREADABLE, BadRow, misnamed
from emotionthinker.errors import CorpusError, kind_of
from emotionthinker.records import Utterance

VIDEO_FILES = UNREADABLE | {".flv"}
"""What some corpora ship and libsndfile cannot decode: read as rows; the doctor names the command to convert."""


class Embedded(NamedTuple):
    """A clip whose sound lies inside a table: whoever writes the manifest also writes the sound."""

    utterance: Utterance
    sound: bytes
    suffix: str


Item = Utterance | BadRow | Embedded


def _nothing(path: Path) -> dict[str, Any]:
    return {}


def _no_sheets(sound: Path, root: Path) -> dict[str, Any]:
    return {}


def _whole(root: Path) -> list[str]:
    return []


class Corpus(NamedTuple):
    """The card of a corpus and its reader."""

    name: str
    """Also the `dataset` of its records."""
    title: str
    languages: tuple[str, ...]
    labels: tuple[str, ...]
    """Every emotion label the corpus writes; `emotions.canonical(label, name)` is what becomes of it."""
    splits: str
    """The official splits, or what stands in for them."""
    licence: str
    access: str
    url: str
    layout: str
    """The tree `read` expects below its root."""
    read: Callable[[Path], Iterator[Item]]
    told: Callable[[Path], dict[str, Any]] = _nothing
    """Fields of a record (split, speaker, gender) by the names in the path of its sound alone; no file is looked at."""
    absent: Callable[[Path], list[str]] = _whole
    """Parts of the release that are not below the root, where a tree without them is no error (an IEMOCAP session)."""
    sheets: Callable[[Path, Path], dict[str, Any]] = _no_sheets
    """(sound, root) -> the same fields by the sheets beside the sound, of those that lie below `root`."""


def items(corpus: Corpus, root: str | Path) -> Iterator[Item]:
    """Every clip of the tree, ids unique. Raises `CorpusError` of kind wrong_layout when the corpus does not lie there.

    A clip that makes no record comes as `BadRow`, and the others go on; files of foreign names alone are no corpus.
    """
    root = Path(root).resolve()
    if not root.is_dir():
        raise wrong_layout(corpus, root, "there is no such folder")
    own = foreign = 0
    with contextlib.closing(ids.Seen()) as seen:
        for item in corpus.read(root):
            id_ = item.utterance.id if isinstance(item, Embedded) else item.id
            kind = kind_of(item.error) if isinstance(item, BadRow) else None
            foreign += kind == "bad_name"
            own += kind not in ("bad_name", "missing_sheet")
            if not seen.add(id_):
                item = bad("repeated_id", id_, _repeated(id_, item, root))
            yield item
    if not own:
        raise wrong_layout(corpus, root, f"none of its files is there ({foreign} of other names)")


def _repeated(id_: str, item: Item, root: Path) -> str:
    sound = item.utterance.audio if isinstance(item, Embedded) else item.audio if isinstance(item, Utterance) else None
    return (
        f"{sound or root}: id {id_!r} comes a second time, and the first is taken; expected each clip once: of a "
        "corpus unpacked twice below the root delete one copy, or give the folder of one; of doubled rows delete one"
    )


def wrong_layout(corpus: Corpus, root: Path, what: str) -> CorpusError:
    access = f"Access: {corpus.access} ({corpus.url})"
    return CorpusError(
        "wrong_layout", f"{root} is not {corpus.title}: {what}. Expected below it: {corpus.layout}. {access}"
    )


def bad(kind: str, id_: str, message: str) -> BadRow:
    """A row that makes no record, with its typed reason."""
    return BadRow(id_, CorpusError(kind, message))


def missing_sheet(root: Path, name: str, what: str, source: str) -> BadRow:
    """A table of the release that is not below the root: what comes of it, and where it is to be had."""
    return bad("missing_sheet", name, f"{root}: no {name}, so {what}; put it there, it comes with {source}")


def unnamed(root: Path, path: Path, expected: str) -> BadRow:
    """A sound file whose name says nothing to the corpus."""
    return bad("bad_name", files.printable(path.relative_to(root)), f"{files.printable(path)}: expected {expected}")


def clip(dataset: str, id_: str, audio: Path, label: str | None, **fields: Any) -> Utterance | BadRow:
    """The record of a sound file, or why there is none."""
    return record(dataset, id_, audio, label, **fields) if files.is_utf8(audio) else misnamed(audio)


def record(dataset: str, id_: str, audio: Path, label: str | None, **fields: Any) -> Utterance:
    """A record with the corpus' label kept and mapped (`labels.resolve`); empty values of `extra` are left out."""
    emotion, original = labels.resolve(None, label, dataset)
    fields["extra"] = {key: value for key, value in fields.pop("extra", {}).items() if value not in (None, "", [])}
    return Utterance(
        id=id_,
        audio=str(audio),
        dataset=dataset,
        emotion=emotion,
        original_label=original,
        **{"language": "en", **fields},
    )


def sounds(root: Path, under: str = "", *, every: bool = False) -> list[Path]:
    """Sound (and video) files below `root / under` (`root` without that folder), as `files.below` walks.

    Of files of one name in one folder the one that is best to decode is taken; with `every`, all but a video beside
    its sound.
    """
    home = root / under if (root / under).is_dir() else root
    same: dict[tuple[Path, str], list[Path]] = {}
    for path in files.below(home, *files.ending(SOUND_FILES | VIDEO_FILES)):
        same.setdefault((path.parent, path.stem), []).append(path)
    found: list[Path] = []
    for paths in same.values():
        best, *rest = sorted(paths, key=_rank)
        found.append(best)
        found += [path for path in rest if every and path.suffix.lower() in SOUND_FILES]
    return found


def _rank(path: Path) -> tuple[int, str]:
    suffix = path.suffix.lower()
    order = (".wav", ".flac")
    return (order.index(suffix) if suffix in order else 3 if suffix in VIDEO_FILES else 2, suffix)


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """File name without suffix -> path; the first one of a name stays."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(path.stem, path)
    return found


def table(path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(place for messages, row) of a CSV file; values stripped, header names as they are.

    Raises `CorpusError` of kind bad_row for a file without one of the `needed` columns, or one that is not UTF-8.
    """
    try:
        yield from _table(path, needed)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error


def _table(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    with open(path, encoding="utf-8-sig", newline="") as source:
        reader = csv.DictReader(source)
        header = reader.fieldnames or []
        if not set(needed) <= set(header):
            expected = (
                f"expected a table with {', '.join(needed)}, parted by commas; fetch it again (a pointer of Git LFS: "
                "`git lfs pull`)"
            )
            raise CorpusError("bad_row", f"{path}: its first line is {','.join(header)!r}; {expected}")
        for row in reader:
            yield (
                f"{path.name}:{reader.line_num}",
                {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)},
            )


def lines(path: Path) -> list[str]:
    """Lines of a sheet of text. Raises `CorpusError` of kind bad_row for one that is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error


def _not_utf8(path: Path, error: UnicodeDecodeError) -> CorpusError:
    return CorpusError(
        "bad_row",
        f"{path}: not UTF-8 (byte {error.object[error.start]:#x}); expected text as released: fetch it again, or write "
        "it anew, for example with `iconv -f WINDOWS-1252 -t UTF-8 IN > OUT`",
    )


def words_of(text: str) -> list[re.Match[str]]:
    """Words of `text` as `extra.stressed_places` counts them, from 0: split at blanks and hyphens.

    The rule is that of Stress-17K: of hyphens in a row every second one parts, so `state-of-the-art` is `state`,
    `of-the`, `art`.
    """
    return list(re.finditer(r"\S+", re.sub(r"\b(\w+)-(\w+)\b", r"\1 \2", text)))


def number(text: str | None) -> float | None:
    """A number of a label sheet, None where there is none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


def segment(path: Path, start_s: float, end_s: float, channel: int | None = None) -> Path:
    """The part of a longer recording, written as `audio.load` reads it: `talk.opus#t=1.5,4.25&channel=2`.

    An endless part is the whole recording; channels count from 1.
    """
    parts = [] if math.isinf(end_s) else [f"t={round(start_s, 4)},{round(end_s, 4)}"]
    parts += [f"channel={channel}"] if channel else []
    return Path(f"{path}#{'&'.join(parts)}") if parts else path
