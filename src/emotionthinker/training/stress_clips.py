"""The data of the stress detector: clips with the places of their stressed words, and which of them are for testing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from emotionthinker.corpora.base import words_of
from emotionthinker.corpora.splits import is_held_out
from emotionthinker.errors import RecipeError, RecordError


class StressClip(BaseModel):
    """A line of the data: sound of up to 30 s (Whisper's window), what is said in it, and which words are stressed.

    An Utterance with `text` and `extra.stressed_places` (`corpus stress_17k`) is such a line too.
    """

    model_config = ConfigDict(extra="ignore")
    audio: Path
    """Relative to the folder of the JSONL."""
    transcription: str
    stressed: list[int]
    """Places of the stressed words in `words`, from 0."""
    split: str | None = None
    """Held-out clips (`test`, `validation`) are not trained on."""
    words: list[str]
    """What `stressed` counts: what blanks part; in an Utterance the words of `corpora.base.words_of`."""

    @model_validator(mode="before")
    @classmethod
    def _with_words(cls, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        extra = row.get("extra")
        if not isinstance(extra, dict) or "stressed_places" not in extra:
            return {**row, "words": str(row.get("transcription", "")).split()}
        text = row.get("text")
        words = [word[0] for word in words_of(str(text or ""))]
        return {**row, "transcription": text, "stressed": extra["stressed_places"], "words": words}


def read_clips(path: Path) -> list[StressClip]:
    """The clips of a JSONL. Raises `RecordError` with file and line for one that cannot be used, or for none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}; expected JSONL of clips") from error
    clips = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            clip = StressClip.model_validate_json(line)
        except ValidationError as error:
            raise RecordError(
                f"{path}:{number}: {error.errors()[0]['msg']} ({error.errors()[0]['loc']}); expected "
                '{"audio": "a.wav", "transcription": "I never said that", "stressed": [1]}, or a record of '
                "`emotionthinker corpus stress_17k` (text, extra.stressed_places)"
            ) from error
        words = len(clip.words)
        if not words or any(not 0 <= place < words for place in clip.stressed):
            raise RecordError(f"{path}:{number}: stressed is {clip.stressed}; expected places in 0..{words - 1}")
        clips.append(clip.model_copy(update={"audio": path.parent / clip.audio}))
    if not clips:
        raise RecordError(f"{path} holds no clips")
    return clips


def chosen(trained: Path, test: Path | None) -> tuple[list[StressClip], list[StressClip]]:
    """Clips to train on and clips to test on, so that one manifest with splits may be named for both.

    Raises `RecordError` where none is left to test on, `RecipeError` for a sound that is in both.
    """
    clips = [clip for clip in read_clips(trained) if not is_held_out(clip.split)]
    if test is None:
        return clips, []
    tests = [clip for clip in read_clips(test) if clip.split is None or is_held_out(clip.split)]
    if not tests:
        raise RecordError(f"test {test} holds no clip of a held-out split (`test`, ...) or of none")
    known = {clip.audio.resolve() for clip in clips}
    if both := [clip.audio for clip in tests if clip.audio.resolve() in known]:
        raise RecipeError(
            f"{len(both)} of {len(tests)} test clips are trained on too, the first is {both[0]}; expected other sound: "
            "give their rows a held-out `split`, or take them out of one of the files"
        )
    return clips, tests
