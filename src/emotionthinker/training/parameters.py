"""Which parameters a training stage moves: a table by part, printed and asserted before the first step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import nn

from emotionthinker.errors import RecipeError

PARTS = ("tower", "projector", "llm", "lm_head", "visual")

# Linear layers of the language model only. Bare names such as `q_proj`, or "all-linear", would also hit the audio
# tower and the visual part.
LORA_TARGETS = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"


class Count(NamedTuple):
    """Parameters of one part: how many there are and how many of them are trained."""

    total: int
    trainable: int


def part_of(name: str) -> str:
    """The part a parameter name belongs to.

    `tower`: Whisper-like encoder; `projector`: its `proj` and `ln_post`, the adapter into the LLM; `llm`: embeddings,
    blocks and norm (with their LoRA matrices); `lm_head`; `visual`. Raises `ValueError` for a name of none of them.
    """
    names = name.split(".")
    if "audio_tower" in names:
        inner = names[names.index("audio_tower") + 1 :]
        return "projector" if inner[0] in ("proj", "ln_post") else "tower"
    for part, key in (("visual", "visual"), ("llm", "language_model"), ("lm_head", "lm_head")):
        if key in names:
            return part
    raise ValueError(f"parameter {name!r} belongs to none of the parts {PARTS}")


def trainable_table(model: nn.Module) -> dict[str, Count]:
    """Total and trainable parameters of each part of a thinker, with or without a PEFT wrapper.

    A head tied to the embedding is one tensor and counts once, in `llm`.
    """
    table = dict.fromkeys(PARTS, Count(0, 0))
    for name, parameter in model.named_parameters():
        total, trainable = table[part := part_of(name)]
        size = parameter.numel()
        table[part] = Count(total + size, trainable + size * parameter.requires_grad)
    return table


def set_trainable(model: nn.Module, parts: Iterable[str]) -> None:
    """Require gradients in the named parts and nowhere else."""
    wanted = _known(parts)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in wanted)


def assert_trainable(model: nn.Module, expected: Iterable[str]) -> dict[str, Count]:
    """The table, after checking that exactly the `expected` parts train. Raises `RecipeError` with the table."""
    wanted = _known(expected)
    table = trainable_table(model)
    found = {part for part, count in table.items() if count.trainable}
    if found != wanted:
        raise RecipeError(
            f"trainable parts are {sorted(found)}, the stage expects {sorted(wanted)}\n{format_table(table)}"
        )
    return table


def format_table(table: dict[str, Count]) -> str:
    """The table as aligned text, one part a line and the sum."""
    rows = [("part", "parameters", "trainable")]
    whole = Count(sum(c.total for c in table.values()), sum(c.trainable for c in table.values()))
    rows += [(part, f"{count.total:,}", f"{count.trainable:,}") for part, count in {**table, "all": whole}.items()]
    return "\n".join(f"{part:<10}{total:>15}{trainable:>15}" for part, total, trainable in rows)


def _known(parts: Iterable[str]) -> set[str]:
    wanted = set(parts)
    if unknown := wanted - set(PARTS):
        raise ValueError(f"unknown parts {sorted(unknown)}; parts are {PARTS}")
    return wanted
