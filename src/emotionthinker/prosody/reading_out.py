"""How written pieces are read out: numbers, money, times, units, abbreviations, initials (English, German).

Other languages get digits and abbreviations by the English rules only where the signs are international.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from emotionthinker.prosody import abbreviations as short
from emotionthinker.prosody import letters, numerals, written
from emotionthinker.prosody.written import VULGAR

_DIGITS = r"\d[\d.,]*\d|\d"
_AMOUNT = f"({_DIGITS})"
_MONEY = re.compile(rf"(?:US|A|C)?([$€£¥])(\.\d+|{_DIGITS})([a-zA-Z]*)|{_AMOUNT}([$€£¥])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})((?::\d{2})?)(?:([ap])\.?m)?", re.IGNORECASE)
_DECADE = {"en": re.compile(r"(\d*0)'?s"), "de": re.compile(r"(\d*0)er")}
_FRACTION = re.compile(r"(\d{1,2})[/⁄](\d{1,2})")
_ADDRESS = re.compile(r"[^\s@]+@[^\W_]+(?:\.[^\W_]+)+")
_END = r"([$€£¥]?\d[\d.,:]*[^\W\d]*%?)"
_RANGE = re.compile(f"{_END}[-–]{_END}")
_TELEPHONE = re.compile(r"(?:(?:1[-–])?\d{3}[-–])?\d{3}[-–]\d{4}")
_SITE = re.compile(r"(?:[\w-]+\.)+(?:com|org|net|edu|gov|info|de|at|ch|uk|ca|eu|fm|io|tv)", re.IGNORECASE)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_PARTS = re.compile(
    rf"[{VULGAR}]|"
    r"\d[\d.,]*(?:st|nd|rd|th)(?![^\W\d_])|\d[\d.,]*\d|\d|(?:°[CF]?)|[^\W\d_]+/h\b|[^\W\d_]+|[%&+=@#$€£¥¢×]"
)
_ROMAN = {"II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "XI": 11, "XII": 12, "XIV": 14, "XVI": 16}
_EDGES = ".,;:!?\"'„“”«»()[]{}*_~-−"


class Piece(NamedTuple):
    """Text between spaces: as it came, without punctuation around it, its neighbours, and whether all is capitals."""

    raw: str
    shown: str
    before: str
    after: str
    shouted: bool

    @property
    def dotted(self) -> bool:
        return self.raw.rstrip(",;:!?\"'”)").endswith(".")

    @property
    def after_number(self) -> bool:
        return bool(re.fullmatch(rf"[\d.,]*[\d{VULGAR}]", self.before))


def pieces(text: str, language: str) -> list[Piece]:
    """The pieces of `text` in order, stage directions left out."""
    text = written.mended(text)
    shouted = text.isupper() and len(text.split()) > 1
    raw = written.pieces(text, language)
    shown = [piece.strip(_EDGES) for piece in raw]
    around = ["", *shown, ""]
    return [Piece(raw[i], shown[i], around[i], around[i + 2], shouted) for i in range(len(raw))]


def spoken(piece: Piece, language: str, known: Collection[str]) -> list[str]:
    """What is said for one piece; empty for pure punctuation. `known` are the words of the dictionary."""
    if not any(c.isalnum() for c in piece.shown):
        return _named(piece.shown, language)
    if _ADDRESS.fullmatch(piece.shown) or _SITE.fullmatch(piece.shown):
        return _address(piece.shown, language)
    if any(c.isdigit() or c in VULGAR for c in piece.shown):
        return [*_sign(piece), *_number(piece, language)]
    if language == "en" and _cut_off(piece):
        return [piece.shown + "uh"]
    key = piece.shown.lower()
    unit = short.UNITS.get(language, {}).get(key)
    if unit and piece.after_number:
        return _unit(unit, piece.before, language)
    if language == "de" and key == "uhr" and (time := _CLOCK.fullmatch(piece.before)):
        return [key, *numerals.clock(time[1], time[2], "de")[1]]
    size = short.MAGNITUDES.get(language, {}).get(key)
    if size and (money := _MONEY.fullmatch(piece.before)):
        return [size, _currency(money, language, "")]
    return _abbreviation(piece, key, language) or _initials(piece, language, known) or [piece.shown]


def _cut_off(piece: Piece) -> bool:
    """`wh- what`, `B-but`: the sounds of the letters with a murmur, not their names. `Grade B-` is no such word."""
    cut = written.CUT.fullmatch(piece.raw.strip("\"'.,?!;:"))
    return bool(cut) and (piece.shown.islower() or piece.after.lower().startswith(piece.shown.lower()))


def _named(shown: str, language: str) -> list[str]:
    return short.SYMBOLS.get(language, {}).get(shown, "").split()


def _address(shown: str, language: str) -> list[str]:
    """`user@example.com`: user at example dot com; `www` is spelled."""
    names = {"@": "at", ".": "punkt" if language == "de" else "dot"}
    parts = re.findall(r"[@.]|[^@.]+", shown)
    return [word for part in parts for word in ([names[part]] if part in names else _parts(part, language))]


def _sign(piece: Piece) -> list[str]:
    return ["minus"] if re.match(r"[-−][\d$€£.]", piece.raw) else []


def _number(piece: Piece, language: str) -> list[str]:
    """Money, times, decades, fractions and ranges; else the parts one after another."""
    shown = piece.shown
    if money := _MONEY.fullmatch(shown):
        return _money(money, piece.after, language)
    if (time := _CLOCK.fullmatch(shown)) and int(time[2]) < 60:
        return _clock(time, piece.after, language)
    decade = _DECADE.get(language, _DECADE["en"]).fullmatch(shown)
    if decade and language in _DECADE:
        return numerals.decade(decade[1], language)
    if (parts := _FRACTION.fullmatch(shown)) and language == "en" and 1 <= int(parts[1]) < int(parts[2]) <= 10:
        return numerals.fraction(int(parts[1]), int(parts[2]))
    if _TELEPHONE.fullmatch(shown):
        return numerals.one_by_one(shown, language)
    if ends := _RANGE.fullmatch(shown):
        between = {"en": ["to"], "de": ["bis"]}.get(language, [])
        first, last = (_number(piece._replace(raw=end, shown=end), language) for end in ends.groups())
        return [*first, *between, *last]
    if language == "de" and (ending := _german_ending(piece)):
        return [numerals.german_ordinal(int(shown), ending)]
    return _parts(f".{shown}" if re.match(r"[^\w.]*\.\d", piece.raw) else shown, language)


def _parts(shown: str, language: str) -> list[str]:
    """`25`, `3.5`, `1st`, `50%`, `5kg`, `B2`: digits by numeral rules, letters as words or units, symbols by name."""
    said = ["komma" if language == "de" else "point"] if shown.startswith(".") else []
    before = ""
    for part in _PARTS.findall(shown.removeprefix(".")):
        counted = before[-1:].isnumeric()
        unit = short.UNITS.get(language, {}).get(part.lower()) if counted else None
        if part in VULGAR:
            said += _vulgar(part, language, after_number=counted)
        elif part[0].isdigit():
            said += numerals.one_by_one(part, language) if shown.startswith(".") else numerals.spell(part, language)
        elif unit:
            said += _unit(unit, before, language)
        else:
            said += _named(part, language) or ([part] if part[0].isalpha() else [])
        before = part
    return said


def _vulgar(sign: str, language: str, *, after_number: bool) -> list[str]:
    """`½`, and `1½` as one and one half; German zweieinhalb has no word between."""
    above, below = map(int, unicodedata.normalize("NFKC", sign).split("⁄"))
    between = ["and"] if after_number and language == "en" else []
    return [*between, *numerals.fraction(above, below, language)]


def _unit(unit: str, amount: str, language: str) -> list[str]:
    """`unit` after `amount`; English has a singular after one."""
    first, *rest = unit.split()
    if language == "en" and amount == "1":
        first = short.SINGULAR.get(first, first.removesuffix("s"))
    return [first, *rest]


def _money(found: re.Match[str], after: str, language: str) -> list[str]:
    """`$20`, `$20.50`, `$5k`, `20€`; before a magnitude (`$3 million`) the unit is left to the magnitude."""
    amount, letters = found[2] or found[4], (found[3] or "").lower()
    sizes = short.MAGNITUDES.get(language, {})
    point = "," if language == "de" else "."
    cents = re.fullmatch(rf"(.*\d|)\{point}(\d\d)", amount)
    if letters and letters not in sizes:
        return [*_parts(found[0], language)]
    if letters:
        return [*numerals.spell(amount, language), sizes[letters], _currency(found, language, "")]
    if after.lower() in sizes:
        return numerals.spell(amount, language)
    if cents:
        return _with_cents(found, cents[1], cents[2], language)
    return [*numerals.spell(amount, language), _currency(found, language, amount)]


def _with_cents(found: re.Match[str], whole: str, cents: str, language: str) -> list[str]:
    said = [*numerals.spell(whole, language), _currency(found, language, whole)]
    if not any(int(c) for c in whole if c.isdecimal()):
        name = short.CENTS.get(language, {}).get(found[1] or found[5], "")
        return [*numerals.spell(cents.lstrip("0") or "0", language), name]
    return said if int(cents) == 0 else [*said, *numerals.spell(cents.lstrip("0"), language)]


def _currency(found: re.Match[str], language: str, amount: str) -> str:
    names = short.CURRENCIES.get(language, {}).get(found[1] or found[5], ("", ""))
    return names[0 if amount == "1" else 1]


def _clock(found: re.Match[str], after: str, language: str) -> list[str]:
    hour, minutes = numerals.clock(found[1], found[2], language)
    if language == "de":
        return hour if after.lower() == "uhr" else [*hour, "uhr", *minutes]
    seconds = numerals.clock("0", found[3][1:], language)[1] if found[3] else []
    half = [{"a": "ay", "p": "p"}[found[4].lower()], "m"] if found[4] else []
    return [*hour, *minutes, *seconds, *half]


def _german_ending(piece: Piece) -> str:
    """Ending of a German ordinal (`am 3. Mai`, `3. Mai`); empty where the number is none."""
    if not (re.fullmatch(r"\d{1,4}", piece.shown) and piece.dotted and piece.after) or int(piece.shown) == 0:
        return ""
    ending = short.GERMAN_ORDINAL_CONTEXT.get(piece.before.lower(), "")
    return ending or ("er" if piece.after in short.GERMAN_COUNTED else "")


def _abbreviation(piece: Piece, key: str, language: str) -> list[str]:
    full = short.ABBREVIATIONS.get(language, {}).get(key)
    if not full or not (piece.dotted or key not in short.DOTTED_ONLY):
        return []
    if key in short.BESIDE_A_NUMBER and not (piece.after[:1].isdigit() or piece.before[-1:].isdigit()):
        return []
    if key in short.BEFORE_A_NAME and not piece.after[:1].isupper():
        return []
    if language == "en" and key in short.AFTER_A_NAME and piece.before[:1].isupper() and not piece.after[:1].isupper():
        return [short.AFTER_A_NAME[key]]
    return full.split()


def _initials(piece: Piece, language: str, known: Collection[str]) -> list[str]:
    """Letters one by one (`FBI`, `U.S.`, `TVs`, German `LKW`), Roman numbers after a name; empty for other words.

    Capitals that the dictionary holds are words (`STOP`, `NASA`), as are those of a text all in capitals. German, which
    has no dictionary here, spells what has no vowel and a few others (`EU`).
    """
    shown = piece.shown
    if language == "de":
        return _german_initials(piece)
    if language != "en":
        return []
    if _INITIALS.fullmatch(shown):
        return _letters(shown)
    plural = shown.endswith("s") and len(shown) > 2
    bare = shown[:-1] if plural else shown
    if not _capitals(bare) or _drawn_out(bare):
        return []
    if bare in _ROMAN and piece.before[:1].isupper():
        return numerals.cardinal(_ROMAN[bare])
    vowels = any(c in "AEIOUY" for c in bare)
    articled = piece.before.lower() in {"the", "a", "an"} and bare.lower() in short.INITIALISMS
    if (bare.lower() in known or (piece.shouted and vowels)) and not (articled and not piece.shouted):
        return []
    said = _letters(bare)
    return [*said[:-1], said[-1] + "'s"] if plural else said


def _german_initials(piece: Piece) -> list[str]:
    if piece.shown in _ROMAN and piece.dotted and piece.before[:1].isupper():
        return ["der", numerals.german_ordinal(_ROMAN[piece.shown], "e")]
    bare = piece.shown.removesuffix("s") if len(piece.shown) > 2 else piece.shown
    spelled = not re.search("[AEIOUÄÖÜY]", bare) or (bare in short.GERMAN_INITIALISMS and not piece.shouted)
    if bare == "GmbH" or (_capitals(bare) and spelled and not _drawn_out(bare)):
        names = [short.GERMAN_LETTERS.get(letter, letter) for letter in bare.lower()]
        return names if bare == piece.shown else [*names[:-1], names[-1] + "s"]
    return []


def _capitals(text: str) -> bool:
    return 2 <= len(text) <= 5 and text.isalpha() and text.isupper()


def _drawn_out(shown: str) -> bool:
    """`HMMM`, `NOOO`, `SHHH` and `WOAH` are said, not spelled."""
    drawn = re.search(r"(.)\1\1", shown) and (letters.hummed(shown) or re.search("[AEIOUYÄÖÜ]", shown))
    return shown.lower() in short.SAID or bool(drawn)


def _letters(text: str) -> list[str]:
    """Names of the letters; `ay` is the letter A, which alone is the article."""
    return ["ay" if c == "a" else c for c in text.lower() if c.isalpha()]
