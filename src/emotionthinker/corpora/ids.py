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
        self._ids = _temporary("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, id: str) -> bool:
        """Remember `id`; False when it was known."""
        return self._ids.execute("INSERT OR IGNORE INTO seen VALUES (?)", (id,)).rowcount == 1

    def close(self) -> None:
        self._ids.close()


class Places:
    """A place for each id until it is claimed, kept as `Seen` keeps ids."""

    def __init__(self) -> None:
        self._ids = _temporary("CREATE TABLE places (id TEXT PRIMARY KEY, place INTEGER) WITHOUT ROWID")

    def put(self, id: str, place: int) -> None:
        """Remember the place (from 0) of `id` instead of an earlier one; one that was claimed stays claimed."""
        self._ids.execute(
            "INSERT INTO places VALUES (?, ?) ON CONFLICT DO UPDATE SET place = excluded.place WHERE place >= 0",
            (id, place),
        )

    def claim(self, id: str) -> int | None:
        """The place of `id`, told once; None when there is none."""
        found = self._ids.execute("SELECT place FROM places WHERE id = ?", (id,)).fetchone()
        self._ids.execute("INSERT OR REPLACE INTO places VALUES (?, -1)", (id,))
        return found[0] if found is not None and found[0] >= 0 else None

    def left(self, start: int, end: int) -> list[tuple[str, int]]:
        """(id, place) of those from `start` to before `end` that nobody claimed, in the order of places."""
        wanted = "SELECT id, place FROM places WHERE place >= ? AND place < ? ORDER BY place"
        return self._ids.execute(wanted, (start, end)).fetchall()

    def close(self) -> None:
        self._ids.close()


def _temporary(table: str) -> sqlite3.Connection:
    database = sqlite3.connect("", isolation_level=None)
    for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000", "temp_store=FILE"):
        database.execute(f"PRAGMA {setting}")
    database.execute(table)
    database.execute("BEGIN")
    return database
