"""A published annotation against the measurement of the same clip, field by field."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from emotionthinker.prosody.levels import Tolerances
from emotionthinker.prosody.speakers import age_group
from emotionthinker.reasoning.checking import prominent, tokenise
from emotionthinker.records import AGE_GROUPS, GENDERS, PITCH_LEVELS, RATE_LEVELS, SHAPES, STYLES, Prosody

Outcome = Literal["agrees", "near_boundary", "disagrees", "not_checkable"]

SURE = 0.8
"""A shape, gender or age of less confidence counts as near a boundary."""
TIMES_TOLERANCE = 2.0
"""Numbers agree within twice the calibration's tolerance: 1 st, 2 dB, 10 %, 2 st of range as it ships."""
UNITS = {"pitch_hz": "Hz", "energy_dbfs": "dBFS", "rate_pps": "phones/s", "range_st": "st"}
OVER_FULL_SCALE = "over 0, where dBFS ends: a linear amplitude (RMS) or dB SPL?"
INTONATION = (*SHAPES[:4], "flat", "expressive")
"""The words of EmotionCoT: a direction where there is one, else the style; `flat` covers our flat and moderate."""
_ABSTENTIONS = frozenset({"uncertain", "too_short", "insufficient_voiced", "unknown"})
_SAME = {"medium": "normal", "moderate": "normal", "average": "normal"}


class Finding(NamedTuple):
    """One field of one clip; `value` is the physical value behind the measured word, `reason` why not checkable.

    `assumed` is the published name of a number whose unit it does not tell: it was taken for `unit`.
    """

    field: str
    published: str | float | list[str]
    measured: str | float | list[str] | None
    outcome: Outcome
    value: float | None = None
    unit: str | None = None
    reason: str | None = None
    assumed: str | None = None


class _Measured(NamedTuple):
    """A measured word, its neighbour (True: some neighbour, which one is not known), value, unit, why it is None."""

    word: str | None
    near: str | bool | None
    value: float | None
    unit: str
    reason: str | None


def compare(
    says: dict[str, Any], prosody: Prosody, tolerances: Tolerances, assumed: Mapping[str, str] | None = None
) -> list[Finding]:
    """Every published field of a clip with its outcome; `prosody` must carry levels.

    `assumed` (`Published.assumed`): the names of numbers that tell no unit.
    """
    found, assumed = [], assumed or {}
    for field, published in says.items():
        if field == "stress":
            found.append(_stress(published, prosody))
        elif field in UNITS:
            found.append(_number(field, published, prosody, tolerances)._replace(assumed=assumed.get(field)))
        else:
            found.append(_word(field, published, prosody))
    return found


def _word(field: str, published: str, prosody: Prosody) -> Finding:
    names, read = _WORDS[field]
    word = _SAME.get(published, published) if field != "style" else published
    if field == "age" and re.fullmatch(r"\d{1,3}(\.\d+)?", word):
        word = age_group(float(word)).lower()
    measured = read(prosody)
    if field == "intonation" and word == "level":  # our word for both of theirs without a direction
        names, measured = SHAPES, _shape(prosody)
    reason = None
    if word in _ABSTENTIONS:
        reason = f"published abstains: {published}"
    elif word not in names:
        reason = f"{published!r} is not measured; the words are {', '.join(names)}"
    elif measured.word is None:
        reason = f"not measured: {measured.reason or 'no value'}"
    if reason:
        return Finding(field, published, measured.word, "not_checkable", measured.value, measured.unit, reason)
    near = measured.near is True or measured.near == word
    outcome: Outcome = "agrees" if word == measured.word else "near_boundary" if near else "disagrees"
    return Finding(field, word, measured.word, outcome, measured.value, measured.unit)


def _pitch(prosody: Prosody) -> _Measured:
    pitch = prosody.pitch
    return _Measured(pitch.level, pitch.near, pitch.median_hz, "Hz", pitch.reason)


def _energy(prosody: Prosody) -> _Measured:
    energy = prosody.energy
    return _Measured(energy.level, energy.near, energy.active_dbfs, "dBFS", energy.reason)


def _rate(prosody: Prosody) -> _Measured:
    rate = prosody.rate
    return _Measured(rate.level, rate.near, rate.articulation, "phones/s", rate.reason)


def _shape(prosody: Prosody) -> _Measured:
    found = prosody.intonation
    unsure = found.confidence is not None and found.confidence < SURE
    return _Measured(found.shape, unsure or None, found.end_difference_st, "st, end against start", found.reason)


def _style(prosody: Prosody) -> _Measured:
    found, pitch = prosody.intonation, prosody.pitch
    return _Measured(found.style, found.style_near, pitch.range_st, "st of range", pitch.reason)


def _intonation(prosody: Prosody) -> _Measured:
    """Our shape and style as the one word of EmotionCoT."""
    shape, style = _shape(prosody), _style(prosody)
    if shape.word != "level":
        return shape
    if style.word is None:
        return style
    near = "expressive" if style.near == "expressive" else "flat" if style.word == "expressive" and style.near else None
    return _Measured("expressive" if style.word == "expressive" else "flat", shape.near or near, *style[2:])


def _gender(prosody: Prosody) -> _Measured:
    speaker = prosody.speaker
    unsure = speaker.gender_confidence is not None and speaker.gender_confidence < SURE
    return _Measured(speaker.gender, unsure or None, speaker.gender_confidence, "confidence", speaker.why("gender"))


def _age(prosody: Prosody) -> _Measured:
    """The group that a speaker model hears; without such a model the reason says so."""
    speaker = prosody.speaker
    word = speaker.age_group.lower() if speaker.age_group else None
    unsure = speaker.age_confidence is not None and speaker.age_confidence < SURE
    return _Measured(word, unsure or None, speaker.age_years, "years", speaker.why("age"))


_WORDS: dict[str, tuple[tuple[str, ...], Callable[[Prosody], _Measured]]] = {
    "pitch": (PITCH_LEVELS, _pitch),
    "energy": (PITCH_LEVELS, _energy),
    "rate": (RATE_LEVELS, _rate),
    "intonation": (INTONATION, _intonation),
    "shape": (SHAPES, _shape),
    "style": (STYLES, _style),
    "gender": (GENDERS, _gender),
    "age": (tuple(group.lower() for group in AGE_GROUPS), _age),
}


def _number(field: str, published: float | str, prosody: Prosody, tolerances: Tolerances) -> Finding:
    """A number agrees when it lies within twice the calibration's tolerance of the measured one."""
    pitch, energy, rate = prosody.pitch, prosody.energy, prosody.rate
    value, reason, tolerance = {
        "pitch_hz": (pitch.median_hz, pitch.reason, tolerances.pitch_st),
        "energy_dbfs": (energy.active_dbfs, energy.reason, tolerances.energy_db),
        "rate_pps": (rate.articulation, rate.reason, tolerances.rate_share),
        "range_st": (pitch.range_st, pitch.reason, tolerances.range_st),
    }[field]
    unit = UNITS[field]
    if isinstance(published, str) or (published <= 0 and field in ("pitch_hz", "rate_pps")):
        return Finding(field, published, value, "not_checkable", value, unit, "published value is no such quantity")
    if field == "energy_dbfs" and published > 0:  # no tolerance: a linear amplitude lies just above 0
        return Finding(field, published, value, "not_checkable", value, unit, OVER_FULL_SCALE)
    if value is None:
        return Finding(field, published, None, "not_checkable", None, unit, f"not measured: {reason or 'no value'}")
    if field == "pitch_hz":
        apart = abs(12 * math.log2(published / value))
    else:
        apart = abs(published - value) / (value if field == "rate_pps" else 1.0)
    return Finding(
        field, published, value, "agrees" if apart <= TIMES_TOLERANCE * tolerance else "disagrees", value, unit
    )


def _stress(published: list[str], prosody: Prosody) -> Finding:
    """All published words are stressed, or (near) of close to the highest prominence; else it disagrees."""
    words = prosody.stress.words
    said = {token for text in published for token in tokenise(text)}
    spoken = {token for word in words for token in tokenise(word.text)}
    stressed = prosody.stress.stressed
    if not words or not any(word.stressed or word.score is not None for word in words):
        return Finding("stress", published, None, "not_checkable", reason=f"not measured: {prosody.stress.reason}")
    if not said <= spoken:
        missing = ", ".join(sorted(said - spoken))
        return Finding("stress", published, stressed, "not_checkable", reason=f"not among the words heard: {missing}")
    if said <= {token for text in stressed for token in tokenise(text)}:
        return Finding("stress", published, stressed, "agrees")
    close = {token for text in prominent(prosody) for token in tokenise(text)}
    return Finding("stress", published, stressed, "near_boundary" if said <= close else "disagrees")
