from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.rewards import format_reward

contents = st.text(min_size=1).filter(lambda s: s.strip() and "<" not in s)


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("<think>low pitch</think><answer>sad</answer>", 1.0),
        ("<think>low\npitch</think>\n<answer>sad</answer>\n", 1.0),
        ("<think>3 < 4 > 2</think><answer>sad</answer>", 1.0),
        ("", 0.0),
        ("sad", 0.0),
        ("<think></think><answer>sad</answer>", 0.0),
        ("<think>  \n</think><answer>sad</answer>", 0.0),
        ("<think>x</think><answer> </answer>", 0.0),
        ("<answer>sad</answer><think>x</think>", 0.0),
        ("Well: <think>x</think><answer>sad</answer>", 0.0),
        ("<think>x</think> so <answer>sad</answer>", 0.0),
        ("<think>x</think><answer>sad</answer> I am sure", 0.0),
        ("<think>x</think><answer>sad", 0.0),
        ("<think>x<answer>sad</answer>", 0.0),
        ("<think>x</think><think>y</think><answer>sad</answer>", 0.0),
        ("<think>x</think><answer>sad</answer><answer>sad</answer>", 0.0),
        ("<think>a <think>b</think> c</think><answer>sad</answer>", 0.0),
        ("<think>a <answer>b</answer></think><answer>sad</answer>", 0.0),
        ("<Think>x</Think><Answer>sad</Answer>", 0.0),
    ],
)
def test_schema(completion: str, expected: float) -> None:
    assert format_reward(completion) == expected


@given(contents, contents, st.sampled_from(["", " ", "\n\n"]))
def test_what_is_built_to_the_schema_earns_it(think: str, answer: str, between: str) -> None:
    completion = f"<think>{think}</think>{between}<answer>{answer}</answer>"
    assert format_reward(completion) == 1.0
    assert format_reward(completion + completion) == 0.0


@given(st.text())
def test_untagged_text_earns_nothing(text: str) -> None:
    assert format_reward(text) == 0.0
