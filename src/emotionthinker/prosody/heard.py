"""What a recogniser hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


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
