from __future__ import annotations

import errno
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.corpora.ids import Places, Seen, named_by


@pytest.mark.parametrize(
    ("sound", "id_"),
    [
        ("a/take#1.2.wav", "a/take#1.2"),
        ("take#1.wav", "take#1"),
        ("take#1.wav#t=1.5,4.25&channel=2", "take#1#t=1.5,4.25&channel=2"),
        ("talk.opus#t=1.5,4.25", "talk#t=1.5,4.25"),
        ("shard.parquet#17", "shard#17"),
        ("a.b/x.tar.wav", "a.b/x.tar"),
        (".", "."),
    ],
)
def test_a_clip_is_named_by_its_sound(sound: str, id_: str) -> None:
    assert named_by(sound) == id_


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=3)))
def test_an_id_is_new_once(ids: list[str]) -> None:
    known = set[str]()
    with closing(Seen()) as seen:
        for id in ids:
            assert seen.add(id) == (id not in known)
            known.add(id)


def test_many_ids_beyond_what_is_held_in_memory() -> None:
    with closing(Seen()) as seen:
        assert all(seen.add(f"{n}-{'x' * 200}") for n in range(60_000))
        assert not any(seen.add(f"{n}-{'x' * 200}") for n in range(0, 60_000, 7))


def test_a_place_is_told_once() -> None:
    with closing(Places()) as places:
        for place, id in enumerate("abcb"):
            places.put(id, place)
        assert places.left(0, 9) == [("a", 0), ("c", 2), ("b", 3)]
        assert [places.claim(id) for id in ("b", "b", "z")] == [3, None, None]
        assert [places.get(id) for id in "abx"] == [0, -1, None]
        places.put("b", 7)
        places.put("z", 8)
        assert places.left(1, 9) == [("c", 2)]


def test_a_full_folder_of_temporary_files_is_told_as_any_full_disk() -> None:
    with closing(Seen()) as seen:
        seen._database.execute("PRAGMA max_page_count=20")
        with pytest.raises(OSError, match="temporary files") as caught:
            all(seen.add(f"{number}-{'x' * 200}") for number in range(2000))
    assert caught.value.errno == errno.ENOSPC
