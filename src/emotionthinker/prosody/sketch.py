"""Sketches of distributions: fixed histograms, so that a corpus of any size takes constant memory and shards merge.

Merging adds whole numbers: it is exact, commutative and associative, and a quantile is off by less than one bin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emotionthinker.errors import RecipeError
from emotionthinker.records import GENDERS, Prosody, Utterance
from emotionthinker.runs import write_json

SKETCH_VERSION: Literal[1] = 1
ANY = "any"
SLOTS = (*GENDERS, ANY, "energy", "rate", "style")
"""What is sketched of a group of clips: median pitch (Hz) by gender and of all voices, and the other features."""


class Grid(NamedTuple):
    """Equal bins of `step` from `low` on, in the feature's unit or, for pitch, in semitones re 100 Hz."""

    low: float
    step: float
    bins: int
    semitones: bool = False

    def bin_of(self, value: float) -> int:
        """The bin of a value; what lies outside counts in the first or the last one."""
        place = 12 * math.log2(value / 100) if self.semitones else value
        return min(max(math.floor((place - self.low) / self.step), 0), self.bins - 1)

    def value_at(self, place: float) -> float:
        """The value at a place counted in bins: 2.5 is the middle of bin 2."""
        found = self.low + place * self.step
        return 100 * 2 ** (found / 12) if self.semitones else found


GRIDS = {
    **dict.fromkeys((*GENDERS, ANY), Grid(-24.0, 0.05, 1440, semitones=True)),
    "energy": Grid(-120.0, 0.1, 1260),
    "rate": Grid(0.0, 0.02, 2000),
    "style": Grid(0.0, 0.05, 1440),
}
"""25 to 1600 Hz by 0.05 st; -120 to 6 dBFS by 0.1 dB; 0 to 40 phones/s by 0.02; ranges of 0 to 72 st by 0.05."""


class Sketch(BaseModel):
    """Counts of one feature's values by bin, with the exact least and greatest value."""

    model_config = ConfigDict(extra="forbid")
    slot: str
    counts: dict[int, int] = Field(default_factory=dict)
    least: float | None = None
    most: float | None = None

    @model_validator(mode="after")
    def _fits(self) -> Sketch:
        bins = self.grid.bins if self.slot in GRIDS else 0
        if not all(0 <= index < bins and count > 0 for index, count in self.counts.items()):
            raise ValueError(f"sketch of {self.slot!r} holds bins its grid has not; expected one of {', '.join(GRIDS)}")
        if bool(self.counts) != (self.least is not None) or (self.least is None) != (self.most is None):
            raise ValueError(f"sketch of {self.slot!r}: counts need least and most, and the other way round")
        return self

    @property
    def grid(self) -> Grid:
        return GRIDS[self.slot]

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def add(self, value: float) -> None:
        """Count one value. Raises `ValueError` for one that is not finite, or a pitch that is not positive."""
        if not math.isfinite(value) or (self.grid.semitones and value <= 0):
            raise ValueError(f"{self.slot} of {value}; expected a finite{' positive' * self.grid.semitones} number")
        index = self.grid.bin_of(value)
        self.counts[index] = self.counts.get(index, 0) + 1
        self.least = value if self.least is None else min(self.least, value)
        self.most = value if self.most is None else max(self.most, value)

    def merge(self, other: Sketch) -> Sketch:
        """The sketch of both sets of values."""
        if self.slot != other.slot:
            raise ValueError(f"sketches of {self.slot} and {other.slot} do not merge; expected the same feature")
        counts = dict(self.counts)
        for index, count in other.counts.items():
            counts[index] = counts.get(index, 0) + count
        least = [value for value in (self.least, other.least) if value is not None]
        most = [value for value in (self.most, other.most) if value is not None]
        return Sketch(
            slot=self.slot, counts=counts, least=min(least, default=None), most=max(most, default=None)
        )  # fmt: skip

    def quantiles(self, shares: Iterable[float]) -> list[float]:
        """Values below which the shares (0..1) of all lie, interpolated as numpy does; each within a bin of the truth.

        Values outside the grid are only bounded by the least and the greatest. Raises `ValueError` when empty.
        """
        count = self.count
        if not count:
            raise ValueError(f"no {self.slot} was counted; expected at least one value")
        found = []
        for share in shares:
            rank, weight = divmod((count - 1) * share, 1)
            low, high = self._ranked(int(rank)), self._ranked(min(int(rank) + 1, count - 1))
            found.append(low + weight * (high - low))
        return found

    def share_below(self, value: float) -> float:
        """The share of values below `value`, 0..1; within its bin, values count as evenly spread."""
        at = self.grid.bin_of(value)
        below = sum(count for index, count in self.counts.items() if index < at)
        start, end = self.grid.value_at(at), self.grid.value_at(at + 1)
        inside = self.counts.get(at, 0) * min(max((value - start) / (end - start), 0.0), 1.0)
        return (below + inside) / self.count if self.counts else 0.0

    def _ranked(self, rank: int) -> float:
        """About the value of that rank, from 0: values of a bin count as evenly spread in it."""
        assert self.least is not None
        assert self.most is not None
        if rank in (0, self.count - 1):
            return self.most if rank else self.least
        before = 0
        for index in sorted(self.counts):
            count = self.counts[index]
            if rank < before + count:
                value = self.grid.value_at(index + (rank - before + 0.5) / count)
                return min(max(value, self.least), self.most)
            before += count
        raise IndexError(f"rank {rank} of {before} values")


def empty() -> dict[str, Sketch]:
    return {slot: Sketch(slot=slot) for slot in SLOTS}


class Sketches(BaseModel):
    """The sketches behind a calibration: of all clips together and of each dataset."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = SKETCH_VERSION
    pooled: dict[str, Sketch] = Field(default_factory=empty)
    datasets: dict[str, dict[str, Sketch]] = Field(default_factory=dict)
    clips: dict[str, int] = Field(default_factory=dict)
    """Measured clips by dataset."""
    sources: dict[str, str] = Field(default_factory=dict)
    """sha256 -> name of the files that were read, so that none is counted twice."""
    measures: int | None = None
    """`batch.MEASURES` of the clips, None where it is not known."""

    @model_validator(mode="after")
    def _whole(self) -> Sketches:
        for name, group in (("pooled", self.pooled), *self.datasets.items()):
            if set(group) != set(SLOTS) or any(group[slot].slot != slot for slot in group):
                raise ValueError(f"sketches of {name} are of {', '.join(group)}; expected {', '.join(SLOTS)}")
        return self

    @classmethod
    def of(cls, utterances: Iterable[Utterance]) -> Sketches:
        """Sketches of annotated utterances, streamed."""
        sketches = cls()
        for utterance in utterances:
            sketches.add(utterance)
        return sketches

    @classmethod
    def load(cls, path: str | Path) -> Sketches:
        """Sketches of a file, or those behind the shipped calibration (`reference`). Raises `RecipeError`."""
        if str(path) == "reference":
            path = Path(__file__).parent / "calibrations" / "reference.sketches.json"
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"sketches {path} cannot be read: {error.strerror}; `calibrate` writes them") from error
        except ValueError as error:
            raise RecipeError(
                f"{path} does not hold version {SKETCH_VERSION} sketches, as `calibrate` writes them (sketches.json): "
                f"{error}"
            ) from error

    def save(self, path: str | Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    def add(self, utterance: Utterance) -> None:
        """Count the measurements of one clip; one without any is passed over."""
        if utterance.prosody is None:
            return
        dataset = utterance.dataset
        name = dataset or "(no dataset)"
        self.clips[name] = self.clips.get(name, 0) + 1
        values = _values(utterance.prosody, utterance.gender)
        groups = [self.pooled, *([self.datasets.setdefault(dataset, empty())] if dataset else [])]
        for group in groups:
            for slot, value in values:
                group[slot].add(value)

    def merge(self, other: Sketches) -> Sketches:
        """The sketches of both sets of clips.

        Raises `RecipeError` when both have read the same file, or hold measurements of two versions.
        """
        twice = sorted(self.sources[digest] for digest in set(self.sources) & set(other.sources))
        if twice:
            raise RecipeError(f"sketches to be merged both hold the clips of {', '.join(twice)}; give each shard once")
        known = {made for made in (self.measures, other.measures) if made is not None}
        if len(known) > 1:
            raise RecipeError(
                f"clips of versions {' and '.join(map(str, sorted(known)))} of the measurements do not go into one "
                "calibration; run `annotate` again on the older ones"
            )
        names = sorted({*self.clips, *other.clips})
        return Sketches(
            pooled=_merged(self.pooled, other.pooled),
            datasets={
                dataset: _merged(self.datasets.get(dataset) or empty(), other.datasets.get(dataset) or empty())
                for dataset in sorted({*self.datasets, *other.datasets})
            },
            clips={name: self.clips.get(name, 0) + other.clips.get(name, 0) for name in names},
            sources={**self.sources, **other.sources},
            measures=next(iter(known), None),
        )


def _merged(one: dict[str, Sketch], other: dict[str, Sketch]) -> dict[str, Sketch]:
    return {slot: one[slot].merge(other[slot]) for slot in SLOTS}


def _values(prosody: Prosody, gender: str | None) -> list[tuple[str, float]]:
    """(slot, value) of what the signal supports: no unreliable pitch; unknown gender counts in `any` alone."""
    found = []
    pitch = prosody.pitch
    if pitch.reliable and pitch.median_hz is not None and pitch.range_st is not None:
        found += [(ANY, pitch.median_hz), ("style", pitch.range_st)]
        group = gender or prosody.speaker.gender
        if group in GENDERS:
            found.append((str(group), pitch.median_hz))
    for slot, value in (("energy", prosody.energy.active_dbfs), ("rate", prosody.rate.articulation)):
        if value is not None:
            found.append((slot, value))
    return found
