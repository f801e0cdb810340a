"""One utterance with its pitch, speed or energy changed, and the measurement that says whether the change is true.

Pitch: WORLD (Morise et al. 2016), the spectral envelope stays, so the formants do. Speed: Signalsmith Stretch, the
pitch stays. Energy: gain. After pitch and speed the level of the active speech is restored, so that one attribute
moves alone. The unchanged version goes through the same processing: artefacts must not give the answer away.
Sound is changed at its native rate and resampled to 16 kHz afterwards, so that a lowered voice keeps its top.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotionthinker import audio, runs
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.perception import comparing
from emotionthinker.prosody import activity, energy, pitch

Samples = NDArray[np.float32]
Levels = NDArray[np.float64]

CHECKS = 2
"""Raised with every change to what a variant must fulfil: `augment` takes no result of an older one."""
WORLD_FRAME_S = 0.005
PEAK = 0.97
"""Highest sample of what is written (full scale is 1)."""
ATTRIBUTES = ("pitch", "speed", "energy", "formants")
REFERENCE = "reference"
TOOLS = {
    "pyworld": "changing pitch, and measuring every variant, needs WORLD",
    "python_stretch": "changing speed needs Signalsmith Stretch",
}


@dataclass(frozen=True)
class Change:
    """What is asked of a variant, or what was measured between original and variant."""

    pitch_st: float = 0.0
    speed: float = 1.0
    """Ratio of speaking rates: 1.25 is a quarter faster."""
    energy_db: float = 0.0
    formants_st: float = 0.0
    """Shift of the spectral envelope: never asked for, always measured."""


NOTHING = Change(*(float("nan"),) * len(ATTRIBUTES))
NO_SPEECH = "no speech in the original"


@dataclass(frozen=True)
class Tolerance:
    """How far the measured change may lie from the asked one: semitones, ratio - 1, dB, semitones."""

    pitch_st: float = 0.5
    speed: float = 0.03
    energy_db: float = 1.0
    formants_st: float = 0.5

    def failures(self, asked: Change, got: Change, unchecked: Collection[str] = ()) -> list[str]:
        """One sentence for each attribute that missed; a change that could not be measured missed, but for those of
        `unchecked`."""
        found = []
        errors = (
            ("st", got.pitch_st - asked.pitch_st, self.pitch_st),
            ("", got.speed / asked.speed - 1, self.speed),
            ("dB", got.energy_db - asked.energy_db, self.energy_db),
            ("st", got.formants_st - asked.formants_st, self.formants_st),
        )
        for name, (unit, error, limit) in zip(ATTRIBUTES, errors, strict=True):
            if name in unchecked:
                continue
            if np.isnan(error):
                found.append(f"{name} could not be measured")
            elif abs(error) > limit:
                found.append(f"{name} off by {error:+.3f}{unit}, allowed {limit:g}{unit}")
        return found


@dataclass(frozen=True)
class Variant:
    """A finished version, float32 mono [n] at 16 kHz, never over `PEAK`; `failures` says in sentences what missed."""

    samples: Samples
    attribute: str
    asked: Change
    measured: Change
    guard_db: float
    """What the peak guard took, <= 0."""
    failures: list[str]
    unchecked: tuple[str, ...] = ()
    """Attributes that nobody could hear move: pitch and formants of a whisper."""

    @property
    def accepted(self) -> bool:
        return not self.failures


def active_level(samples: Samples, sample_rate: int) -> float:
    """Level of the active speech, dBFS; nan when there is none."""
    level = energy.measure(samples, sample_rate, activity.speech_mask(samples, sample_rate)).active_dbfs
    return float("nan") if level is None else level


def trim(samples: Samples, sample_rate: int, margin_s: float = 0.08) -> Samples:
    """The speech without the silence before and after it, but for a margin; empty when there is no speech."""
    spoken = activity.segments(activity.speech_mask(samples, sample_rate))
    if not spoken:
        return samples[:0]
    start, end = max(0.0, spoken[0][0] - margin_s), spoken[-1][1] + margin_s
    return samples[round(start * sample_rate) : round(end * sample_rate)]


def shift_pitch(samples: Samples, sample_rate: int, semitones: float) -> Samples:
    """F0 multiplied, formants and timing kept (WORLD: StoneMask, CheapTrick, D4C on our own pitch track).

    WORLD's own DIO takes many frames of noisy recordings for unvoiced, which would turn the voice into a whisper.
    """
    import pyworld

    x = samples.astype(np.float64)
    times = np.arange(0.0, len(x) / sample_rate, WORLD_FRAME_S)
    track = pitch.repair_octaves(pitch.track(samples, sample_rate))
    nearest = _nearest(track.times_s, times)
    f0 = pyworld.stonemask(x, np.ascontiguousarray(track.f0_hz[nearest], np.float64), times, sample_rate)
    envelope = pyworld.cheaptrick(x, f0, times, sample_rate)
    aperiodicity = pyworld.d4c(x, f0, times, sample_rate)
    shifted = pyworld.synthesize(f0 * 2 ** (semitones / 12), envelope, aperiodicity, sample_rate)
    return np.asarray(shifted[: len(samples)], dtype=np.float32)


def _nearest(known: Levels, wanted: Levels) -> NDArray[np.intp]:
    """Index of the nearest of the ascending times `known` for each of `wanted`; the earlier one of two."""
    after = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1) if len(known) > 1 else np.zeros(len(wanted), int)
    before = np.maximum(after - 1, 0)
    return np.asarray(np.where(wanted - known[before] <= known[after] - wanted, before, after))


def change_speed(samples: Samples, sample_rate: int, ratio: float) -> Samples:
    """Speech `ratio` times as fast, pitch kept (Signalsmith Stretch)."""
    from python_stretch import Signalsmith

    stretch = Signalsmith.Stretch()
    stretch.preset(1, sample_rate)
    stretch.setTimeFactor(ratio)
    lead = np.zeros(stretch.inputLatency() + stretch.outputLatency(), dtype=np.float32)
    out = np.asarray(stretch.process(np.concatenate([samples, lead])[None, :]), dtype=np.float32)[0]
    return np.asarray(out[: round(len(samples) / ratio)])


def apply(samples: Samples, sample_rate: int, attribute: str, asked: Change) -> Samples:
    """The variant of `samples` for `attribute` (`pitch`, `speed`, `energy`); it may exceed full scale."""
    if attribute == "energy":
        return (samples * np.float32(10 ** (asked.energy_db / 20))).astype(np.float32)
    if attribute == "pitch":
        changed = shift_pitch(samples, sample_rate, asked.pitch_st)
    elif attribute == "speed":
        changed = change_speed(samples, sample_rate, asked.speed)
    else:
        raise ValueError(f"attribute {attribute!r}: expected pitch, speed or energy")
    lost_db = active_level(samples, sample_rate) - active_level(changed, sample_rate)
    if not np.isfinite(lost_db):  # no speech, before or after: the measurement will say so
        return changed
    return (changed * np.float32(10 ** (lost_db / 20))).astype(np.float32)


def measure(original: Samples, variant: Samples, sample_rate: int) -> Change:
    """The change that really happened, measured on the sound alone.

    Speed: the time warp under which the two level contours agree best. Pitch and formants: median F0 difference, and
    shift of the spectral envelope, over the frames voiced in both at matching places of the warp (nan when fewer than
    ten). Energy: active level.
    """
    matched = comparing.warp(original, variant, sample_rate)
    voicing = comparing.voiced_in_both(original, variant, sample_rate, matched)
    return Change(
        pitch_st=comparing.pitch_shift(voicing),
        speed=matched.speed,
        energy_db=active_level(variant, sample_rate) - active_level(original, sample_rate),
        formants_st=comparing.formant_shift(original, variant, sample_rate, voicing),
    )


def make(
    samples: Samples, sample_rate: int, attribute: str, asked: Change, tolerance: Tolerance | None = None
) -> Variant:
    """The variant of mono samples [n] at their native rate, resampled, kept from clipping and measured again.

    Peak guard: what would exceed `PEAK` is made softer as a whole, never clipped. That costs level, so a change that
    does not fit under full scale fails on energy; a softer original leaves room. Where the original has fewer than ten
    voiced frames, speed and energy are accepted without a look at pitch and formants (`unchecked`). Raises `ValueError`
    for an unknown attribute.
    """
    original = audio.check(samples, sample_rate)
    changed = audio.check(apply(samples, sample_rate, attribute, asked), sample_rate)
    gain = min(1.0, PEAK / max(float(np.abs(changed).max()), PEAK))
    changed = (changed * np.float32(gain)).astype(np.float32)
    guard_db = 20 * float(np.log10(gain))
    if not np.isfinite(active_level(original, audio.SAMPLE_RATE)):
        return Variant(changed, attribute, asked, NOTHING, guard_db, [NO_SPEECH])
    measured = measure(original, changed, audio.SAMPLE_RATE)
    unchecked = _unchecked(original, attribute, measured)
    failures = (tolerance or Tolerance()).failures(asked, measured, unchecked)
    if guard_db < 0 and any(failure.startswith("energy") for failure in failures):
        failures.append(f"the peak guard took {-guard_db:.2f} dB; so much more headroom would let it pass")
    return Variant(changed, attribute, asked, measured, guard_db, failures, unchecked)


def _unchecked(original: Samples, attribute: str, measured: Change) -> tuple[str, ...]:
    """What an original without voice at 16 kHz (a whisper) gives no measure of; a pitch that was asked for must be."""
    if attribute == "pitch" or not np.isnan(measured.pitch_st):
        return ()
    voiced = np.count_nonzero(pitch.track(original, audio.SAMPLE_RATE).f0_hz > 0)
    return ("pitch", "formants") if voiced < comparing.MIN_FRAMES else ()


def reference(samples: Samples, sample_rate: int) -> Variant:
    """The clip itself at 16 kHz, as a variant without change; it fails without speech, or over full scale."""
    original = audio.check(samples, sample_rate)
    peak = float(np.abs(original).max())
    failures = [f"its peak is {peak:.3f} of full scale; more headroom would let it pass"] if peak > 1 else []
    if not np.isfinite(active_level(original, audio.SAMPLE_RATE)):
        failures.append(NO_SPEECH)
    return Variant(original, REFERENCE, Change(), NOTHING if failures else Change(), 0.0, failures)


def file_stem(id_: str) -> str:
    """The file name of any id, up to 89 characters: what is odd or long in it gives way to a digest, so that no two
    ids share a file."""
    name = re.sub(r"[^\w.-]", "_", id_, flags=re.ASCII)[-80:]
    return name if name == id_ else f"{name}_{runs.digest(id_)[:8]}"


def write_flac(path: Path, samples: Samples, sample_rate: int, comment: str = "") -> None:
    """16-bit FLAC with a comment, whole or not at all. Raises `OSError` where it cannot be written."""
    import soundfile

    encoded = io.BytesIO()  # libsndfile would say of a full disk "System error" only
    with soundfile.SoundFile(encoded, "w", sample_rate, 1, format="FLAC", subtype="PCM_16") as out:
        if comment:
            out.comment = comment
        out.write(samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    with runs.replacing(path) as part:
        part.write_bytes(encoded.getbuffer())


def comment_of(path: Path) -> str | None:
    """What `write_flac` wrote into a file beside the sound; None where there is no such file."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            return str(file.comment)
    except soundfile.SoundFileError:
        return None


def check_tools(attributes: Collection[str], otherwise: str = "") -> None:
    """Say at once, not in a worker, what variants of `attributes` need, and what helps `otherwise`.

    Raises `EmotionThinkerError`.
    """
    for name, why in TOOLS.items():
        if name == "python_stretch" and "speed" not in attributes:
            continue
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise EmotionThinkerError(
                f"{why}, but: {error}. `pip install 'emotionthinker[augment]'` brings it{otherwise}"
            ) from error
