"""When each recognised word was said: Whisper's cross-attention, warped onto the tokens (Radford et al. 2022).

Certain heads of the decoder look at the sound of the token they are about to say; the monotone path through their
attention dates the tokens to 20 ms. The heads are named by the model's `generation_config.alignment_heads`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody.heard import HeardWord

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float64]

FRAME_S = 0.02
SPACELESS = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages written without spaces: every token that ends a character counts as a word."""
_MEDIAN = 7


Asked = dict[int, list["torch.Tensor"]]
"""By layer, what its cross-attention was asked with, [1, tokens, d] a call."""


@contextmanager
def watched(model: Any) -> Iterator[Asked]:
    """Collects, while the decoder runs in this block, what `place` needs of the layers that have alignment heads."""
    asked: Asked = {}
    hooks = []
    for layer in sorted({layer for layer, _ in _heads(model)}):
        asked[layer] = []

        def keep(module: Any, args: Any, kwargs: Any, layer: int = layer) -> None:
            asked[layer].append(kwargs["hidden_states"] if "hidden_states" in kwargs else args[0])

        module = model.model.decoder.layers[layer].encoder_attn
        hooks.append(module.register_forward_pre_hook(keep, with_kwargs=True))
    try:
        yield asked
    finally:
        for hook in hooks:
            hook.remove()


def _heads(model: Any) -> Sequence[Sequence[int]]:
    return getattr(model.generation_config, "alignment_heads", None) or ()


def place(
    model: Any,
    tokenizer: Any,
    states: torch.Tensor,
    asked: Asked,
    said: Sequence[int],
    logprobs: Sequence[float],
    language: str,
    seconds: float,
) -> list[HeardWord]:
    """The words of the tokens `said`, each with its place in the first `seconds` of the window.

    `states` are the encoder's last [1, frames, d], `asked` what was watched from the prompt to the last token,
    `logprobs` one a token. Empty where the model names no alignment heads or said nothing.
    """
    frames = min(states.shape[1], round(seconds / FRAME_S))
    if not asked or not said or frames < 2:
        return []
    matrix = emphasised(attention(model, states, asked)[:, :, :frames])
    edges = _entered(matrix[-len(said) - 1 :]) * FRAME_S
    words, place = [], 0
    for text, count in grouped(tokenizer, said, language):
        sure = float(np.exp(np.mean(logprobs[place : place + count])))
        start, end = float(edges[place]), float(edges[place + count])
        words.append(HeardWord(text, round(start, 2), round(end, 2), round(sure, 4)))
        place += count
    return words


def attention(model: Any, states: torch.Tensor, asked: Asked) -> Floats:
    """Cross-attention [heads, tokens, frames] of the alignment heads for what was watched.

    Computed from each layer's own projections, so that it does not depend on which attention kernel the model runs.
    """
    import torch

    layers, whole = model.model.decoder.layers, {}
    with torch.inference_mode():
        for layer, calls in asked.items():
            whole[layer] = _weights(layers[layer].encoder_attn, torch.cat(calls, 1), states)
    return np.stack([whole[layer][head] for layer, head in _heads(model)])


def _weights(module: Any, asked: torch.Tensor, states: torch.Tensor) -> Floats:
    """Softmax of the scaled products of one attention layer, [heads, tokens, frames]."""
    queries, keys = module.q_proj(asked)[0], module.k_proj(states)[0]
    size = queries.shape[-1] // module.num_heads
    queries, keys = (x.unflatten(-1, (module.num_heads, size)).transpose(0, 1) for x in (queries, keys))
    return np.asarray(((queries @ keys.transpose(1, 2)) * size**-0.5).float().softmax(-1).numpy(), np.float64)


def emphasised(weights: Floats) -> Floats:
    """Mean over the heads [tokens, frames] of what is special about each token: z-scores, median-filtered in time."""
    from scipy.ndimage import median_filter

    spread = weights.std(axis=1, keepdims=True)
    scores = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-9)
    return np.asarray(median_filter(scores, (1, 1, _MEDIAN), mode="reflect").mean(axis=0))


def _entered(matrix: Floats) -> npt.NDArray[np.intp]:
    """The frame at which the path enters each row, [rows]."""
    path = warp(-matrix)
    return np.asarray([columns[0] for columns in path], np.intp)


def warp(cost: Floats) -> list[list[int]]:
    """Columns of each row on the cheapest monotone path from the first to the last cell (dynamic time warping)."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(rows):
        above = np.minimum(total[i, :-1], total[i, 1:]).tolist()  # diagonal or straight down
        here, line = cost[i].tolist(), [math.inf]
        for j in range(columns):
            line.append(here[j] + min(above[j], line[j]))
        total[i + 1] = line
    path: list[list[int]] = [[] for _ in range(rows)]
    i, j = rows - 1, columns - 1
    while True:
        path[i].insert(0, j)
        if i == 0 and j == 0:
            return path
        steps = total[i, j], total[i, j + 1], total[i + 1, j]
        best = int(np.argmin(steps))
        i, j = (i - 1, j - 1) if best == 0 else (i - 1, j) if best == 1 else (i, j - 1)


def grouped(tokenizer: Any, said: Sequence[int], language: str) -> list[tuple[str, int]]:
    """(word, number of its tokens): a token that begins with a space begins a word; bare punctuation joins its
    neighbour.
    """
    groups: list[list[int]] = []
    for token in said:
        text = tokenizer.decode([token])
        whole = bool(groups) and "\ufffd" not in tokenizer.decode(groups[-1])
        if not groups or (whole and (text.startswith(" ") or language in SPACELESS)):
            groups.append([token])
        else:
            groups[-1].append(token)
    words: list[tuple[str, int]] = []
    for group in groups:
        text = tokenizer.decode(group).strip()
        if words and not any(c.isalnum() for c in text):
            words[-1] = words[-1][0] + text, words[-1][1] + len(group)
        else:
            words.append((text, len(group)))
    return words
