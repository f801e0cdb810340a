"""From text to words to phones: the dictionary that lies in the pocketsphinx wheel, and letter rules for the rest.

English words are looked up in CMUdict (BSD, 135,000 entries); words it does not hold get phones from their stem or
parts there (`derived`), else from letter-to-sound rules. Other languages get letter rules only, good enough to count
phones and named as such by the callers.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from emotionthinker import languages
from emotionthinker.prosody import derived, letters, reading_out


class SpokenWord(NamedTuple):
    """A word as it stands in the text (`text`, without punctuation) and as it is said (`spoken`, one or more)."""

    text: str
    spoken: tuple[str, ...]


def primary(language: str | None) -> str:
    """The language's code without region (`en-GB`, `English` -> `en`).

    `und` where it is not known, and the word itself where it names no language: both are read by their letters, since
    the sounds of English would be a guess.
    """
    return re.split(r"[-_]", languages.kept(language) or languages.UNKNOWN)[0]


def read(text: str, language: str | None = "en") -> list[SpokenWord]:
    """Words of `text` in order, with numbers, abbreviations and symbols spelled out; stage directions are left out.

    Spoken words hold letters, their accents and apostrophes only.

    >>> [w.spoken for w in read("Dr. O'Neil paid $25.")]
    [('doctor',), ("o'neil",), ('paid',), ('twenty', 'five', 'dollars')]
    """
    code = primary(language)
    known = dictionary() if code == "en" else {}
    pieces = reading_out.pieces(text, code)
    said = ((piece, reading_out.spoken(piece, code, known)) for piece in pieces)
    return [SpokenWord(piece.shown or piece.raw, spoken) for piece, words in said if (spoken := _clean(words))]


def _clean(words: list[str]) -> tuple[str, ...]:
    """Lower case, nothing but letters with their accents and apostrophes inside."""
    kept = ("".join(c for c in word.lower() if c.isalpha() or unicodedata.combining(c) or c == "'") for word in words)
    return tuple(word for word in (one.strip("'") for one in kept) if any(c.isalpha() for c in word))


@functools.lru_cache(maxsize=1)
def dictionary() -> dict[str, str]:
    """CMUdict without stress marks: word -> phones joined by spaces (first pronunciation)."""
    import pocketsphinx

    path = Path(pocketsphinx.__file__).parent / "model" / "en-us" / "cmudict-en-us.dict"
    entries: dict[str, str] = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.rstrip().partition(" ")
            if not word.endswith(")"):
                entries[word] = phones
    return entries


@functools.lru_cache(maxsize=65536)
def phones(word: str, language: str | None = "en") -> tuple[str, ...]:
    """Phones of one spoken word: ARPAbet for English, broad SAMPA for German, one a letter elsewhere.

    Empty where letters do not spell sounds (Chinese, Japanese, Korean, ...), so callers count nuclei instead.
    """
    code, word = primary(language), word.lower()
    if code != "en":
        return letters.german(word) if code == "de" else letters.alphabetic(word)
    known = dictionary()
    entry = known.get(word) or next((known[short] for short in letters.shortened(word) if short in known), None)
    if entry is None and word.endswith("'s"):
        stem = phones(word[:-2], "en")
        return (*stem, *letters.plural(stem)) if stem else ()
    return tuple(entry.split()) if entry else derived.english(word, known) or letters.english(word)


def count(words: list[SpokenWord], language: str | None = "en") -> list[int]:
    """Number of phones of each word, zero where the script of any part of it (`MP3日`) does not spell sounds."""
    parts = ([len(phones(said, language)) for said in word.spoken] for word in words)
    return [sum(lengths) if all(lengths) else 0 for lengths in parts]
