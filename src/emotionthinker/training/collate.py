"""From examples to a padded batch: audio features, tokens, labels and the weight of every labelled token."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from emotionthinker import audio
from emotionthinker.models.processor import AudioProcessor, encode
from emotionthinker.models.prompt import conversation
from emotionthinker.training.examples import Example

IGNORED = -100

Weigh = Callable[[Example, int, int], float]
"""(example, start, end) -> weight of the token that spans these characters of its completion."""


def weighted(answer: float = 1.0, claim: float = 1.0) -> Weigh:
    """Tokens from `<answer>` on weigh `answer`, those of acoustic claims `claim`, the others 1.

    One label, one "high" among eighty words of reasoning would otherwise hardly be learned.
    """

    def weigh(example: Example, start: int, end: int) -> float:
        if end > example.completion.find("<answer>"):
            return answer
        return claim if any(first < end and start < last for first, last in example.claims) else 1.0

    return weigh


@lru_cache(maxsize=4096)
def _samples(path: str) -> np.ndarray:
    return audio.load(path)[0]


class Collator:
    """Examples -> `input_ids`, `attention_mask`, `labels`, `label_weights` [batch, tokens], audio features and mask.

    The completion's tokens are appended to the prompt's, never tokenised across the seam: what is learned is what
    generation meets. `weigh` gives every token of it its weight.
    """

    def __init__(self, processor: AudioProcessor, *, weigh: Weigh, mask_share: float = 0.0, seed: int = 0) -> None:
        self.processor = processor
        self._weigh = weigh
        self.mask_share = mask_share
        self.seed = seed
        tokenizer = processor.tokenizer
        self._end = tokenizer.eos_token
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        prompts = [conversation(e.question, system=e.system) for e in examples]
        batch = encode(self.processor, prompts, [_samples(e.audio) for e in examples], padding_side="right")
        rows = [
            self._row(ids[mask.bool()], e)
            for ids, mask, e in zip(batch.pop("input_ids"), batch.pop("attention_mask"), examples, strict=True)
        ]
        for name, fill in (("input_ids", self._pad), ("attention_mask", 0), ("labels", IGNORED), ("label_weights", 0)):
            columns = [row[name] for row in rows]
            batch[name] = torch.nn.utils.rnn.pad_sequence(columns, batch_first=True, padding_value=fill)
        if self.mask_share:
            # The masks depend on the batch alone, so that a resumed run sees the same ones.
            rng = np.random.default_rng([self.seed, zlib.crc32(" ".join(e.id for e in examples).encode())])
            mask_features(batch["input_features"], batch["feature_attention_mask"], self.mask_share, rng)
        return batch

    def _row(self, prompt: torch.Tensor, example: Example) -> dict[str, torch.Tensor]:
        coded = self.processor.tokenizer(
            example.completion + self._end, add_special_tokens=False, return_offsets_mapping=True
        )
        ids = torch.tensor(coded["input_ids"])
        weights = torch.tensor([self._weigh(example, *span) for span in coded["offset_mapping"]], dtype=torch.float32)
        tokens = torch.cat([prompt, ids])
        return {
            "input_ids": tokens,
            "attention_mask": torch.ones_like(tokens),
            "labels": torch.cat([torch.full_like(prompt, IGNORED), ids]),
            "label_weights": torch.cat([torch.zeros(len(prompt)), weights]),
        }


def mask_features(features: torch.Tensor, mask: torch.Tensor, share: float, rng: np.random.Generator) -> None:
    """SpecAugment in place: two mel bands and two stretches of time a clip, each at most `share` of its axis.

    `features` [clips, mels, frames], `mask` [clips, frames]. Masked cells take the clip's mean, which leaves its
    level audible (Park et al. 2019 mask with zero, the mean of normalised features).
    """
    for clip, frames in zip(features, mask.sum(-1).tolist(), strict=True):
        mean = clip[:, :frames].mean()
        for axis, size in ((0, clip.shape[0]), (0, clip.shape[0]), (1, frames), (1, frames)):
            width = int(rng.integers(0, max(2, int(size * share))))
            start = int(rng.integers(0, size - width + 1))
            clip.narrow(axis, start, width).fill_(mean)


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with every tensor on `device`."""
    return {name: value.to(device) if torch.is_tensor(value) else value for name, value in batch.items()}
