"""Ids of clips by their sound, and which ids came already, for a source of any length."""

from __future__ import annotations

import errno
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


class _Temporary:
    """A table in a temporary SQLite file that is gone when it is closed; 8 MB of it are held in memory."""

    def __init__(self, columns: str) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000", "temp_store=FILE"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute(f"CREATE TABLE ids ({columns}) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def _run(self, command: str, *values: str | int) -> sqlite3.Cursor:
        try:
            return self._database.execute(command, values)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            place = "the folder of temporary files (SQLITE_TMPDIR names another)"
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place) from error

    def close(self) -> None:
        self._database.close()


class Seen(_Temporary):
    """A set of ids, on the disk. Raises `OSError` when that is full."""

    def __init__(self) -> None:
        super().__init__("id TEXT PRIMARY KEY")

    def add(self, id: str) -> bool:
        """Remember `id`; False when it was known."""
        return self._run("INSERT OR IGNORE INTO ids VALUES (?)", id).rowcount == 1


class Places(_Temporary):
    """A place for each id until it is claimed, on the disk. Raises `OSError` when that is full."""

    def __init__(self) -> None:
        super().__init__("id TEXT PRIMARY KEY, place INTEGER")

    def put(self, id: str, place: int) -> None:
        """Remember the place (from 0) of `id` instead of an earlier one; one that was claimed stays claimed."""
        newer = "ON CONFLICT(id) DO UPDATE SET place = excluded.place WHERE place >= 0"
        self._run(f"INSERT INTO ids VALUES (?, ?) {newer}", id, place)

    def get(self, id: str) -> int | None:
        """The place of `id`; below 0 when it was claimed."""
        found = self._run("SELECT place FROM ids WHERE id = ?", id).fetchone()
        return None if found is None else int(found[0])

    def claim(self, id: str) -> int | None:
        """The place of `id`, told once; None when there is none."""
        place = self.get(id)
        self._run("INSERT OR REPLACE INTO ids VALUES (?, -1)", id)
        return None if place is None or place < 0 else place

    def left(self, start: int, end: int) -> list[tuple[str, int]]:
        """(id, place) of those from `start` to before `end` that nobody claimed, in the order of places."""
        within = "WHERE place >= ? AND place < ? ORDER BY place"
        return self._run(f"SELECT id, place FROM ids {within}", start, end).fetchall()
