"""Words for measurements: low / normal / high and the like, by the cuts of a named, versioned calibration.

Cuts are percentiles of a corpus (33.3 and 66.7 for pitch, energy and rate; 20 and 80 for the intonation range): fixed
thresholds do not fit, since acted speech has almost no utterance under 3 semitones of range and most over 9.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emotionthinker.errors import RecipeError
from emotionthinker.records import ENERGY_LEVELS, GENDERS, PITCH_LEVELS, RATE_LEVELS, STYLES, Prosody, Utterance
from emotionthinker.runs import write_json

CALIBRATION_VERSION: Literal[1] = 1
MIN_GROUP = 50
PERCENTILES = {
    "pitch": (100 / 3, 200 / 3),
    "energy": (100 / 3, 200 / 3),
    "rate": (100 / 3, 200 / 3),
    "style": (20.0, 80.0),
}
FLAT_BELOW_ST = 2.5
"""A range under this is flat whatever the corpus does: smaller movements are hardly heard as movement."""
ANY = "any"


class Cut(BaseModel):
    """Two thresholds: under `low` the first word, over `high` the third, else the second. From `count` clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: float
    high: float
    count: int = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Cut:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"cuts low={self.low}, high={self.high}; expected finite values in ascending order")
        return self


class Tolerances(BaseModel):
    """How close to a cut a value counts as near the neighbouring level."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pitch_st: float = 0.5
    energy_db: float = 1.0
    rate_share: float = 0.05
    range_st: float = 1.0


class Calibration(BaseModel):
    """Named cuts: pitch (Hz) for each gender (`female`, `male`, `any`), energy (dBFS), rate (phones/s), range (st)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = CALIBRATION_VERSION
    name: str
    pitch: dict[str, Cut] = Field(default_factory=dict)
    energy: Cut | None = None
    rate: Cut | None = None
    style: Cut | None = None
    flat_below_st: float = FLAT_BELOW_ST
    tolerances: Tolerances = Tolerances()
    about: dict[str, Any] = Field(default_factory=dict)
    """Where the cuts come from: data, counts, percentiles, command."""

    @classmethod
    def load(cls, source: str | Path) -> Calibration:
        """A calibration that ships (`reference`) or a JSON file. Raises `RecipeError`."""
        shipped = resources.files("emotionthinker.prosody") / "calibrations" / f"{source}.json"
        try:
            if isinstance(source, str) and source.isidentifier() and shipped.is_file():
                return cls.model_validate_json(shipped.read_text(encoding="utf-8"))
            return cls.model_validate_json(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(
                f"calibration {str(source)!r} is neither shipped ('reference') nor a readable file: {error.strerror}; "
                "`annotate --calibration fit` makes one from your own clips"
            ) from error
        except (ValidationError, json.JSONDecodeError) as error:
            raise RecipeError(
                f"calibration {source} does not hold version {CALIBRATION_VERSION} cuts: {error}"
            ) from error

    def save(self, path: str | Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def fit(cls, utterances: Iterable[Utterance], name: str, **about: Any) -> Calibration:
        """Percentile cuts over annotated utterances (streamed; four numbers a clip are kept).

        Unreliable pitch is left out. A gender with under 50 clips gets no cuts of its own and falls back to `any`,
        the pool of all voices; rate and energy are pooled over everything given: fit one calibration a corpus where
        recording levels differ. A feature with no clip at all gets no cut, and `apply` then leaves its level None.
        """
        values: dict[str, list[float]] = {"energy": [], "rate": [], "style": [], **{g: [] for g in (*GENDERS, ANY)}}
        for utterance in utterances:
            if utterance.prosody is not None:
                _collect(utterance.prosody, utterance.gender, values)
        pitch = {g: _cut(values[g], "pitch") for g in GENDERS if len(values[g]) >= MIN_GROUP}
        pitch[ANY] = _cut(values[ANY], "pitch")
        about = {"percentiles": PERCENTILES, "counts": {k: len(v) for k, v in values.items()}, **about}
        return cls(
            name=name,
            pitch={group: cut for group, cut in pitch.items() if cut is not None},
            energy=_cut(values["energy"], "energy"),
            rate=_cut(values["rate"], "rate"),
            style=_cut(values["style"], "style"),
            about=about,
        )

    def apply(self, prosody: Prosody, gender: str | None = None) -> Prosody:
        """The same measurements with `level`, `near`, `style`, `style_near` and `calibration` set.

        `gender` picks the pitch cuts; None takes the speaker's as measured, and `any` when that is unknown too.
        """
        group = gender or prosody.speaker.gender
        cut = self.pitch.get(group or ANY) or self.pitch.get(ANY)
        median = prosody.pitch.median_hz if prosody.pitch.reliable else None
        pitch = _place(
            median, cut, PITCH_LEVELS, lambda value, at: abs(12 * math.log2(value / at)) / self.tolerances.pitch_st
        )
        energy = _place(
            prosody.energy.active_dbfs,
            self.energy,
            ENERGY_LEVELS,
            lambda v, at: abs(v - at) / self.tolerances.energy_db,
        )
        rate = _place(
            prosody.rate.articulation,
            self.rate,
            RATE_LEVELS,
            lambda v, at: abs(v / at - 1) / self.tolerances.rate_share,
        )
        style = self._style(prosody.pitch.range_st if prosody.pitch.reliable else None)
        return prosody.model_copy(
            update={
                "pitch": prosody.pitch.model_copy(update={"level": pitch[0], "near": pitch[1]}),
                "energy": prosody.energy.model_copy(update={"level": energy[0], "near": energy[1]}),
                "rate": prosody.rate.model_copy(update={"level": rate[0], "near": rate[1]}),
                "intonation": prosody.intonation.model_copy(update={"style": style[0], "style_near": style[1]}),
                "calibration": self.name,
            }
        )

    def _style(self, range_st: float | None) -> tuple[str | None, str | None]:
        if self.style is None:
            return None, None
        floored = self.style.model_copy(
            update={"low": max(self.style.low, self.flat_below_st), "high": max(self.style.high, self.flat_below_st)}
        )
        return _place(range_st, floored, STYLES, lambda value, at: abs(value - at) / self.tolerances.range_st)


def _place(
    value: float | None, cut: Cut | None, names: tuple[str, ...], distance: Any
) -> tuple[str | None, str | None]:
    """(level, neighbouring level when `distance` to the nearer cut, in tolerances, is at most 1)."""
    if value is None or cut is None:
        return None, None
    index = 0 if value < cut.low else 2 if value > cut.high else 1
    to_low, to_high = distance(value, cut.low), distance(value, cut.high)
    if min(to_low, to_high) > 1:
        return names[index], None
    neighbour = 1 if index != 1 else 0 if to_low <= to_high else 2
    return names[index], names[neighbour]


def _collect(prosody: Prosody, gender: str | None, values: dict[str, list[float]]) -> None:
    if prosody.pitch.reliable and prosody.pitch.median_hz is not None and prosody.pitch.range_st is not None:
        group = gender or prosody.speaker.gender
        values[ANY].append(prosody.pitch.median_hz)
        values["style"].append(prosody.pitch.range_st)
        if group in GENDERS:
            values[group].append(prosody.pitch.median_hz)
    if prosody.energy.active_dbfs is not None:
        values["energy"].append(prosody.energy.active_dbfs)
    if prosody.rate.articulation is not None:
        values["rate"].append(prosody.rate.articulation)


def _cut(values: list[float], feature: str) -> Cut | None:
    if not values:
        return None
    low, high = np.percentile(values, PERCENTILES[feature])
    return Cut(low=round(float(low), 3), high=round(float(high), 3), count=len(values))
