"""Word stress from the sound alone: which words stand out in length, pitch and loudness.

The acoustic stand-in for a trained detector: relative to the other words of the utterance, never to other clips.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import pitch
from emotionthinker.prosody.activity import FRAME_S, frame_levels
from emotionthinker.prosody.rate import WordSpan
from emotionthinker.records import Stress, Word

Floats = npt.NDArray[np.float64]
Span = tuple[float, float] | tuple[float, float, int]

METHOD, METHOD_SPREAD = "acoustic", "acoustic (words placed by length, not aligned)"
MIN_WORDS = 3
MAX_STRESSED = 3
THRESHOLD = 0.8
"""Prominence (mean of three z-scores) from which a word counts as stressed."""
LEAST_SPREAD = (0.2, 1.5, 2.0)
"""Spread between the words of log length, F0 (st) and level (dB) below which differences are not blown up."""
FUNCTION_DAMPING = 0.5
FINAL_LENGTHENING = 1.3
"""Divides the length of the last word, which is drawn out whether stressed or not."""
FUNCTION_WORDS = {
    "en": frozenset(
        "a an the and or but if of to in on at by for from with as than that this these those it its it's i i'm you "
        "he she we they me him her us them my your his our their is am are was were be been being do does did have has "
        "had will would can could shall should may might must there so".split()
    ),
    "de": frozenset(
        "der die das den dem des ein eine einen einem einer eines und oder aber wenn von zu zum zur in im ins an am "
        "auf aus bei mit als wie dass es ich du er sie wir ihr mich dich ihn uns sich mein dein sein ist bin bist sind "
        "war waren wird werden hat habe haben da".split()
    ),
}


def prominence(
    samples: npt.NDArray[np.float32],
    sample_rate: int,
    spans: Sequence[Span],
    *,
    track: pitch.PitchTrack | None = None,
) -> list[float]:
    """Prominence of each word: mean z-score of length a phone, F0 excursion and loudness over the utterance's words.

    `spans` are (start_s, end_s) or (start_s, end_s, phones). `track` spares a second pitch pass. Zero mean over the
    words; zero for fewer than two words.
    """
    if len(spans) < 2:
        return [0.0] * len(spans)
    track = pitch.track(samples, sample_rate) if track is None else track
    levels = frame_levels(samples, sample_rate)
    f0 = pitch.at_frames(pitch.repair_octaves(track), len(levels))
    measured = _lengths(spans), _excursions(spans, f0), _loudness(spans, levels)
    cues = np.stack([_z(cue, least) for cue, least in zip(measured, LEAST_SPREAD, strict=True)])
    return [round(float(score), 4) for score in cues.mean(axis=0)]


def measure(
    samples: npt.NDArray[np.float32],
    sample_rate: int,
    spans: Sequence[WordSpan],
    *,
    track: pitch.PitchTrack | None = None,
    language: str = "en",
) -> Stress:
    """Words with prominence; those that stand out (0 to 3, content words preferred) are `stressed`.

    Too few words to compare (under 3) leave every word unstressed with reason `too_few_words`.
    """
    method = METHOD if all(span.aligned for span in spans) else METHOD_SPREAD
    scores = prominence(samples, sample_rate, [(s.start_s, s.end_s, s.phones) for s in spans], track=track)
    few = len(spans) < MIN_WORDS
    chosen: set[int] = set() if few else choose(scores, [span.text for span in spans], language)
    words = [
        Word(text=s.text, start_s=s.start_s, end_s=s.end_s, score=score, stressed=i in chosen)
        for i, (s, score) in enumerate(zip(spans, scores, strict=True))
    ]
    return Stress(words=words, method=method, reason="too_few_words" if few else None)


def choose(scores: Sequence[float], texts: Sequence[str], language: str = "en") -> set[int]:
    """Indices of the stressed words: score over the threshold, positive scores of function words halved, at most 3."""
    function = FUNCTION_WORDS.get(language, frozenset())
    weighed = [
        score * FUNCTION_DAMPING if score > 0 and text.lower() in function else score
        for score, text in zip(scores, texts, strict=True)
    ]
    ranked = sorted(range(len(weighed)), key=lambda i: -weighed[i])
    return {i for i in ranked[:MAX_STRESSED] if weighed[i] >= THRESHOLD}


def _z(values: Floats, least: float) -> Floats:
    """z-scores, the deviation no smaller than `least`; where a cue is missing (NaN) the word counts as average."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return np.zeros(len(values))
    return np.asarray(np.nan_to_num((values - known.mean()) / max(float(known.std()), least), nan=0.0))


def _lengths(spans: Sequence[Span]) -> Floats:
    """log length a phone; a short word's phones are no shorter for being few."""
    lengths = [(s[1] - s[0]) / (s[2] if len(s) > 2 and s[2] else 1) for s in spans]
    lengths[-1] /= FINAL_LENGTHENING
    return np.asarray(np.log(np.maximum(lengths, 1e-3)))


def _excursions(spans: Sequence[Span], f0: Floats) -> Floats:
    """Highest F0 (p95) of each word in semitones over the utterance's declining baseline; NaN where unvoiced."""
    voiced = np.flatnonzero(f0 > 0)
    out = np.full(len(spans), np.nan)
    if len(voiced) < 5:
        return out
    y = np.zeros(len(f0))
    y[voiced] = pitch.semitones(f0[voiced], float(np.median(f0[voiced])))
    slope, offset = np.polyfit(voiced, y[voiced], 1) if np.ptp(voiced) else (0.0, 0.0)
    y -= min(slope, 0.0) * np.arange(len(f0)) + (offset if slope < 0 else 0.0)
    for i, span in enumerate(spans):
        inside = y[_frames(span, len(f0))][f0[_frames(span, len(f0))] > 0]
        if len(inside) >= 3:
            out[i] = np.percentile(inside, 95)
    return out


def _loudness(spans: Sequence[Span], levels: Floats) -> Floats:
    """p90 of the frame levels of each word, dB."""
    parts = [levels[_frames(span, len(levels))] for span in spans]
    return np.asarray([np.percentile(part, 90) if len(part) else np.nan for part in parts])


def _frames(span: Span, frames: int) -> slice:
    start = min(round(span[0] / FRAME_S), max(0, frames - 1))
    return slice(start, max(start + 1, round(span[1] / FRAME_S)))
