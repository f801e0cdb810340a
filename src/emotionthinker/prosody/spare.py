"""What was measured of clips that the source names elsewhere than before, or not at all.

A manifest that was cleaned, sorted or cut off moves clips from part to part. What was measured of them moves along, and
of those that no row names any more it waits in `spare.jsonl`, beside the parts, for a source that names them again.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from emotionthinker.corpora import ids
from emotionthinker.prosody import parts
from emotionthinker.runs import replacing, stored_rows

_FILE = 1 << 40
"""A place is an offset in the spare rows; in the n-th other file, n times as much more."""


class Spare:
    """The rows of a folder of parts, asked for by id; where they lie is kept on the disk (`ids.Places`).

    Each part is to be served, one after the other, before it is opened; `settle` ends it. A kill at any time leaves
    rows twice, never none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "spare.jsonl"
        self._places = ids.Places()
        self._files = [self.path]
        self._looked = self._taken = False
        self._old = 0
        if self.path.exists():
            self._note(0)
            self._old = _cut_torn(self.path)

    def serve(self, part: parts.Part) -> None:
        """Write what is stored anywhere of the rows of a part into it, if they are others than before; what it held of
        other rows is kept."""
        if not part.known:
            self._look(part.number)
        found = [place for id in part.stamps if (place := self._places.claim(id)) is not None]
        self._taken |= any(place < _FILE for place in found)
        if part.known:
            return
        self._keep(part.path, part.aside)
        if found or part.path.exists():
            with replacing(part.path) as new, open(new, "wb") as out:
                out.writelines(self._lines(found))
        part.aside.unlink(missing_ok=True)

    def settle(self, count: int) -> int:
        """Drop the parts behind the first `count`, and of the spare rows those that a part took; returns how many came
        to be spare in this run."""
        for number in parts.numbers(self.folder, count):
            self._look(number)
            path = parts.path_of(self.folder, number)
            self._keep(path, path.with_suffix(".absent"))
            parts.drop(self.folder, number)
        left = [place for _, place in self._places.left(0, _FILE)]
        if self._taken:
            with replacing(self.path) as new, open(new, "wb") as out:
                out.writelines(self._lines(left))
            if not left:
                self.path.unlink()
        return sum(place >= self._old for place in left)

    def close(self) -> None:
        self._places.close()

    def _look(self, first: int) -> None:
        """Remember where the rows of part `first` and of all later ones lie, once: behind the first part that stands
        for other rows the source may be another one. Of a row that a kill left twice, the earlier part has the new one.
        """
        if self._looked:
            return
        self._looked = True
        for number in reversed(parts.numbers(self.folder, first)):
            path = parts.path_of(self.folder, number)
            for place in filter(Path.exists, (path.with_suffix(".absent"), path)):
                self._files.append(place)
                self._note(len(self._files) - 1)

    def _note(self, file: int) -> None:
        for offset, id, _ in _rows(self._files[file]):
            self._places.put(id, file * _FILE + offset)

    def _keep(self, *held: Path) -> None:
        """Copy what nobody has asked for of these files to the spare rows."""
        rows = [
            (id, line)
            for file, path in enumerate(self._files)
            if path in held
            for offset, id, line in _rows(path)
            if self._places.get(id) == file * _FILE + offset
        ]
        if rows:
            with open(self.path, "ab") as out:
                for id, line in rows:
                    self._places.put(id, out.tell())
                    out.write(line)

    def _lines(self, places: Iterable[int]) -> Iterator[bytes]:
        for file, mine in itertools.groupby(places, lambda place: place // _FILE):
            with open(self._files[file], "rb") as rows:
                for place in mine:
                    rows.seek(place % _FILE)
                    yield rows.readline()


def _rows(path: Path) -> Iterator[tuple[int, str, bytes]]:
    """(offset, id, line) of the stored rows of a file."""
    for offset, line, row in stored_rows(path):
        if isinstance(row.get("id"), str):
            yield offset, row["id"], line


def _cut_torn(path: Path) -> int:
    """Cut off a last line that a kill tore, so that nothing is written behind it; returns how many bytes are left."""
    with open(path, "rb") as rows:
        whole = sum(len(line) for line in rows if line.endswith(b"\n"))
    os.truncate(path, whole)
    return whole
