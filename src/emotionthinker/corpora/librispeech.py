"""LibriSpeech: read books, no emotion labels; words and speakers from its own sheets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Item, bad, by_stem, clip, lines, missing_sheet, sounds
from emotionthinker.corpora.manifest import SOUND_FILES

_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def read(root: Path) -> Iterator[Item]:
    people = _people(_readers(root))
    chapters: set[Path] = set()
    for sheet in files.below(root, "*.trans.txt"):
        chapters.add(sheet.parent)
        subset = sheet.parent.parent.parent.name
        clips = by_stem(sounds(sheet.parent))
        for number, line in enumerate(lines(sheet), 1):
            name, _, text = line.strip().partition(" ")
            where = f"{sheet.name}:{number}"
            split = _SPLITS.get(subset.split("-")[0])
            if not text or name.count("-") != 2 or split is None:
                yield bad(
                    "bad_row",
                    where,
                    f"{sheet}:{number}: expected SPEAKER-CHAPTER-NNNN WORDS, in dev-*, test-* or train-*",
                )
            elif name not in clips:
                yield bad("missing_sound", name, f"{where}: no {name}.flac beside the sheet")
            else:
                speaker = name.split("-")[0]
                yield clip(
                    "librispeech",
                    f"librispeech_{name}",
                    clips[name],
                    None,
                    split=split,
                    speaker=f"librispeech_{speaker}",
                    gender=people.get(speaker),
                    text=text,
                    extra={"subset": subset},
                )
    yield from _without_words(root, chapters)


def absent(root: Path) -> list[str]:
    """Without it clips come without gender."""
    return [] if _readers(root) else ["SPEAKERS.TXT"]


def _without_words(root: Path, chapters: set[Path]) -> Iterator[Item]:
    """Chapters (`84/121123`) whose sound has no sheet beside it."""
    folders = {path.parent for path in files.below(root, *files.ending(SOUND_FILES))} - chapters
    for folder in sorted(folders):
        if folder.name.isdecimal() and folder.parent.name.isdecimal():
            name = f"{folder.parent.name}-{folder.name}.trans.txt"
            place = (folder / name).relative_to(root).as_posix()
            yield missing_sheet(root, place, "none of its clips makes a row", "the archive of its subset")


def _readers(root: Path) -> Path | None:
    """`SPEAKERS.TXT` below the root, or beside it where the root is one subset."""
    beside = root.parent / "SPEAKERS.TXT"
    return next(files.below(root, "SPEAKERS.TXT"), beside if beside.is_file() else None)


def _people(sheet: Path | None) -> dict[str, str]:
    """Speaker -> gender, of `SPEAKERS.TXT` (`14 | F | train-clean-360 | 25.03 | name`)."""
    if sheet is None:
        return {}
    listed = sheet.read_text(encoding="utf-8", errors="replace").splitlines()  # of the names nothing is taken
    rows = [line.split("|") for line in listed if not line.startswith(";")]
    genders = {"F": "female", "M": "male"}
    return {row[0].strip(): genders[row[1].strip()] for row in rows if len(row) > 2 and row[1].strip() in genders}


CORPUS = Corpus(
    "librispeech",
    "LibriSpeech",
    ("en",),
    (),
    "official: train-*, dev-* (here `validation`), test-*",
    "CC BY 4.0",
    "free download",
    "https://www.openslr.org/12",
    "dev-clean/84/121123/84-121123.trans.txt and 84-121123-0000.flac, SPEAKERS.TXT",
    read,
    absent=absent,
)
