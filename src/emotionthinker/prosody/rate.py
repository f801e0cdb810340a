"""Speaking rate in phones a second, and where the words lie.

Best evidence first: forced alignment (English, pocketsphinx), else phones of the text over the speech time, else
syllable nuclei of the energy envelope over the speech time. `Rate.method` always says which one it was. Each of these
times is balanced by that of the speech's core (`activity.core_mask`), which noise hardly touches.
"""

from __future__ import annotations

import functools
import math
import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.audio import resampled
from emotionthinker.prosody import energy
from emotionthinker.prosody import words as wording
from emotionthinker.prosody.activity import FRAME_S, Mask, core_mask, frame_levels, frame_power, runs
from emotionthinker.prosody.f0 import sounding
from emotionthinker.prosody.words import SpokenWord
from emotionthinker.records import Rate

Samples = npt.NDArray[np.float32]

ALIGNMENT, DICTIONARY, LETTERS, NUCLEI = "alignment", "dictionary+vad", "letters+vad", "nuclei+vad"
PHONES_A_NUCLEUS = 2.45
"""Phones for each detected nucleus: aligned phones over nuclei of 150 English clips (7 syllables each, off by 1.1)."""
MIN_NUCLEI = 2
"""A tone or steady noise has one as well."""
MIN_RANGE_DB = 6.0
"""p95 against p10 of the levels of speech, at least: tones and noise reach 5 dB, one clip of speech in 400 has 7.5."""
MIN_SPEECH_S = 0.15
MIN_PAUSE_S = 0.3
MAX_ALIGNED_S = 90.0
MAX_PHONES_A_SECOND = 28.0
"""A faster text cannot have been spoken (an aligned phone lasts at least 30 ms): it belongs to other sound."""
MOST_NUCLEI_A_TEXT, SPARE_NUCLEI = 3.0, 2
"""A text is not all that was said where so many times its syllables, and two more, are heard: of 700 real clips the
syllables heard are 2.8 times those of the text at most."""
_ALIGNER_RATE = 16_000
_PAD_S = 0.25
_NOISE_AMPLITUDE = 10.0
_ONSET_S, _CODA_S = 0.1, 0.2
"""How far soft sounds of the first and last word may reach beyond the core of the speech."""
_MIN_COVERAGE = 0.4
_MIN_IN_SPEECH = 0.4
_WHOLE = 0.9
"""An alignment that takes up less of the speech time has probably lost words to silence and is tried again."""
_WIDE = {"bestpath": False, "beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60}
"""Wider beams and no search of the word lattice, which fails where its end lies beside the last frame."""
_ATTEMPTS = ((False, 0), (False, 1), (True, 0))
"""Wide or not, and the noise added. Chosen on one half of the speakers by benchmarks/rate.py."""


class WordSpan(NamedTuple):
    """A word of the text with its place (seconds), number of phones, and whether an aligner found it."""

    text: str
    start_s: float
    end_s: float
    phones: int
    aligned: bool


class Alignment(NamedTuple):
    """Words in order, their phones, the time the phones take and the time from the first to the last (seconds)."""

    words: list[WordSpan]
    phones: int
    phone_s: float
    whole_s: float


def measure(
    samples: Samples,
    sample_rate: int,
    speech: Mask,
    text: str | None = None,
    language: str | None = "en",
    core: Mask | None = None,
) -> tuple[Rate, list[WordSpan]]:
    """Articulation rate (pauses out) and speaking rate (pauses in), phones a second, and the spans of the words.

    `speech` is the 10 ms mask of `activity.speech_mask`, `core` that of `core_mask` (found here if it is not given).
    Without text there are no spans. Without enough speech all is None and `reason` says silent, too_short or
    too_few_syllables. A text with more phones than could be said, or with hardly any of the syllables that are heard,
    is not used unless it can be aligned: syllables are counted instead, with reason implausible_text.
    """
    speech_s = float(_without_short_gaps(speech).sum()) * FRAME_S
    if speech_s < MIN_SPEECH_S:
        short = speech.any() or (samples.any() and len(speech) * FRAME_S < energy.MIN_SPEECH_S)
        return Rate(reason="too_short" if short else "silent"), []
    said = wording.read(text, language) if text else []
    counts = wording.count(said, language)
    english = wording.primary(language) == "en"
    core = core_mask(samples, sample_rate) if core is None else core
    if said and all(counts) and english and (found := align(samples, sample_rate, said, speech)):
        return _of_alignment(found, core), found.words
    nuclei = syllable_nuclei(samples, sample_rate, speech)
    lacking = all(counts) and len(nuclei) - SPARE_NUCLEI > MOST_NUCLEI_A_TEXT * sum(counts) / PHONES_A_NUCLEUS
    implausible = bool(said) and (lacking or sum(counts) > MAX_PHONES_A_SECOND * speech_s)
    if said and all(counts) and not implausible:
        rate = _over_speech(sum(counts), speech, core, DICTIONARY if english else LETTERS)
        return rate, spread(said, counts, speech)
    quieter, louder = np.percentile(frame_levels(samples, sample_rate)[speech], [10, 95])
    if len(nuclei) < MIN_NUCLEI or louder - quieter < MIN_RANGE_DB:
        return Rate(reason="too_few_syllables"), []
    rate = _over_speech(round(len(nuclei) * PHONES_A_NUCLEUS), speech, core, NUCLEI)
    if implausible:
        return rate.model_copy(update={"reason": "implausible_text"}), []
    return rate, spread(said, [len(word.text) for word in said], speech)


def _of_alignment(found: Alignment, core: Mask) -> Rate:
    """Rates of the words held to the core of the speech: an aligner gives the outer ones the noise beside them."""
    frames = np.flatnonzero(core)
    first, last = frames[0] * FRAME_S - _ONSET_S, (frames[-1] + 1) * FRAME_S + _CODA_S
    held_s = math.fsum(max(0.0, min(word.end_s, last) - max(word.start_s, first)) for word in found.words)
    return _rates(found.phones, held_s or found.phone_s, found.whole_s, core, ALIGNMENT)


def _over_speech(phones: int, speech: Mask, core: Mask, method: str) -> Rate:
    active = np.flatnonzero(_without_short_gaps(speech))
    return _rates(phones, len(active) * FRAME_S, float(active[-1] + 1 - active[0]) * FRAME_S, core, method)


def _rates(phones: int, speech_s: float, whole_s: float, core: Mask, method: str) -> Rate:
    """Phones over the geometric mean of `speech_s` and the time of the core, and over `whole_s` with its pauses.

    Two estimates of one time whose errors are of different kinds: soft sounds and noise move one and hardly the other.
    """
    spoken_s = min(math.sqrt(speech_s * float(core.sum()) * FRAME_S), whole_s)
    return Rate(
        articulation=round(phones / spoken_s, 3), speaking=round(phones / whole_s, 3), phones=phones, method=method
    )


def _without_short_gaps(speech: Mask) -> Mask:
    """Gaps under 0.3 s belong to the articulation (closures, quiet phones); only longer ones are pauses."""
    whole = speech.copy()
    starts, ends = runs(~speech)
    for start, end in zip(starts, ends, strict=True):
        if start > 0 and end < len(speech) and end - start < round(MIN_PAUSE_S / FRAME_S):
            whole[start:end] = True
    return whole


def _believable(found: Alignment, speech: Mask) -> bool:
    """True when words and speech lie on enough of each other and the words could be said in their time.

    A text of other sound is squeezed into a corner of the speech, or spread over silence.
    """
    inside = np.zeros(len(speech), bool)
    for word in found.words:
        inside[round(word.start_s / FRAME_S) : round(word.end_s / FRAME_S)] = True
    both = float((inside & _without_short_gaps(speech)).sum())
    covered = float((inside & speech).sum()) >= _MIN_COVERAGE * float(speech.sum())
    spoken = found.phones <= MAX_PHONES_A_SECOND * found.phone_s
    return covered and spoken and both >= _MIN_IN_SPEECH * float(inside.sum())


def spread(said: list[SpokenWord], weights: list[int], speech: Mask) -> list[WordSpan]:
    """Spans by share: the speech frames dealt out to the words in proportion to `weights` (no aligner)."""
    active = np.flatnonzero(speech)
    total = sum(weights)
    if not said or not total or len(active) < len(said):
        return []
    edges = np.rint(np.cumsum([0, *weights]) / total * len(active)).astype(int)
    spans = []
    for word, weight, start, end in zip(said, weights, edges[:-1], edges[1:], strict=True):
        first, last = active[min(start, len(active) - 1)], active[max(start, end - 1)]
        spans.append(WordSpan(word.text, float(first) * FRAME_S, float(last + 1) * FRAME_S, weight, aligned=False))
    return spans


def syllable_nuclei(samples: Samples, sample_rate: int, speech: Mask) -> npt.NDArray[np.float64]:
    """Times (seconds) of syllable nuclei: peaks of the 400-2500 Hz envelope that stand out by 1.5 dB, in speech."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import butter, find_peaks, sosfilt

    top = min(2500.0, 0.45 * sample_rate)
    band = sosfilt(butter(2, (400.0, top), "bandpass", fs=sample_rate, output="sos"), samples)
    power = frame_power(np.asarray(band, np.float32), sample_rate)
    if not speech.any():
        return np.zeros(0)
    beyond = 8  # frames of silence on either side, as a clip with silence around it has
    level = gaussian_filter1d(np.pad(10 * np.log10(power + 1e-12), beyond, constant_values=-120.0), 1.5)
    floor = float(np.percentile(level[beyond:-beyond][speech], 95)) - 25.0
    peaks, _ = find_peaks(level, prominence=1.5, distance=6, height=floor)
    peaks = peaks[(peaks >= beyond) & (peaks < beyond + len(speech))] - beyond
    return np.asarray(peaks[speech[peaks]] * FRAME_S + FRAME_S / 2)


def align(samples: Samples, sample_rate: int, said: list[SpokenWord], speech: Mask) -> Alignment | None:
    """Forced alignment of English words (pocketsphinx); None when it cannot be had or is not to be believed.

    It cannot be had where a word holds letters that spell no English sounds (`MP3日`): a pronunciation without phones
    kills the interpreter.

    One pass gives the words, their pronunciations and hence their phones. The aligner's second, phone-level pass only
    divides the words further (phone counts equal on 54 of 54 clips, median rate equal), doubles the cost and fails on
    one clip in six, so it is not run. A pass that fails or leaves out a tenth of the speech time is repeated with
    other low noise, then with wider beams; what fills the speech best is taken.
    """
    if not said or not all(wording.count(said)) or len(samples) > MAX_ALIGNED_S * sample_rate:
        return None
    speech_s = float(_without_short_gaps(speech).sum()) * FRAME_S
    # Silence further out would move the aligner's own estimates of level and noise, and with them the words.
    first, end, peak = sounding(samples)
    if not peak:
        return None
    sound, start_s, end_s = samples[first:end], first / sample_rate, end / sample_rate
    best: Alignment | None = None
    for wide, noise in _ATTEMPTS:
        decoder = _decoder(os.getpid(), wide)
        names = [_known_to(decoder, spoken) for word in said for spoken in word.spoken]
        timed = _pass(decoder, names, _pcm(sound, sample_rate, noise))
        # the aligner hears silence around the sound, in which no word may begin or end
        held = [(max(start_s, a + start_s), min(end_s, b + start_s), n) for a, b, n in timed or ()]
        found = _gather(said, held) if held and all(a < b for a, b, _ in held) else None
        if found and _believable(found, speech) and (best is None or found.phone_s > best.phone_s):
            best = found
        if best and best.phone_s >= _WHOLE * speech_s:
            break
    return best


@functools.lru_cache(maxsize=2)
def _decoder(process: int, wide: bool = False) -> Any:
    """One decoder a process (the id is the key: its C state must not be shared across a fork)."""
    from pocketsphinx import Decoder

    return Decoder(samprate=_ALIGNER_RATE, lm=None, loglevel="FATAL", **(_WIDE if wide else {}))


def _known_to(decoder: Any, word: str) -> str:
    """The word as the decoder's dictionary holds it; unknown words are added with phones by rule."""
    if decoder.lookup_word(word) is None:
        decoder.add_word(word, " ".join(wording.phones(word, "en")), True)
    return word


def _pcm(samples: Samples, sample_rate: int, attempt: int) -> bytes:
    """16-bit sound at half scale with silence around it and a little noise: the model starts and ends in silence."""
    samples = resampled(samples, sample_rate, _ALIGNER_RATE)
    peak = float(np.abs(samples).max())
    padded = np.pad(samples / max(peak, 1e-6) * 16_000.0, round(_PAD_S * _ALIGNER_RATE))
    noise = np.random.default_rng(attempt).normal(0.0, _NOISE_AMPLITUDE * (1 + attempt), len(padded))
    return bytes(np.clip(padded + noise, -32768, 32767).astype("<i2").tobytes())


def _pass(decoder: Any, names: list[str], pcm: bytes) -> list[tuple[float, float, int]] | None:
    """(start_s, end_s, phones) of each spoken word; None when the pass fails or words are missing."""
    try:
        decoder.reinit_feat()  # its noise removal would carry over from the clip before
        decoder.set_align_text(" ".join(names))
        decoder.start_utt()
        try:
            decoder.process_raw(pcm, full_utt=True)
        finally:
            decoder.end_utt()
    except RuntimeError:
        return None
    found = [
        (
            s.start_frame * FRAME_S - _PAD_S,
            (s.end_frame + 1) * FRAME_S - _PAD_S,
            len(decoder.lookup_word(s.word).split()),
        )
        for s in decoder.seg() or ()
        if not s.word.startswith(("<", "["))
    ]
    return found if len(found) == len(names) else None


def _gather(said: list[SpokenWord], timed: list[tuple[float, float, int]]) -> Alignment:
    """Spoken words back to the words of the text."""
    spans, place = [], 0
    for word in said:
        parts = timed[place : place + len(word.spoken)]
        place += len(word.spoken)
        start, end = round(parts[0][0], 3), round(parts[-1][1], 3)
        spans.append(WordSpan(word.text, start, end, sum(p[2] for p in parts), aligned=True))
    phone_s = math.fsum(end - start for start, end, _ in timed)
    return Alignment(spans, sum(p[2] for p in timed), phone_s, timed[-1][1] - timed[0][0])
