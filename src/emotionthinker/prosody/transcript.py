"""The words of a clip: as given, else recognised by Whisper base (`whisper`), or by faster-whisper (`faster`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from emotionthinker import languages
from emotionthinker.audio import resampled
from emotionthinker.errors import WeightsError
from emotionthinker.prosody import faster, whisper
from emotionthinker.prosody.activity import FRAME_S, Mask, segments
from emotionthinker.prosody.energy import MIN_SPEECH_S
from emotionthinker.prosody.faster import RECOGNISER
from emotionthinker.prosody.heard import Heard, unintelligible
from emotionthinker.records import NO_RECOGNISER, Transcript, Word

Samples = npt.NDArray[np.float32]

MAX_CHUNK_S = 28.0
_RATE = 16_000
_EDGE_S = 0.2


def measure(
    samples: Samples,
    sample_rate: int,
    speech: Mask,
    *,
    text: str | None = None,
    language: str | None = "en",
    transcribe: bool = True,
    recogniser: str = RECOGNISER,
    listen: Callable[[Samples, str | None], Heard] | None = None,
) -> Transcript:
    """The transcript: `text` where given (source `given`), else recognised (source `recogniser`).

    `language` None is told by the recogniser; where it hears the sound in pieces (over 28 s), by the first piece of up
    to 28 s that has words, for all of them. `listen` hears the whole sound (at most 30 s at 16 kHz, language) in place
    of the embedded recogniser.

    Without words `reason` says why: no_transcript (not given, not asked for), silent, too_short (sound, of less than
    50 ms), no_recogniser (the embedded one's packages are not there; the message of `whisper.embedded` says how to get
    them), or unintelligible. Raises `ValueError` for an unknown recogniser, `WeightsError` when one that was chosen
    cannot be had.
    """
    named = faster.model_of(recogniser)
    if text is not None and text.strip():
        return Transcript(text=text.strip(), source="given")
    if not transcribe:
        return Transcript(reason="no_transcript")
    if not speech.any():
        short = len(speech) * FRAME_S < MIN_SPEECH_S and bool(samples.any())
        return Transcript(reason="too_short" if short else "silent")
    try:
        if listen is not None:
            parts = [(0.0, listen(resampled(samples, sample_rate, _RATE), language))]
        else:
            parts = _pieces(samples, sample_rate, speech, language, named)
    except (WeightsError, ImportError):
        if named:
            raise
        return Transcript(reason=NO_RECOGNISER)
    kept = [(start_s, part) for start_s, part in parts if not unintelligible(part)]
    if not kept:
        return Transcript(reason="unintelligible")
    first, *_, last = (edge for segment in segments(speech) for edge in segment)
    return _joined(kept, recogniser, first, last)


def _pieces(
    samples: Samples, sample_rate: int, speech: Mask, language: str | None, named: str
) -> list[tuple[float, Heard]]:
    """What is heard in the pieces of a sound, each with its start in seconds; one language for all that follow."""
    parts: list[tuple[float, Heard]] = []
    for start_s, chunk in _chunks(samples, sample_rate, speech):
        heard = _hear(chunk, sample_rate, language, named)
        parts += [(start_s, part) for part in heard]
        language = next((part.language for part in heard if not unintelligible(part)), language)
    return parts


def _hear(samples: Samples, sample_rate: int, language: str | None, named: str) -> list[Heard]:
    """What faster-whisper's model `named` hears in a piece, or the embedded recogniser where none is named."""
    if named:
        return faster.hear(resampled(samples, sample_rate, _RATE), language, named)
    return [whisper.recognise(samples, sample_rate, language)]


def _joined(parts: list[tuple[float, Heard]], recogniser: str, first_s: float, last_s: float) -> Transcript:
    """One transcript of the pieces (start in seconds, what was heard there); no word lies outside the speech."""
    words = [
        Word(
            text=word.text,
            start_s=round(min(max(start_s + word.start_s, first_s), last_s), 3),
            end_s=round(min(max(start_s + word.end_s, first_s), last_s), 3),
            confidence=word.confidence,
        )
        for start_s, part in parts
        for word in part.words
    ]
    sizes = [1 + len(part.text.split()) for _, part in parts]
    mean = float(np.average([part.logprob for _, part in parts], weights=sizes))
    return Transcript(
        text=" ".join(part.text for _, part in parts),
        source=recogniser,
        language=languages.checked(parts[0][1].language),
        words=words,
        confidence=round(math.exp(min(mean, 0.0)), 4),
    )


def _chunks(samples: Samples, sample_rate: int, speech: Mask) -> list[tuple[float, Samples]]:
    """The sound around the speech, cut at pauses into pieces of at most 28 s (a longer run of speech is cut hard), each
    with its start in seconds.
    """
    spans: list[list[float]] = []
    for start, end in segments(speech):
        while end - start > MAX_CHUNK_S:
            spans.append([start, start + MAX_CHUNK_S])
            start += MAX_CHUNK_S
        if spans and end - spans[-1][0] <= MAX_CHUNK_S:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    edges = [(max(0, round((a - _EDGE_S) * sample_rate)), round((b + _EDGE_S) * sample_rate)) for a, b in spans]
    return [(a / sample_rate, samples[a:b]) for a, b in edges]
