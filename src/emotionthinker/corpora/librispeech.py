"""LibriSpeech: read books, no emotion labels; words and speakers from its own sheets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Item, bad, by_stem, clip, lines, sounds

_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def read(root: Path) -> Iterator[Item]:
    people = _people(root)
    for sheet in files.below(root, "*.trans.txt"):
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


def _people(root: Path) -> dict[str, str]:
    """Speaker -> gender, of `SPEAKERS.TXT` (`14 | F | train-clean-360 | 25.03 | name`)."""
    sheet = next(files.below(root, "SPEAKERS.TXT"), None)
    if sheet is None:
        return {}
    rows = [line.split("|") for line in lines(sheet) if not line.startswith(";")]
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
)
