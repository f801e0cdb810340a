from __future__ import annotations

import itertools
import json
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.prosody import parts
from emotionthinker.prosody.spare import Spare

IDS = [f"u{n}" for n in range(7)]
SOURCES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(IDS), unique=True, min_size=1),
        st.dictionaries(st.sampled_from(IDS), st.integers(0, 1)),
        st.integers(1, 3),
    ),
    max_size=5,
)
"""What is annotated one after the other: ids in their order, which of them changed, and after how many parts it is
stopped."""


def annotated(folder: Path, stamps: dict[str, str], rows: int, most: int = 99) -> tuple[list[str], int]:
    """The ids that had to be measured, in parts of `rows`, and how many rows came to be spare; left unsettled, as by a
    kill, after `most` parts."""
    measured: list[str] = []
    with closing(Spare(folder)) as spare:
        source = iter(stamps.items())
        for number in itertools.count():
            if not (mine := dict(itertools.islice(source, rows))):
                return measured, spare.settle(number)
            if number == most:
                return measured, 0
            part = parts.Part(folder, number, mine)
            spare.serve(part)
            for id in [] if part.finished else part.open():
                measured.append(id)
                part.add(id, {"id": id})
    raise AssertionError


def stored(folder: Path) -> list[str]:
    count = len(parts.numbers(folder, 0))
    return [json.loads(line)["id"] for line in parts.lines(folder, count)]


def spare_ids(folder: Path) -> list[str]:
    path = folder / "spare.jsonl"
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


@given(SOURCES, st.integers(1, 3))
def test_no_row_is_measured_twice_whatever_the_source_becomes(
    sources: list[tuple[list[str], dict[str, int], int]], rows: int
) -> None:
    known: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for order, changed, most in sources:
            stamps = {id: f"{id}-{changed.get(id, 0)}" for id in order}
            for stop in (most, 99):
                within = dict(itertools.islice(stamps.items(), stop * rows))
                measured, _ = annotated(folder, stamps, rows, stop)
                assert measured == [id for id, stamp in within.items() if known.get(id) != stamp]
                known |= within
            assert stored(folder) == order
            assert sorted(spare_ids(folder)) == sorted(known.keys() - stamps.keys())


def test_rows_that_no_source_names_are_told_once_and_wait(tmp_path: Path) -> None:
    stamps = dict(zip(IDS, IDS, strict=True))
    some = dict(itertools.islice(stamps.items(), 3))
    assert annotated(tmp_path, stamps, 2) == (IDS, 0)
    assert annotated(tmp_path, some, 2) == ([], 4)
    assert annotated(tmp_path, some, 2) == ([], 0)
    assert spare_ids(tmp_path) == IDS[3:]
    assert annotated(tmp_path, stamps, 2) == ([], 0)
    assert spare_ids(tmp_path) == []


def test_a_spare_row_torn_by_a_kill_is_lost_alone(tmp_path: Path) -> None:
    stamps = dict(zip(IDS, IDS, strict=True))
    annotated(tmp_path, stamps, 2)
    annotated(tmp_path, {"u0": "u0", "u6": "u6"}, 2)
    path = tmp_path / "spare.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    annotated(tmp_path, {"u0": "u0"}, 2)
    assert spare_ids(tmp_path) == ["u1", "u2", "u3", "u4", "u6"]
    assert annotated(tmp_path, stamps, 2)[0] == ["u5"]


def test_a_part_of_the_same_rows_is_not_written_again(tmp_path: Path) -> None:
    stamps = dict(zip(IDS, IDS, strict=True))
    annotated(tmp_path, stamps, 2)
    before = {path: path.stat().st_ino for path in tmp_path.glob("part-*")}
    annotated(tmp_path, {**stamps, "u2": "another"}, 2)
    changed = {path.name for path, inode in before.items() if path.stat().st_ino != inode}
    assert changed == {"part-00001.jsonl", "part-00001.done"}
