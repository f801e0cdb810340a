from __future__ import annotations

from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.corpora.ids import Seen


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
