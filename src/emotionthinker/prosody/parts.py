"""What is measured already, in files of a few thousand rows of the source each: memory stays flat, a kill costs little.

`part-00000.jsonl` holds the measured rows 0.. of the source, `part-00000.done` the digest of all rows it stands for,
`part-00000.absent` measured rows whose sound was not there in the last run: no results, but kept for it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from emotionthinker.errors import RecordError
from emotionthinker.prosody import batch
from emotionthinker.runs import JsonlStore, replacing, stored_lines, stored_rows, write_json

ROWS = 4096
"""Rows of the source a part; the only rows whose ids are in memory."""


def path_of(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05}.jsonl"


def lines(folder: Path, count: int) -> Iterator[bytes]:
    """The stored lines of the first `count` parts, in the order of the source."""
    for number in range(count):
        with open(path_of(folder, number), "rb") as stored:
            yield from stored


def numbers(folder: Path, first: int) -> list[int]:
    """Of the parts from `first` on that have a file in `folder`, in order."""
    names = {path.name.removeprefix("part-").partition(".")[0] for path in folder.glob("part-*.*")}
    return sorted(number for name in names if name.isdigit() and (number := int(name)) >= first)


def drop(folder: Path, number: int) -> None:
    """Remove the files of a part."""
    for path in folder.glob(f"{path_of(folder, number).stem}.*"):
        path.unlink()


def stored(folder: Path) -> Iterator[tuple[str, str]]:
    """(id, stamp) of all that is stored, in whichever part, or spare; without what lacks words for want of a
    recogniser, which is measured again once there is one."""
    for path in itertools.chain(folder.glob("*.jsonl"), folder.glob("*.absent")):
        for _, _, row in stored_rows(path):
            if "stamp" in row and not batch.unheard(row["utterance"]):
                yield row["id"], row["stamp"]


class Part:
    """One part while it is measured: `stamps` (id -> stamp, in the order of the source) says what belongs into it.

    Rows whose stamp is another, and lines that were torn by a kill or broken since, are dropped and measured again. So
    are rows that lack words for want of a recogniser, when `can_hear` says that there is one now. What is stored of
    `absent` ids, whose sound is not there, is put aside; `waiting` says for how many.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        stamps: dict[str, str],
        can_hear: Callable[[], bool] = lambda: False,
        absent: Collection[str] = (),
    ) -> None:
        self.number, self.path = number, path_of(folder, number)
        self.stamps, self.can_hear, self.absent = stamps, can_hear, absent
        self.marker = self.path.with_suffix(".done")
        self.aside = self.path.with_suffix(".absent")
        self.waiting = 0
        text = "\n".join(f"{id}\t{stamp}" for id, stamp in stamps.items())
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.missing = 0
        self.store: JsonlStore | None = None

    @property
    def known(self) -> bool:
        """Whether an earlier run came to the end of just these rows."""
        return self._marked.get("digest") == self.digest

    @property
    def finished(self) -> bool:
        """True when every row is stored for good, in order, and the file need not be looked at."""
        if not self.path.is_file():
            return False
        return self._marked == {"digest": self.digest, "rows": len(self.stamps), "bytes": self.path.stat().st_size}

    @property
    def _marked(self) -> dict[str, Any]:
        try:
            done = json.loads(self.marker.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return done if isinstance(done, dict) else {}

    def open(self) -> list[str]:
        """Take up what is stored; returns the ids that are still to be measured. With none left the part is closed."""
        self.marker.unlink(missing_ok=True)
        self._take_back()
        self._put_aside()
        drop_stale(self.path, self.stamps, lambda row: batch.unheard(row["utterance"]) and self.can_hear())
        self.store = JsonlStore(self.path)
        todo = [id for id in self.stamps if id not in self.store]
        self.missing = len(todo)
        if not todo:
            self.close()
        return todo

    def _take_back(self) -> None:
        """What was put aside goes back to the rows; a kill in between leaves some twice, which costs nothing."""
        if not self.aside.exists():
            return
        self.path.touch()
        with replacing(self.path) as part, open(part, "wb") as out:
            for path in (self.path, self.aside):
                out.writelines(line for line, row in stored_lines(path) if row)
        self.aside.unlink()

    def _put_aside(self) -> None:
        """Copy the rows of absent sound to where they wait for it; their stamp is none of this run's."""
        if not self.absent or not self.path.exists():
            return
        kept = set[str]()
        with replacing(self.aside) as part, open(part, "wb") as out:
            for line, row in stored_lines(self.path):
                id = row.get("id") if row else None
                if isinstance(id, str) and id in self.absent:
                    out.write(line)
                    kept.add(id)
        self.waiting = len(kept)
        if not kept:
            self.aside.unlink()

    def add(self, id: str, utterance: dict[str, Any] | None) -> None:
        """Store the measured row, or None for one that failed; the last one closes the part."""
        assert self.store is not None
        if utterance is not None:
            self.store.append({"id": id, "stamp": self.stamps[id], "utterance": utterance})
        self.missing -= 1
        if not self.missing:
            self.close()

    def close(self) -> None:
        """Put the rows in the order of the source and mark the part with the number of those that are final."""
        assert self.store is not None
        self.store.close()
        self.store = None
        rows = _sort(self.path, list(self.stamps))
        write_json(self.marker, {"digest": self.digest, "rows": rows, "bytes": self.path.stat().st_size})

    def abandon(self) -> None:
        """Let go of the file; what is stored stays."""
        if self.store is not None:
            self.store.close()


def drop_stale(
    path: Path,
    stamps: dict[str, str],
    outdated: Callable[[dict[str, Any]], bool] | None = None,
    *,
    others_stay: bool = False,
) -> None:
    """Rewrite the store without rows of another source, sound or setting, `outdated` ones, a second row of an id, and
    broken lines; one without such rows is left as it is. `others_stay`: rows whose id has no stamp are kept.
    """
    if not path.exists():
        return
    kept = set[str]()

    def keep(row: dict[str, Any] | None) -> bool:
        id = row.get("id") if row else None
        if row is None or not isinstance(id, str) or id in kept:
            return False
        if stamps.get(id) != row.get("stamp") and not (others_stay and id not in stamps):
            return False
        if outdated is not None and outdated(row):
            return False
        kept.add(id)
        return True

    good = [keep(row) for _, row in stored_lines(path)]
    if all(good):
        return
    with replacing(path) as part, open(path, "rb") as lines, open(part, "wb") as out:
        out.writelines(itertools.compress(lines, good))


def _sort(path: Path, order: list[str]) -> int:
    """Rewrite the lines in the order of ids, unless they are in it; returns how many do not want a recogniser."""
    places, offset, final = dict[str, int](), 0, 0
    with open(path, "rb") as stored:
        for line in stored:
            row = json.loads(line)
            places[row["id"]] = offset
            offset += len(line)
            final += not batch.unheard(row["utterance"])
        wanted = [id for id in order if id in places]
        if len(wanted) != len(places):
            raise RecordError(f"{path}: holds rows of another source; delete it, they will be measured again")
        if wanted == list(places):
            return final
        with replacing(path) as part, open(part, "wb") as out:
            for id in wanted:
                stored.seek(places[id])
                out.write(stored.readline())
    return final
