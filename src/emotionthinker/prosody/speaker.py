"""Speaker traits: gender as given, else from long-term features of the voice, with confidence and abstention.

The stand-in for a trained network: a logistic regression over pitch, formants and the spectral envelope of the voiced
frames, gain-free, fitted by `python -m emotionthinker.prosody.speaker_fit`. Pitch alone fails on acted speech (angry
men speak at 195 Hz). Age has no defensible estimate from such features: it stays None.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionthinker.audio import resampled
from emotionthinker.prosody import pitch
from emotionthinker.prosody.activity import FRAME_S, Mask
from emotionthinker.records import Speaker

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

METHOD = "logistic regression on voice features"
LICENCE = "Apache-2.0; fitted on CREMA-D (ODbL), EmoDB (CC BY 4.0), LibriSpeech (CC BY 4.0), LJ Speech (public domain)"
"""Terms of the fallback, and of the speech it was fitted on: no corpus with non-commercial terms is among them."""
NO_AGE = "no_age_model"
MIN_VOICED_FRAMES = 25
_MAX_FRAMES = 200
_BANDS = 24
_CEPSTRA = 12
_FORMANT_RATE = 10_000
_FORMANTS = 4
_LPC_ORDER = 11

FEATURES = (
    "f0_median_st", "f0_p5_st", "f0_p95_st", "f0_sd_st",
    *(f"formant_{i}_log_hz" for i in range(1, _FORMANTS + 1)), "formant_spacing_log_hz",
    *(f"cepstrum_{i}_mean" for i in range(1, _CEPSTRA + 1)), *(f"cepstrum_{i}_sd" for i in range(1, _CEPSTRA + 1)),
)  # fmt: skip
"""Names of what `features` returns, in order; semitones re 100 Hz."""


def measure(
    samples: Samples, sample_rate: int, track: pitch.PitchTrack, speech: Mask, gender: str | None = None
) -> Speaker:
    """Gender with confidence 0..1. A given one wins (method `given`); age is always None with reason no_age_model.

    Without `gender` the fallback answers, or abstains (None, its confidence kept) with reason uncertain below the
    fitted threshold, unvoiced below 0.25 s of voicing.
    """
    if gender is not None:
        return given(gender)
    vector = features(samples, sample_rate, track, speech)
    if vector is None:
        return Speaker(reason=f"gender: unvoiced; age: {NO_AGE}")
    return judged(probability_female(vector, _model()))


def given(gender: str) -> Speaker:
    """The traits of a speaker whose gender is known."""
    return Speaker(gender=gender, gender_confidence=1.0, gender_method="given", reason=f"age: {NO_AGE}")


def judged(share: float, method: str = METHOD, clips: int | None = None) -> Speaker:
    """The traits that P(female) of the fallback stands for: a gender, or None below the fitted threshold."""
    confidence = max(share, 1.0 - share)
    sure = confidence >= sure_from()
    return Speaker(
        gender=("female" if share >= 0.5 else "male") if sure else None,
        gender_confidence=round(confidence, 3),
        gender_method=method,
        female_probability=round(share, 4),
        clips=clips,
        licence=LICENCE,
        reason=f"age: {NO_AGE}" if sure else f"gender: uncertain; age: {NO_AGE}",
    )


def sure_from() -> float:
    """The confidence from which the fallback answers, 0.5..0.95, as fitted."""
    return float(_model()["abstain_below"])


def probability_female(vector: Floats, model: dict[str, Any]) -> float:
    """P(female) of one feature vector by the fitted coefficients."""
    z = (vector - np.asarray(model["mean"])) / np.asarray(model["scale"])
    return float(1.0 / (1.0 + np.exp(-np.clip(z @ np.asarray(model["weights"]) + model["bias"], -30, 30))))


def features(samples: Samples, sample_rate: int, track: pitch.PitchTrack, speech: Mask) -> Floats | None:
    """Long-term features of the voice [len(FEATURES)], free of gain; None below 0.25 s of voicing within `speech`."""
    f0 = np.where(speech, pitch.at_frames(pitch.repair_octaves(track), len(speech)), 0.0)
    voiced = np.flatnonzero(f0 > 0)
    if len(voiced) < MIN_VOICED_FRAMES:
        return None
    st = pitch.semitones(f0[voiced], 100.0)
    chosen = voiced[np.linspace(0, len(voiced) - 1, min(_MAX_FRAMES, len(voiced))).astype(int)]
    centres = (chosen + 0.5) * FRAME_S
    cepstra = _cepstra(_frames(samples, sample_rate, centres), sample_rate)
    formants = _formants(samples, sample_rate, centres)
    return np.concatenate(
        [
            [np.median(st), np.percentile(st, 5), np.percentile(st, 95), st.std()],
            np.log(formants),
            [np.log(np.diff(formants).mean())],
            cepstra.mean(axis=0),
            cepstra.std(axis=0),
        ]
    )


def _frames(samples: Samples, sample_rate: int, centres_s: Floats) -> Floats:
    """Pre-emphasised, windowed 32 ms frames around the centres, [frames, n], each at unit energy."""
    n = round(0.032 * sample_rate)
    padded = np.pad(samples, n + 1).astype(np.float64)  # before the emphasis: a clip's end is an edge like any other
    emphasised = padded[1:] - 0.97 * padded[:-1]
    starts = np.clip(np.rint(centres_s * sample_rate).astype(int) - n // 2 + n, 0, len(emphasised) - n)
    frames = emphasised[starts[:, None] + np.arange(n)] * np.hamming(n)
    return np.asarray(frames / np.sqrt(np.maximum((frames**2).sum(axis=1, keepdims=True), 1e-20)))


def _cepstra(frames: Floats, sample_rate: int) -> Floats:
    """Mel cepstra 1.._CEPSTRA (no energy term), [frames, _CEPSTRA]."""
    from scipy.fft import dct

    power = np.abs(np.fft.rfft(frames, 512 if sample_rate <= 16_000 else 2048)) ** 2
    bank = _mel_bank(power.shape[1], sample_rate)
    return np.asarray(dct(np.log(power @ bank.T + 1e-8), norm="ortho")[:, 1 : _CEPSTRA + 1])


@functools.lru_cache(maxsize=4)
def _mel_bank(bins: int, sample_rate: int) -> Floats:
    """Triangular mel filters from 80 to 7600 Hz, [_BANDS, bins]."""
    top = 2595 * np.log10(1 + min(7600, 0.48 * sample_rate) / 700)
    edges = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 80 / 700), top, _BANDS + 2) / 2595) - 1)
    hz = np.linspace(0, sample_rate / 2, bins)
    rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.clip(np.minimum(rise, fall), 0, None))


def _formants(samples: Samples, sample_rate: int, centres_s: Floats) -> Floats:
    """Median frequencies of the first four resonances (Hz) by linear prediction at 10 kHz, [4]."""
    frames = _frames(resampled(samples, sample_rate, _FORMANT_RATE), _FORMANT_RATE, centres_s)
    spectrum = np.abs(np.fft.rfft(frames, 1024)) ** 2
    auto = np.fft.irfft(spectrum)[:, : _LPC_ORDER + 1]
    auto[:, 0] *= 1.0 + 1e-6
    lags = np.abs(np.arange(_LPC_ORDER)[:, None] - np.arange(_LPC_ORDER))
    coefficients = np.linalg.solve(auto[:, lags] + 1e-9 * np.eye(_LPC_ORDER), auto[:, 1:, None])[..., 0]
    companion = np.zeros((len(frames), _LPC_ORDER, _LPC_ORDER))
    companion[:, 0] = coefficients
    companion[:, np.arange(1, _LPC_ORDER), np.arange(_LPC_ORDER - 1)] = 1.0
    roots = np.linalg.eigvals(companion)
    hz = np.angle(roots) * _FORMANT_RATE / (2 * np.pi)
    narrow = np.abs(roots) > np.exp(-np.pi * 700 / _FORMANT_RATE)
    hz = np.sort(np.where((hz > 90) & (hz < 4800) & narrow, hz, np.inf), axis=1)[:, :_FORMANTS]
    whole = hz[np.isfinite(hz).all(axis=1)]
    return np.median(whole, axis=0) if len(whole) >= 5 else np.array([500.0, 1500.0, 2500.0, 3500.0])


@functools.lru_cache(maxsize=1)
def _model() -> dict[str, Any]:
    text = (resources.files("emotionthinker.prosody") / "calibrations" / "gender.json").read_text(encoding="utf-8")
    model: dict[str, Any] = json.loads(text)
    return model
