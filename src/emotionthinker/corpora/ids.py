"""Ids of clips by their sound, and which ids came already, for a source of any length."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from emotionthinker import audio


def named_by(sound: str) -> str:
    """An id: the path without its ending, with the part of the recording or the row that is meant.

    >>> [named_by(sound) for sound in ("a/talk.opus#t=1.5,4.25", "take#1.2.wav", "shard.parquet#17")]
    ['a/talk#t=1.5,4.25', 'take#1.2', 'shard#17']
    """
    file = audio.file_of(sound)
    return Path(os.path.splitext(file)[0]).as_posix() + sound[len(file) :]


class Seen:
    """A set of ids in a temporary SQLite file that is gone when it is closed; 8 MB of it are held in memory."""

    def __init__(self) -> None:
        self._ids = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000", "temp_store=FILE"):
            self._ids.execute(f"PRAGMA {setting}")
        self._ids.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._ids.execute("BEGIN")

    def add(self, id: str) -> bool:
        """Remember `id`; False when it was known."""
        return self._ids.execute("INSERT OR IGNORE INTO seen VALUES (?)", (id,)).rowcount == 1

    def close(self) -> None:
        self._ids.close()
