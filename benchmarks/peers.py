"""The methods that `annotation.py` compares: ours, and what others measure pitch, energy and rate with.

Peers are imported when they are made; one that is missing is an `ImportError`, and `PIP` says how to get it. Each is
written from its description, with its own parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker import audio
from emotionthinker.prosody import activity, energy, intonation, pitch, rate, words

PIP = {
    "librosa": "pip install librosa",
    "parselmouth": "pip install praat-parselmouth  # GPL",
    "opensmile": "pip install opensmile  # not for commercial use",
}
RATE = audio.SAMPLE_RATE


@dataclass
class Heard:
    """What a method found in one file: numbers for the labels, and the F0 track (seconds, Hz, 0 = unvoiced)."""

    pitch_hz: float | None
    energy: float | None
    times_s: np.ndarray
    f0_hz: np.ndarray
    state: Any = None


def _pace_of_nothing(heard: Heard, text: str | None, language: str | None) -> float | None:
    return None


@dataclass
class Method:
    """`hear` a file, then its `pace` (from what was heard, the text and its language); `bins` of the labels."""

    name: str
    hear: Callable[[Path], Heard]
    pace: Callable[[Heard, str | None, str | None], float | None] = _pace_of_nothing
    bins: str = "tertiles"
    track: Callable[[Path], Heard] | None = None
    """Gives the F0 track where `hear` gives none."""


def phones_of(text: str | None, language: str | None) -> int | None:
    """Phones of the text by our dictionary and rules: the same for every method that counts phones."""
    counts = words.count(words.read(text, language), language) if text else []
    return sum(counts) or None


def ours(backend: str) -> Method:
    """`annotate` without recogniser, speaker and stress: load, activity, F0, pitch, energy, intonation; rate."""

    def hear(path: Path) -> Heard:
        samples, rate_hz = audio.load(path)
        samples, skipped_s = activity.prepared(samples, rate_hz)
        samples, _ = activity.without_clicks(samples, rate_hz)
        active = activity.measure(samples, rate_hz)
        track = pitch.track(samples, rate_hz, backend)
        voiced = pitch.at_frames(track, len(active.levels)) > 0
        levels, speech, core = active.without_steady(voiced)
        found = pitch.measure(track, speech)
        level = energy.measure(samples, rate_hz, speech, voiced).active_dbfs
        intonation.measure(track, speech, levels)
        repaired = pitch.repair_octaves(track)
        median = found.median_hz if found.reliable else None
        return Heard(median, level, repaired.times_s + skipped_s, repaired.f0_hz, (samples, speech, core))

    def pace(heard: Heard, text: str | None, language: str | None) -> float | None:
        samples, speech, core = heard.state
        return rate.measure(samples, RATE, speech, text, language, core)[0].articulation

    return Method(f"ours, `{backend}`", hear, pace)


def authors() -> Method:
    """The recipe of the EmotionThinker repository: pYIN twice, level and phones a second over a percentile VAD."""
    import librosa

    def pyin(samples: np.ndarray, low: float, high: float) -> np.ndarray:
        f0, _, _ = librosa.pyin(samples, fmin=low, fmax=high, sr=RATE, frame_length=1024, hop_length=160)
        return np.nan_to_num(f0)

    def hear(path: Path) -> Heard:
        samples, _ = librosa.load(path, sr=RATE)
        f0 = pyin(samples, 55.0, 500.0)
        if (f0 > 0).any():
            median = float(np.median(f0[f0 > 0]))
            f0 = _octaves(pyin(samples, max(55.0, 0.6 * median), min(500.0, 2.0 * median)))
        power, speech = _percentile_vad(samples)
        frames = min(len(f0), len(speech))
        voiced = f0[:frames][speech[:frames] & (f0[:frames] > 0)]
        reliable = len(voiced) >= 25 and len(voiced) >= 0.2 * speech.sum()
        level = 10 * float(np.log10(power[speech].mean())) if speech.any() else None
        median_hz = float(np.median(voiced)) if reliable else None
        return Heard(median_hz, level, np.arange(len(f0)) * 0.01, f0, float(speech.sum()) * 0.01)

    def pace(heard: Heard, text: str | None, language: str | None) -> float | None:
        phones = phones_of(text, language)
        return phones / heard.state if phones and heard.state else None

    return Method("the authors' recipe (pYIN twice)", hear, pace)


def _octaves(f0: np.ndarray) -> np.ndarray:
    """Frames moved by an octave: first to the 9-frame median (gain over 6 st), then to the whole (off by over 9 st)."""
    from scipy.ndimage import median_filter

    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return f0
    st = 12 * np.log2(f0[voiced])
    away = st - median_filter(st, 9, mode="nearest")
    move = -12 * np.sign(away)
    st = np.where(np.abs(away) - np.abs(away + move) > 6, st + move, st)
    away = st - np.median(st)
    move = -12 * np.sign(away)
    st = np.where((np.abs(away) > 9) & (np.abs(away + move) <= 6), st + move, st)
    out = f0.copy()
    out[voiced] = 2 ** (st / 12)
    return out


def _percentile_vad(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(power, speech) of 25 ms frames every 10 ms: over p95 - 35 dB, and p5 + 6 dB where the range exceeds 20 dB."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples.astype(float), 200), 400)[::160]
    power = (frames**2).mean(1)
    level = 10 * np.log10(power + 1e-12)
    low, high = np.percentile(level, [5, 95])
    threshold = max(high - 35, low + 6) if high - low > 20 else high - 35
    speech = level > min(threshold, high - 15)
    for value, shortest in ((False, 6), (True, 5)):
        for start, end in zip(*activity.runs(speech == value), strict=True):
            if end - start < shortest and (value or (start > 0 and end < len(speech))):
                speech[start:end] = not value
    return power, speech


def praat() -> Method:
    """Praat: autocorrelation 60 to 600 Hz, mean intensity of the sound; it has no rate of its own."""
    import parselmouth

    def hear(path: Path) -> Heard:
        sound = parselmouth.Sound(str(path)).convert_to_mono()
        track = sound.to_pitch_ac(time_step=0.01, pitch_floor=60.0, pitch_ceiling=600.0)
        f0 = track.selected_array["frequency"]
        median = float(np.median(f0[f0 > 0])) if (f0 > 0).any() else None
        return Heard(median, float(sound.get_intensity()), track.xs(), f0)

    return Method("Praat (AC; mean intensity)", hear)


def opensmile() -> Method:
    """openSMILE eGeMAPSv02: median F0, mean loudness, voiced segments a second."""
    import opensmile as smile

    functionals = smile.Smile(smile.FeatureSet.eGeMAPSv02, smile.FeatureLevel.Functionals, mixdown=True)
    frames = smile.Smile(smile.FeatureSet.eGeMAPSv02, smile.FeatureLevel.LowLevelDescriptors, mixdown=True)
    f0_name = "F0semitoneFrom27.5Hz_sma3nz"

    def hear(path: Path) -> Heard:
        row = functionals.process_file(str(path)).iloc[0]
        median, loudness = float(row[f"{f0_name}_percentile50.0"]), float(row["loudness_sma3_amean"])
        hz = 27.5 * 2 ** (median / 12) if median > 0 else None
        return Heard(hz, loudness, np.zeros(0), np.zeros(0), float(row["VoicedSegmentsPerSec"]))

    def track(path: Path) -> Heard:
        table = frames.process_file(str(path))
        st = table[f0_name].to_numpy(float)
        times = table.index.get_level_values("start").total_seconds().to_numpy() + OPENSMILE_CENTRE_S
        return Heard(None, None, times, np.where(st > 0, 27.5 * 2 ** (st / 12), 0.0))

    return Method("openSMILE eGeMAPSv02", hear, lambda heard, text, language: heard.state, track=track)


OPENSMILE_CENTRE_S = 0.03
"""Its F0 frames are 60 ms long and named by their start."""


def dataspeech() -> Method:
    """As dataspeech does: mean F0 with unvoiced frames interpolated, phones over the whole duration, equal-width bins.

    Its tracker penn does not run with this torch; F0 comes from Praat, or pYIN (one pass) where Praat is missing.
    """
    try:
        track, source = praat().hear, "Praat"
    except ImportError:
        track, source = _pyin_once(), "pYIN"

    def hear(path: Path) -> Heard:
        heard = track(path)
        times, voiced = heard.times_s, heard.f0_hz > 0
        mean = float(np.interp(times, times[voiced], heard.f0_hz[voiced]).mean()) if voiced.any() else None
        samples, rate_hz = audio.load(path)
        return Heard(mean, None, heard.times_s, heard.f0_hz, len(samples) / rate_hz)

    def pace(heard: Heard, text: str | None, language: str | None) -> float | None:
        phones = phones_of(text, language)
        return phones / heard.state if phones else None

    return Method(f"dataspeech-style (F0: {source}, not penn)", hear, pace, bins="equal width")


def _pyin_once() -> Callable[[Path], Heard]:
    import librosa

    def hear(path: Path) -> Heard:
        samples, _ = librosa.load(path, sr=RATE)
        f0, _, _ = librosa.pyin(samples, fmin=55.0, fmax=500.0, sr=RATE, frame_length=1024, hop_length=160)
        return Heard(None, None, np.arange(len(f0)) * 0.01, np.nan_to_num(f0))

    return hear


PEERS: tuple[tuple[str, Callable[[], Method], str], ...] = (
    ("the authors' recipe (pYIN twice)", authors, "librosa"),
    ("Praat (AC; mean intensity)", praat, "parselmouth"),
    ("openSMILE eGeMAPSv02", opensmile, "opensmile"),
    ("dataspeech-style", dataspeech, "parselmouth"),
)
