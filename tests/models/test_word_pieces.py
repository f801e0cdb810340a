"""Words with their punctuation, cut out of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.models import word_pieces

WORDS = st.lists(st.text("ab'é", min_size=1, max_size=4), min_size=1, max_size=8)


@given(WORDS, st.data())
def test_the_stretches_of_words_make_up_the_text(words: list[str], data: st.DataObject) -> None:
    marks = st.sampled_from([" ", ", ", "-", " - ", ' "', '." '])
    text = (
        words[0] + "".join(data.draw(marks) + word for word in words[1:]) + data.draw(st.sampled_from(["", "!", '".']))
    )
    pieces = word_pieces.of(text, words)
    assert len(pieces) == len(words)
    assert "".join(pieces) == text
    assert all(word in piece for word, piece in zip(words, pieces, strict=True))


def test_words_that_are_not_in_the_text_stand_for_themselves() -> None:
    assert word_pieces.of("it costs", ["it", "25"]) == ["it", " 25"]
    assert word_pieces.of("", []) == []


@pytest.mark.parametrize(
    ("text", "words", "pieces"),
    [
        ("You must’ve had it, right?", ["You", "must've", "had", "it", "right"],
         ["You", " must've", " had", " it,", " right?"]),
        ("there he said no", ["he", "said", "no"], ["he", " said", " no"]),
        ("this, no. 5, is a number!", ["this", "number", "5", "is", "a", "number"],
         ["this,", " number", " 5,", " is", " a", " number!"]),
        ("it is 20 €, or so.", ["it", "is", "20€", "or", "so"], ["it", " is", " 20€", " or", " so."]),
        ("don´t go, I\x92m in", ["don't", "go", "I'm", "in"], ["don't", " go,", " I'm", " in"]),
        ("“Stop!” he said…", ["Stop", "he", "said"], ["“Stop!”", " he", " said..."]),
    ],
)  # fmt: skip
def test_one_word_that_is_written_otherwise_costs_no_other_its_punctuation(
    text: str, words: list[str], pieces: list[str]
) -> None:
    assert word_pieces.of(text, words) == pieces


def test_a_long_text_of_other_words_takes_no_time() -> None:
    """A recogniser that went astray: 20,000 words, none of which is there, took minutes."""
    text = " ".join(f"a{number}" for number in range(20_000))
    words = [f"b{number}" for number in range(20_000)] + ["a19999"]
    assert word_pieces.of(text, words)[-2:] == [" b19999", " a19999"]


def test_what_is_glued_to_a_word_is_the_next_one() -> None:
    assert word_pieces.of("rock'n roll", ["rock", "'n", "roll"]) == ["rock", "'n", " roll"]
    assert word_pieces.of("take 'em all", ["bring", "'em", "all"]) == ["bring", " 'em", " all"]
