"""Runs the model of age and gender over a few clips of each speaker; what was heard before a kill is found again."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker import audio, runs, workers
from emotionthinker.errors import AudioError
from emotionthinker.prosody.speakers import Voice, key_of
from emotionthinker.records import Utterance

_BATCH = 8
_LEAST_SECONDS = 0.1


class Clip(NamedTuple):
    """A clip to be heard."""

    duration_s: float
    id: str
    path: str


class Hearing(NamedTuple):
    """What was heard, by clip id, and the model's name and terms."""

    voices: dict[str, Voice]
    method: str
    licence: str


def chosen(utterances: Iterable[Utterance], most: int) -> list[Clip]:
    """At most `most` clips of each speaker, and every clip of unknown speaker, shortest first.

    Which ones is decided by a hash of the ids: the same in every order of the corpus. Silent clips are left out. A clip
    costs 1 kB of memory until its speaker is told, what was heard in it and its stamp included.
    """
    picked: dict[str, list[tuple[int, Clip]]] = {}
    alone: list[Clip] = []
    for utterance in utterances:
        prosody = utterance.prosody
        if prosody is None or utterance.audio is None or prosody.energy.active_dbfs is None:
            continue
        if prosody.duration_s < _LEAST_SECONDS:
            continue
        clip = Clip(prosody.duration_s, utterance.id, utterance.audio)
        key = key_of(utterance)
        if key is None:
            alone.append(clip)
            continue
        rank = -int.from_bytes(hashlib.sha1(utterance.id.encode(), usedforsecurity=False).digest()[:8], "big")
        heap = picked.setdefault(key, [])
        if len(heap) < most:
            heapq.heappush(heap, (rank, clip))
        else:
            heapq.heappushpop(heap, (rank, clip))
    return sorted([*alone, *(clip for heap in picked.values() for _, clip in heap)])


def run(
    clips: list[Clip],
    source: str,
    path: Path,
    stamps: Mapping[str, str],
    *,
    accept_non_commercial: bool,
    progress: bool = True,
) -> Hearing:
    """Hear the clips that `path` does not hold yet, and append them to it with their `stamps`.

    A file that can no longer be read is passed over: its speaker is then told from the other clips. Raises
    `WeightsError` for a model that cannot be used.
    """
    from emotionthinker.models.age_gender import AgeGender

    model = AgeGender.load(source, accept_non_commercial=accept_non_commercial)
    with runs.JsonlStore(path) as store:
        todo = [clip for clip in clips if clip.id not in store]
        with workers.progress_bar(len(clips), len(clips) - len(todo), show=progress) as advance:
            for start in range(0, len(todo), _BATCH):
                sounds = {
                    clip.id: sound for clip in todo[start : start + _BATCH] if (sound := _sound(clip)) is not None
                }
                for id, voice in zip(sounds, model.hear(list(sounds.values())), strict=True):
                    store.append({"id": id, "stamp": stamps[id], **voice._asdict()})
                for _ in todo[start : start + _BATCH]:
                    advance()
        wanted = {clip.id for clip in clips}
        rows = [row for row in store.rows() if row["id"] in wanted]
    voices = {row["id"]: Voice(*(row[field] for field in Voice._fields)) for row in rows}
    return Hearing(voices, model.method, model.licence)


def stamps_of(clips: Iterable[Clip], source: str, measured: Mapping[str, str]) -> dict[str, str]:
    """Stamps that change with the clip (`measured`) and with the model."""
    model = runs.model_stamp(source)
    return {clip.id: f"{measured[clip.id]}:{model}" for clip in clips}


def _sound(clip: Clip) -> npt.NDArray[np.float32] | None:
    try:
        return audio.load(clip.path, max_seconds=clip.duration_s + 1)[0]
    except AudioError:
        return None
