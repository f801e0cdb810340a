"""From text to words to phones: the dictionary that lies in the pocketsphinx wheel, and letter rules for the rest.

English words are looked up in CMUdict (BSD, 135,000 entries); words it does not hold get phones from letter-to-sound
rules. Other languages get letter rules only, good enough to count phones and named as such by the callers.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from emotionthinker.prosody import letters, numerals

ABBREVIATIONS: dict[str, dict[str, str]] = {
    "en": {
        "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "st": "saint", "prof": "professor",
        "vs": "versus", "etc": "et cetera", "jr": "junior", "sr": "senior", "dept": "department",
        "approx": "approximately", "inc": "incorporated", "ltd": "limited", "gen": "general", "capt": "captain",
    },
    "de": {"dr": "Doktor", "hr": "Herr", "fr": "Frau", "nr": "Nummer", "usw": "und so weiter", "ca": "zirka"},
}  # fmt: skip
SYMBOLS: dict[str, dict[str, str]] = {
    "en": {
        "&": "and",
        "%": "percent",
        "+": "plus",
        "=": "equals",
        "@": "at",
        "$": "dollars",
        "€": "euros",
        "£": "pounds",
    },
    "de": {"&": "und", "%": "Prozent", "+": "plus", "=": "gleich", "$": "Dollar", "€": "Euro"},
}
_DOTTED_ONLY = frozenset({"st", "gen", "fr", "inc", "ms", "hr", "ca"})
"""Abbreviations that are also words: read as abbreviations only with their full stop."""
_MARKUP = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)")
_NUMBER_SIGN = re.compile(r"\bno\.\s*(?=\d)", re.IGNORECASE)
_MONEY = re.compile(r"^([$€£])(\d[\d.,]*)$")
_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})$")


class SpokenWord(NamedTuple):
    """A word as it stands in the text (`text`, without punctuation) and as it is said (`spoken`, one or more)."""

    text: str
    spoken: tuple[str, ...]


def primary(language: str | None) -> str:
    """The language's primary subtag in lower case (`en-GB` -> `en`); nothing given counts as English."""
    return re.split(r"[-_]", (language or "en").strip().lower())[0] or "en"


def read(text: str, language: str | None = "en") -> list[SpokenWord]:
    """Words of `text` in order, with numbers, abbreviations and symbols spelled out; stage directions are left out.

    >>> [w.spoken for w in read("Dr. O'Neil paid $25.")]
    [('doctor',), ("o'neil",), ('paid',), ('twenty', 'five', 'dollars')]
    """
    code = primary(language)
    text = unicodedata.normalize("NFKC", _MARKUP.sub(" ", text)).replace("’", "'").replace("‘", "'")
    text = _NUMBER_SIGN.sub("number ", text) if code == "en" else text
    words = []
    for piece in re.split(r"[\s–—/…]+|(?<=\w)-(?=\w)|--+", text):
        shown = piece.strip(".,;:!?\"'„“”«»()[]{}*_~-")
        spoken = _spoken(piece, shown, code)
        if spoken:
            words.append(SpokenWord(shown or piece, tuple(spoken)))
    return words


def _spoken(piece: str, shown: str, language: str) -> list[str]:
    """What is said for one piece between spaces; empty for pure punctuation."""
    if not any(c.isalnum() for c in shown):
        said = SYMBOLS.get(language, {}).get(shown)
        return [said.lower()] if said else []
    money, clock = _MONEY.match(shown), _CLOCK.match(shown)
    if money:
        unit = SYMBOLS.get(language, {}).get(money[1], "")
        return [*numerals.spell(money[2], language), *([unit] if unit else [])]
    if clock:
        minutes = [] if clock[2] == "00" else numerals.spell(clock[2].lstrip("0") or "0", language)
        return [*numerals.spell(clock[1], language), *minutes]
    if any(c.isdigit() for c in shown):
        return _with_digits(shown, language)
    key = shown.lower()
    full = ABBREVIATIONS.get(language, {}).get(key)
    dotted = piece.rstrip(",;:!?").endswith(".")
    if full and (dotted or key not in _DOTTED_ONLY):
        return full.lower().split()
    if language == "en" and _is_acronym(shown):
        return [f"{c.lower()}." if c.lower() == "a" else c.lower() for c in shown if c.isalpha()]
    kept = "".join(c for c in key if c.isalpha() or unicodedata.combining(c) or c == "'").strip("'")
    return [kept] if kept else []


def _with_digits(shown: str, language: str) -> list[str]:
    """`25`, `3.5`, `1st`, `50%`, `B2`: digits by numeral rules, letters as words, symbols by name."""
    said: list[str] = []
    for part in re.findall(r"\d[\d.,]*(?:st|nd|rd|th)\b|\d[\d.,]*\d|\d|[^\W\d_]+|[%&+=@$€£]", shown):
        if part[0].isdigit():
            said += numerals.spell(part, language)
        else:
            said.append(SYMBOLS.get(language, {}).get(part, part.lower()))
    return [word for word in said if word]


def _is_acronym(shown: str) -> bool:
    """Two to five capitals that no dictionary word explains (`FBI` is one, `STOP` is a shouted word)."""
    bare = shown.replace(".", "")
    return 2 <= len(bare) <= 5 and bare.isalpha() and bare.isupper() and bare.lower() not in dictionary()


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
    entry = dictionary().get(word)
    if entry is None and word.endswith("'s"):
        stem = phones(word[:-2], "en")
        return (*stem, *letters.plural(stem)) if stem else ()
    return tuple(entry.split()) if entry else letters.english(word)


def count(words: list[SpokenWord], language: str | None = "en") -> list[int]:
    """Number of phones of each word, zero where the script does not spell sounds."""
    return [sum(len(phones(said, language)) for said in word.spoken) for word in words]
