from __future__ import annotations

import pytest

from emotionthinker.corpora.splits import NANO_TEST_SPEAKERS, assign, is_held_out, named
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


HELD_OUT = "test Test1 test3 test-clean validation dev Development eval devel testset devset valset evalset held_out"
MORE_HELD_OUT = "heldout held-out tst unseen test_set unseen-speakers"


@pytest.mark.parametrize("split", [*HELD_OUT.split(), *MORE_HELD_OUT.split()])
def test_tests_and_validation_are_held_out_in_any_spelling(split: str) -> None:
    assert is_held_out(split)
    assert named(split) == split


@pytest.mark.parametrize(
    "split", [None, "", "train", "train-clean-100", "fold1", "developers", "testimony", "train-dev"]
)
def test_the_rest_is_not_held_out(split: str | None) -> None:
    assert not is_held_out(split)


@pytest.mark.parametrize(
    "split", ["train", "Training", "TRAIN", "train-clean-100", "train_2", "trainset", "trn", " train "]
)
def test_training_has_one_name_behind_the_manifest(split: str) -> None:
    assert assign(Utterance(id="a", speaker="ravdess_11", split=split)) == "train"


@pytest.mark.parametrize("split", ["fold1", "train-dev", "train+val", "train_test", "trainees"])
def test_what_may_be_tested_on_is_not_taken_for_training(split: str) -> None:
    assert assign(Utterance(id="a", split=split)) == split
