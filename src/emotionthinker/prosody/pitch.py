"""Fundamental frequency: tracking, octave repair, and the statistics of an utterance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import fast, swift
from emotionthinker.prosody.activity import FRAME_S, Mask
from emotionthinker.prosody.f0 import CEILING_HZ, FLOOR_HZ, HOP_S, Floats, PitchTrack, Samples, semitones
from emotionthinker.prosody.octaves import repair_octaves
from emotionthinker.records import Pitch

__all__ = [
    "BACKENDS",
    "CEILING_HZ",
    "FLOOR_HZ",
    "MAX_REPAIRED",
    "MIN_VOICED_S",
    "MIN_VOICED_SHARE",
    "Floats",
    "PitchTrack",
    "at_frames",
    "measure",
    "repair_octaves",
    "semitones",
    "track",
]

MIN_VOICED_S = 0.25
MIN_VOICED_SHARE = 0.20
MAX_REPAIRED = 0.10
BACKENDS: dict[str, Callable[[Samples, int], PitchTrack]] = {"swift": swift.track, "fast": fast.track}


def track(samples: npt.NDArray[np.float32], sample_rate: int, backend: str = "swift") -> PitchTrack:
    """Track F0 of mono float samples [n] every 16 ms; unvoiced frames are 0.

    Backend `swift` is SwiftF0 (accurate), `fast` autocorrelation (an eighth of the cost, more octave errors in noise).
    The result moves with the sound when silence is put before it and does not depend on gain. Raises `ValueError`
    for an unknown backend and for samples that are not mono or not finite.
    """
    if backend not in BACKENDS:
        raise ValueError(f"unknown pitch backend {backend!r}; known: {', '.join(sorted(BACKENDS))}")
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1:
        raise ValueError(f"samples of shape {samples.shape}; expected mono [n]")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold NaN or infinity; expected finite numbers (audio.check names the place)")
    return BACKENDS[backend](samples, sample_rate)


def at_frames(track: PitchTrack, frames: int) -> Floats:
    """F0 of the nearest tracker frame at each of `frames` 10 ms frame centres, [frames]; 0 where unvoiced.

    Centres further than half a tracker frame beyond the track's ends are unvoiced: in a clip that goes on there, they
    would have a frame of their own.
    """
    if not len(track.times_s):
        return np.zeros(frames)
    centres = (np.arange(frames) + 0.5) * FRAME_S
    after = np.clip(np.searchsorted(track.times_s, centres), min(1, len(track.times_s) - 1), len(track.times_s) - 1)
    before = np.maximum(after - 1, 0)
    # Ties go to the earlier frame whatever the rounding, so that a shift of the sound changes nothing.
    late = centres - track.times_s[before] > track.times_s[after] - centres + 1e-9
    nearest = np.where(late, after, before)
    hop_s = track.times_s[1] - track.times_s[0] if len(track.times_s) > 1 else HOP_S
    reach = hop_s / 2 + 1e-9
    return np.asarray(np.where(np.abs(centres - track.times_s[nearest]) <= reach, track.f0_hz[nearest], 0.0))


def measure(track: PitchTrack, speech: Mask) -> Pitch:
    """Statistics of the octave-repaired F0 over the voiced frames within `speech` (10 ms mask).

    `reliable` asks for at least 0.25 s of voicing, 20 % of the speech, and at most 10 % of the voiced frames moved by
    octave repair. Else `reason` is silent (no speech), too_short (under 0.25 s of speech), unvoiced or octave_errors;
    values are given only with at least 0.25 s of voicing.
    """
    needed = round(MIN_VOICED_S / FRAME_S)
    tracked = at_frames(track, len(speech))[speech]
    f0 = at_frames(repair_octaves(track), len(speech))[speech]
    voiced = f0[f0 > 0]
    share = round(len(voiced) / len(f0), 4) if len(f0) else None
    if len(voiced) < needed:
        silent = len(speech) >= needed and not len(f0)
        reason = "silent" if silent else "too_short" if len(f0) < needed else "unvoiced"
        return Pitch(voiced_share=share, reason=reason)
    repaired = float(np.mean(tracked[f0 > 0] != voiced))
    enough = len(voiced) >= MIN_VOICED_SHARE * len(f0)
    doubt = "unvoiced" if not enough else "octave_errors" if repaired > MAX_REPAIRED else None
    low, median, high = (float(value) for value in np.percentile(voiced, [5, 50, 95]))
    return Pitch(
        median_hz=round(median, 2),
        p5_hz=round(low, 2),
        p95_hz=round(high, 2),
        range_st=round(float(semitones(high, low)), 3),
        sd_st=round(float(np.std(semitones(voiced, median))), 3),
        voiced_share=share,
        repaired_share=round(repaired, 4),
        reliable=doubt is None,
        reason=doubt,
    )
