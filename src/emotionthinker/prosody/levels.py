"""Words for measurements: low / normal / high and the like, by the cuts of a named, versioned calibration.

Cuts are percentiles of a corpus (33.3 and 66.7 for pitch, energy and rate; 20 and 80 for the intonation range): fixed
thresholds do not fit, since acted speech has almost no utterance under 3 semitones of range and most over 9.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
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


class Cuts(BaseModel):
    """Cuts of each feature: pitch (Hz) for `female`, `male`, `any`, energy (dBFS), rate (phones/s), range (st)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pitch: dict[str, Cut] = Field(default_factory=dict)
    energy: Cut | None = None
    rate: Cut | None = None
    style: Cut | None = None


class Calibration(Cuts):
    """Named cuts. `datasets` may hold a corpus' own; a feature it has no cut for falls back to the common one."""

    version: Literal[1] = CALIBRATION_VERSION
    name: str
    datasets: dict[str, Cuts] = Field(default_factory=dict)
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
    def fit(cls, utterances: Iterable[Utterance], name: str, *, by_dataset: bool = False, **about: Any) -> Calibration:
        """Percentile cuts over annotated utterances (streamed; four numbers a clip are kept).

        Unreliable pitch is left out. A gender with under 50 clips gets no cuts of its own and falls back to `any`, the
        pool of all voices. `by_dataset` adds cuts for each feature and dataset with 50 clips: right where recording
        levels or texts differ between corpora. A feature that no clip has gets no cut, and `apply` no level.
        """
        pooled, each = _Values(), defaultdict[str, _Values](_Values)
        for utterance in utterances:
            if utterance.prosody is not None:
                pooled.add(utterance.prosody, utterance.gender)
                if by_dataset and utterance.dataset:
                    each[utterance.dataset].add(utterance.prosody, utterance.gender)
        return cls(
            name=name,
            **pooled.cuts(1),
            datasets={dataset: Cuts(**values.cuts(MIN_GROUP)) for dataset, values in sorted(each.items())},
            about={"percentiles": {k: list(v) for k, v in PERCENTILES.items()}, "counts": pooled.counts(), **about},
        )

    def apply(self, prosody: Prosody, gender: str | None = None, dataset: str | None = None) -> Prosody:
        """The same measurements with `level`, `near`, `style`, `style_near` and `calibration` set.

        `gender` picks the pitch cuts; None takes the speaker's as measured, and `any` when that is unknown too.
        `dataset` picks the corpus' own cuts where the calibration has them.
        """
        own, near = self.datasets.get(dataset or "", Cuts()), self.tolerances
        group = gender or prosody.speaker.gender or ANY
        of_pitch = own.pitch.get(group) or self.pitch.get(group) or own.pitch.get(ANY) or self.pitch.get(ANY)
        median, range_st = prosody.pitch.median_hz, prosody.pitch.range_st
        if not prosody.pitch.reliable:
            median = range_st = None
        pitch = _place(median, of_pitch, PITCH_LEVELS, lambda v, at: abs(12 * math.log2(v / at)) / near.pitch_st)
        energy = _place(
            prosody.energy.active_dbfs,
            own.energy or self.energy,
            ENERGY_LEVELS,
            lambda v, at: abs(v - at) / near.energy_db,
        )
        rate = _place(
            prosody.rate.articulation,
            own.rate or self.rate,
            RATE_LEVELS,
            lambda v, at: abs(v / at - 1) / near.rate_share,
        )
        style = _place(
            range_st, self._floored(own.style or self.style), STYLES, lambda v, at: abs(v - at) / near.range_st
        )
        return prosody.model_copy(
            update={
                "pitch": prosody.pitch.model_copy(update={"level": pitch[0], "near": pitch[1]}),
                "energy": prosody.energy.model_copy(update={"level": energy[0], "near": energy[1]}),
                "rate": prosody.rate.model_copy(update={"level": rate[0], "near": rate[1]}),
                "intonation": prosody.intonation.model_copy(update={"style": style[0], "style_near": style[1]}),
                "calibration": self.name,
            }
        )

    def _floored(self, cut: Cut | None) -> Cut | None:
        """The style cut with nothing but flat under `flat_below_st`."""
        if cut is None:
            return None
        return Cut(low=max(cut.low, self.flat_below_st), high=max(cut.high, self.flat_below_st), count=cut.count)


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


class _Values:
    """The numbers behind the cuts of one group of clips."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {key: [] for key in (*GENDERS, ANY, "energy", "rate", "style")}

    def add(self, prosody: Prosody, gender: str | None) -> None:
        pitch = prosody.pitch
        if pitch.reliable and pitch.median_hz is not None and pitch.range_st is not None:
            self.of[ANY].append(pitch.median_hz)
            self.of["style"].append(pitch.range_st)
            group = gender or prosody.speaker.gender
            if group in GENDERS:
                self.of[group].append(pitch.median_hz)
        for feature, value in (("energy", prosody.energy.active_dbfs), ("rate", prosody.rate.articulation)):
            if value is not None:
                self.of[feature].append(value)

    def cuts(self, least: int) -> dict[str, Any]:
        """Cuts of the features with at least `least` values (a gender: MIN_GROUP), as fields of `Cuts`."""
        needed = {key: MIN_GROUP if key in GENDERS else least for key in self.of}
        pitch = {g: _cut(self.of[g], "pitch") for g in (*GENDERS, ANY) if len(self.of[g]) >= needed[g]}
        rest = {f: _cut(self.of[f], f) for f in ("energy", "rate", "style") if len(self.of[f]) >= needed[f]}
        return {"pitch": pitch, **rest}

    def counts(self) -> dict[str, int]:
        return {key: len(values) for key, values in self.of.items()}


def _cut(values: list[float], feature: str) -> Cut:
    low, high = np.percentile(values, PERCENTILES[feature])
    return Cut(low=round(float(low), 3), high=round(float(high), 3), count=len(values))
