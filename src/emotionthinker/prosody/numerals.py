"""Numbers as words, English and German: cardinals below 10**12, ordinals, decimals, years, fractions, digits."""

from __future__ import annotations

import re

_EN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_EN_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EN_SIZES = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))
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
_DE_SIZES = ((10**9, "Milliarde", "Milliarden"), (10**6, "Million", "Millionen"))
_DE_ORDINALS = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
_DE_SHARES = {2: "halb", 3: "drittel", 7: "siebtel", 8: "achtel"}
_LIMIT = 10**12
_MAX_PLAIN_DIGITS = 9
"""Longer runs of digits without separators are telephone or serial numbers."""
_YEARS = {"en": r"1[1-9]\d\d|20[1-9]\d", "de": r"1[1-9]\d\d"}


def spell(digits: str, language: str = "en") -> list[str]:
    """Words of a written number (`1,250`, `3.5`, `21st`, `1984`); digit by digit where it is too long to be read.

    >>> spell("1984"), spell("3.5"), spell("21st"), spell("21", "de")
    (['nineteen', 'eighty', 'four'], ['three', 'point', 'five'], ['twenty', 'first'], ['einundzwanzig'])
    """
    ordinal = re.fullmatch(r"([\d,.]*\d)(st|nd|rd|th)", digits)
    if ordinal:
        digits = ordinal[1]
    thousands, point = (".", ",") if language == "de" else (",", ".")
    grouped = re.fullmatch(rf"\d{{1,3}}(?:\{thousands}\d{{3}})+(?:\{point}\d+)?", digits) is not None
    if grouped:
        digits = digits.replace(thousands, "")
    head, *fractions = digits.split(point)
    plain = not (ordinal or grouped or fractions)
    words = [word for run in re.findall(r"\d+", head) for word in _whole(run, language, grouped, plain)]
    for fraction in fractions:
        words += ["komma" if language == "de" else "point", *one_by_one(fraction, language)]
    if ordinal and words:
        words[-1] = _ordinal(words[-1])
    return [word.lower() for word in words]


def _whole(run: str, language: str, grouped: bool, plain: bool) -> list[str]:
    """A run of digits: digit by digit, as a year (`plain`: nothing else belongs to it), or as a cardinal."""
    longest = len(str(_LIMIT)) - 1 if grouped else _MAX_PLAIN_DIGITS
    if len(run) > longest or (len(run) > 1 and int(run[0]) == 0):
        return one_by_one(run, language)
    if plain and re.fullmatch(_YEARS.get(language, r"(?!)"), run, re.ASCII):
        return _year(int(run)) if language == "en" else [_german_year(int(run))]
    return cardinal(int(run), language)


def one_by_one(text: str, language: str = "en") -> list[str]:
    """Each digit of `text` as a word."""
    return [word for digit in re.findall(r"\d", text) for word in cardinal(int(digit), language)]


def cardinal(number: int, language: str = "en") -> list[str]:
    """Words of a whole number, 0 <= number < 10**12. German numbers below a million are one word."""
    if not 0 <= number < _LIMIT:
        raise ValueError(f"{number} cannot be spelled; expected 0 <= number < {_LIMIT}")
    return _german(number) if language == "de" else _english(number)


def decade(digits: str, language: str = "en") -> list[str]:
    """`1990s`, `90s` without the ending: nineteen nineties; German (`1990er`) neunzehnhundertneunziger."""
    *words, last = spell(digits, language)
    if language == "de":
        return [*words, last + "er"]
    return [*words, last[:-1] + "ies" if last.endswith("y") else last + ("es" if last.endswith("x") else "s")]


def fraction(above: int, below: int, language: str = "en") -> list[str]:
    """Words of a fraction with 1 <= above < below <= 10: one half, two thirds, three quarters; drei viertel."""
    if language == "de":
        return ["ein" if above == 1 else _DE[above], _DE_SHARES.get(below, f"{_DE[below]}tel")]
    name = {2: "half", 4: "quarter"}.get(below) or _ordinal(cardinal(below)[-1])
    return [*cardinal(above), name if above == 1 else name + "s"]


def clock(hours: str, minutes: str, language: str = "en") -> tuple[list[str], list[str]]:
    """Words of the hour and of the minutes of a time of day; a full hour has no minutes.

    >>> clock("10", "05"), clock("7", "00", "de")
    ((['ten'], ['oh', 'five']), (['sieben'], []))
    """
    said = spell(minutes.lstrip("0") or "0", language) if int(minutes) else []
    if said and minutes.startswith("0") and language == "en":
        said = ["oh", *said]
    hour = spell(hours.lstrip("0") or "0", language)
    return (["ein"] if hour == ["eins"] else hour), said


def german_ordinal(number: int, ending: str) -> str:
    """`3` with the ending `en`: dritten. 0 < number < 10**6."""
    rest = number % 100
    if 0 < rest < 20:
        front = _german_word(number - rest) if number > rest else ""
        return front + _DE_ORDINALS.get(rest, _DE[rest] + "t") + ending
    return _german_word(number) + "st" + ending


def _english(number: int) -> list[str]:
    if number < 20:
        return [_EN[number]]
    if number < 100:
        return [_EN_TENS[number // 10], *([_EN[number % 10]] if number % 10 else [])]
    for size, name in _EN_SIZES:
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
    words: list[str] = []
    rest = number
    for size, one, many in _DE_SIZES:
        head, rest = divmod(rest, size)
        words += ["eine", one] if head == 1 else [_german_word(head), many] if head else []
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


def _german_year(year: int) -> str:
    """1100..1999: neunzehnhundertneunundneunzig."""
    century, rest = divmod(year, 100)
    return _DE[century] + "hundert" + (_german_word(rest) if rest else "")
