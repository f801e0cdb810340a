"""The one currency of the package: records that go from stage to stage, to JSONL and (`corpora.parquet`) to Parquet.

Measurements are in physical units and stand beside the words derived from them. A value the signal does not
support is `None`, and the group's `reason` says why (`too_short`, `unvoiced`, `silent`, `no_transcript`, ...).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from emotionthinker import languages
from emotionthinker.errors import RecordError
from emotionthinker.runs import replacing

SCHEMA_VERSION = 1

PITCH_LEVELS = ENERGY_LEVELS = ("low", "normal", "high")
RATE_LEVELS = ("slow", "normal", "fast")
SHAPES = ("rising", "falling", "rising-falling", "falling-rising", "level")
STYLES = ("flat", "moderate", "expressive")
ACOUSTIC, ACOUSTIC_SPREAD, WHISTRESS = "acoustic", "acoustic (words placed by length, not aligned)", "whistress"
"""Methods of `Stress`: prominence of words that alignment placed, of words spread by their length, or a detector."""
NO_RECOGNISER = "no_recogniser"
"""The reason of a `Transcript` without words since the embedded recogniser could not be had."""
GENDERS = ("female", "male")
AGE_GROUPS = ("Child", "Teenager", "Young Adult", "Middle-aged", "Elderly")
CRITERIA = ("factual_alignment", "interpretative_quality", "caption_completeness", "fluency_and_structural_clarity")

Verdict = Literal["supported", "contradicted", "not_checkable"]


class Record(BaseModel):
    """Base of all records: immutable, strict about its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pitch(Record):
    """Fundamental frequency over the voiced frames."""

    median_hz: float | None = None
    p5_hz: float | None = None
    p95_hz: float | None = None
    range_st: float | None = None
    """p95 against p5, semitones."""
    sd_st: float | None = None
    voiced_share: float | None = None
    """Voiced frames over active-speech frames, 0..1."""
    repaired_share: float | None = None
    """Voiced frames that octave repair moved, 0..1; over 0.1 the values are not reliable."""
    reliable: bool = False
    level: str | None = None
    near: str | None = None
    """The neighbouring level when the value lies within the calibration's tolerance of a cut."""
    near_boundary: bool | None = None
    """Whether there is such a neighbour; None without a level."""
    group: str | None = None
    """Whose cuts gave the level: `<dataset>/<gender>`, with `all` and `any` where it was the pool of all clips."""
    reason: str | None = None


class Energy(Record):
    """Level of the active speech (RMS over speech frames)."""

    active_dbfs: float | None = None
    dynamic_range_db: float | None = None
    snr_db: float | None = None
    peak_dbfs: float | None = None
    loudness_lufs: float | None = None
    """Gated loudness by ITU-R BS.1770-4, in blocks of 0.2 s."""
    alpha_ratio_db: float | None = None
    """1-5 kHz against 50-1000 Hz over the voiced frames: vocal effort, free of gain."""
    level: str | None = None
    near: str | None = None
    near_boundary: bool | None = None
    group: str | None = None
    """Whose cuts gave the level: the dataset, or `all`."""
    reason: str | None = None


class Rate(Record):
    """Articulation rate (pauses left out) and speaking rate (pauses counted), phones a second."""

    articulation: float | None = None
    speaking: float | None = None
    phones: int | None = None
    method: str | None = None
    """`alignment`, `dictionary+vad`, `letters+vad`, or `nuclei+vad`."""
    level: str | None = None
    near: str | None = None
    near_boundary: bool | None = None
    group: str | None = None
    reason: str | None = None
    """`silent`, `too_short`, `too_few_syllables`; or `implausible_text` beside the rate of the syllables, which were
    counted since the text could not have been said in the time, or is hardly any of what was said."""


class Word(Record):
    """A spoken word with its place (seconds) and a score: acoustic prominence (z-like), or a detector's log-odds."""

    text: str
    start_s: float
    end_s: float
    score: float | None = None
    stressed: bool = False
    confidence: float | None = None
    """The recogniser's probability of the word, 0..1; None for a given text."""


class Stress(Record):
    """Words with their prominence; empty when there is no aligned transcript."""

    words: list[Word] = Field(default_factory=list)
    method: str | None = None
    """`acoustic`, `acoustic (words placed by length, not aligned)`, or `whistress`."""
    reason: str | None = None
    """Without words: the transcript's reason; else the rate's, since words are placed where the rate is measured
    (`implausible_text`: far more or less than was said in the time); `no_words`: the text has none. With words, why
    none is stressed: `too_few_words` to compare, or `other_language` than the detector's."""

    @property
    def stressed(self) -> list[str]:
        return [w.text for w in self.words if w.stressed]


class Intonation(Record):
    """Shape and style of the smoothed semitone contour."""

    shape: str | None = None
    style: str | None = None
    style_near: str | None = None
    near_boundary: bool | None = None
    """Whether the range lies close to a cut of the styles."""
    group: str | None = None
    """Whose cuts gave the style: the dataset, or `all`."""
    end_difference_st: float | None = None
    slope_st_s: float | None = None
    turn_depth_st: float | None = None
    turn_place: float | None = None
    """Where the turn lies, 0 (start) .. 1 (end)."""
    confidence: float | None = None
    energy_shape: str | None = None
    reason: str | None = None


class Speaker(Record):
    """Speaker traits, each with a confidence 0..1; `None` is an abstention."""

    gender: str | None = None
    gender_confidence: float | None = None
    gender_method: str | None = None
    female_probability: float | None = None
    """P(female) of an estimate, kept when it abstains."""
    age_years: float | None = None
    age_group: str | None = None
    age_confidence: float | None = None
    """Share of the pooled clips whose own estimate falls into the age group; None for one clip."""
    age_method: str | None = None
    clips: int | None = None
    """Clips of the speaker that were pooled; None when this clip alone was heard, or nothing was estimated."""
    licence: str | None = None
    """Terms of the model behind an estimate; None where none was used."""
    reason: str | None = None

    def why(self, trait: str) -> str | None:
        """The part of the reason about a trait: `gender: uncertain` of `gender: uncertain; age: no_age_model`."""
        parts = (self.reason or "").split("; ")
        return next((part for part in parts if part.startswith(f"{trait}:")), self.reason)


class Transcript(Record):
    """The words of a clip; a recogniser adds their places and how sure it is, a given text has neither."""

    text: str | None = None
    source: str | None = None
    """`given`, or the recogniser's name."""
    language: str | None = None
    """What the recogniser heard the words in, or was told (ISO 639 code); None for a given text."""
    words: list[Word] = Field(default_factory=list)
    """As written, in order, with the times the recogniser gives (`Stress.words` has the aligner's)."""
    confidence: float | None = None
    """Probability of a token, geometric mean over the text, 0..1."""
    reason: str | None = None


class Prosody(Record):
    """Everything measured on one utterance."""

    duration_s: float
    clicks: int = 0
    """Clicks, louder than all speech, that were silenced before anything was measured (`prosody.clicks`)."""
    pitch: Pitch = Field(default_factory=Pitch)
    energy: Energy = Field(default_factory=Energy)
    rate: Rate = Field(default_factory=Rate)
    stress: Stress = Field(default_factory=Stress)
    intonation: Intonation = Field(default_factory=Intonation)
    speaker: Speaker = Field(default_factory=Speaker)
    transcript: Transcript = Field(default_factory=Transcript)
    calibration: str | None = None
    """Name of the calibration the levels come from."""


class Claim(Record):
    """One checkable statement read out of a reasoning text."""

    text: str
    feature: str
    claimed: str
    measured: str | float | None = None
    verdict: Verdict
    start: int | None = None
    """Character offsets of `text` in the reasoning."""
    end: int | None = None


class Trace(Record):
    """A chain of thought that explains an emotion."""

    think: str
    answer: str
    writer: str
    """`grammar-<version>` or the endpoint's model name."""
    claims: list[Claim] = Field(default_factory=list)


class Rating(Record):
    """The four criterion scores of Appendix E, each 1..5."""

    factual_alignment: int = Field(ge=1, le=5)
    interpretative_quality: int = Field(ge=1, le=5)
    caption_completeness: int = Field(ge=1, le=5)
    fluency_and_structural_clarity: int = Field(ge=1, le=5)


class Utterance(Record):
    """One clip of speech with everything known about it."""

    version: int = SCHEMA_VERSION
    id: str
    audio: str | None = None
    dataset: str | None = None
    speaker: str | None = None
    split: str | None = None
    language: str | None = None
    """ISO 639 code, of two letters where there is one, with a region or not; English names are turned into codes. None
    where it is not known; a word that names no language is kept, so that any file of records can be read."""
    text: str | None = None
    emotion: str | None = None
    original_label: str | None = None
    gender: str | None = None
    age: float | None = None
    prosody: Prosody | None = None
    trace: Trace | None = None
    rating: Rating | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _carry_unknown(cls, data: Any) -> Any:
        """Unknown fields are carried through in `extra`, never lost."""
        if not isinstance(data, dict):
            return data
        known = {k: v for k, v in data.items() if k in cls.model_fields}
        unknown = {k: v for k, v in data.items() if k not in cls.model_fields}
        if unknown:
            known["extra"] = {**(known.get("extra") or {}), **unknown}
        return known

    _known_language = field_validator("language")(languages.kept)


def transcript_of(utterance: Utterance) -> str | None:
    """The words of an utterance: as given, else as recognised, else None."""
    return utterance.text or (utterance.prosody.transcript.text if utterance.prosody else None)


class Explanation(Record):
    """What `explain` returns for one clip."""

    audio: str
    duration_s: float
    emotion: str | None
    probabilities: dict[str, float]
    think: str
    answer: str
    raw: str
    prosody: Prosody
    claims: list[Claim]
    model: str


def read_jsonl(path: str | Path) -> Iterator[Utterance]:
    """Utterances of a JSONL file. Raises `RecordError` naming file and line."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield parse_line(line, f"{path}:{number}")


def parse_line(line: str, where: str) -> Utterance:
    """One JSON line as an Utterance; `where` goes into the error."""
    try:
        return Utterance.model_validate(json.loads(line))
    except (json.JSONDecodeError, ValidationError) as error:
        raise RecordError(f"{where}: not an Utterance record: {error}") from error


def write_jsonl(path: str | Path, utterances: Iterable[Utterance]) -> int:
    """Write so that a reader never sees half a file; returns how many."""
    count = 0
    with replacing(Path(path)) as part, open(part, "w", encoding="utf-8") as out:
        for count, utterance in enumerate(utterances, 1):  # noqa: B007 (the count is what is wanted)
            out.write(utterance.model_dump_json() + "\n")
    return count
