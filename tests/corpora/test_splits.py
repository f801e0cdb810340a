from __future__ import annotations

import pytest

from emotionthinker.corpora.splits import NANO_TEST_SPEAKERS, assign, is_held_out
from emotionthinker.records import Utterance


@pytest.mark.parametrize(
    ("speaker", "split"),
    [
        ("ravdess_11", "test"),
        ("ravdess_10", "train"),
        ("emodb_16", "test"),
        ("crema_1071", "test"),
        ("crema_1078", "test"),
        ("crema_1070", "train"),
        (None, "train"),
    ],
)
def test_test_speakers_are_never_trained_on(speaker: str | None, split: str) -> None:
    assert assign(Utterance(id="a", speaker=speaker)) == split


def test_a_split_that_is_given_is_kept() -> None:
    assert assign(Utterance(id="a", speaker="ravdess_11", split="validation")) == "validation"
    assert len(NANO_TEST_SPEAKERS) == 12


@pytest.mark.parametrize("split", ["test", "Test1", "test3", "test-clean", "validation", "dev", "Development", "eval"])
def test_tests_and_validation_are_held_out_in_any_spelling(split: str) -> None:
    assert is_held_out(split)


@pytest.mark.parametrize("split", [None, "", "train", "train-clean-100", "fold1", "developers"])
def test_the_rest_is_not_held_out(split: str | None) -> None:
    assert not is_held_out(split)
