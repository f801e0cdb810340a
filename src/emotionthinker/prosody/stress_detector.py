"""Word stress by a trained detector (WhiStress, `models/whistress.py`): opt-in, for sound and text of any length."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker.audio import resampled
from emotionthinker.errors import RecipeError
from emotionthinker.models import word_pieces
from emotionthinker.prosody import faster, whisper, written
from emotionthinker.prosody.heard import Heard
from emotionthinker.prosody.rate import WordSpan
from emotionthinker.records import ACOUSTIC, WHISTRESS, Stress, Word
from emotionthinker.runs import model_stamp

if TYPE_CHECKING:
    from emotionthinker.models.whistress import Encoded, WhiStress

Samples = npt.NDArray[np.float32]

_RATE = 16_000
_EDGE_S = 0.3
_LEAST = 1e-4
"""Probabilities nearer to 0 or 1 than this are not told apart, so that log-odds stay within 9.3."""


class Chunk(NamedTuple):
    """Words `first` to `end` (exclusive) and the sound they are heard in (seconds)."""

    first: int
    end: int
    start_s: float
    end_s: float


def folder_of(method: str) -> Path | None:
    """The folder of `whistress:FOLDER`, None for `acoustic`. Raises `RecipeError` for another method."""
    name, _, folder = method.partition(":")
    if method == ACOUSTIC:
        return None
    if name == WHISTRESS and folder:
        return Path(folder).expanduser()
    raise RecipeError(f"stress is {method!r}; expected 'acoustic' or 'whistress:FOLDER' (a folder with classifier.pt)")


def check(method: str) -> None:
    """Raise `RecipeError` or `WeightsError` before the work starts when `method` cannot be had."""
    folder = folder_of(method)
    if folder is not None:
        from emotionthinker.models import whistress

        whistress.settings_of(folder)


class Ear:
    """The Whisper that a detector has in common with the recogniser: a sound goes through its encoder once."""

    def __init__(self, detector: WhiStress) -> None:
        self.detector = detector
        self._heard: tuple[Samples, Encoded] | None = None

    def listen(self, samples: Samples, language: str | None) -> Heard:
        """Words of 16 kHz samples up to the window, heard at full scale, as the detector was trained."""
        from emotionthinker.models.whistress import Encoded, full_scale

        own = self.detector.whisper, self.detector.processor
        heard, states = whisper.listen(full_scale(samples), _RATE, language, loaded=own)
        self._heard = samples, Encoded(states[-1], states[self.detector.layer])
        return heard

    def encoded(self, samples: Samples) -> Encoded | None:
        """What the encoder made of these samples, if they are those that were listened to last."""
        if self._heard is None or not np.array_equal(self._heard[0], samples):
            return None
        return self._heard[1]


def ear_of(method: str, recogniser: str) -> Ear | None:
    """The common ear of a stress method and a recogniser; None where they are not the same Whisper."""
    folder = folder_of(method)
    if folder is None or recogniser != faster.RECOGNISER:
        return None
    from emotionthinker.models import whistress

    return Ear(_detector(folder)) if whistress.settings_of(folder)["backbone"] == "nano" else None


def measure(
    samples: Samples,
    sample_rate: int,
    spans: Sequence[WordSpan],
    text: str,
    folder: Path,
    language: str = "en",
    ear: Ear | None = None,
) -> Stress:
    """Words with the log-odds of being stressed as `score`; `stressed` from even odds, as many as there are.

    `text` is what was said, with punctuation, as the detector was trained on it. A language the backbone does not know
    leaves the words unjudged with reason `other_language`. `ear` is that of the same folder. Raises `WeightsError`
    where the detector cannot be had.
    """
    detector = _detector(folder) if ear is None else ear.detector
    if not detector.supports(language):
        words = [Word(text=s.text, start_s=s.start_s, end_s=s.end_s) for s in spans]
        return Stress(words=words, reason="other_language")
    likely = stress_words(detector, samples, sample_rate, spans, text, language, ear)
    words = [
        Word(text=s.text, start_s=s.start_s, end_s=s.end_s, score=round(_log_odds(p), 4), stressed=p > 0.5)
        for s, p in zip(spans, likely, strict=True)
    ]
    return Stress(words=words, method=WHISTRESS)


def stress_words(
    detector: WhiStress,
    samples: Samples,
    sample_rate: int,
    spans: Sequence[WordSpan],
    text: str | None = None,
    language: str = "en",
    ear: Ear | None = None,
) -> list[float]:
    """Probability that each word is stressed. Sound over the window (30 s), or text over the decoder's length (448
    tokens), is cut between words, at the longest pause that lies in the second half of what fits.

    Without `text` the words are read as they stand in `spans`, without punctuation. What `ear` has heard is not encoded
    a second time.
    """
    samples = resampled(samples, sample_rate, _RATE)
    names = [span.text for span in spans]
    said = " ".join(names) if text is None else written.mended(text)  # what is no word was not said
    words = detector.tokenise(word_pieces.of(said, names))
    room = detector.max_tokens - len(detector.prefix(language))
    found: list[float] = []
    for part in chunks(len(samples) / _RATE, spans, [len(word) for word in words], room, detector.window_s):
        sound = samples[round(part.start_s * _RATE) : round(part.end_s * _RATE)]
        encoded = ear.encoded(sound) if ear is not None else None
        if encoded is None:
            encoded = detector.encode(detector.features([sound]))
        found += detector.judge(encoded, words[part.first : part.end], language)
    return found


def chunks(
    seconds: float, spans: Sequence[WordSpan], tokens: Sequence[int], room: int, window_s: float = 30.0
) -> list[Chunk]:
    """Words in order, dealt to windows of at most `window_s` and `room` tokens (a longer word is cut off there)."""
    if not spans:
        return []
    if seconds <= window_s and sum(tokens) <= room:
        return [Chunk(0, len(spans), 0.0, seconds)]
    found, first = [], 0
    while first < len(spans):
        start = _start(spans, first)
        end = first + 1
        while end < len(spans) and _end(spans, end + 1, seconds) - start <= window_s:
            if sum(tokens[first : end + 1]) > room:
                break
            end += 1
        if end < len(spans):
            places = range(first + max(1, (end - first) // 2), end + 1)
            end = max(places, key=lambda i: spans[i].start_s - spans[i - 1].end_s)
        found.append(Chunk(first, end, start, min(_end(spans, end, seconds), start + window_s)))
        first = end
    return found


def _start(spans: Sequence[WordSpan], first: int) -> float:
    """Where the sound of word `first` is cut off from the word before: in the middle of a short pause between them."""
    before = spans[first - 1].end_s if first else 0.0
    return max((before + spans[first].start_s) / 2 if first else 0.0, spans[first].start_s - _EDGE_S)


def _end(spans: Sequence[WordSpan], end: int, seconds: float) -> float:
    """Where the sound of the words up to `end` is cut off from the word after."""
    after = (spans[end - 1].end_s + spans[end].start_s) / 2 if end < len(spans) else seconds
    return min(after, spans[end - 1].end_s + _EDGE_S)


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))


def _detector(folder: Path) -> WhiStress:
    """One detector a process, read again when its files change."""
    return _load(str(folder), model_stamp(folder), os.getpid())


@functools.lru_cache(maxsize=1)
def _load(folder: str, stamp: str, process: int) -> WhiStress:
    from emotionthinker.models import whistress

    return whistress.load(folder)
