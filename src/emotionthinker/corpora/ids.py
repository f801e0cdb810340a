"""Which ids came already, for a source of any length: kept on disk beyond a few megabytes."""

from __future__ import annotations

import sqlite3


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
