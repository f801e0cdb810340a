"""Numbers as words, English and German: cardinals below a billion, ordinals, decimals, years, digit strings."""

from __future__ import annotations

import re

_EN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_EN_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EN_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_DE = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf "
    "dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn"
).split()
_DE_TENS = ("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
_LIMIT = 10**9


def spell(digits: str, language: str = "en") -> list[str]:
    """Words of a written number (`1,250`, `3.5`, `21st`, `1984`); digit by digit where it is too long to be read.

    >>> spell("1984"), spell("3.5"), spell("21st"), spell("21", "de")
    (['nineteen', 'eighty', 'four'], ['three', 'point', 'five'], ['twenty', 'first'], ['einundzwanzig'])
    """
    ordinal = re.fullmatch(r"([\d,.]*\d)(st|nd|rd|th)", digits)
    if ordinal:
        digits = ordinal[1]
    thousands, point = (".", ",") if language == "de" else (",", ".")
    whole, _, fraction = re.sub(rf"(?<=\d){re.escape(thousands)}(?=\d{{3}}\b)", "", digits).partition(point)
    whole, fraction = (re.sub(r"\D", "", part) for part in (whole, fraction))
    if len(whole) > 9 or (len(whole) > 1 and whole.startswith("0")):
        words = [w for digit in whole for w in cardinal(int(digit), language)]
    elif language == "en" and re.fullmatch(r"1[1-9]\d\d|20[1-9]\d", digits) and not ordinal:
        words = _year(int(whole))
    else:
        words = cardinal(int(whole or 0), language)
    if fraction:
        words += ["Komma" if language == "de" else "point", *(w for d in fraction for w in cardinal(int(d), language))]
    if ordinal:
        words[-1] = _ordinal(words[-1])
    return [word.lower() for word in words]


def cardinal(number: int, language: str = "en") -> list[str]:
    """Words of a whole number, 0 <= number < 10**9. German numbers below a million are one word."""
    if not 0 <= number < _LIMIT:
        raise ValueError(f"{number} cannot be spelled; expected 0 <= number < {_LIMIT}")
    return _german(number) if language == "de" else _english(number)


def _english(number: int) -> list[str]:
    if number < 20:
        return [_EN[number]]
    if number < 100:
        return [_EN_TENS[number // 10], *([_EN[number % 10]] if number % 10 else [])]
    for size, name in ((10**6, "million"), (10**3, "thousand"), (100, "hundred")):
        if number >= size:
            head, rest = divmod(number, size)
            return [*_english(head), name, *(_english(rest) if rest else [])]
    raise AssertionError("unreachable: numbers below 100 are handled above")


def _year(year: int) -> list[str]:
    century, rest = divmod(year, 100)
    if rest == 0:
        return [*_english(century), "hundred"]
    return [*_english(century), *(["oh"] if rest < 10 else []), *_english(rest)]


def _ordinal(word: str) -> str:
    if word in _EN_ORDINALS:
        return _EN_ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"


def _german(number: int) -> list[str]:
    millions, rest = divmod(number, 10**6)
    words = ["eine", "Million"] if millions == 1 else [*_german(millions), "Millionen"] if millions else []
    return [*words, _german_word(rest)] if rest or not words else words


def _german_word(number: int) -> str:
    """One written word for 0 <= number < 10**6."""
    if number < 20:
        return _DE[number]
    if number < 100:
        ten, one = divmod(number, 10)
        return (("ein" if one == 1 else _DE[one]) + "und" if one else "") + _DE_TENS[ten]
    size, name = (1000, "tausend") if number >= 1000 else (100, "hundert")
    head, rest = divmod(number, size)
    front = "ein" if head == 1 else _german_word(head)
    return front + name + (_german_word(rest) if rest else "")
