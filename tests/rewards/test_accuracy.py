from __future__ import annotations

import pytest

from emotionthinker.emotions import EMOTIONS
from emotionthinker.rewards import accuracy_reward


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_right_and_wrong_labels(emotion: str) -> None:
    for label in EMOTIONS:
        completion = f"<think>{emotion}</think><answer>{label.lower()}</answer>"
        assert accuracy_reward(completion, emotion) == float(label == emotion)


@pytest.mark.parametrize(
    "completion",
    ["", "The speaker is happy", "<think>happy</think>", "<answer>happy or sad</answer>", "<answer>not happy</answer>"],
)
def test_no_label_in_the_tag_earns_nothing(completion: str) -> None:
    assert accuracy_reward(completion, "Happy") == 0.0


def test_aliases_count() -> None:
    assert accuracy_reward("<answer>Joy!</answer>", "happiness") == 1.0


@pytest.mark.parametrize("emotion", ["bored", "", "xxx"])
def test_unknown_gold_label_is_named(emotion: str) -> None:
    with pytest.raises(ValueError, match=f"emotion is '{emotion}'"):
        accuracy_reward("<answer>sad</answer>", emotion)
