"""Voice activity by energy: which 10 ms frames hold speech.

Everything is relative to the clip's own levels, so the result does not change with gain, nor with digital silence
around the speech (whole frames of it: see `prepared`). Steady noise alone counts as activity: telling it from speech is
left to the voicing of the pitch track.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import clicks

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FRAME_S = 0.01
SILENT_PEAK = 1e-4
"""Clips that never exceed this amplitude (-80 dBFS) are silent."""
FLOOR_DBFS = -120.0
_HIGH_PASS_HZ = 60.0
_DEPTH_DB = 35.0
_ABOVE_NOISE_DB = 5.0
_BELOW_LOUD_DB = 6.0
_NOISE_SPAN_DB = 8.0
_STEADY_DB = 3.0
_DRIFT_DB = 1.5
_NOISE_S = 0.2
_IGNORE_BELOW_DB = 60.0
_BRIDGE_S = 0.10
_BLIP_S = 0.05
_BLOCK_FRAMES = 6000
_UNSPOKEN_S = 0.7
_UNSPOKEN_DB = 2.0
_CORE_DEPTH_DB = 25.0
_CORE_SHARE = 0.45
_CORE_QUIET = 20
_CORE_MARGIN_S = 0.05
_CORE_ABOUT_S = 1.0
_CORE_SOFTEST_DB = 30.0
_CORE_LEAST_DB = 10.0


class Activity(NamedTuple):
    """10 ms frames [n]: their levels (dBFS), those that hold speech, and those of its core; clicks are silence."""

    levels: Floats
    speech: Mask
    core: Mask

    def without_steady(self, voiced: Mask) -> Activity:
        """Without what `without_steady` takes for noise, neither in the speech nor in its core."""
        speech = without_steady(self.speech, self.levels, voiced)
        return self._replace(speech=speech, core=self.core & (speech | ~self.speech))


class _Heard(NamedTuple):
    """Frame levels in dB, frames that are no digital silence, and the clip's loud level; None for a silent clip."""

    levels: Floats
    sounding: Mask
    loud: float | None


def prepared(samples: npt.NDArray[np.float32], sample_rate: int) -> tuple[npt.NDArray[np.float32], float]:
    """(samples without constant offset (DC), begun so that the 10 ms frames lie on the sound as they always do, seconds
    left out for it) of mono samples [n].

    Digital silence has no offset, at either end or inside. Up to 10 ms of it is left out at the beginning, so that
    silence of any length before the sound changes no frame of it.
    """
    sound = samples != 0
    if not sound.any():
        return samples, 0.0
    skipped = round(int(sound.argmax()) % (FRAME_S * sample_rate))
    offset = np.float32(samples.mean(dtype=np.float64, where=sound))
    return np.subtract(samples, offset, out=np.zeros_like(samples), where=sound)[skipped:], skipped / sample_rate


def without_clicks(samples: npt.NDArray[np.float32], sample_rate: int) -> tuple[npt.NDArray[np.float32], int]:
    """(samples with digital silence in the place of clicks, how many there were); see `clicks.find`."""
    found = clicks.find(frame_power(samples, sample_rate))
    if found:
        samples = samples.copy()
    for frames in found:
        samples[round(frames.start * FRAME_S * sample_rate) : round(frames.stop * FRAME_S * sample_rate)] = 0
    return samples, len(found)


def frame_power(samples: npt.NDArray[np.float32], sample_rate: int, sections: Floats | None = None) -> Floats:
    """Mean square of each 10 ms frame, [ceil(seconds * 100)], above 60 Hz: no DC offset, no rumble, hum 5 dB softer.

    `sections` [n, 6] filter instead of the 60 Hz high-pass. Digital silence, in a frame or at the end of the clip, has
    power 0, though the filter may still ring there.
    """
    from scipy.signal import sosfilt

    sections = _high_pass(sample_rate) if sections is None else sections
    state = np.zeros((len(sections), 2))
    frames = math.ceil(len(samples) / sample_rate / FRAME_S - 1e-9)
    edges = np.rint(np.arange(frames + 1) * FRAME_S * sample_rate).astype(np.intp)
    sums = np.zeros(frames)
    end = len(samples) - int(np.argmax(samples[::-1] != 0)) if len(samples) else 0
    for first in range(0, frames, _BLOCK_FRAMES):  # blocks keep an hour of sound from being held four times over
        last = min(first + _BLOCK_FRAMES, frames)
        block = np.zeros(edges[last] - edges[first])  # the last frame may begin where the samples end
        part = samples[edges[first] : edges[last]]
        block[: len(part)] = part
        filtered, state = sosfilt(sections, block, zi=state)
        filtered[max(0, end - edges[first]) :] = 0.0
        starts = edges[first:last] - edges[first]
        sounding = np.logical_or.reduceat(block != 0, starts)
        sums[first:last] = np.where(sounding, np.add.reduceat(np.square(filtered), starts), 0.0)
    return sums / (FRAME_S * sample_rate)


@functools.lru_cache(maxsize=8)
def _high_pass(sample_rate: int) -> Floats:
    """Kept: designing it takes longer than filtering a short clip."""
    from scipy.signal import butter

    return np.asarray(butter(2, _HIGH_PASS_HZ, "highpass", fs=sample_rate, output="sos"))


def frame_levels(samples: npt.NDArray[np.float32], sample_rate: int) -> Floats:
    """Level of each 10 ms frame in dBFS (full-scale square = 0), smoothed over 30 ms, not under -120."""
    return smoothed_levels(frame_power(samples, sample_rate))


def smoothed_levels(power: Floats) -> Floats:
    """Frame powers as levels in dBFS, smoothed over three frames; beyond either end is silence."""
    return _decibel(np.convolve(np.pad(power, 1), (0.25, 0.5, 0.25), "valid")) if len(power) else np.zeros(0)


def measure(samples: npt.NDArray[np.float32], sample_rate: int) -> Activity:
    """What `frame_levels`, `speech_mask` and `core_mask` tell of mono samples [n], from one pass over them."""
    heard = _heard(samples, sample_rate)
    return Activity(heard.levels, _speech(heard), _core(heard))


def speech_mask(samples: npt.NDArray[np.float32], sample_rate: int) -> Mask:
    """True for the 10 ms frames that hold speech; all False for a silent clip.

    A frame is active when it lies less than 35 dB under the clip's loud level (the power-weighted mean, on which
    quiet frames have no influence) and, where steady noise lies under the speech, at least 5 dB above that noise.
    Gaps up to 100 ms (stop closures) are bridged, bursts under 50 ms (clicks) dropped.
    """
    return _speech(_heard(samples, sample_rate))


def _speech(heard: _Heard) -> Mask:
    levels, sounding, loud = heard
    if loud is None:
        return np.zeros(len(levels), bool)
    noise = _noise_level(levels, sounding, loud)
    threshold = loud - _DEPTH_DB
    if loud - noise > _NOISE_SPAN_DB:
        threshold = max(threshold, min(noise + _ABOVE_NOISE_DB, loud - _BELOW_LOUD_DB))
    active = (levels > threshold) & sounding
    return _without_runs(_without_runs(active, False, _BRIDGE_S), True, _BLIP_S)


def without_steady(speech: Mask, levels: Floats, voiced: Mask) -> Mask:
    """`speech` [n] without what stays at one level (under 2 dB of deviation) and unvoiced for 0.7 s.

    Hardly anyone speaks like that: it is noise that came or went within the clip, or hides soft speech. `levels` [n]
    are those of `frame_levels`, `voiced` [n] tells which frames have a pitch. Where nothing would be left, as in a
    clip of noise alone, all is kept.
    """
    frames = round(_UNSPOKEN_S / FRAME_S)
    if len(speech) < frames:
        return speech
    unvoiced, deviation = (
        np.lib.stride_tricks.sliding_window_view(values, frames) for values in (speech & ~voiced, levels)
    )
    steady = np.zeros(len(speech), bool)
    for first in np.flatnonzero(unvoiced.all(1) & (deviation.std(1) < _UNSPOKEN_DB)):
        steady[first : first + frames] = True
    left = _without_runs(speech & ~steady, True, _BLIP_S)
    return left if left.any() else speech


def core_mask(samples: npt.NDArray[np.float32], sample_rate: int) -> Mask:
    """True for the 10 ms frames near the loud ones about them: what noise, and a change of the noise, hardly touches.

    Frames that lie above the clip's quiet frames (their 20th percentile) by 45 % of the way to the loud level about
    them (see `_loud_about`), or less than 25 dB under that level where this is higher, and 50 ms around. What is softer
    than the clip's loud level by 30 dB, or hardly louder than its quiet frames, has no loud level of its own. All False
    for a silent clip. Soft sounds are left out: it measures how long speech takes, not where it is. Chosen by
    benchmarks/rate.py on half the speakers.
    """
    return _core(_heard(samples, sample_rate))


def _core(heard: _Heard) -> Mask:
    levels, sounding, loud = heard
    if loud is None:
        return np.zeros(len(levels), bool)
    quiet = float(np.percentile(levels[sounding], _CORE_QUIET))
    lowest = min(max(loud - _CORE_SOFTEST_DB, quiet + _CORE_LEAST_DB), loud)
    about = np.clip(_loud_about(levels, sounding), lowest, loud)
    near = (levels > np.maximum(about - _CORE_DEPTH_DB, quiet + _CORE_SHARE * (about - quiet))) & sounding
    return _widened(near) & sounding  # a clip cut close has no more of it than one with silence around


def _widened(mask: Mask) -> Mask:
    """`mask` with the frames up to 50 ms around."""
    from scipy.ndimage import maximum_filter1d

    return np.asarray(maximum_filter1d(mask, 2 * round(_CORE_MARGIN_S / FRAME_S) + 1, mode="constant"))


def _loud_about(levels: Floats, sounding: Mask) -> Floats:
    """The loud level of the second before and the second after each frame, dB: power-weighted mean power, as a clip's.

    The softer of the two would serve soft speech right beside loud speech better, and noise worse (docs/decisions.md).
    """
    from scipy.ndimage import uniform_filter1d

    power = np.where(sounding, 10 ** (levels / 10), 0.0)
    frames = 2 * round(_CORE_ABOUT_S / FRAME_S) + 1
    squares, sums = (uniform_filter1d(values, frames, mode="constant") for values in (power**2, power))
    return _decibel(squares / np.maximum(sums, 10 ** (FLOOR_DBFS / 10)))


def trim(samples: npt.NDArray[np.float32], sample_rate: int, margin_s: float = 0.2) -> npt.NDArray[np.float32]:
    """The samples from the first to the last active frame with `margin_s` around them; all of a clip without speech."""
    active = np.flatnonzero(speech_mask(samples, sample_rate))
    if not len(active):
        return samples
    first = int(active[0] * FRAME_S * sample_rate) - round(margin_s * sample_rate)
    last = int((active[-1] + 1) * FRAME_S * sample_rate) + round(margin_s * sample_rate)
    return samples[max(0, first) : last]


def _heard(samples: npt.NDArray[np.float32], sample_rate: int) -> _Heard:
    """Clicks count as digital silence. The loud level is the power-weighted mean power: quiet frames have no influence
    on it."""
    frames = frame_power(samples, sample_rate)
    for click in clicks.find(frames):
        frames[click] = 0.0
    levels, sounding = smoothed_levels(frames), frames > 0
    if not len(samples) or float(np.abs(samples).max()) < SILENT_PEAK:
        return _Heard(levels, sounding, None)
    power = 10 ** (levels[sounding] / 10)
    return _Heard(levels, sounding, float(_decibel(np.sum(power**2) / np.sum(power))))


def _noise_level(levels: Floats, sounding: Mask, loud: float) -> float:
    """Level of the steady noise under the speech, dB; `loud` when there is none. Digital silence is no noise.

    Noise is what the clip never falls below: 0.2 s or more that are steady (under 3 dB of deviation, no drift) and
    near the quietest audible frames. Soft or fading speech fails one of these, so clips cut without a pause keep it.
    """
    frames = round(_NOISE_S / FRAME_S)
    audible = levels[sounding & (levels > loud - _IGNORE_BELOW_DB)]
    if len(levels) < frames or not len(audible):
        return loud
    windows = np.lib.stride_tricks.sliding_window_view(levels, frames)
    means = windows.mean(1)
    quiet = means < np.percentile(audible, 5) + _STEADY_DB
    drift = np.abs(windows[:, : frames // 2].mean(1) - windows[:, frames // 2 :].mean(1))
    whole = np.lib.stride_tricks.sliding_window_view(sounding, frames).all(1)
    steady = whole & (windows.min(1) > loud - _IGNORE_BELOW_DB) & (windows.std(1) < _STEADY_DB) & (drift < _DRIFT_DB)
    return float(np.median(means[quiet & steady])) if (quiet & steady).any() else loud


def segments(mask: Mask) -> list[tuple[float, float]]:
    """(start_s, end_s) of each run of active frames."""
    starts, ends = runs(mask)
    return [(float(a) * FRAME_S, float(b) * FRAME_S) for a, b in zip(starts, ends, strict=True)]


def runs(mask: Mask) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Start and end (exclusive) index of each run of True."""
    steps = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def _without_runs(mask: Mask, value: bool, shorter_than_s: float) -> Mask:
    """Flip the runs of `value` that are too short; gaps at either end of the clip are never bridged."""
    out = mask.copy()
    limit = round(shorter_than_s / FRAME_S)
    for start, end in zip(*runs(mask == value), strict=True):
        inside = value or (start > 0 and end < len(mask))
        if inside and (end - start < limit or (not value and end - start == limit)):
            out[start:end] = not value
    return out


def _decibel(power: npt.ArrayLike) -> Floats:
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10))))
