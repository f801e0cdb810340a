"""What the terminal and the page both show: rows of the prosody table, the marked reasoning, the method notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from emotionthinker.records import NO_RECOGNISER, Claim, Explanation, Prosody, Verdict

MARKS: dict[Verdict, str] = {"supported": "✓", "contradicted": "✗", "not_checkable": "?"}
VERDICTS: dict[Verdict, str] = {
    "supported": "supported",
    "contradicted": "contradicted",
    "not_checkable": "not checkable",
}
_GRAVITY: tuple[Verdict, ...] = ("contradicted", "supported", "not_checkable")

_REASONS = {
    "too_short": "too short to measure",
    "unvoiced": "hardly any voiced sound",
    "silent": "no speech heard",
    "no_transcript": "no transcript",
    "no_words": "no words",
    NO_RECOGNISER: "the recogniser is not installed",
    "unintelligible": "no words understood",
}


class Row(NamedTuple):
    """One line of the prosody table: the word, the measurement behind it, and what to know about both."""

    group: str
    name: str
    word: str = ""
    value: str = ""
    note: str = ""


class Segment(NamedTuple):
    """A stretch of the reasoning and the indices of the claims it makes (none: plain text)."""

    text: str
    claims: tuple[int, ...] = ()


def quantity(value: float | None, unit: str, digits: int = 1) -> str:
    """`-21.4 dBFS` with a real minus sign; empty when there is no value."""
    return "" if value is None else f"{value:.{digits}f} {unit}".replace("-", "−")


def percent(share: float) -> str:
    """A share 0..1 as whole percent; small but not zero is `<1 %`."""
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


def reason(code: str | None) -> str:
    """A record's `reason` in words."""
    return _REASONS.get(code, code.replace("_", " ")) if code else ""


def rows(prosody: Prosody) -> list[Row]:
    """The prosody table; a value that is missing says why."""
    return [*_pitch(prosody), *_energy(prosody), *_rate(prosody), *_words(prosody), *_speaker(prosody)]


def _near(level: str | None) -> str:
    return f"close to {level}" if level else ""


def _pitch(prosody: Prosody) -> list[Row]:
    pitch, intonation = prosody.pitch, prosody.intonation
    doubt = reason(pitch.reason) or _near(pitch.near)
    span = ""
    if pitch.p5_hz is not None and pitch.p95_hz is not None:
        span = f"{pitch.p5_hz:.0f} to {pitch.p95_hz:.0f} Hz"
    missing = "" if intonation.style else reason(intonation.reason)
    style_note = "; ".join(filter(None, (missing, _near(intonation.style_near), span)))
    table = [
        Row("Pitch", "level", pitch.level or "", quantity(pitch.median_hz, "Hz", 0), doubt),
        Row("Pitch", "range", intonation.style or "", quantity(pitch.range_st, "semitones"), style_note),
    ]
    change = quantity(intonation.end_difference_st, "semitones, start to end")
    if change and not change.startswith("−"):
        change = f"+{change}"
    table.append(
        Row("Pitch", "contour", intonation.shape or "", change, "" if intonation.shape else reason(intonation.reason))
    )
    return table


def _energy(prosody: Prosody) -> list[Row]:
    energy = prosody.energy
    doubt = reason(energy.reason) or _near(energy.near)
    noise = f"{energy.snr_db:.0f} dB above the noise" if energy.snr_db is not None else ""
    table = [Row("Energy", "level", energy.level or "", quantity(energy.active_dbfs, "dBFS"), doubt)]
    if energy.dynamic_range_db is not None:
        shape = prosody.intonation.energy_shape or ""
        table.append(Row("Energy", "contour", shape, quantity(energy.dynamic_range_db, "dB dynamic range"), noise))
    return table


def _rate(prosody: Prosody) -> list[Row]:
    rate = prosody.rate
    note = reason(rate.reason) or _near(rate.near)
    if rate.speaking is not None:
        note = "; ".join(filter(None, (note, f"{rate.speaking:.1f} counting pauses")))
    return [Row("Rate", "articulation", rate.level or "", quantity(rate.articulation, "phones/s"), note)]


def _words(prosody: Prosody) -> list[Row]:
    stress = prosody.stress
    stressed = ", ".join(stress.stressed)
    note = reason(stress.reason) if not stress.words else "" if stressed else "no word stands out"
    return [Row("Stress", "words", stressed, "", note)]


def _speaker(prosody: Prosody) -> list[Row]:
    speaker = prosody.speaker
    sure = "" if speaker.gender_confidence is None else f"confidence {speaker.gender_confidence:.2f}"
    gender_note = speaker.gender_method or ("" if speaker.gender else "not decided")
    years = quantity(speaker.age_years, "years", 0)
    return [
        Row("Speaker", "gender", speaker.gender or "", sure, gender_note),
        Row("Speaker", "age", speaker.age_group or "", years, "" if speaker.age_group else "not estimated"),
    ]


def segments(think: str, claims: Sequence[Claim]) -> list[Segment]:
    """Cut the reasoning where claims begin and end; claims that overlap share one segment.

    A claim without (valid) offsets is looked up by its text; one that cannot be found marks nothing.
    """
    merged: list[tuple[int, int, list[int]]] = []
    spans = ((*place, index) for index, claim in enumerate(claims) if (place := _place(think, claim)))
    for start, end, index in sorted(spans):
        if merged and start < merged[-1][1]:
            first, last, indices = merged[-1]
            merged[-1] = (first, max(last, end), [*indices, index])
        else:
            merged.append((start, end, [index]))
    cut: list[Segment] = []
    at = 0
    for start, end, indices in merged:
        if at < start:
            cut.append(Segment(think[at:start]))
        cut.append(Segment(think[start:end], tuple(indices)))
        at = end
    return [*cut, Segment(think[at:])] if at < len(think) else cut


def _place(think: str, claim: Claim) -> tuple[int, int] | None:
    start, end = claim.start, claim.end
    if start is not None and end is not None and 0 <= start < end <= len(think):
        return start, end
    found = think.find(claim.text) if claim.text else -1
    return (found, found + len(claim.text)) if found >= 0 else None


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that colours a segment with several claims: one contradiction outweighs all."""
    return min(verdicts, key=_GRAVITY.index)


def tally(claims: Sequence[Claim]) -> str:
    """One sentence: how many of the claims that can be checked agree with the measurement."""
    counts = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in MARKS}
    checkable = counts["supported"] + counts["contradicted"]
    if not claims:
        return "The reasoning makes no acoustic claim."
    left = counts["not_checkable"]
    rest = f"; {left} cannot be checked" if left else ""
    if not checkable and left == 1:
        return "The one acoustic claim cannot be checked."
    if not checkable:
        return f"None of its {len(claims)} acoustic claims can be checked."
    return f"{counts['supported']} of {checkable} checked claims agree with the measurement{rest}."


def ranked(explanation: Explanation) -> list[tuple[str, float]]:
    """The nine labels, the most probable first."""
    return sorted(explanation.probabilities.items(), key=lambda pair: -pair[1])


def no_emotion(explanation: Explanation) -> str:
    """Why there is no emotion, in one sentence."""
    if explanation.prosody.energy.active_dbfs is None and not explanation.raw:
        return "There is no speech to judge in this clip, so the model was not asked."
    if not explanation.raw.strip():
        return "The model said nothing."
    return "The answer does not name exactly one of the nine emotions; what was said is kept below."


def source(prosody: Prosody) -> str:
    """Where the words come from: `given with the clip`, `recognised by ...`, or why there are none."""
    transcript = prosody.transcript
    if transcript.text is None:
        return reason(transcript.reason) or "no transcript"
    return "given with the clip" if transcript.source == "given" else f"recognised by {transcript.source}"


def methods(explanation: Explanation) -> list[tuple[str, str]]:
    """How the numbers came about, and what they are not."""
    prosody = explanation.prosody
    heard = "It heard the sound and read the transcript" if prosody.transcript.text else "It heard the sound"
    cuts = (
        f"by the calibration “{prosody.calibration}”"
        if prosody.calibration
        else "not given: no calibration was applied"
    )
    age = "" if prosody.speaker.age_group else " Age is not estimated."
    return [
        ("Model", f"{explanation.model}. {heard}; the measurements were not shown to it."),
        ("Claims", "Read out of the reasoning by rules and compared with the measured prosody."),
        (
            "Levels",
            f"Low, normal and high are {cuts}. The energy level of a single clip also depends on the recording.",
        ),
        ("Pitch", "F0 by SwiftF0, octave errors repaired; the level is that of the median over voiced speech."),
        ("Energy", "RMS over the frames that hold speech, in dB relative to full scale."),
        ("Rate", f"Phones a second, pauses left out. Method: {prosody.rate.method or 'none'}."),
        ("Stress", f"Method: {prosody.stress.method or 'none'}."),
        ("Transcript", f"{source(prosody).capitalize()}."),
        ("Gender", f"Method: {prosody.speaker.gender_method or 'none, not decided'}.{age}"),
        ("Limits", "A model’s reading of a voice is not a fact about a person. Do not decide about people with it."),
    ]
