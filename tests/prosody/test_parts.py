from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.errors import RecordError
from emotionthinker.prosody import parts

STAMPS = {f"u{n}": f"s{n}" for n in range(5)}


def fill(folder: Path, ids: list[str], stamps: dict[str, str] = STAMPS) -> parts.Part:
    part = parts.Part(folder, 0, stamps)
    part.open()
    for id in ids:
        part.add(id, {"id": id})
    return part


def stored(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for line in parts.lines(folder, 1)]


@given(st.permutations(list(STAMPS)), st.integers(0, 5))
def test_whatever_the_order_and_the_stop_nothing_is_lost_or_doubled(order: list[str], stop: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = fill(folder, order[:stop])
        first.abandon()
        second = parts.Part(folder, 0, STAMPS)
        assert second.finished == (stop == 5)
        missing = second.open()
        assert missing == [id for id in STAMPS if id not in order[:stop]]
        for id in reversed(missing):
            second.add(id, {"id": id})
        assert stored(folder) == list(STAMPS)
        assert parts.Part(folder, 0, STAMPS).finished


def test_a_kill_between_the_last_row_and_the_marker_leaves_the_order_right(tmp_path: Path) -> None:
    fill(tmp_path, list(reversed(STAMPS)))
    path = parts.path_of(tmp_path, 0)
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    path.with_suffix(".done").unlink()
    part = parts.Part(tmp_path, 0, STAMPS)
    assert part.open() == []
    assert part.finished
    assert stored(tmp_path) == list(STAMPS)


def test_a_store_without_stale_rows_is_not_written_again(tmp_path: Path) -> None:
    fill(tmp_path, ["u3", "u0"]).abandon()
    path = parts.path_of(tmp_path, 0)
    before = path.stat().st_ino
    part = parts.Part(tmp_path, 0, STAMPS)
    assert part.open() == ["u1", "u2", "u4"]
    part.abandon()
    assert path.stat().st_ino == before
    parts.drop_stale(path, {"u0": "s0"})
    assert stored(tmp_path) == ["u0"]


def test_a_part_without_a_good_row_is_finished(tmp_path: Path) -> None:
    part = parts.Part(tmp_path, 0, {})
    assert part.open() == []
    assert part.finished


def test_a_part_with_a_failed_row_is_open_to_another_try(tmp_path: Path) -> None:
    part = fill(tmp_path, ["u0", "u1", "u2", "u3"])
    part.add("u4", None)
    again = parts.Part(tmp_path, 0, STAMPS)
    assert not again.finished
    assert again.open() == ["u4"]


def test_rows_with_another_stamp_and_second_rows_are_dropped(tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    path = parts.path_of(tmp_path, 0)
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[0])
    changed = parts.Part(tmp_path, 0, {**STAMPS, "u2": "new"})
    assert not changed.finished
    assert changed.open() == ["u2"]
    changed.abandon()
    assert stored(tmp_path) == ["u0", "u1", "u3", "u4"]


def test_a_marker_over_a_file_that_was_cut_is_not_believed(tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    path = parts.path_of(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-9])
    part = parts.Part(tmp_path, 0, STAMPS)
    assert not part.finished
    assert part.open() == ["u4"]


def test_a_line_torn_at_any_byte_is_measured_again(tmp_path: Path) -> None:
    """Also inside a character: `ö` is two bytes."""
    part = fill(tmp_path, list(STAMPS)[:4])
    part.add("u4", {"id": "u4", "text": "schön"})
    path = parts.path_of(tmp_path, 0)
    whole = path.read_bytes()
    for size in range(whole.index(b'{"id": "u4"') + 1, len(whole)):
        path.write_bytes(whole[:size])
        again = parts.Part(tmp_path, 0, STAMPS)
        assert again.open() == ["u4"]
        again.abandon()


@pytest.mark.parametrize("line", [b"3", b"[]", b"null", b"{}", b'{"id": []}', b"\xc3", b"\x00\x00"])
def test_a_line_that_is_no_row_is_dropped(line: bytes, tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    path = parts.path_of(tmp_path, 0)
    path.write_bytes(line + b"\n" + path.read_bytes())
    assert parts.Part(tmp_path, 0, STAMPS).open() == []
    assert stored(tmp_path) == list(STAMPS)


def test_a_broken_line_in_the_middle_is_measured_again(tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    path = parts.path_of(tmp_path, 0)
    path.write_bytes(path.read_bytes().replace(b'"u1", "stamp"', b'"u1" "stamp"'))
    assert parts.Part(tmp_path, 0, STAMPS).open() == ["u1"]


def test_rows_that_want_a_recogniser_are_measured_again_when_there_is_one(tmp_path: Path) -> None:
    part = fill(tmp_path, list(STAMPS)[:4])
    part.add("u4", {"id": "u4", "prosody": {"transcript": {"reason": "no_recogniser"}}})
    without = parts.Part(tmp_path, 0, STAMPS)
    assert not without.finished
    assert without.open() == []
    assert parts.Part(tmp_path, 0, STAMPS, lambda: True).open() == ["u4"]


def test_no_recogniser_is_looked_for_where_no_row_wants_one(tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    parts.path_of(tmp_path, 0).with_suffix(".done").unlink()
    assert parts.Part(tmp_path, 0, STAMPS, lambda: bool(1 / 0)).open() == []


def test_rows_of_strangers_are_no_part_of_the_order(tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    with pytest.raises(RecordError, match="another source"):
        parts._sort(parts.path_of(tmp_path, 0), ["u0", "u1"])


def test_rows_of_absent_sound_wait_beside_the_others(tmp_path: Path) -> None:
    """Also while the others change, and after a kill between giving them back and forgetting that they were away."""
    fill(tmp_path, list(STAMPS))
    gone = {**STAMPS, "u1": "missing", "u3": "missing"}
    for _ in range(2):
        part = parts.Part(tmp_path, 0, gone, absent={"u1", "u3"})
        assert part.open() == ["u1", "u3"]
        assert part.waiting == 2
        part.add("u1", None)
        part.add("u3", None)
        assert stored(tmp_path) == ["u0", "u2", "u4"]
    aside = parts.path_of(tmp_path, 0).with_suffix(".absent")
    before = aside.read_bytes()
    back = parts.Part(tmp_path, 0, {**STAMPS, "u3": "changed"})
    assert not back.finished
    assert back.open() == ["u3"]
    back.abandon()
    assert not aside.exists()
    aside.write_bytes(before)
    assert parts.Part(tmp_path, 0, STAMPS).open() == []
    assert stored(tmp_path) == list(STAMPS)


def test_nothing_waits_where_nothing_was_measured(tmp_path: Path) -> None:
    for _ in range(2):
        part = parts.Part(tmp_path, 0, STAMPS, absent=set(STAMPS))
        assert part.open() == list(STAMPS)
        part.abandon()
        assert part.waiting == 0
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.jsonl"]


def test_rows_that_nobody_asks_for_may_stay(tmp_path: Path) -> None:
    fill(tmp_path, list(STAMPS))
    parts.drop_stale(parts.path_of(tmp_path, 0), {"u0": "s0", "u1": "new"}, others_stay=True)
    assert stored(tmp_path) == ["u0", "u2", "u3", "u4"]
