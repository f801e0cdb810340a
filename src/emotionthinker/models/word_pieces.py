"""A text cut into the pieces a stress detector judges: its words with the punctuation that sticks to them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from emotionthinker.prosody import written

_RUN = re.compile(r"[^\W_]+")
"""Letters and digits in a row."""


def of(text: str, words: Sequence[str]) -> list[str]:
    """The stretch of `text` that belongs to each word, a space before it where one is: punctuation sticks to its word.

    Apostrophes are written `'`, as Whisper does. A word that is not at its place in the text stands for what is there.
    The first word has no space before it, as where the published code reads a given text.

    >>> of('He said "no", twice.', ["He", "said", "no", "twice"])
    ['He', ' said', ' "no",', ' twice.']
    >>> of("You’re no. 5, right?", ["You're", "number", "5", "right"])
    ["You're", ' number', ' 5,', ' right?']
    """
    text, words = " ".join(written.plain(text).split()), [written.plain(word) for word in words]
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


def _spots(text: str, words: Sequence[str]) -> list[tuple[int, int] | None]:
    """Where the stretch of each word begins, and the word itself ends; None for one that does not come next.

    Between two words there is nothing to be said; only the word behind one that is missing is looked for further on.
    """
    runs: dict[str, list[int]] = defaultdict(list)
    for run in _RUN.finditer(text):
        runs[run[0]].append(run.start())
    found: list[tuple[int, int] | None] = []
    absent = set[str]()  # what is not ahead now never will be
    place = 0
    for word in words:
        missed = bool(found) and found[-1] is None
        start: int | None = place
        if missed or not _stands(text, word, place):
            start = None if word in absent else _ahead(text, word, place, runs)
        if start is None:
            absent.add(word)
        if start is None or (not missed and _RUN.search(text, place, start)):
            found.append(None)
            continue
        space = (text.rfind if missed else text.find)(" ", place, start)
        end = start + len(word)
        found.append(((start if space < 0 else space) if found else 0, end))
        place = end
    return found


def _ahead(text: str, word: str, place: int, runs: Mapping[str, list[int]]) -> int | None:
    """Where `word` stands first from `place` on, no letter or digit beside it; `runs` has the places of all runs of
    letters and digits, since any word that opens with one opens with the whole of it.
    """
    opening = _RUN.match(word)
    if opening:
        places = runs.get(opening[0], [])
        starts: Iterator[int] = (places[i] for i in range(bisect_left(places, place), len(places)))
    else:
        starts = (match.start() for match in re.compile(f"(?={re.escape(word)})").finditer(text, place))
    free = (start for start in starts if not text[max(start - 1, 0) : start].isalnum())
    return next((start for start in free if _stands(text, word, start)), None)


def _stands(text: str, word: str, start: int) -> bool:
    end = start + len(word)
    return text.startswith(word, start) and not text[end : end + 1].isalnum()
