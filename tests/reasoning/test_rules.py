"""The rules of a trace and the leak check."""

from __future__ import annotations

import pytest

from emotionthinker.reasoning.rules import Rules, named_emotions, problems

from .strategies import prosody

GOOD = "A woman speaks. The pitch is low and the pace is fast, which suggests haste and a heavy heart."


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("She sounds angry.", ["angry"]),
        ("An ANGRILY raised voice full of fury", ["angrily", "fury"]),
        ("joyful, surprised, disgusted and fearful", ["joyful", "surprised", "disgusted", "fearful"]),
        ("a neutral, calm voice", ["neutral", "calm"]),
        ("anxious, almost panicked", ["anxious", "panicked"]),
        ('She says "I am so happy".', []),
        ("He makes a con in the dis of sur.", []),
        ("heated, weighed down, taken aback", []),
    ],
)
def test_names_of_emotions_outside_quotes(text: str, names: list[str]) -> None:
    assert named_emotions(text) == names


def test_the_last_sentence_may_be_spared() -> None:
    text = "The pitch is low. It is heavy. So she is sad."
    assert named_emotions(text) == ["sad"]
    assert named_emotions(text, spare_last_sentence=True) == []


def test_each_rule_has_its_kind() -> None:
    def kinds(text: str, **rules: float) -> list[str]:
        return [p.split(":")[0] for p in problems(text, prosody(), Rules(min_words=5, max_words=30, **rules))[0]]  # type: ignore[arg-type]

    assert kinds(GOOD) == []
    assert kinds("Too short.") == ["too_short", "too_few_claims"]
    assert kinds(GOOD + " and so on" * 20) == ["too_long"]
    assert kinds(GOOD.replace("haste", "sadness")) == ["names_emotion"]
    assert kinds(GOOD.replace("low", "high")) == ["wrong_claims"]
    assert kinds(GOOD.replace("low", "high"), min_precision=0.5) == []
    assert kinds(f"<think>{GOOD}</think>") == ["markup"]


def test_nothing_measured_asks_for_no_claims() -> None:
    bare = prosody(pitch=None, energy=None, rate=None)
    assert problems("The voice says little about anything here.", bare, Rules(min_words=3))[0] == []
