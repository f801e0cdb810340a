"""Words for measurements: low / normal / high and the like, by the cuts of a named, versioned calibration.

Cuts are percentiles of a corpus (33.3 and 66.7 for pitch, energy and rate; 20 and 80 for the intonation range): fixed
thresholds do not fit, since acted speech has almost no utterance under 3 semitones of range and most over 9.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emotionthinker.errors import RecipeError
from emotionthinker.prosody.sketch import ANY, Sketch, Sketches
from emotionthinker.records import ENERGY_LEVELS, GENDERS, PITCH_LEVELS, RATE_LEVELS, STYLES, Prosody, Utterance
from emotionthinker.runs import write_json

CALIBRATION_VERSION: Literal[1] = 1
MIN_GROUP = 50
MAX_UNGENDERED = 0.1
"""Share of the voices whose pitch words may go by the cuts of all voices before `warnings` says so."""
PERCENTILES = {
    "pitch": (100 / 3, 200 / 3),
    "energy": (100 / 3, 200 / 3),
    "rate": (100 / 3, 200 / 3),
    "style": (20.0, 80.0),
}
FLAT_BELOW_ST = 2.5
"""A range under this is flat whatever the corpus does: smaller movements are hardly heard as movement."""
ALL = "all"
"""The group of all clips, in the `group` of a record."""


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
    pitch_st: float = Field(default=0.5, gt=0)
    energy_db: float = Field(default=1.0, gt=0)
    rate_share: float = Field(default=0.05, gt=0)
    range_st: float = Field(default=1.0, gt=0)


class Cuts(BaseModel):
    """Cuts of each feature: pitch (Hz) for `female`, `male`, `any`, energy (dBFS), rate (phones/s), range (st).

    Those of pitch and rate are positive: distances to them are ratios.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    pitch: dict[str, Cut] = Field(default_factory=dict)
    energy: Cut | None = None
    rate: Cut | None = None
    style: Cut | None = None

    @model_validator(mode="after")
    def _positive(self) -> Cuts:
        for name, cut in (*((f"pitch of {group}", cut) for group, cut in self.pitch.items()), ("rate", self.rate)):
            if cut is not None and cut.low <= 0:
                raise ValueError(f"cuts of {name}: low={cut.low}, high={cut.high}; expected positive numbers")
        return self


class Calibration(Cuts):
    """Named cuts. `datasets` may hold a corpus' own; a feature it has no cut for falls back to the common one."""

    version: Literal[1] = CALIBRATION_VERSION
    name: str
    datasets: dict[str, Cuts] = Field(default_factory=dict)
    flat_below_st: float = FLAT_BELOW_ST
    tolerances: Tolerances = Tolerances()
    about: dict[str, Any] = Field(default_factory=dict)
    """Where the cuts come from: data, counts, percentiles, command."""
    digest: str | None = None
    """`fingerprint` of the cuts when they were fitted: they are frozen, and a file that was edited since is refused."""

    @model_validator(mode="after")
    def _frozen(self) -> Calibration:
        if self.digest is not None and self.digest != self.fingerprint():
            raise ValueError(
                f"its cuts were changed after they were fitted (digest {self.digest}, they now have "
                f"{self.fingerprint()}); fit new ones with `calibrate`, or delete `digest` to take them as they are"
            )
        return self

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
        except ValueError as error:
            told = _plainly(error) if isinstance(error, ValidationError) else str(error)
            raise RecipeError(
                f"calibration {source} does not hold version {CALIBRATION_VERSION} cuts, as `calibrate` writes them "
                f"(thresholds.json): {told}"
            ) from error

    def save(self, path: str | Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def fit(cls, utterances: Iterable[Utterance], name: str, *, by_dataset: bool = False, **about: Any) -> Calibration:
        """`from_sketches` over annotated utterances, streamed: memory does not grow with their number."""
        return cls.from_sketches(Sketches.of(utterances), name, by_dataset=by_dataset, **about)

    @classmethod
    def from_sketches(cls, sketches: Sketches, name: str, *, by_dataset: bool = False, **about: Any) -> Calibration:
        """Percentile cuts, each within a bin of the sketch (0.05 st, 0.1 dB, 0.02 phones/s) of the exact one.

        Unreliable pitch is left out. A gender with under 50 clips gets no cuts of its own and falls back to `any`, the
        pool of all voices. `by_dataset` adds cuts for each feature and dataset with 50 clips: right where recording
        levels or texts differ between corpora. A feature that no clip has gets no cut, and `apply` no level; one of
        few clips gets its cut, and `warning` says so.
        """
        each = sketches.datasets if by_dataset else {}
        counts = {slot: sketch.count for slot, sketch in sketches.pooled.items()}
        made = cls(
            name=name,
            **_cuts(sketches.pooled, 1),
            datasets={dataset: Cuts(**_cuts(group, MIN_GROUP)) for dataset, group in sorted(each.items())},
            about={"percentiles": {k: list(v) for k, v in PERCENTILES.items()}, "counts": counts, **about},
        )
        return made.model_copy(update={"digest": made.fingerprint()})

    def warnings(self) -> list[str]:
        """Why words by these cuts say little: common cuts of under MIN_GROUP values, pitch cuts that know no gender."""
        common = {"pitch": self.pitch.get(ANY), "energy": self.energy, "rate": self.rate, "style": self.style}
        few = [f"{name} {cut.count}" for name, cut in common.items() if cut is not None and cut.count < MIN_GROUP]
        found = []
        if few:
            found.append(
                f"calibration {self.name!r} has cuts from under {MIN_GROUP} values ({', '.join(few)}), so its words "
                "say little; fit on more clips, or take the calibration `reference`"
            )
        voices = self.pitch[ANY].count if ANY in self.pitch else 0
        own = sum(cut.count for gender, cut in self.pitch.items() if gender != ANY)
        if voices >= MIN_GROUP and voices - own > MAX_UNGENDERED * voices:
            found.append(
                f"calibration {self.name!r} has no pitch cuts for the gender of {voices - own} of its {voices} clips "
                f"(under {MIN_GROUP} of a gender, or unknown): their pitch words go by the cuts of all voices, and say "
                "more of the gender than of the speaker's pitch; fit on more clips, or name their gender"
            )
        return found

    def outdated(self, measures: int | None) -> str | None:
        """Why words may be shifted: clips of version `measures` are measured otherwise than those of the fit."""
        own = self.about.get("measures")
        if own is None or measures is None or own == measures:
            return None
        return (
            f"calibration {self.name!r} was fitted on version {own} of the measurements, these clips are of version "
            f"{measures}: their words may be shifted; annotate the clips of the fit again, then calibrate"
        )

    def fingerprint(self) -> str:
        """Digest of everything that decides about words: two calibrations with the same one give the same words."""
        text = self.model_dump_json(exclude={"name", "about", "digest"})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def apply(self, prosody: Prosody, gender: str | None = None, dataset: str | None = None) -> Prosody:
        """The same measurements with levels, style, their neighbours and groups, and `calibration` set.

        `gender` picks the pitch cuts; None takes the speaker's as measured, and `any` when that is unknown too.
        `dataset` picks the corpus' own cuts where the calibration has them; the record's `group` says whose it got.
        """
        near, reliable = self.tolerances, prosody.pitch.reliable
        pitch = _place(
            prosody.pitch.median_hz if reliable else None,
            self.cut_for("pitch", dataset, gender or prosody.speaker.gender),
            PITCH_LEVELS,
            lambda v, at: abs(12 * math.log2(v / at)) / near.pitch_st,
        )
        energy = _place(
            prosody.energy.active_dbfs,
            self.cut_for("energy", dataset),
            ENERGY_LEVELS,
            lambda v, at: abs(v - at) / near.energy_db,
        )
        rate = _place(
            prosody.rate.articulation,
            self.cut_for("rate", dataset),
            RATE_LEVELS,
            lambda v, at: abs(v / at - 1) / near.rate_share,
        )
        style = _place(
            prosody.pitch.range_st if reliable else None,
            self.cut_for("style", dataset),
            STYLES,
            lambda v, at: abs(v - at) / near.range_st,
        )
        style |= {"style": style.pop("level"), "style_near": style.pop("near")}
        return prosody.model_copy(
            update={
                "pitch": prosody.pitch.model_copy(update=pitch),
                "energy": prosody.energy.model_copy(update=energy),
                "rate": prosody.rate.model_copy(update=rate),
                "intonation": prosody.intonation.model_copy(update=style),
                "calibration": self.name,
            }
        )

    def cut_for(self, feature: str, dataset: str | None = None, gender: str | None = None) -> tuple[str, Cut] | None:
        """(group, cut) that gives the words of a feature (a key of PERCENTILES); None when there is no cut at all.

        The first group that has one: for pitch dataset/gender, all/gender, dataset/any, all/any (a voice is told
        from the other gender's before it is told from another corpus'); else dataset, all.
        """
        own = self.datasets.get(dataset or "", Cuts())
        if feature == "pitch":
            places = [(name, cuts, who) for who in (gender or ANY, ANY) for name, cuts in ((dataset, own), (ALL, self))]
            return next(((f"{name}/{who}", cuts.pitch[who]) for name, cuts, who in places if who in cuts.pitch), None)
        for name, cuts in ((dataset, own), (ALL, self)):
            cut: Cut | None = getattr(cuts, feature)
            if cut is not None:
                return str(name), self._floored(cut) if feature == "style" else cut
        return None

    def _floored(self, cut: Cut) -> Cut:
        """The style cut with nothing but flat under `flat_below_st`."""
        return Cut(low=max(cut.low, self.flat_below_st), high=max(cut.high, self.flat_below_st), count=cut.count)


def _plainly(error: ValidationError) -> str:
    """What is wrong, field by field, without the voice of the library that noticed it."""
    found = []
    for part in error.errors():
        where = ".".join(map(str, part["loc"]))
        what = str(part["ctx"]["error"]) if part["type"] == "value_error" else part["msg"]
        found.append(f"{where}: {what}" if where else what)
    return "; ".join(found)


def _place(
    value: float | None,
    found: tuple[str, Cut] | None,
    names: tuple[str, ...],
    distance: Callable[[float, float], float],
) -> dict[str, Any]:
    """`level` by the cut of the group found; `near` is the neighbouring level when `distance` to the nearer cut,
    in tolerances, is at most 1."""
    if value is None or found is None:
        return {"level": None, "near": None, "near_boundary": None, "group": None}
    group, cut = found
    index = 0 if value < cut.low else 2 if value > cut.high else 1
    to_low, to_high = distance(value, cut.low), distance(value, cut.high)
    near = None
    if min(to_low, to_high) <= 1:
        near = names[1 if index != 1 else 0 if to_low <= to_high else 2]
    return {"level": names[index], "near": near, "near_boundary": near is not None, "group": group}


def _cuts(sketches: dict[str, Sketch], least: int) -> dict[str, Any]:
    """Cuts of the features with at least `least` values (a gender: MIN_GROUP), as fields of `Cuts`."""
    enough = {
        slot: sketch for slot, sketch in sketches.items() if sketch.count >= (MIN_GROUP if slot in GENDERS else least)
    }
    pitch = {slot: _cut(enough[slot], "pitch") for slot in (*GENDERS, ANY) if slot in enough}
    rest: dict[str, Any] = {slot: _cut(enough[slot], slot) for slot in ("energy", "rate", "style") if slot in enough}
    return {"pitch": pitch, **rest}


def _cut(sketch: Sketch, feature: str) -> Cut:
    low, high = sketch.quantiles(share / 100 for share in PERCENTILES[feature])
    return Cut(low=round(low, 3), high=round(high, 3), count=sketch.count)
