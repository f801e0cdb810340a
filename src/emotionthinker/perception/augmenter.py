"""One clip in, versions of it out that differ in pitch, speed or energy alone, each measured again."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy.typing as npt

from emotionthinker import audio as sound
from emotionthinker.perception import variants
from emotionthinker.perception.variants import Change, Samples, Tolerance, Variant

MAX_SECONDS = 60.0
"""WORLD holds two spectra every 5 ms: a minute at 48 kHz takes about 450 MB."""
PITCH_ST, SPEED, ENERGY_DB = (-12.0, 12.0), (0.65, 1.6), (-30.0, 30.0)
"""What may be asked; the measurement of speed reaches 0.6..1.7."""


def augment(
    audio: str | os.PathLike[str] | npt.ArrayLike,
    *,
    pitch: Iterable[float] = (),
    speed: Iterable[float] = (),
    energy: Iterable[float] = (),
    sample_rate: int = sound.SAMPLE_RATE,
    headroom_db: float = 0.0,
    max_seconds: float = MAX_SECONDS,
    tolerance: Tolerance | None = None,
) -> list[Variant]:
    """Versions of one clip: one for each of `pitch` (semitones), `speed` (ratio) and `energy` (dB), in this order.

    `audio` is a sound file, or samples [n] or [n, channels] at `sample_rate`. A version whose measured change misses
    what was asked by more than `tolerance` (0.5 st, 3 %, 1 dB, formants 0.5 st), or in which another attribute moved,
    has sentences in `failures`. `headroom_db` makes the clip softer first, so that versions of a loud clip stay under
    full scale. Raises `AudioError` for unusable files or arrays, `ValueError` for a value out of range.
    """
    asked = [
        (attribute, change_of(attribute, value))
        for attribute, values in (("pitch", pitch), ("speed", speed), ("energy", energy))
        for value in values
    ]
    samples, rate = read(audio, sample_rate, headroom_db, max_seconds)
    return [variants.make(samples, rate, attribute, change, tolerance) for attribute, change in asked]


def read(
    audio: str | os.PathLike[str] | npt.ArrayLike, sample_rate: int, headroom_db: float, max_seconds: float
) -> tuple[Samples, int]:
    """(mono samples made softer by `headroom_db`, their rate): of a file its own rate, of an array 16 kHz."""
    if headroom_db < 0:
        raise ValueError(f"headroom_db is {headroom_db}; expected 0 or more: it makes the sound softer")
    if isinstance(audio, (str, os.PathLike)):
        samples, rate = sound.load(audio, max_seconds=max_seconds, native=True)
    else:
        samples, rate = sound.check(audio, sample_rate, max_seconds=max_seconds), sound.SAMPLE_RATE
    return (samples * 10 ** (-headroom_db / 20)).astype("float32"), rate


def change_of(attribute: str, value: float) -> Change:
    """`value` as a change of one attribute. Raises `ValueError` for a value out of range or an unknown attribute."""
    limits = {"pitch": PITCH_ST, "speed": SPEED, "energy": ENERGY_DB}
    fields = {"pitch": "pitch_st", "speed": "speed", "energy": "energy_db"}
    if attribute not in limits:
        raise ValueError(f"attribute {attribute!r}; expected one of {tuple(limits)}")
    low, high = limits[attribute]
    if not low <= value <= high:
        raise ValueError(f"{attribute} is {value:g}; expected {low:g} to {high:g}")
    return Change(**{fields[attribute]: value})
