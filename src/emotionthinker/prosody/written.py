"""Text as people and tools type it, made ready to be read: its broken characters, glued sentences and cut-off words."""

from __future__ import annotations

import html
import re
import unicodedata

MARKUP = re.compile(r"<[^<>]*>|\[[^\]]*\]|\{\s*[a-z]+\s*\}|\((?![^()a-zA-Z]*\d[^()a-zA-Z]*\))[^)]*\)")
"""Tags and stage directions; a number in round brackets is spoken text."""
VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_WINDOWS = str.maketrans({chr(code): bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)})
"""Control characters that are Windows' quotes and dashes, read in the wrong encoding."""
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘´`ʼ′", "'"))
_ENTITY = re.compile(r"&(?:#\d+|#x[\da-f]+|[a-z]+\d*);", re.IGNORECASE)
_LETTER = r"[^\W\d_]"
_GLUED = re.compile(rf"(?<={_LETTER})[.,]*[!?;:\"“”„«»][.,!?;:\"“”„«»]*(?={_LETTER})|(?<=\w)\.{{2,}}(?=\w)")
_GLUED_SENTENCE = re.compile(rf"(?<={_LETTER}[a-zß-ÿ])\.(?=[A-ZÀ-Þ][a-zß-ÿ']|[IA]\b)")
"""`Yes.I did`, `Mr.Smith`; not `Ph.D`, `z.B`."""
_AMPERSAND = re.compile(rf"(?<={_LETTER})&(?={_LETTER})")
_CONSONANTS = "[b-df-hj-np-tv-z]{1,3}"
_DASHED = re.compile(rf"(?<![^\W_'])({_CONSONANTS})(?:[–—]+|--+)(?=\1|\W|$)", re.IGNORECASE)
_STUTTER = re.compile(rf"(?<![^\W_'])(?!d-day\b|c-class)({_CONSONANTS})-+(?=\1)", re.IGNORECASE)
CUT = re.compile(rf"(?!h?m{{2}}|hm)({_CONSONANTS})-+", re.IGNORECASE)
"""A word broken off before its vowel: `wh-`; `mm-hmm` is none."""
_NUMBER_SIGN = re.compile(r"\bno\.\s*(?=\d)", re.IGNORECASE)
_SPACED = {
    "en": re.compile(r"\b([ei])\.\s+(?=[ge]\.)"),
    "de": re.compile(r"\b([zduoivn])\.\s+(?=(?:[BhaUäÄdRT]|Chr)\.)"),
}
"""`z. B.`, `e. g.`: one abbreviation."""
_SPLIT = re.compile(
    r"[\s—…]+|(?<!\d)–+|–+(?!\d)|(?<=[^\W\d])-(?=\w)|(?<=\d)-(?=[^\W\d])|--+|/(?=\D)(?!h\b)|(?<=[^\d\s])/(?!h\b)"
    r"|(?<=[^\W\d]),(?=[^\W\d])"
)
_SPACED_THOUSANDS = {
    "en": re.compile(r"(?<![\d.,] )(?<![\d.,])[1-9]\d{0,2}(?: 000)+(?![\d.,]*\d)"),
    "de": re.compile(r"(?<![\d.,] )(?<![\d.,])[1-9]\d{0,2}(?: \d{3})+(?![\d.]*\d)"),
}
"""`10 000`; English separates by commas, `555 123` is no such number there."""
_SPACED_SIGN = re.compile(rf"(?<=[\d{VULGAR}])\s+([€£$¥%])(?![\d.])")
_SPACED_FRACTION = re.compile(rf"(?<=\d)\s+([{VULGAR}])")


def mended(text: str) -> str:
    """`text` without tags and stage directions, its quotes plain, its entities resolved, a space between sentences.

    >>> mended("Don´t [laughs] &quot;go&quot;.Now...I\\x92ll see.Good!Yes")
    'Don\\'t   "go". Now... I\\'ll see. Good! Yes'
    """
    text = MARKUP.sub(" ", _ENTITY.sub(lambda found: html.unescape(found[0]), text))
    text = _GLUED_SENTENCE.sub(". ", plain(text))
    return _GLUED.sub(lambda found: found[0] + " ", text)


def pieces(text: str, language: str) -> list[str]:
    """What stands between spaces, dashes and slashes of mended text, punctuation still on it."""
    if language == "en":
        text = _STUTTER.sub(r"\1- ", _DASHED.sub(r"\1- ", _NUMBER_SIGN.sub("number ", text)))
    if language in _SPACED:
        text = _SPACED[language].sub(r"\1.", text)
        text = _SPACED_THOUSANDS[language].sub(lambda found: found[0].replace(" ", ""), text)
    text = _SPACED_SIGN.sub(r"\1", _SPACED_FRACTION.sub(r"\1", _AMPERSAND.sub(" & ", text)))
    return [piece for piece in _SPLIT.split(text) if piece]


def plain(text: str) -> str:
    """Windows' characters, apostrophes and compatibility characters as plain ones; `½` stays, `1½` would be 11⁄2."""
    parts = re.split(f"([{VULGAR}])", text.translate(_WINDOWS).translate(_APOSTROPHES))
    return "".join(part if part in VULGAR else unicodedata.normalize("NFKC", part) for part in parts)
