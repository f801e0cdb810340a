"""Token by token out of a thinker: one lean loop for greedy and sampled, batched and streamed text.

transformers' `generate` rebuilds masks, three-row positions and its bookkeeping at every step, and runs every linear
layer in the precision of the model. Audio and text advance all rows of the multimodal rope alike, so plain positions
do; and one step is bound by the bytes of the weights, which int8 quarters. `benchmarks/decode.py` measures both.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import DynamicCache, Qwen2_5OmniThinkerForConditionalGeneration

from emotionthinker.models.processor import check_agreement


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: greedy at `temperature` 0, else drawn from the nucleus of mass `top_p`.

    Row i of a call draws from a generator of its own, seeded by `seed` and i: batching changes no draw.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and self.temperature < float("inf")):
            raise ValueError(f"temperature {self.temperature} is not a finite number >= 0 (0 is greedy)")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p} is outside (0, 1]")

    def generator(self, row: int) -> torch.Generator:
        """The source of randomness of one row, on the CPU whatever the device: the same draws everywhere."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + row) % 2**63)

    def choose(self, logits: torch.Tensor, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Next tokens int64 [rows] from logits [rows, vocabulary]; suppressed tokens carry -inf."""
        if self.temperature == 0:
            return logits.argmax(-1)
        probabilities, tokens = (logits.float().cpu() / self.temperature).softmax(-1).sort(-1, descending=True)
        # The token that crosses top_p is still inside, so the nucleus is never empty.
        probabilities[probabilities.cumsum(-1) - probabilities >= self.top_p] = 0
        places = [row.multinomial(1, generator=g) for row, g in zip(probabilities, generators, strict=True)]
        return tokens.gather(1, torch.stack(places)).squeeze(1).to(logits.device)


class Int8Linear(nn.Module):
    """A linear layer with its weights in int8, one scale an output row; inputs and sums in bfloat16 and float32.

    Only weights are rounded to int8, so a row's result does not depend on the rows beside it. `fits` says which
    layers can be converted; others raise `ValueError`.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        if not self.fits(linear):
            raise ValueError(f"{linear} takes {linear.in_features} inputs; the int8 kernel needs a multiple of 32")
        weight = linear.weight.detach().float()
        # The kernel takes bfloat16 scales: round them before the division, and the weights make up for it.
        self.scales = (weight.abs().amax(1) / 127).clamp_min(1e-30).bfloat16()
        self.weight = (weight / self.scales.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
        self.bias = linear.bias

    @staticmethod
    def fits(linear: nn.Linear) -> bool:
        """Whether the kernel, which walks the inputs in vectors without a check, stays inside this layer's weights."""
        return linear.in_features % 32 == 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(0, -2).to(torch.bfloat16)
        out = torch._weight_int8pack_mm(rows, self.weight, self.scales).to(x.dtype).view(*x.shape[:-1], -1)
        return out if self.bias is None else out + self.bias


def int8_copy(module: nn.Module) -> nn.Module:
    """A copy of `module` with int8 linear layers; everything else (embeddings, norms, buffers) is shared with it."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        if isinstance(part, nn.Linear) and Int8Linear.fits(part):
            memo[id(part)] = Int8Linear(part)
        else:
            own = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
            memo.update({id(tensor): tensor for tensor in own})
    return copy.deepcopy(module, memo)


@dataclass
class Prefix:
    """What a forward pass over prompts leaves: the cache of keys and values, and where each row stands."""

    hidden: torch.Tensor
    """Last hidden state of each row [rows, width]."""
    cache: DynamicCache
    attention_mask: torch.Tensor
    """[rows, positions], 0 over the padding on the left."""


def prefill(model: Qwen2_5OmniThinkerForConditionalGeneration, inputs: Mapping[str, torch.Tensor]) -> Prefix:
    """Run left-padded prompts with their sound (`processor.encode`) through the model, in its own precision.

    Raises `DeafForwardError` when `input_ids` promise audio that the features do not deliver.
    """
    check_agreement(inputs, model.config.audio_token_id)
    inputs = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    mask = inputs["attention_mask"]
    cache = DynamicCache(config=model.config.get_text_config())
    positions = (mask.cumsum(-1) - 1).clamp_min(0).expand(3, -1, -1)
    out = model.model(**inputs, position_ids=positions, past_key_values=cache, use_cache=True)
    return Prefix(out.last_hidden_state[:, -1], cache, mask)


class Decoder:
    """Continues prefixes token by token; on a CPU the steps run on int8 weights, elsewhere in the model's precision.

    Prefixes are always computed in the model's precision: only what a token adds is rounded.
    """

    def __init__(
        self, model: Qwen2_5OmniThinkerForConditionalGeneration, *, stop: Iterable[int], suppressed: Iterable[int]
    ) -> None:
        self.model = model
        self.stop = torch.tensor(sorted(set(stop)), dtype=torch.long, device=model.device)
        self.suppressed = torch.tensor(sorted(set(suppressed)), dtype=torch.long, device=model.device)
        language_model, head = model.model.language_model, model.lm_head
        self.precision = str(model.dtype).removeprefix("torch.")
        # PyTorch builds for Windows have no vector code behind the int8 kernel.
        if model.device.type == "cpu" and sys.platform != "win32":
            language_model, head = int8_copy(language_model), int8_copy(head)
            self.precision = "int8"
        self._language_model, self._head = language_model, head

    @torch.inference_mode()
    def tokens(
        self,
        inputs: Mapping[str, torch.Tensor],
        *,
        max_new_tokens: int,
        sampling: Sampling = Sampling(),
        first_row: int = 0,
    ) -> Iterator[list[int | None]]:
        """Yield the next token of every row, `None` for a row that has stopped, until all have or the limit is met.

        `first_row` is the number of the first row among all rows of a call that is made in batches.
        """
        prefix = prefill(self.model, inputs)
        generators = [sampling.generator(first_row + row) for row in range(len(prefix.hidden))]
        logits = self.model.lm_head(prefix.hidden)
        done = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
        step = _Step(self._language_model, prefix)
        for _ in range(max_new_tokens):
            chosen = sampling.choose(logits.index_fill(-1, self.suppressed, -torch.inf), generators)
            done |= torch.isin(chosen, self.stop)
            if done.all():
                return
            yield [None if over else token for token, over in zip(chosen.tolist(), done.tolist(), strict=True)]
            logits = self._head(step(chosen))


class _Step:
    """One more position for every row."""

    def __init__(self, language_model: nn.Module, prefix: Prefix) -> None:
        self.language_model = language_model
        self.cache = prefix.cache
        self.positions = prefix.attention_mask.sum(-1, keepdim=True)
        self.padded = not bool(prefix.attention_mask.all())
        self.attention_mask = prefix.attention_mask

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Hidden states [rows, width] after `tokens` [rows]."""
        if self.padded:
            self.attention_mask = F.pad(self.attention_mask, (0, 1), value=1)
        out = self.language_model(
            input_ids=tokens[:, None],
            # Without padding a new position sees all before it: a mapping says so and spares building a mask.
            attention_mask=self.attention_mask if self.padded else {"full_attention": None},
            position_ids=self.positions.expand(3, -1, -1),
            past_key_values=self.cache,
            use_cache=True,
        )
        self.positions = self.positions + 1
        hidden: torch.Tensor = out.last_hidden_state[:, -1]
        return hidden
