from __future__ import annotations

import pytest

from emotionthinker.evaluation.perception import perception_metrics, read_answer


@pytest.mark.parametrize(
    ("text", "task", "answer"),
    [
        ("<answer>high</answer>", "pitch", "high"),
        ("<think>not low</think><answer>High.</answer>", "pitch", "high"),
        ("The pitch is normal.", "pitch", "normal"),
        ("low or high", "pitch", None),
        ("<answer>fast</answer>", "pitch", None),
        ("<answer></answer>", "pitch", None),
        ("<answer>rising-falling</answer>", "intonation_shape", "rising-falling"),
        ("It is rising.", "intonation_shape", "rising"),
        ("<answer>O'Clock</answer>", "stress", "o'clock"),
        ('The stressed word is "door".', "stress", "door"),
        ("The stressed word is door.", "stress", None),
        ("<answer>low, normal, high</answer>", "order_pitch", "low, normal, high"),
        ("First slow, then fast, finally normal", "order_speed", "slow, fast, normal"),
        ("<answer>low, high</answer>", "order_pitch", None),
        ("<answer>female</answer>", "gender", "female"),
    ],
)
def test_short_answers_are_read(text: str, task: str, answer: str | None) -> None:
    assert read_answer(text, task) == answer


def test_accuracy_stands_beside_the_most_frequent_answer() -> None:
    gold = ["low", "low", "low", "high"]
    rows = [{"task": "pitch", "answer": answer} for answer in gold]
    rows += [{"task": "intonation_shape", "answer": "level"}, {"task": "intonation_style", "answer": "flat"}]
    outputs = ["<answer>low</answer>"] * 4 + ["<answer>level</answer>", "hm"]
    found = perception_metrics(rows, outputs)
    pitch = found["tasks"]["pitch"]
    assert (pitch["accuracy"], pitch["majority"], pitch["unweighted_recall"]) == (0.75, 0.75, 0.5)
    assert found["tasks"]["intonation_style"]["parse_rate"] == 0
    assert found["table_5"] == {"Pit.": 75.0, "Spee.": None, "Ene.": None, "Into.": 50.0, "Stre.": None}
    with pytest.raises(ValueError, match="6 questions but 1 outputs"):
        perception_metrics(rows, ["low"])
