"""Supervised fine-tuning of the thinker (section 3.2; appendix C): stage I moves tower, projector and LLM, stage II
the LLM alone, through LoRA, with the tower frozen.

TRL's stock SFTTrainer drops the audio without a word; here every forward pass is checked to hear what its tokens
promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from torch import nn

from emotionthinker.folder_lock import is_main_process
from emotionthinker.models.processor import AudioProcessor, check_agreement
from emotionthinker.runs import Run, frees_folder, model_files
from emotionthinker.training.collate import IGNORED, Collator, Weigh, weighted
from emotionthinker.training.examples import Example, Source, draw
from emotionthinker.training.loop import LoopRecipe, train
from emotionthinker.training.parameters import LORA_TARGETS, assert_trainable, format_table, part_of
from emotionthinker.training.world import wait_for_all


class Lora(BaseModel):
    """Low-rank adaptation of the language model's linear layers (Hu et al. 2022)."""

    model_config = ConfigDict(extra="forbid")

    rank: int = Field(16, gt=0)
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)


class SftRecipe(LoopRecipe):
    """One supervised stage."""

    model: str = "nano-base"
    """`nano-base`, a folder of an earlier stage, or a hub id."""
    sources: list[Source]
    train_tower: bool = True
    train_llm: Literal["full", "lora", "frozen"] = "full"
    lora: Lora = Lora()
    answer_weight: float = Field(1.0, gt=0)
    """Weight of the tokens from `<answer>` on, against 1 for the reasoning's."""
    claim_weight: float = Field(1.0, gt=0)
    """Weight of the tokens of acoustic claims, which are what can be heard and checked."""
    mask_share: float = Field(0.0, ge=0, lt=0.5)
    """SpecAugment: the largest share of mel bands, and of time, one mask covers."""

    @property
    def parts(self) -> set[str]:
        """The parts that train. A tied head moves with the embedding and is counted there."""
        parts = {"tower", "projector"} if self.train_tower else set()
        return parts | ({"llm"} if self.train_llm != "frozen" else set())

    def parts_of(self, thinker: nn.Module) -> set[str]:
        """`parts`, with the head of a thinker whose LLM trains in full and whose head is a matrix of its own."""
        untied = any(part_of(name) == "lm_head" for name, _ in thinker.named_parameters())
        return self.parts | ({"lm_head"} if untied and self.train_llm == "full" else set())


class Supervised(nn.Module):
    """The thinker with the weighted cross-entropy of its completions; the head runs on labelled positions only."""

    accepts_loss_kwargs = False
    """Read by Trainer: the loss is a mean of its batch, to be divided by the number of accumulated ones."""

    def __init__(self, thinker: Any, audio_token_id: int) -> None:
        super().__init__()
        self.thinker: Any = thinker
        # What FSDP's `auto_wrap` shards one by one.
        self._no_split_modules = ["Qwen2_5OmniDecoderLayer", "Qwen2_5OmniAudioEncoderLayer"]
        self.audio_token_id = audio_token_id

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        """Called by Trainer for `gradient_checkpointing`."""
        self.thinker.activation_checkpointing_enable(**settings)

    def forward(
        self, labels: torch.Tensor, label_weights: torch.Tensor, **inputs: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """`labels` and `label_weights` [batch, tokens]; `inputs` as `models.processor.encode` makes them."""
        check_agreement(inputs, self.audio_token_id)
        hidden = self.thinker.model(**inputs, use_cache=False)[0]
        spoken = labels[:, 1:] != IGNORED
        logits = self.thinker.lm_head(hidden[:, :-1][spoken])
        losses = nn.functional.cross_entropy(logits.float(), labels[:, 1:][spoken], reduction="none")
        weights = label_weights[:, 1:][spoken]
        return {"loss": (losses * weights).sum() / weights.sum()}


def adapt(thinker: Any, recipe: SftRecipe) -> Any:
    """Set what trains, in place: LoRA layers, tower and projector in fp32, everything frozen in the recipe's precision.

    Returns the PEFT wrapper where there is LoRA, else the thinker.
    """
    wrapper = thinker
    thinker.requires_grad_(False)
    if recipe.train_llm == "lora":
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=recipe.lora.rank,
            lora_alpha=recipe.lora.alpha,
            lora_dropout=recipe.lora.dropout,
            target_modules=LORA_TARGETS,
        )
        wrapper = get_peft_model(thinker, config)
    whole = recipe.parts_of(thinker) - ({"llm"} if recipe.train_llm == "lora" else set())
    frozen = torch.bfloat16 if recipe.half else torch.float32
    for name, parameter in thinker.named_parameters():
        if part_of(name) in whole and "audio_bos_eos_token" not in name:
            parameter.requires_grad_(True)
        parameter.data = parameter.data.to(torch.float32 if parameter.requires_grad else frozen)
    return wrapper


def rebuilt(recipe: SftRecipe, trained: dict[str, torch.Tensor]) -> tuple[Any, AudioProcessor]:
    """The model the stage began with, in full precision, with what was trained put in and LoRA merged."""
    from emotionthinker.models.loading import load_thinker

    thinker, processor = load_thinker(recipe.model)
    wrapper = adapt(thinker, recipe.model_copy(update={"bf16": False}))
    state = {name.removeprefix("thinker."): tensor for name, tensor in trained.items()}
    left = thinker.load_state_dict(state, strict=False)
    assert not left.unexpected_keys, left.unexpected_keys[:3]
    return (wrapper.merge_and_unload() if wrapper is not thinker else thinker), processor


@frees_folder
def run(recipe: SftRecipe, out: Path) -> dict[str, Any]:
    """Run the stage into `out` (`model/` is a thinker folder); resumes where it was stopped. Returns metrics."""
    state = Run(
        out,
        "sft",
        recipe,
        [*(source.path for source in recipe.sources), *model_files(recipe.model)],
    )
    if state.finished and (out / "model").exists():
        Console(stderr=True).print(f"{out} is finished; nothing to do")
        return dict(state.previous["metrics"])
    state.refuse_other()
    state.begin()
    rows = draw(recipe.sources, recipe.steps * recipe.accumulation, recipe.batch_size, recipe.seed)
    metrics = fit(recipe, rows, weighted(recipe.answer_weight, recipe.claim_weight), out, state)
    state.finish(counts=_counts(rows), metrics=metrics)
    return metrics


def fit(recipe: SftRecipe, rows: Sequence[Example], weigh: Weigh, out: Path, state: Run) -> dict[str, Any]:
    """Train on `rows` in order and save `out/model`; the table of trainable parameters is printed and asserted."""
    from emotionthinker.models.loading import load_thinker, save_thinker

    torch.manual_seed(recipe.seed)
    thinker, processor = load_thinker(recipe.model)
    adapt(thinker, recipe)
    table = format_table(assert_trainable(thinker, recipe.parts_of(thinker)))
    Console(stderr=True).print(table, highlight=False)
    state.manifest["trainable"] = table.splitlines()
    state.manifest["precision"] = "bf16" if recipe.half else "fp32"
    collate = Collator(processor, weigh=weigh, mask_share=recipe.mask_share, seed=recipe.seed)
    metrics, trained = train(Supervised(thinker, processor.audio_token_id), rows, collate, recipe, out)
    if is_main_process():
        thinker, processor = rebuilt(recipe, trained)
        save_thinker(thinker.requires_grad_(False), processor, out / "model")
    wait_for_all()
    return dict(metrics)


def _counts(rows: Sequence[Example]) -> dict[str, int]:
    counts: dict[str, int] = {"examples": len(rows), "clips": len({row.audio for row in rows})}
    for row in rows:
        counts[row.corpus] = counts.get(row.corpus, 0) + 1
    return counts
