"""The outcome accuracy reward R_o (section 3.3.1)."""

from __future__ import annotations

from emotionthinker.emotions import EMOTIONS, canonical, parse_answer


def accuracy_reward(completion: str, emotion: str) -> float:
    """R_o: 1.0 when the label inside `<answer>` is `emotion`, else 0.0.

    The prediction is read from the tag, as in the paper: a label in prose alone earns nothing. Raises `ValueError`
    when `emotion` is none of the nine (aliases such as `joy` are understood).
    """
    gold = canonical(emotion)
    if gold is None:
        raise ValueError(f"emotion is {emotion!r}, expected one of {EMOTIONS}")
    label, reason = parse_answer(completion)
    return float(reason == "tag" and label == gold)
