"""Variants of a reasoning trace with known ratings (section 3.3.2, Appendix D), made by rules.

A target g in {1..5}^4 is drawn; each criterion is damaged as its target asks; the rating written down is the one that
was reached, which can differ where a text has too few claims, links or sentences.

| rating | factual_alignment | interpretative_quality | caption_completeness | fluency_and_structural_clarity |
|---|---|---|---|---|
|   | share of checkable claims that are supported (`claims.check`) | links from cue to affect, and the conclusion, that still stand | share of the gold trace's attributes still mentioned (`claims.read`) | share of words disturbed |
| 5 | all (as in the gold trace) | all | all | none |
| 4 | 0.75 and more | 0.6 and more | 0.75 and more | up to 0.12 |
| 3 | 0.5 to 0.75 | 0.3 to 0.6 | 0.5 to 0.75 | up to 0.3 |
| 2 | 0.25 to 0.5 | fewer: cues without reasons, or a conclusion without them | 0.25 to 0.5 | up to 0.6 |
| 1 | less than 0.25 | links and conclusion argue for another emotion | less than 0.25 | more: shuffled sentences, broken off |

Attributes: quote, gender, age, pitch, energy, rate, intonation (style or shape), stress. Order of damage: completeness
(whole sentences go), links, facts, fluency; the first three are measured before fluency breaks the sentences.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from random import Random

from emotionthinker.emotions import EMOTIONS
from emotionthinker.reasoning.claims import check, read
from emotionthinker.reasoning.flipping import falsifications, share_supported
from emotionthinker.reasoning.linking import argue_for, cut_links, find_links, paragraphs, split_sentences
from emotionthinker.records import Prosody, Rating

_BANDS = (0.25, 0.5, 0.75)
_LINK_BANDS = (0.0, 0.3, 0.6)
_DISTURBED = {5: (0.0, 0.0), 4: (0.05, 0.12), 3: (0.18, 0.3), 2: (0.4, 0.6), 1: (0.75, 1.0)}


@dataclass(frozen=True)
class Variant:
    """A degraded text, the rating it reached, and the shares (0..1) the rating comes from."""

    think: str
    rating: Rating
    supported: float | None
    links_kept: float
    covered: float
    disturbed: float


def degrade(think: str, emotion: str, prosody: Prosody, target: Rating, rng: Random) -> Variant:
    """The trace `think` of `emotion`, damaged toward `target`."""
    text, covered = _drop_attributes(think, prosody, target.caption_completeness, rng)
    text, kept, links = _damage_links(text, emotion, target.interpretative_quality, rng)
    text, supported, facts = _damage_facts(text, prosody, target.factual_alignment, rng)
    text, disturbed = disturb(text, target.fluency_and_structural_clarity, rng)
    rating = Rating(
        factual_alignment=facts,
        interpretative_quality=links,
        caption_completeness=rate_share(covered),
        fluency_and_structural_clarity=rate_disturbed(disturbed),
    )
    return Variant(text, rating, supported, kept, covered, disturbed)


def rate_share(share: float) -> int:
    """Rating 1..5 of a share of claims supported or attributes covered: 5 only when nothing is missing."""
    return 5 if share >= 1 else 1 + sum(share >= bound for bound in _BANDS)


def rate_disturbed(share: float) -> int:
    """Rating 1..5 of the share of words disturbed."""
    return next(rating for rating in (5, 4, 3, 2, 1) if share <= {5: 0.0, 4: 0.12, 3: 0.3, 2: 0.6, 1: 1.0}[rating])


def attributes(think: str) -> set[str]:
    """What a text describes: the features of its claims, style and shape as `intonation`."""
    same = {"style": "intonation", "shape": "intonation", "energy_shape": "energy"}
    return {same.get(claim.feature, claim.feature) for claim in read(think)}


def _drop_attributes(think: str, prosody: Prosody, rating: int, rng: Random) -> tuple[str, float]:
    """Leave out whole sentences until the share of attributes left lies in the band of `rating`.

    The last sentence stays, and at least one checkable claim stays. Among the choices that reach the nearest rating
    one is drawn.
    """
    wanted = attributes(think)
    if rating == 5 or not wanted:
        return think, 1.0
    *body, last = paragraphs(think)
    best: list[tuple[str, float]] = []
    miss = 5
    for size in range(len(body) + 1):
        for kept in combinations(range(len(body)), size):
            text = " ".join([*(body[i] for i in kept), last])
            share = len(attributes(text) & wanted) / len(wanted)
            if share_supported(check(text, prosody)) is None:
                continue
            off = abs(rate_share(share) - rating)
            if off < miss:
                best, miss = [], off
            if off == miss:
                best.append((text, share))
    return rng.choice(best) if best else (think, 1.0)


def _damage_links(text: str, emotion: str, rating: int, rng: Random) -> tuple[str, float, int]:
    links = len(find_links(text)) + 1  # and the conclusion
    if rating == 1:
        other = rng.choice([name for name in EMOTIONS if name != emotion])
        return argue_for(text, other, rng), 0.0, 1
    if rating == 5:
        return text, 1.0, 5
    fewest = 1 if len(split_sentences(text)) == 1 else 0
    reach = {keep: _rate_links(keep / links) for keep in range(fewest, links)} or {links: 5}
    keep = min(reach, key=lambda count: (abs(reach[count] - rating), rng.random()))
    return cut_links(text, links - keep, rng), keep / links, reach[keep]


def _rate_links(share: float) -> int:
    return 5 if share >= 1 else 2 + sum(share >= bound for bound in _LINK_BANDS[1:])


def _damage_facts(text: str, prosody: Prosody, rating: int, rng: Random) -> tuple[str, float | None, int]:
    """Flip claims until the share of supported ones lies in the band of `rating`, or as near as it gets."""
    share = share_supported(check(text, prosody))
    if share is None or rating == 5:
        return text, share, 5 if share is None else rate_share(share)
    best = (abs(rate_share(share) - rating), rng.random(), text, share)
    for changed in falsifications(text, prosody, rng):
        share = share_supported(check(changed, prosody)) or 0.0
        best = min(best, (abs(rate_share(share) - rating), rng.random(), changed, share))
        if rate_share(share) <= rating:
            break
    _, _, text, share = best
    return text, share, rate_share(share)


def disturb(text: str, rating: int, rng: Random) -> tuple[str, float]:
    """Swap, repeat and lose words until the share `rating` asks for is disturbed; returns text and share (0..1)."""
    if rating == 5:
        return text, 0.0
    words = text.split()
    low, high = _DISTURBED[rating]
    quota = max(1, int(len(words) * rng.uniform(low, high)))
    if rating == 1:
        return _scramble(text, rng), 1.0
    touched: set[int] = set()
    places = list(range(len(words) - 2))
    rng.shuffle(places)
    pieces = list(words)
    for at in places:
        if len(touched) >= quota:
            break
        act = rng.choice(("swap", "repeat", "lose") if rating < 4 else ("repeat", "swap"))
        span = {at, at + 1} if act == "swap" else {at}
        if span & touched or len(touched) + len(span) > quota:
            continue
        touched |= span
        if act == "swap":
            pieces[at], pieces[at + 1] = pieces[at + 1], pieces[at]
        elif act == "repeat":
            pieces[at] = f"{pieces[at]} {pieces[at]}"
        else:
            pieces[at] = ""
    return " ".join(" ".join(pieces).split()), len(touched) / max(1, len(words))


def _scramble(text: str, rng: Random) -> str:
    """Sentences in any order, their words in any order, some broken off, no punctuation to trust."""
    sentences = split_sentences(text)
    rng.shuffle(sentences)
    broken = []
    for sentence in sentences:
        words = sentence.replace(".", "").replace(",", "").lower().split()
        rng.shuffle(words)
        broken.append(" ".join(words[: max(2, round(len(words) * rng.uniform(0.5, 1.0)))]))
    return " ".join(broken)
