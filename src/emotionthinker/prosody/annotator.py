"""One clip in, one `Utterance` with the whole prosody table out."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from emotionthinker import audio as sound
from emotionthinker import languages
from emotionthinker.prosody import (
    activity,
    energy,
    intonation,
    pitch,
    rate,
    speaker,
    stress,
    stress_detector,
    transcript,
    whisper,
    words,
)
from emotionthinker.prosody.faster import RECOGNISER
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import ACOUSTIC, GENDERS, Prosody, Rate, Stress, Transcript, Utterance

Samples = npt.NDArray[np.float32]
Worded = TypeVar("Worded", Stress, Transcript)


def annotate(
    audio: str | os.PathLike[str] | npt.ArrayLike,
    *,
    sample_rate: int = sound.SAMPLE_RATE,
    id: str | None = None,
    text: str | None = None,
    gender: str | None = None,
    language: str | None = "en",
    calibration: str | Path | Calibration | None = "reference",
    transcribe: bool = True,
    recogniser: str = RECOGNISER,
    max_seconds: float = sound.MAX_SECONDS,
    stress: str = ACOUSTIC,
) -> Utterance:
    """Measure pitch, energy, rate, stress, intonation, speaker and transcript of one clip (section 3.1 of the paper).

    `audio` is a sound file, or samples [n] or [n, channels] at `sample_rate`. `text` and `gender` (female, male) win
    over what would be recognised; `transcribe=False` leaves a missing text missing. `language` is a code or an English
    name; None is told by the recogniser, and a given text is then read by its letters (`rate.method` says so).
    `recogniser` is `whisper-base` (embedded) or `faster-whisper:MODEL`, `stress` is `acoustic` or `whistress:FOLDER`.
    `calibration` names the cuts of the levels (None: measurements only). Odd sound never raises: what it does not
    support is None with a `reason`.
    Raises `AudioError` for unusable files or arrays, `ValueError` for an unknown gender, language or recogniser,
    `RecipeError` or `WeightsError` for a chosen recogniser or stress detector that cannot be had.
    """
    language = languages.checked(language)
    if gender is not None and gender not in GENDERS:
        raise ValueError(f"gender is {gender!r}; expected one of {GENDERS}, or None")
    if isinstance(audio, (str, os.PathLike)):
        path = os.fspath(audio)
        samples, rate_hz = sound.load(path, max_seconds=max_seconds)
    else:
        path = None
        samples, rate_hz = sound.check(audio, sample_rate, max_seconds=max_seconds), sound.SAMPLE_RATE
    prosody = measure(
        samples,
        rate_hz,
        text=text,
        gender=gender,
        language=language,
        transcribe=transcribe,
        recogniser=recogniser,
        stress=stress,
    )
    if calibration is not None:
        prosody = _calibration(calibration).apply(prosody, gender)
    return Utterance(
        id=id or (Path(path).stem if path else "clip"),
        audio=path,
        language=language or prosody.transcript.language,
        text=prosody.transcript.text,
        gender=gender,
        prosody=prosody,
    )


def measure(
    samples: Samples,
    sample_rate: int = sound.SAMPLE_RATE,
    *,
    text: str | None = None,
    gender: str | None = None,
    language: str | None = "en",
    transcribe: bool = True,
    recogniser: str = RECOGNISER,
    stress: str = ACOUSTIC,
) -> Prosody:
    """All measurements of mono samples [n] in physical units; levels are left to a calibration."""
    stress_detector.check(stress)
    duration_s = round(len(samples) / sample_rate, 4)
    samples, skipped_s = activity.prepared(samples, sample_rate)
    samples, clicks = activity.without_clicks(samples, sample_rate)
    track = pitch.track(samples, sample_rate)
    active = activity.measure(samples, sample_rate)
    voiced = pitch.at_frames(track, len(active.levels)) > 0
    levels, speech, core = active.without_steady(voiced)
    ear = None
    if transcribe and not (text or "").strip() and len(samples) <= whisper.WINDOW_S * sample_rate:
        ear = stress_detector.ear_of(stress, recogniser)
    said = transcript.measure(
        samples,
        sample_rate,
        speech,
        text=text,
        language=language,
        transcribe=transcribe,
        recogniser=recogniser,
        listen=None if ear is None else ear.listen,
    )
    language = said.language or language
    pace, spans = rate.measure(samples, sample_rate, speech, said.text, language, core)
    return Prosody(
        duration_s=duration_s,
        clicks=clicks,
        pitch=pitch.measure(track, speech),
        energy=energy.measure(samples, sample_rate, speech, voiced),
        rate=pace,
        stress=_later(_stress(samples, sample_rate, spans, track, language, said, pace, stress, ear), skipped_s),
        intonation=intonation.measure(track, speech, levels),
        speaker=speaker.measure(samples, sample_rate, track, speech, gender),
        transcript=_later(said, skipped_s),
    )


def _later(spoken: Worded, seconds: float) -> Worded:
    """The words with their times counted from the beginning of the clip."""
    times = [{"start_s": round(w.start_s + seconds, 3), "end_s": round(w.end_s + seconds, 3)} for w in spoken.words]
    moved = [word.model_copy(update=time) for word, time in zip(spoken.words, times, strict=True)]
    return spoken.model_copy(update={"words": moved})


def _stress(
    samples: Samples,
    sample_rate: int,
    spans: list[rate.WordSpan],
    track: pitch.PitchTrack,
    language: str | None,
    said: Transcript,
    pace: Rate,
    method: str,
    ear: stress_detector.Ear | None,
) -> Stress:
    if not spans:
        return Stress(reason=said.reason or pace.reason or _unplaced(said.text or "", language))
    folder, code = stress_detector.folder_of(method), words.primary(language)
    if folder is not None:
        return stress_detector.measure(samples, sample_rate, spans, said.text or "", folder, code, ear)
    return stress.measure(samples, sample_rate, spans, track=track, language=code)


def _unplaced(text: str, language: str | None) -> str:
    """Why a text has no places in speech whose rate was measured: it has no words, or not those of the speech."""
    return "implausible_text" if words.read(text, language) else "no_words"


def _calibration(source: str | Path | Calibration) -> Calibration:
    return source if isinstance(source, Calibration) else _load(str(source), _stamp(source))


@functools.lru_cache(maxsize=8)
def _load(source: str, stamp: int) -> Calibration:
    return Calibration.load(source)


def _stamp(source: str | Path) -> int:
    """Time of the last change, so that a rewritten calibration file is read again."""
    try:
        return os.stat(source).st_mtime_ns
    except OSError:
        return 0
