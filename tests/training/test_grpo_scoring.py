from __future__ import annotations

from collections.abc import Sequence

import pytest

from emotionthinker.records import Energy, Intonation, Pitch, Prosody, Rate, Utterance
from emotionthinker.training.scoring import claims_reward, rated, think_of

PROSODY = Prosody(
    duration_s=2.0,
    pitch=Pitch(median_hz=110.0, level="low", reliable=True),
    energy=Energy(active_dbfs=-40.0, level="low"),
    rate=Rate(articulation=8.0, level="slow"),
    intonation=Intonation(style="flat", shape="falling"),
)
HEARD = Utterance(id="u", prosody=PROSODY)


def score(think: str, utterance: Utterance = HEARD) -> float | None:
    return claims_reward([utterance], [f"<think>{think}</think><answer>sad</answer>"])[0]


@pytest.mark.parametrize(
    ("completion", "think"),
    [
        ("<think> low </think><answer>sad</answer>", "low"),
        ("<think>a</think><think>b</think>", "a"),
        ("<think> </think><answer>sad</answer>", None),
        ("<think>cut off", None),
        ("low pitch", None),
    ],
)
def test_think_of(completion: str, think: str | None) -> None:
    assert think_of(completion) == think


def test_true_claims_beat_false_ones_and_more_beat_fewer() -> None:
    full = score("The pitch is low, the energy is low and the speaking rate is slow, with a flat intonation.")
    one = score("The pitch is low.")
    mixed = score("The pitch is low. The energy is high.")
    wrong = score("The pitch is high.")
    assert full is not None
    assert one is not None
    assert mixed is not None
    assert wrong == 0.2
    assert 1.0 >= full > one > mixed > wrong
    assert one == pytest.approx(0.2 + 0.8 * (1 + 1 / 5) / 2)


def test_repeating_a_claim_gains_nothing() -> None:
    assert score("The pitch is low. The pitch is low. The energy is high.") == score(
        "The pitch is low. The energy is high."
    )


def test_nothing_checkable_is_worst_and_nothing_measured_is_unrated() -> None:
    assert score("It just feels sad.") == 0.2
    assert score("The pitch is low.", Utterance(id="v")) is None


class Strict:
    """A scorer that rates what it gets and remembers it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def expect(self, utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[list[float] | None]:
        self.seen += [(u.id, t) for u, t in zip(utterances, thinks, strict=True)]
        return [None if "mumble" in think else [5.0, 4.0, 3.0, 2.0] for think in thinks]


def test_only_reasonings_are_rated_and_places_are_kept() -> None:
    scorer = Strict()
    utterances = [Utterance(id=str(i)) for i in range(4)]
    completions = ["none", "<think>a</think>", "<think>mumble</think>", "<think>b</think>"]
    assert rated(scorer)(utterances, completions) == [None, 0.7, None, 0.7]
    assert scorer.seen == [("1", "a"), ("2", "mumble"), ("3", "b")]
    assert rated(scorer, (1, 0, 0, 0))(utterances, completions) == [None, 1.0, None, 1.0]
    assert rated(scorer)(utterances[:1], ["none"]) == [None]
