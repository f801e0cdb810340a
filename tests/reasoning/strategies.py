"""Random but possible prosody for property tests, and a plain one for the unit tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from emotionthinker.emotions import EMOTIONS
from emotionthinker.records import (
    AGE_GROUPS,
    ENERGY_LEVELS,
    GENDERS,
    PITCH_LEVELS,
    RATE_LEVELS,
    SHAPES,
    STYLES,
    Energy,
    Intonation,
    Pitch,
    Prosody,
    Rate,
    Speaker,
    Stress,
    Transcript,
    Utterance,
    Word,
)

SENTENCES = (
    "Kids are talking by the door",
    "Dogs are sitting by the door.",
    "It's eleven o'clock",
    "Don't forget a jacket!",
    "Okay, I'm sorry, but I just stood in this line for an hour. Can I, is there any way I can",
    "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "Der Lappen liegt auf dem Eisschrank.",
    'He said "no" – and left…',
    "I'm so happy and not angry at all, she whispered loudly in a low voice",
    "The pitch was high.",
    "No!",
    "...",
)


def prosody(
    *,
    pitch: str | None = "low",
    energy: str | None = "normal",
    rate: str | None = "fast",
    style: str | None = "flat",
    shape: str | None = "falling",
    gender: str | None = "female",
    age: str | None = None,
    text: str | None = "Kids are talking by the door",
    stressed: str | None = "door",
    near: dict[str, str] | None = None,
    confidence: float = 0.9,
) -> Prosody:
    """A prosody with the given words and plausible measurements."""
    near = near or {}
    hertz = {"low": 110.0, "normal": 190.0, "high": 243.0}
    words = [
        Word(text=w, start_s=i * 0.3, end_s=i * 0.3 + 0.2, score=2.0 if w == stressed else 0.1, stressed=w == stressed)
        for i, w in enumerate((text or "").split())
    ]
    return Prosody(
        duration_s=2.0,
        pitch=Pitch(
            level=pitch,
            near=near.get("pitch"),
            median_hz=hertz.get(pitch or ""),
            range_st=4.2 if style else None,
            reason=None if pitch else "unvoiced",
        ),
        energy=Energy(level=energy, near=near.get("energy"), active_dbfs=-20.0, reason=None if energy else "silent"),
        rate=Rate(level=rate, near=near.get("rate"), articulation=12.5, reason=None if rate else "too_short"),
        stress=Stress(words=words, method="acoustic", reason=None if words else "no_transcript"),
        intonation=Intonation(
            shape=shape, style=style, style_near=near.get("style"), confidence=confidence if shape else None
        ),
        speaker=Speaker(gender=gender, age_group=age, gender_confidence=1.0 if gender else None),
        transcript=Transcript(text=text, source="given" if text else None),
    )


def utterance(id: str = "a", emotion: str | None = "Sad", **fields: Any) -> Utterance:
    """A labelled utterance with `prosody(**fields)`."""
    measured = prosody(**fields)
    return Utterance(id=id, emotion=emotion, prosody=measured, split="train", text=measured.transcript.text)


@st.composite
def prosodies(draw: st.DrawFn) -> Prosody:
    """Any combination of measured and missing values."""

    def maybe(words: tuple[str, ...]) -> str | None:
        return draw(st.one_of(st.none(), st.sampled_from(words), st.sampled_from(words)))

    text = maybe(SENTENCES)
    scores = st.floats(-3, 3, allow_nan=False)
    words = [
        Word(text=w, start_s=0.0, end_s=0.1, score=draw(scores), stressed=draw(st.booleans()))
        for w in (text or "").split()
    ]
    pitch, energy, rate, style = maybe(PITCH_LEVELS), maybe(ENERGY_LEVELS), maybe(RATE_LEVELS), maybe(STYLES)
    return Prosody(
        duration_s=1.0,
        pitch=Pitch(level=pitch, near=draw(st.sampled_from([None, "normal"])) if pitch else None),
        energy=Energy(level=energy, near=draw(st.sampled_from([None, "normal"])) if energy else None),
        rate=Rate(level=rate, near=draw(st.sampled_from([None, "normal"])) if rate else None),
        stress=Stress(words=words),
        intonation=Intonation(style=style, shape=maybe(SHAPES), confidence=draw(st.floats(0, 1))),
        speaker=Speaker(gender=maybe(GENDERS), age_group=maybe(AGE_GROUPS)),
        transcript=Transcript(text=text),
    )


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    """Labelled utterances with any prosody."""
    return Utterance(
        id=draw(st.text(st.characters(codec="ascii"), min_size=1, max_size=12)),
        emotion=draw(st.sampled_from(EMOTIONS)),
        language=draw(st.sampled_from(["en", "de", None])),
        prosody=draw(prosodies()),
    )
