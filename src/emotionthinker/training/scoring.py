"""Where the reasoning reward R_t of GRPO-PTR comes from: a reward model's ratings, or claims checked by measurement."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from emotionthinker.records import Utterance
from emotionthinker.rewards import reasoning_reward

ReasoningReward = Callable[[Sequence[Utterance], Sequence[str]], list[float | None]]
"""(utterances, completions) -> R_t of each, 0..1, `None` where there is nothing to rate."""


class Scorer(Protocol):
    """A reward model: rates reasoning texts against the utterances they explain."""

    def expect(self, utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[list[float] | None]:
        """Four expected ratings (1..5, in the order of `records.CRITERIA`) a text, `None` where it gave none."""
        ...


_THINK = re.compile(r"<think>(.*?)</think>", re.S)


def think_of(completion: str) -> str | None:
    """The reasoning between the first pair of think tags; `None` when there is none or it is blank.

    Stricter than `prompt.split_completion`: a reasoning that was not closed was not finished, and is not rated.
    """
    match = _THINK.search(completion)
    return match.group(1).strip() or None if match else None


def rated(scorer: Scorer, weights: Sequence[float] | None = None) -> ReasoningReward:
    """R_t from a reward model: its four expected ratings, normalised and weighted (section 3.3.2, first equation)."""

    def reward(utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[float | None]:
        ratings = scorer.expect(utterances, thinks)
        return [None if rating is None else reasoning_reward(rating, weights) for rating in ratings]

    return _where_reasoned(reward)


def claims_reward(utterances: Sequence[Utterance], completions: Sequence[str]) -> list[float | None]:
    """R_t without a reward model: what the reasoning claims, against what was measured; 0.2 (worst) .. 1.

    The mean of the share of checkable claims that hold (repeating one counts once) and the share of the five prosodic
    features with a claim that holds, brought to the range of R_t. `None` for an utterance without prosody.
    """
    return _where_reasoned(_claims)(utterances, completions)


_FEATURES = {
    "pitch": "pitch",
    "energy": "energy",
    "rate": "rate",
    "style": "intonation",
    "shape": "intonation",
    "stress": "stress",
}


def _claims(utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[float | None]:
    from emotionthinker.reasoning.claims import check

    rewards: list[float | None] = []
    for utterance, think in zip(utterances, thinks, strict=True):
        if utterance.prosody is None:
            rewards.append(None)
            continue
        verdicts = {(c.feature, c.claimed): c.verdict for c in check(think, utterance.prosody)}
        holding = [key for key, verdict in verdicts.items() if verdict == "supported"]
        checkable = sum(verdict != "not_checkable" for verdict in verdicts.values())
        factual = len(holding) / checkable if checkable else 0.0
        complete = len({_FEATURES[f] for f, _ in holding if f in _FEATURES}) / len(set(_FEATURES.values()))
        rewards.append(0.2 + 0.8 * (factual + complete) / 2)
    return rewards


def _where_reasoned(reward: ReasoningReward) -> ReasoningReward:
    """`reward` on the completions that hold a reasoning, in one batch; the others get `None`."""

    def scored(utterances: Sequence[Utterance], completions: Sequence[str]) -> list[float | None]:
        thinks = [think_of(completion) for completion in completions]
        pairs = [(u, t) for u, t in zip(utterances, thinks, strict=True) if t is not None]
        found = iter(reward([u for u, _ in pairs], [t for _, t in pairs]) if pairs else [])
        return [None if think is None else next(found) for think in thinks]

    return scored
