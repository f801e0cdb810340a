"""What a recogniser hands over, and whether it can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

MIN_LOGPROB = -1.0
"""Mean log-probability a token under which the words are taken for made up."""


class HeardWord(NamedTuple):
    """A word as the recogniser writes it, its place (seconds) and its probability (0..1)."""

    text: str
    start_s: float
    end_s: float
    confidence: float


class Heard(NamedTuple):
    """Recognised text, mean log-probability a token, language code, and the words with their places."""

    text: str
    logprob: float
    language: str
    words: tuple[HeardWord, ...] = ()


class Listening(NamedTuple):
    """What was heard in a 30 s window, and the encoder's states there for whoever else needs them.

    `states` are as in transformers: the input of the first layer, then the output of each layer, the last one
    normalised; each [1, 1500, d].
    """

    heard: Heard
    states: tuple[torch.Tensor, ...]


def unintelligible(heard: Heard) -> bool:
    """Words that were hardly said: none, unlikely ones, or endless repeats."""
    tokens = heard.text.lower().split()
    looping = len(tokens) >= 8 and len(set(tokens)) <= len(tokens) / 4
    doubtful = heard.logprob < MIN_LOGPROB
    return not heard.text or looping or doubtful
