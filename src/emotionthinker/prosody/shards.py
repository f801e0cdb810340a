"""Annotated utterances as Parquet shards of equal length, each written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from emotionthinker.corpora import parquet
from emotionthinker.records import Utterance

_SEAL = b"emotionthinker.digest"


def write(
    folder: Path,
    lines: Callable[[], Iterator[bytes]],
    parse: Callable[[bytes], Utterance],
    *,
    rows: int,
    embed: bool = False,
    settings: str = "",
) -> int:
    """`part-00000.parquet` and on, `rows` utterances each; returns how many shards.

    `lines` starts over at the stored lines, `parse` makes an utterance of one. The footer of a shard holds the digest
    of its lines and of `settings`: a shard that is there with the right one is not written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ahead, source, count = lines(), lines(), 0
    while digest := _digest(islice(ahead, rows), settings):
        path = folder / f"part-{count:05}.parquet"
        mine = islice(source, rows)
        if _sealed(path) == digest:
            for _ in mine:
                pass
        else:
            parquet.write(path, map(parse, mine), embed=embed, metadata={_SEAL.decode(): digest})
        count += 1
    drop_after(folder, count)
    return count


def drop_after(folder: Path, count: int) -> None:
    """Remove shards that an earlier run with more of them left."""
    for path in folder.glob("part-*.parquet"):
        number = path.stem.removeprefix("part-")
        if number.isdigit() and int(number) >= count:
            path.unlink()


def _digest(lines: Iterator[bytes], settings: str) -> str | None:
    """None when there is no line left."""
    digest, empty = hashlib.sha1(settings.encode(), usedforsecurity=False), True
    for line in lines:
        digest.update(line)
        empty = False
    return None if empty else digest.hexdigest()


def _sealed(path: Path) -> str | None:
    """The digest in the footer of a shard; None for a file that is absent or no such shard."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    seal = metadata.get(_SEAL)
    return seal.decode() if isinstance(seal, bytes) else None
