"""Annotated utterances as Parquet shards of equal length, each written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from emotionthinker.corpora import parquet
from emotionthinker.errors import RecipeError
from emotionthinker.records import Utterance

_SEAL, _NO_SEAL = b"emotionthinker.digest", ""


def write(folder: Path, source: Callable[[], Iterator[tuple[bytes, bytes]]], *, rows: int, embed: bool = False) -> int:
    """`part-00000.parquet` and on, `rows` utterances each; returns how many shards.

    `source` starts over at pairs of a line that says which sound it is, and the utterance as a line of JSON. The footer
    of a shard holds the digest of its pairs: a shard that is there with the right one is not written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ahead, pairs, count = source(), source(), 0
    while digest := _digest(islice(ahead, rows), embed):
        path = folder / f"part-{count:05}.parquet"
        mine = islice(pairs, rows)
        if _sealed(path) == digest:
            for _ in mine:
                pass
        else:
            utterances = (Utterance.model_validate_json(line) for _, line in mine)
            parquet.write(path, utterances, embed=embed, metadata={_SEAL.decode(): digest})
        count += 1
    drop_after(folder, count)
    return count


def refuse_others(folder: Path) -> None:
    """Raise `RecipeError` where tables lie that are no shards of `write`: a corpus may have its own under this name."""
    for path in sorted(folder.glob("part-*.parquet")):
        if _sealed(path) == _NO_SEAL:
            raise RecipeError(f"{path}: a table that `annotate` did not write would be overwritten; use another --out")


def drop_after(folder: Path, count: int) -> None:
    """Remove shards that an earlier run with more of them left."""
    for path in folder.glob("part-*.parquet"):
        number = path.stem.removeprefix("part-")
        if number.isdigit() and int(number) >= count and _sealed(path) != _NO_SEAL:
            path.unlink()


def _digest(pairs: Iterator[tuple[bytes, bytes]], embed: bool) -> str | None:
    """None when there is no pair left."""
    digest, empty = hashlib.sha1(str(embed).encode(), usedforsecurity=False), True
    for pair in pairs:
        for line in pair:
            digest.update(line)
        empty = False
    return None if empty else digest.hexdigest()


def _sealed(path: Path) -> str | None:
    """The digest in the footer of a shard; `_NO_SEAL` for another table, None for a file that is absent or none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    seal = metadata.get(_SEAL)
    return seal.decode() if isinstance(seal, bytes) else _NO_SEAL
