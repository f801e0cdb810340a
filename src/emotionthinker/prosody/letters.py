"""Letter-to-sound rules: ordered tables, the first rule that matches at a place speaks.

Meant for what a dictionary leaves over (names, coinages). Held against CMUdict: the number of phones is right for 79 %
of its words and 1 % high on average, 21 % of the phones differ.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

_C = "[bcdfghjklmnpqrstvwxz]"
_V = "[aeiouy]"

_ENGLISH = rf"""
tion|SH AH N; (?<={_V})sion|ZH AH N; sion|SH AH N; [ct]ious|SH AH S; [ct]ial|SH AH L; cian|SH AH N; ture\b|CH ER
(?<={_V})sure\b|ZH ER; ought|AO T; augh|AO; ough\b|OW; ough|AO; eigh|EY; igh|AY; \bkn|N; \bwr|R; \bgn|N; gn\b|N; \bps|S
\bpn|N; rh|R; mb\b|M; mn\b|M; sch|S K; tch|CH; dge?(?=[eiy])|JH; dge|JH; chr|K R; ch|CH; ck|K; sh|SH; ph|F; th|TH; wh|W
que\b|K; qu|K W; \bx|Z; x|K S; ng(?=s?\b)|NG; nk|NG K; ng|NG G; \bgh|G; gh|; gu(?=[ei])|G; gg|G; g(?=[eiy])|JH; g|G
sc(?=[eiy])|S; cc(?=[eiy])|K S; cc|K; c(?=[eiy])|S; c|K; zz|Z; ([bdfklmnprstv])\1|*
eer|IH R; ear|IH R; air|EH R; oor|AO R; our\b|ER; are\b|EH R; ere\b|IH R; ire\b|AY ER; ore\b|AO R; ure\b|Y UH R
(?<=[aeou])h+(?![aeiouy])|; war|W AO R; wor|W ER; ar|AA R; er(?={_C}|\b)|ER; ir(?={_C}|\b)|ER; ur|ER; or|AO R
ee|IY; ea|IY; oo|UW; ous\b|AH S; ou|AW; ow\b|OW; ow|AW; o[iy]|OY; a[uw]w*|AO; a[iy]|EY; ey\b|IY; e[iy]|EY; ie|IY
ue\b|UW; ui|UW; oa|OW; oe\b|OW; e[uw]w*|UW; ia|IY AH; io|IY OW; ua|UW AH; eo|IY OW
(?<=[bcdfgkpstz])le(?=s?\b)|AH L; (?<=[td])ed\b|IH D; (?<=[pkfscx])ed\b|T; (?<={_C})ed\b|D
(?<=[szxc])es\b|IH Z; (?<=[sc]h)es\b|IH Z; (?<={_C})es\b|Z
a(?={_C}(?:e|es|ed|ing)\b)|EY; i(?={_C}(?:e|es|ed|ing)\b)|AY; o(?={_C}(?:e|es|ed|ing)\b)|OW
u(?={_C}(?:e|es|ed|ing)\b)|UW; e(?={_C}es?\b)|IY; (?<={_V}{_C})e\b|; (?<={_C}{_C})e\b|
(?<=[bdgklmnrvwaeiouy])s\b|Z; s(?=m\b)|Z; \by|Y; (?<=\b{_C})y\b|AY; (?<=\b{_C}{_C})y\b|AY; y\b|IY; y(?={_V})|Y; y|IH
a\b|AH; o\b|OW; i\b|IY; u\b|UW; (?<=\b{_C})e\b|IY; (?<=\b{_C}{_C})e\b|IY; o(?={_C}{_V})|OW
a|AE; e|EH; i|IH; o|AA; u|AH
b|B; d|D; f|F; h|HH; j|JH; k|K; l|L; m|M; n|N; p|P; q|K; r|R; s|S; t|T; v|V; w|W; z|Z
"""

_GERMAN = r"""
tsch|tS; sch|S; \bsp|S p; \bst|S t; chs|k s; ch|C; ck|k; ng|N; nk|N k; pf|pf; tz|ts; qu|k v; ph|f; th|t; dt|t; ß|s
ie|i:; e[iy]|aI; a[iy]|aI; au|aU; eu|OY; äu|OY; ([aeou])\1|*:; ([aeiouäöü])h|*:; ([bdfgklmnprst])\1|*
er\b|6; en\b|@ n; e\b|@; x|k s; z|ts; w|v; v|f; j|j; c|k; y|Y
a|a; e|E; i|I; o|O; u|U; ä|E:; ö|2:; ü|y:
b|b; d|d; f|f; g|g; h|h; k|k; l|l; m|m; n|n; p|p; q|k; r|R; s|z; t|t
"""


@functools.lru_cache(maxsize=2)
def _rules(table: str) -> list[tuple[re.Pattern[str], str]]:
    rules = (rule.strip() for line in table.strip().splitlines() for rule in line.split("; "))
    return [(re.compile(spelling), sounds) for spelling, _, sounds in (rule.rpartition("|") for rule in rules)]


def _apply(word: str, table: str) -> list[str]:
    """Phones of `word` from left to right; `*` in a rule stands for the phones of its first group."""
    sounds: list[str] = []
    place = 0
    while place < len(word):
        for spelling, phones in _rules(table):
            match = spelling.match(word, place)
            if match:
                said = phones
                if "*" in phones:
                    said = phones.replace("*", " ".join(_apply(match[1], table)) if table == _ENGLISH else match[1])
                sounds += said.split()
                place = match.end()
                break
        else:
            place += 1
    return sounds


def _plain(word: str, keep: str = "") -> str:
    """Lower case, accents off except on the letters in `keep`."""
    kept = [letter if letter in keep else unicodedata.normalize("NFD", letter)[0] for letter in word.lower()]
    return "".join(letter for letter in kept if letter.isalpha())


_LONG = re.compile(r"(.)\1{2,}")
_HUMMED = re.compile(r"(?:h?m)+(?:ph)?|hrmph|ps[ht]|pft?|tsk|sh|gr|br|hr|ts|[srz]")
"""Interjections without a vowel, each letter once: mhm, pst, sh, brr."""


def shortened(word: str) -> Iterator[str]:
    """How a word with a drawn-out letter (`sooo`, `heyyy`) may stand in a dictionary: with two of it, with one."""
    if _LONG.search(word):
        yield _LONG.sub(r"\1\1", word)
        if len(once := _LONG.sub(r"\1", word)) > 1:  # `zzz` is not the letter
            yield once


def hummed(word: str) -> str:
    """An interjection that has no vowel (`hmmmm`, `shhh`, `tsk`), each letter once; empty for any other word.

    Two letters stand for a word (`PS`, `br`) unless one of them is drawn out.
    """
    short = re.sub(r"(.)\1+", r"\1", word.lower())
    said = _HUMMED.fullmatch(short) and len(word) > 2
    return short if said else ""


@functools.lru_cache(maxsize=4096)
def english(word: str) -> tuple[str, ...]:
    """ARPAbet phones of a word no dictionary holds; empty when it has no Latin letter."""
    plain = _plain(word)
    sounds = _apply(plain, _ENGLISH)
    if sounds and not any(phone[0] in "AEIOU" for phone in sounds):
        if short := hummed(plain):
            return tuple(_apply(short, _ENGLISH))
        return tuple(phone for letter in plain for phone in LETTER_NAMES.get(letter, "").split())
    return tuple(sounds)


@functools.lru_cache(maxsize=4096)
def german(word: str) -> tuple[str, ...]:
    """Broad SAMPA phones of a German word."""
    return tuple(_apply(_LONG.sub(r"\1\1", _plain(word, keep="äöüß")), _GERMAN))


def alphabetic(word: str) -> tuple[str, ...]:
    """One phone a letter (a doubled letter once) for scripts that spell sounds: Latin, Cyrillic, Greek; else empty."""
    plain = _plain(word)
    if not all(unicodedata.name(letter, "").startswith(("LATIN", "CYRILLIC", "GREEK")) for letter in plain):
        return ()
    return tuple(letter for i, letter in enumerate(plain) if i == 0 or plain[i - 1] != letter)


def plural(stem: tuple[str, ...]) -> tuple[str, ...]:
    """The sound of 's after `stem` (ARPAbet)."""
    last = stem[-1] if stem else ""
    if last in {"S", "Z", "SH", "ZH", "CH", "JH"}:
        return ("IH", "Z")
    return ("S",) if last in {"P", "T", "K", "F", "TH"} else ("Z",)


def past(stem: tuple[str, ...]) -> tuple[str, ...]:
    """The sound of -ed after `stem` (ARPAbet)."""
    last = stem[-1] if stem else ""
    if last in {"T", "D"}:
        return ("IH", "D")
    return ("T",) if last in {"P", "K", "F", "S", "SH", "CH", "TH"} else ("D",)


LETTER_NAMES = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip
