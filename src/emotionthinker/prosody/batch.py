"""One pure batch function: rows of clips in, rows of measurements or typed failures out; any engine can map it."""

from __future__ import annotations

from typing import Any

from emotionthinker import audio
from emotionthinker.errors import EmotionThinkerError, kind_of
from emotionthinker.prosody import faster
from emotionthinker.records import ACOUSTIC, NO_RECOGNISER, Utterance

MEASURES = 4
"""Raise it with every change of what is measured: runs that go on measure anew what an earlier number measured."""


def annotate_batch(
    rows: list[dict[str, Any]],
    *,
    transcribe: bool = True,
    recogniser: str = faster.RECOGNISER,
    stress: str = ACOUSTIC,
    max_seconds: float = audio.MAX_SECONDS,
) -> list[dict[str, Any]]:
    """Measure clips given as fields of an `Utterance` (`id`, `audio`, and `text`, `gender`, `language` where known).

    Returns as many rows in the same order: the utterance with `prosody` (levels not set) and `text`, or a `failure`.
    Never raises for a clip, keeps no state but the loaded models, and so may run in any process, any number of times.
    """
    settings: dict[str, Any] = {
        "transcribe": transcribe,
        "recogniser": recogniser,
        "stress": stress,
        "max_seconds": max_seconds,
    }
    return [_measure(row, settings) for row in rows]


def failure(id: str, path: str | None, reason: str, message: str) -> dict[str, Any]:
    """A row of `failures.jsonl`."""
    return {"id": id, "audio": path, "reason": reason, "message": message}


def failure_of(id: str, path: str | None, error: Exception) -> dict[str, Any]:
    """The `failure` of a clip by what it raised."""
    return failure(id, path, kind_of(error), str(error))


def died(row: dict[str, Any]) -> dict[str, Any]:
    """The failure of a clip that kills the process that measures it."""
    return failure(row["id"], row.get("audio"), "WorkerDied", "the process that measured this clip died, twice")


def is_failure(row: dict[str, Any]) -> bool:
    """True for a `failure`, false for a measured utterance."""
    return "reason" in row


def unheard(row: dict[str, Any]) -> bool:
    """True for a measured utterance that has no words since the embedded recogniser could not be had."""
    transcript = (row.get("prosody") or {}).get("transcript") or {}
    return bool(transcript.get("reason") == NO_RECOGNISER)


def _measure(row: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    from emotionthinker.prosody.annotator import annotate

    try:
        utterance = Utterance.model_validate(row)
        heard = annotate(
            utterance.audio or "",
            id=utterance.id,
            text=utterance.text,
            gender=utterance.gender,
            language=utterance.language,
            calibration=None,
            **settings,
        )
    except EmotionThinkerError as error:
        return failure_of(str(row.get("id")), row.get("audio"), error)
    except Exception as error:  # one clip must never stop a corpus; the side file names it
        message = f"unexpected {error!r}; please report it"
        return failure(str(row.get("id")), row.get("audio"), kind_of(error), message)
    found = {"prosody": heard.prosody, "text": heard.text, "language": heard.language}
    return utterance.model_copy(update=found).model_dump(mode="json")
