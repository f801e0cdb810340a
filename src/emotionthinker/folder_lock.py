"""One process at a time works in a run folder; the operating system frees the lock of a process that died."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

from emotionthinker.errors import RecipeError

_held: dict[Path, FileLock] = {}


def hold(folder: Path) -> bool:
    """Keep other processes out of `folder` until `release`, or this process ends. Raises `RecipeError` when one is in.

    A stage started twice, or left running by a `reproduce` that was killed, would write the same files twice. False
    when this process held it before: who did so lets go of it.
    """
    place = folder.resolve()
    if place in _held:
        return False
    lock = FileLock(place / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RecipeError(
            f"another process is at work in {folder}; wait for it or stop it (`ps`), or use another folder"
        ) from error
    _held[place] = lock
    return True


def is_held(folder: Path) -> bool:
    """Whether this process keeps others out of `folder`."""
    return folder.resolve() in _held


def release(folder: Path) -> None:
    """Let others in again."""
    lock = _held.pop(folder.resolve(), None)
    if lock is not None:
        lock.release()


def is_main_process() -> bool:
    """False in every process of a distributed run but the first (`RANK`, as torchrun and accelerate set it)."""
    return os.environ.get("RANK", "0") == "0"
