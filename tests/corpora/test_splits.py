from __future__ import annotations

import pytest

from emotionthinker.corpora.splits import NANO_TEST_SPEAKERS, assign
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
