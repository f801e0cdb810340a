"""Turns supported claims of a reasoning text into wrong ones, by the smallest change of wording."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from emotionthinker.reasoning.checking import tokenise
from emotionthinker.reasoning.claims import check, summary
from emotionthinker.reasoning.vocabulary import lexicon
from emotionthinker.records import Claim, Prosody

# Phrases that can stand in each other's place in a sentence.
_FORMS = tuple(
    tuple(group.split(", "))
    for group in (
        "low, normal, high",
        "slow, normal, fast",
        "softly, loudly",
        "soft, loud",
        "quiet, loud",
        "weak, strong",
        "slowly, quickly",
        "slow, fast",
        "flat, moderate, expressive",
        "monotone, expressive",
        "monotone, lively",
        "lively, flat",
        "hardly moves, varies a lot",
        "hardly varies, varies widely",
        "narrow, moderate, wide",
        "rises, falls, rises and then falls, falls and then rises, stays level",
        "rises and falls, falls and rises, stays level, falls, rises",
        "rising, falling, rising-falling, falling-rising, level",
        "rise, fall",
        "deep, high",
        "deep, shrill",
        "raised, lowered",
        "elevated, reduced",
        "heightened, reduced",
        "hurried, sluggish",
        "quick, slow",
        "rapid, slow",
        "high-pitched, low-pitched",
    )
)
_BY_FEATURE = {
    "pitch": ("low", "normal", "high"),
    "energy": ("low", "normal", "high"),
    "rate": ("slow", "normal", "fast"),
    "style": ("flat", "moderate", "expressive"),
    "shape": ("rising", "falling", "rising-falling", "falling-rising", "level"),
    "energy_shape": ("rising", "falling", "level"),
}
_OPPOSITE_SEX = {
    "woman": "man",
    "female": "male",
    "girl": "boy",
    "lady": "gentleman",
    "she": "he",
    "her": "his",
    "hers": "his",
    "herself": "himself",
    "feminine": "masculine",
    "man": "woman",
    "male": "female",
    "boy": "girl",
    "gentleman": "lady",
    "guy": "woman",
    "he": "she",
    "his": "her",
    "him": "her",
    "himself": "herself",
    "masculine": "feminine",
}
_OTHER_QUOTES = (
    "Please close the window",
    "The train leaves at noon",
    "My brother bought a car",
    "There is soup on the stove",
    "She called me last night",
)


def share_supported(claims: list[Claim]) -> float | None:
    """Supported over checkable claims, 0..1; `None` without a checkable claim."""
    return summary(claims)["precision"]


def falsifications(think: str, prosody: Prosody, rng: Random) -> Iterator[str]:
    """The text with one, two, ... of its supported claims flipped, until none is left that can be flipped."""
    failed: set[tuple[str, str]] = set()
    while True:
        supported = [claim for claim in check(think, prosody) if claim.verdict == "supported"]
        left = [claim for claim in supported if (claim.feature, claim.text) not in failed]
        if not left:
            return
        claim = rng.choice(left)
        changed = _flip(think, claim, prosody, rng)
        if changed is None:
            failed.add((claim.feature, claim.text))
        else:
            think = changed
            yield think


def _flip(think: str, claim: Claim, prosody: Prosody, rng: Random) -> str | None:
    """The text with this claim made wrong, verified by reading it again; `None` when no wording does it."""
    before = sum(c.verdict == "contradicted" for c in check(think, prosody))
    options = list(_rewordings(think, claim, prosody))
    rng.shuffle(options)
    for option in options:
        if sum(c.verdict == "contradicted" for c in check(option, prosody)) > before:
            return option
    return None


def _rewordings(think: str, claim: Claim, prosody: Prosody) -> list[str]:
    assert claim.start is not None
    assert claim.end is not None
    start, end = claim.start, claim.end
    if claim.feature == "gender":
        pattern = re.compile(rf"\b(?:{'|'.join(_OPPOSITE_SEX)})\b", re.I)
        return [_outside_quotes(think, lambda text: pattern.sub(_swap_sex, text))]
    if claim.feature == "stress":
        words = [w.text.strip(" ,.;:!?") for w in prosody.stress.words]
        return [think[:start] + word + think[end:] for word in words if tokenise(word) != tokenise(claim.claimed)]
    if claim.feature == "quote":
        return [think[:start] + quote + think[end:] for quote in _OTHER_QUOTES]
    rewordings = []
    for match in lexicon().pattern.finditer(think.lower(), start, end):
        phrase = match.group()
        if phrase not in lexicon().values:
            continue
        same_form = {other for group in _FORMS if phrase in group for other in group}
        others = same_form or set(_BY_FEATURE.get(claim.feature, ()))
        rewordings += [
            think[: match.start()] + other + think[match.end() :] for other in sorted(others) if other != phrase
        ]
    return rewordings


def _swap_sex(match: re.Match[str]) -> str:
    word = match.group()
    other = _OPPOSITE_SEX[word.lower()]
    return other.capitalize() if word[0].isupper() else other


def _outside_quotes(text: str, change: Callable[[str], str]) -> str:
    parts = re.split(r'("[^"]*")', text)
    return "".join(part if part.startswith('"') else change(part) for part in parts)
