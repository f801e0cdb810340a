from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.corpora import parquet
from emotionthinker.errors import RecipeError
from emotionthinker.prosody import shards


def write(folder: Path, count: int, sound: bytes = b"", **fields: Any) -> int:
    def source() -> Iterator[tuple[bytes, bytes]]:
        return ((sound, json.dumps({"id": f"u{n}", **fields}).encode() + b"\n") for n in range(count))

    return shards.write(folder, source, rows=4)


def ids(folder: Path) -> list[list[str]]:
    return [[u.id for u in parquet.read(path)] for path in sorted(folder.glob("*.parquet"))]


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (3, [3]), (4, [4]), (9, [4, 4, 1])])
def test_every_row_is_in_one_shard(count: int, sizes: list[int], tmp_path: Path) -> None:
    assert write(tmp_path, count) == len(sizes)
    found = ids(tmp_path)
    assert [len(shard) for shard in found] == sizes
    assert [id for shard in found for id in shard] == [f"u{n}" for n in range(count)]


def test_shards_that_are_right_stay_and_others_are_written_again(tmp_path: Path) -> None:
    write(tmp_path, 12)
    (tmp_path / "part-00001.parquet").write_bytes(b"torn")
    (tmp_path / "part-00002.parquet.part").write_bytes(b"torn")
    before = {path: path.stat().st_ino for path in tmp_path.glob("*.parquet")}
    write(tmp_path, 9)
    changed = [path.name for path in sorted(tmp_path.glob("*.parquet")) if path.stat().st_ino != before[path]]
    assert changed == ["part-00001.parquet", "part-00002.parquet"]
    assert [id for shard in ids(tmp_path) for id in shard] == [f"u{n}" for n in range(9)]


@pytest.mark.parametrize("change", [{"text": "another"}, {"sound": b"another"}])
def test_a_shard_whose_rows_or_sounds_changed_is_written_again(change: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, 4)
    before = (tmp_path / "part-00000.parquet").stat().st_ino
    write(tmp_path, 4)
    assert (tmp_path / "part-00000.parquet").stat().st_ino == before
    write(tmp_path, 4, **change)
    assert (tmp_path / "part-00000.parquet").stat().st_ino != before


def test_shards_of_an_earlier_longer_run_go(tmp_path: Path) -> None:
    write(tmp_path, 9)
    assert write(tmp_path, 5) == 2
    assert ids(tmp_path) == [["u0", "u1", "u2", "u3"], ["u4"]]


def test_tables_of_somebody_else_are_neither_overwritten_nor_deleted(tmp_path: Path) -> None:
    write(tmp_path, 5)
    shards.refuse_others(tmp_path)
    parquet.write(tmp_path / "part-00001.parquet", [])
    with pytest.raises(RecipeError, match=r"part-00001.parquet: a table that `annotate` did not write"):
        shards.refuse_others(tmp_path)
    shards.drop_after(tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["part-00001.parquet"]
