from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.corpora.ids import Seen, named_by


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
