from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.emotions import EMOTIONS
from emotionthinker.models.prompt import completion, conversation, emotion_question, label_text, split_completion


@given(st.text(max_size=60).filter(lambda text: "<" not in text), st.sampled_from(EMOTIONS))
def test_what_is_laid_out_is_split_again(think: str, emotion: str) -> None:
    assert split_completion(completion(think, emotion)) == (think.strip(), emotion.lower())


@pytest.mark.parametrize(
    ("text", "think", "answer"),
    [
        ("<think> a b </think><answer>sad</answer>", "a b", "sad"),
        ("<think>cut off", "cut off", ""),
        ("<think>no end<answer>sad</answer>", "no end", "sad"),
        ("<answer>sad</answer>", "", "sad"),
        ("<answer>sad", "", "sad"),
        ("<think>why</think>sad", "why", "sad"),
        ("The voice is low. <answer>sad</answer>", "The voice is low.", "sad"),
        ("no tags at all", "no tags at all", ""),
        ("", "", ""),
    ],
)
def test_every_form_of_an_answer_is_read(text: str, think: str, answer: str) -> None:
    assert split_completion(text) == (think, answer)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "sad", " ", "x\n"]), max_size=9))
def test_any_order_of_tags_is_read_and_no_word_is_invented(parts: list[str]) -> None:
    text = "".join(parts)
    for found in split_completion(text):
        assert _letters(found) in _letters(text)
        assert found == found.strip()
    assert not split_completion(text)[1].endswith("</answer>")


def _letters(text: str) -> str:
    return re.sub(r"</?(think|answer)>|\s", "", text)


def test_a_label_that_is_none_of_the_nine_is_refused() -> None:
    with pytest.raises(ValueError, match="'joy' is not one of the nine"):
        label_text("joy")


def test_the_words_are_quoted_where_they_are_known() -> None:
    assert emotion_question("Stop.").startswith('The words are: "Stop." ')
    assert '"' not in emotion_question()
    assert [part["type"] for part in conversation("Why?")[1]["content"]] == ["audio", "text"]
    assert [part["type"] for part in conversation("Why?", audio=False)[1]["content"]] == ["text"]
