"""A text cut into the pieces a stress detector judges: its words with the punctuation that sticks to them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def of(text: str, words: Sequence[str]) -> list[str]:
    """The stretch of `text` that belongs to each word, a space before it where one is: punctuation sticks to its word.

    Apostrophes are written `'`, as Whisper does. A word that is not at its place in the text stands for what is there.
    The first word has no space before it, as where the published code reads a given text.

    >>> of('He said "no", twice.', ["He", "said", "no", "twice"])
    ['He', ' said', ' "no",', ' twice.']
    >>> of("You’re no. 5, right?", ["You're", "number", "5", "right"])
    ["You're", ' number', ' 5,', ' right?']
    """
    text, words = " ".join(_plain(text).split()), [_plain(word) for word in words]
    spots = _spots(text, words)
    pieces = []
    for place, (word, spot) in enumerate(zip(words, spots, strict=True)):
        follower = spots[place + 1] if place + 1 < len(words) else None
        if spot is None:
            pieces.append(f" {word}" if place else word)
        elif follower is not None:
            pieces.append(text[spot[0] : follower[0]])
        else:  # to the end, or to the words in whose place another one stands
            space = text.find(" ", spot[1]) if place + 1 < len(words) else -1
            pieces.append(text[spot[0] :] if space < 0 else text[spot[0] : space])
    return pieces


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")


def _spots(text: str, words: Sequence[str]) -> list[tuple[int, int] | None]:
    """Where the stretch of each word begins, and the word itself ends; None for one that does not come next.

    Between two words there is nothing to be said; only the word behind one that is missing is looked for further on.
    """
    found: list[tuple[int, int] | None] = []
    place, before = 0, r"[\W_]*?"
    for word in words:
        match = re.compile(rf"{before}({re.escape(word)})(?![^\W_])").match(text, place)
        if match is None:
            found.append(None)
            before = r".*?(?<![^\W_])"
            continue
        spaces = (text.find, text.rfind)[bool(found) and found[-1] is None]
        space = spaces(" ", place, match.start(1))
        start = match.start(1) if space < 0 else space
        found.append((start if found else 0, match.end()))
        place, before = match.end(), r"[\W_]*?"
    return found
