"""Energy: the level of the active speech, so that pauses and silence around the speech do not count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import loudness
from emotionthinker.prosody.activity import FRAME_S, Floats, Mask, frame_power, smoothed_levels
from emotionthinker.records import Energy

MIN_SPEECH_S = 0.05
_MIN_NOISE_FRAMES = 10
_DIGITAL_SILENCE_DBFS = -95.0
_WINDOW_S = 0.025
_BLOCK_FRAMES = 2000


def measure(samples: npt.NDArray[np.float32], sample_rate: int, speech: Mask, voiced: Mask | None = None) -> Energy:
    """Level of the frames in `speech` (a mask from `activity.speech_mask`), in dBFS (full-scale square wave = 0).

    `dynamic_range_db` is p95 against p10 of the frame levels within speech. `snr_db` compares speech with the
    median frame outside; it is None without at least 0.1 s of sound outside speech (digital silence is no noise).
    `loudness_lufs` asks for 0.2 s from the first to the last speech, `alpha_ratio_db` for 50 ms of `voiced` frames
    (10 ms frames with a pitch) within speech. With under 50 ms of speech all but the peak is None, `reason` silent or
    too_short.
    """
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    peak_dbfs = round(20 * float(np.log10(peak)), 2) if peak > 0 else None
    if speech.sum() * FRAME_S < MIN_SPEECH_S - 1e-9:
        reason = "too_short" if peak > 0 and len(speech) * FRAME_S < MIN_SPEECH_S else "silent"
        return Energy(peak_dbfs=peak_dbfs, reason=reason)
    power = frame_power(samples, sample_rate)
    levels = smoothed_levels(power)
    active = float(power[speech].mean())
    high, low = np.percentile(levels[speech], [95, 10])
    return Energy(
        active_dbfs=round(10 * float(np.log10(active)), 2),
        dynamic_range_db=round(float(high - low), 2),
        snr_db=_snr_db(active, levels, ~speech & (power > 0)),
        peak_dbfs=peak_dbfs,
        loudness_lufs=_rounded(loudness.lufs(samples, sample_rate, speech)),
        alpha_ratio_db=None if voiced is None else _rounded(_alpha_ratio_db(samples, sample_rate, speech & voiced)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _alpha_ratio_db(samples: npt.NDArray[np.float32], sample_rate: int, voiced: Mask) -> float | None:
    """Mean over the frames of the power in 1-5 kHz over that in 50-1000 Hz, dB; None with under 50 ms of `voiced`.

    As alphaRatioV of eGeMAPS (Eyben et al. 2016): a strained or loud voice has the higher value.
    """
    if voiced.sum() * FRAME_S < MIN_SPEECH_S - 1e-9:
        return None
    window = round(_WINDOW_S * sample_rate)
    centres = np.rint((np.flatnonzero(voiced) + 0.5) * FRAME_S * sample_rate).astype(np.intp)
    hertz = np.fft.rfftfreq(window, 1 / sample_rate)
    low, high = (hertz >= 50) & (hertz <= 1000), (hertz > 1000) & (hertz <= 5000)
    taper, ratios = np.hanning(window + 2)[1:-1], []
    for first in range(0, len(centres), _BLOCK_FRAMES):
        at = centres[first : first + _BLOCK_FRAMES, None] + np.arange(window) - window // 2
        inside = (at >= 0) & (at < len(samples))
        power = np.square(np.abs(np.fft.rfft(np.where(inside, samples.take(at, mode="clip"), 0.0) * taper)))
        below, above = power[:, low].sum(1), power[:, high].sum(1)
        both = (below > 0) & (above > 0)
        ratios.append(10 * np.log10(above[both] / below[both]))
    every = np.concatenate(ratios)
    return float(every.mean()) if len(every) else None


def _snr_db(active: float, levels: Floats, pauses: Mask) -> float | None:
    """Active power less the noise in it, over the noise, dB; None when there is no noise to measure."""
    outside = levels[pauses]
    outside = outside[outside > _DIGITAL_SILENCE_DBFS]
    if len(outside) < _MIN_NOISE_FRAMES:
        return None
    noise = 10 ** (float(np.median(outside)) / 10)
    return round(10 * float(np.log10(max(active - noise, noise * 1e-2) / noise)), 1)
