"""Compares one read claim with the measured prosody.

Levels and style: true when the claimed word is the measured one or its neighbour within the calibration's tolerance.
Shape: the measured shape; "rising at the end" is also true of a fall and rise.
Stress: true when the word is marked stressed, or its acoustic prominence is within `STRESS_MARGIN` of the highest (a
detector's own marks stand: its scores are log-odds); of a stressed phrase one word is enough. A word that was not
spoken is contradicted when it is quoted.
Quotes: the words must stand in the transcript in that order. Words are compared without case, punctuation and
diacritics; one letter may differ in words of five letters and more (recognisers and models misspell), and one word in
five may be missing, added or wrong (models shorten). Parts on both sides of an ellipsis must follow each other.
"""

from __future__ import annotations

import re
import unicodedata

from emotionthinker.reasoning.read_claim import ReadClaim
from emotionthinker.records import WHISTRESS, Prosody, Verdict

STRESS_MARGIN = 0.5
"""Prominence scores (z-like) this close to the highest count as equally prominent."""

_UNITS = {"pitch": "Hz", "energy": "dBFS", "rate": "phones/s"}


def verdict(claim: ReadClaim, prosody: Prosody) -> tuple[Verdict, str | float | None]:
    """The verdict on a claim and the measured value in words ("high, 243 Hz"), or why there is none."""
    if claim.feature == "stress":
        return _stress(claim, prosody)
    if claim.feature == "quote":
        return _quote(claim, prosody)
    words, shown = measured(claim.feature, prosody)
    if claim.comparative:
        return "not_checkable", f"comparison; measured {shown}" if words else "comparison"
    if not words or claim.accepts is None:
        return "not_checkable", shown
    return ("supported" if words & claim.accepts else "contradicted"), shown


def measured(feature: str, prosody: Prosody) -> tuple[frozenset[str], str]:
    """The measured words of a closed feature (level and tolerated neighbour) and the value as a reader sees it."""
    if feature in _UNITS:
        return _level(feature, prosody)
    intonation, speaker = prosody.intonation, prosody.speaker
    if feature == "style":
        size = "" if prosody.pitch.range_st is None else f", {prosody.pitch.range_st:.1f} semitones"
        return _words(intonation.style, intonation.style_near, size, intonation.reason or prosody.pitch.reason)
    if feature == "shape":
        size = ""
        if intonation.end_difference_st is not None:
            size = f", {intonation.end_difference_st:+.1f} semitones from start to end"
        return _words(intonation.shape, None, size, intonation.reason or prosody.pitch.reason)
    if feature == "energy_shape":
        return _words(intonation.energy_shape, None, "", intonation.reason or prosody.energy.reason)
    if feature == "gender":
        return _words(speaker.gender, None, _share(speaker.gender_confidence), speaker.why("gender"))
    years = "" if speaker.age_years is None else f", {speaker.age_years:.0f} years"
    return _words(speaker.age_group, None, years + _share(speaker.age_confidence), speaker.why("age"))


_ALL_VOICES = "/any"
"""End of `pitch.group` where the gender is not known, or has no cuts of its own."""


def _level(feature: str, prosody: Prosody) -> tuple[frozenset[str], str]:
    cuts = ""
    if feature == "pitch":
        level, near, reason = prosody.pitch.level, prosody.pitch.near, prosody.pitch.reason
        value = prosody.pitch.median_hz
        shown = None if value is None else f"{value:.0f}"
        cuts = ", by the cuts of all voices" if (prosody.pitch.group or "").endswith(_ALL_VOICES) else ""
    elif feature == "energy":
        level, near, reason = prosody.energy.level, prosody.energy.near, prosody.energy.reason
        value = prosody.energy.active_dbfs
        shown = None if value is None else f"{value:.1f}"
    else:
        level, near, reason = prosody.rate.level, prosody.rate.near, prosody.rate.reason
        value = prosody.rate.articulation
        shown = None if value is None else f"{value:.1f}"
    return _words(level, near, (f", {shown} {_UNITS[feature]}" if shown else "") + cuts, reason)


def _words(word: str | None, near: str | None, value: str, reason: str | None) -> tuple[frozenset[str], str]:
    if word is None:
        return frozenset(), f"not measured: {reason or 'no value'}"
    border = f" (close to {near})" if near else ""
    return frozenset({word, near} - {None}), f"{word}{value}{border}"  # type: ignore[arg-type]


def _share(confidence: float | None) -> str:
    return "" if confidence is None else f", confidence {confidence:.2f}"


def prominent(prosody: Prosody) -> list[str]:
    """Words that count as stressed: marked, or within `STRESS_MARGIN` of the highest acoustic prominence."""
    words = prosody.stress.words
    if prosody.stress.method == WHISTRESS:
        return [word.text for word in words if word.stressed]
    scores = [word.score for word in words if word.score is not None]
    floor = max(scores) - STRESS_MARGIN if scores else float("inf")
    return [word.text for word in words if word.stressed or (word.score is not None and word.score >= floor)]


def _stress(claim: ReadClaim, prosody: Prosody) -> tuple[Verdict, str]:
    words = prosody.stress.words
    if not words:
        return "not_checkable", f"not measured: {prosody.stress.reason or 'no words'}"
    if not any(word.stressed or word.score is not None for word in words):
        return "not_checkable", f"not measured: {prosody.stress.reason or 'no prominence'}"
    claimed = tokenise(claim.claimed)
    strong = prominent(prosody)
    shown = "stressed: " + (", ".join(strong) or "none")
    if any(_same(a, b) for a in claimed for word in strong for b in tokenise(word)):
        return "supported", shown
    spoken = [token for word in words for token in tokenise(word.text)]
    if not claim.quoted and not any(_same(a, b) for a in claimed for b in spoken):
        return "not_checkable", f"{claim.claimed!r} is no word of the transcript"
    return "contradicted", shown


def _quote(claim: ReadClaim, prosody: Prosody) -> tuple[Verdict, str]:
    text = prosody.transcript.text
    if not text:
        return "not_checkable", f"not measured: {prosody.transcript.reason or 'no transcript'}"
    parts = [part for part in (tokenise(p) for p in re.split(r"\.\.\.|…|—|--|\[", claim.claimed)) if part]
    spoken = tokenise(text)
    for part in parts:
        end = _find(part, spoken)
        if end is None:
            return "contradicted", text
        spoken = spoken[end:]
    return "supported", text


def tokenise(text: str) -> list[str]:
    """Words without case, punctuation and diacritics; "ß" counts as "ss", apostrophes are dropped."""
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss").casefold())
    folded = "".join(c for c in folded if not unicodedata.combining(c) and c not in "'’‘`")
    return re.findall(r"\w+", folded)


def _same(a: str, b: str) -> bool:
    return a == b or (min(len(a), len(b)) >= 5 and _distance(a, b) <= 1)


def _distance(a: str, b: str) -> int:
    """Levenshtein distance; only its being 0, 1 or more matters here."""
    if abs(len(a) - len(b)) > 1:
        return 2
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def _find(part: list[str], spoken: list[str]) -> int | None:
    """Where the best match of `part` in `spoken` ends, with one word edit allowed in five; `None` without a match."""
    allowed = len(part) // 5
    # Sellers' algorithm: edit distance to the best substring, which may start anywhere.
    row = [0] * (len(spoken) + 1)
    for i, word in enumerate(part, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(spoken, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (not _same(word, other)))
    best = min(row)
    return row.index(best) if best <= allowed else None
