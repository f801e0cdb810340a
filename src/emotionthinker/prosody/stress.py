"""Word and syllable prominence from the sound alone: what stands out in length, loudness and pitch.

The acoustic stand-in for a trained detector: relative to the rest of the utterance, never to other clips. Two sets of
weights. `BY_LENGTH`, the default of `prominence`, rests on length and on the loudness that effort adds up over it,
heard against the neighbours, then on pitch (Kochanski et al. 2005; Sluijter & van Heuven 1996; Tamburini 2003). `EQUAL`
is for words whose length is counted a phone: that cue is weaker, so none leads. Numbers in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import pitch
from emotionthinker.prosody.activity import FRAME_S, frame_levels
from emotionthinker.prosody.rate import WordSpan
from emotionthinker.records import ACOUSTIC, ACOUSTIC_SPREAD, Stress, Word

Floats = npt.NDArray[np.float64]
Span = tuple[float, float] | tuple[float, float, int]

MIN_WORDS = 3
SPAN_SLACK_S = 0.5
"""How far outside the sound a span may reach: labels and decoded sound differ by an encoder's delay."""
MAX_STRESSED, STRETCH_WORDS = 3, 20
"""Most stressed words in each stretch of so many words begun."""
THRESHOLD = 0.8
"""Prominence (mean of z-scores) from which a word counts as stressed."""
FUNCTION_DAMPING = 0.5
FINAL_LENGTHENING = 1.3
"""Divides the length of the last span, which is drawn out whether stressed or not (Wightman et al. 1992)."""
LOUDNESS_POWER = 0.3
"""Loudness grows with this power of the intensity (Stevens 1955)."""
EFFORT_HZ = (800.0, 4000.0)
"""The band that vocal effort lifts most; frication lies above it."""
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


class Cues(NamedTuple):
    """A number for each cue of a span: log length, log of the loudness in `EFFORT_HZ` summed over it (against its
    neighbours), level (dB), level in `EFFORT_HZ` (dB, against its neighbours), highest F0 over the declining baseline
    (st), rise of F0 within the span (st)."""

    length: float
    loudness: float
    level: float
    effort: float
    excursion: float
    rise: float


BY_LENGTH = Cues(length=0.35, loudness=0.3, level=0.0, effort=0.1, excursion=0.15, rise=0.1)
EQUAL = Cues(length=1 / 3, loudness=0.0, level=1 / 3, effort=0.0, excursion=1 / 3, rise=0.0)
LEAST_SPREAD = Cues(length=0.2, loudness=0.2, level=2.0, effort=2.0, excursion=1.5, rise=1.5)
"""Spread between the spans below which differences are not blown up."""


def prominence(
    samples: npt.NDArray[np.float32],
    sample_rate: int,
    spans: Iterable[Span],
    *,
    track: pitch.PitchTrack | None = None,
    weights: Cues = BY_LENGTH,
) -> list[float]:
    """Prominence of each syllable or word: weighted sum of the z-scores of its cues over the utterance's spans.

    `spans` are (start_s, end_s), or (start_s, end_s, phones) where length and loudness count a phone. `track` spares a
    second pitch pass. Zero mean over the spans; zero for fewer than two, or no sound. A cue that a span lacks (such as
    F0) counts as average. Spans may overlap and come in any order; what lies outside the sound is cut off.
    Raises `ValueError` for samples that are not mono, and for a span that is no such numbers, not finite, ends before
    it starts, or reaches over half a second out of the sound.
    """
    if np.ndim(samples) != 1 or sample_rate <= 0:
        raise ValueError(f"samples are {np.shape(samples)} at {sample_rate} Hz; expected mono [n] at a rate over 0")
    spans = _within(spans, len(samples) / sample_rate)
    if len(spans) < 2 or not len(samples) or not np.any(samples):
        return [0.0] * len(spans)
    track = pitch.track(samples, sample_rate) if track is None else track
    levels = frame_levels(samples, sample_rate)
    f0 = pitch.at_frames(pitch.repair_octaves(track), len(levels))
    effort = _effort(samples, sample_rate) if weights.loudness or weights.effort else levels
    measured: tuple[Callable[[], Floats], ...] = (
        lambda: _lengths(spans),
        lambda: _against_neighbours(spans, _loudness(spans, effort)),
        lambda: _peaks(spans, levels),
        lambda: _against_neighbours(spans, _peaks(spans, effort)),
        lambda: _excursions(spans, f0),
        lambda: _rises(spans, f0),
    )
    scores = np.zeros(len(spans))
    for cue, weight, least in zip(measured, weights, LEAST_SPREAD, strict=True):
        scores += weight * _z(cue(), least) if weight else 0.0
    return [round(float(score), 4) for score in scores]


def _within(spans: Iterable[Span], seconds: float) -> list[Span]:
    """The spans, checked, cut to the sound."""
    within: list[Span] = []
    for i, span in enumerate(spans):
        try:
            start, end = float(span[0]), float(span[1])
            phones = int(span[2] or 0) if len(span) > 2 else 0
            whole = len(span) in (2, 3) and (len(span) == 2 or span[2] in (None, phones)) and phones >= 0
        except (TypeError, ValueError, LookupError):
            whole = False
        if not whole:
            raise ValueError(f"span {i} is {span!r}; expected (start_s, end_s), or (start_s, end_s, phones)")
        if not -SPAN_SLACK_S <= start <= end < float("inf") or (seconds and end > seconds + SPAN_SLACK_S):
            raise ValueError(
                f"span {i} is {start:g} to {end:g}; expected seconds, start <= end, within the {seconds:.2f} s of sound"
            )
        within.append((min(max(start, 0.0), seconds), min(max(end, 0.0), seconds), phones))
    return within


def measure(
    samples: npt.NDArray[np.float32],
    sample_rate: int,
    spans: Sequence[WordSpan],
    *,
    track: pitch.PitchTrack | None = None,
    language: str = "en",
) -> Stress:
    """Words with prominence; those that stand out (0 to 3 in 20 words, content words preferred) are `stressed`.

    Too few words to compare (under 3) leave every word unstressed with reason `too_few_words`.
    """
    method = ACOUSTIC if all(span.aligned for span in spans) else ACOUSTIC_SPREAD
    timed = [(s.start_s, s.end_s, s.phones) for s in spans]
    scores = prominence(samples, sample_rate, timed, track=track, weights=EQUAL)
    few = len(spans) < MIN_WORDS
    chosen: set[int] = set() if few else choose(scores, [span.text for span in spans], language)
    words = [
        Word(text=s.text, start_s=s.start_s, end_s=s.end_s, score=score, stressed=i in chosen)
        for i, (s, score) in enumerate(zip(spans, scores, strict=True))
    ]
    return Stress(words=words, method=method, reason="too_few_words" if few else None)


def choose(scores: Sequence[float], texts: Sequence[str], language: str = "en") -> set[int]:
    """Indices of the stressed words: the highest scores over the threshold, positive ones of function words halved.

    At most 3 for each 20 words begun.
    """
    function = FUNCTION_WORDS.get(language, frozenset())
    weighed = [
        score * FUNCTION_DAMPING if score > 0 and text.lower() in function else score
        for score, text in zip(scores, texts, strict=True)
    ]
    ranked = sorted(range(len(weighed)), key=lambda i: -weighed[i])
    most = MAX_STRESSED * -(-len(weighed) // STRETCH_WORDS)
    return {i for i in ranked[:most] if weighed[i] >= THRESHOLD}


def _z(values: Floats, least: float) -> Floats:
    """z-scores, the deviation no smaller than `least`; where a cue is missing (NaN) the span counts as average."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return np.zeros(len(values))
    return np.asarray(np.nan_to_num((values - known.mean()) / max(float(known.std()), least), nan=0.0))


def _lengths(spans: Sequence[Span]) -> Floats:
    """log length, a phone where phones are given: a short word's phones are no shorter for being few.

    No length is under a frame: a mark of no length would make all others look alike.
    """
    last = max(span[1] for span in spans)
    lengths = [max(span[1] - span[0], FRAME_S) / _phones(span) for span in spans]
    drawn_out = [span[1] == last for span in spans]
    return np.asarray(np.log(np.where(drawn_out, np.divide(lengths, FINAL_LENGTHENING), lengths)))


def _phones(span: Span) -> int:
    return span[2] if len(span) > 2 and span[2] else 1


def _excursions(spans: Sequence[Span], f0: Floats) -> Floats:
    """Highest F0 (p95) of each span in semitones over the utterance's declining baseline; NaN where unvoiced."""
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


def _rises(spans: Sequence[Span], f0: Floats) -> Floats:
    """Semitones from the first voiced frame of each span up to its highest F0; NaN where unvoiced."""
    out = np.full(len(spans), np.nan)
    for i, span in enumerate(spans):
        inside = f0[_frames(span, len(f0))]
        inside = inside[inside > 0]
        if len(inside) >= 3:
            out[i] = pitch.semitones(np.percentile(inside, 95), float(inside[0]))
    return out


def _effort(samples: npt.NDArray[np.float32], sample_rate: int) -> Floats:
    """Frame levels of the `EFFORT_HZ` band, dB."""
    from scipy.signal import butter, sosfilt

    low, high = EFFORT_HZ
    sections = butter(2, (low, min(high, 0.45 * sample_rate)), "bandpass", fs=sample_rate, output="sos")
    return frame_levels(np.asarray(sosfilt(sections, samples), np.float32), sample_rate)


def _loudness(spans: Sequence[Span], levels: Floats) -> Floats:
    """log of the loudness of each span's frames, added up, a phone where phones are given."""
    loudness = 10 ** (levels / 10 * LOUDNESS_POWER)
    sums = [loudness[_frames(span, len(levels))].sum() / _phones(span) for span in spans]
    return np.log(np.maximum(sums, 1e-6))


def _against_neighbours(spans: Sequence[Span], values: Floats) -> Floats:
    """What each span has more than the mean of the span before and the span after it: stress alternates, and loudness
    declines over an utterance."""
    _, first, place = np.unique([span[:2] for span in spans], axis=0, return_index=True, return_inverse=True)
    ordered = values[first]
    beside = np.pad(ordered, 1, constant_values=np.nan)
    around = np.stack([beside[:-2], beside[2:]])
    known = np.isfinite(around)
    means = np.where(known, around, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return np.asarray((ordered - means)[place.ravel()])


def _peaks(spans: Sequence[Span], levels: Floats) -> Floats:
    """p90 of the frame levels of each span, dB."""
    parts = [levels[_frames(span, len(levels))] for span in spans]
    return np.asarray([np.percentile(part, 90) if len(part) else np.nan for part in parts])


def _frames(span: Span, frames: int) -> slice:
    start = min(round(span[0] / FRAME_S), max(0, frames - 1))
    return slice(start, max(start + 1, round(span[1] / FRAME_S)))
