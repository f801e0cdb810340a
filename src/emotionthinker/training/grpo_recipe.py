"""What a GRPO-PTR run can set. The defaults are the paper's (section 4.1); every variant of Table 4 is one field."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from trl import GRPOConfig

from emotionthinker.errors import RecipeError
from emotionthinker.recipes import Recipe
from emotionthinker.rewards import ProgressiveSchedule
from emotionthinker.training.sft import Lora


class Schedule(BaseModel):
    """When the reasoning reward joins: `rewards.ProgressiveSchedule`."""

    model_config = ConfigDict(extra="forbid")

    threshold: float = Field(default=0.5, ge=0, le=1)
    window: int = Field(default=10, ge=1)
    patience: int = Field(default=5, ge=1)

    def start(self) -> ProgressiveSchedule:
        return ProgressiveSchedule(self.threshold, self.window, self.patience)


class GrpoRecipe(Recipe):
    """One GRPO-PTR run."""

    model: str
    """`nano-base`, the folder of an earlier stage, or a hub id."""
    records: Path
    """JSONL of Utterances with audio and emotion; prosody as well for `reasoning: claims`."""
    split: str = "train"
    corpora: dict[str, float] | None = None
    """Relative weight of each corpus; corpora not named are left out. `None`: by their size."""
    balance: bool = True
    """Draw the emotions of each corpus evenly."""
    transcript: bool = True
    """Put the transcript into the question."""

    group_size: int = Field(default=8, ge=2)
    """K, completions a prompt."""
    prompts_per_step: int = Field(default=1, ge=1)
    """Prompts (groups) one optimiser step learns from, over all processes."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Completions in one forward and backward pass of one process; `None`: a step's whole share."""
    steps: int = Field(default=3000, ge=1)
    learning_rate: float = Field(default=1e-6, gt=0)
    lr_schedule: str = "constant_with_warmup"
    warmup_steps: int = Field(default=0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.04, ge=0)
    """Weight of the KL divergence from the model the run starts with."""
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: int = Field(default=256, ge=8)
    lora: Lora | None = Lora()
    """`None` trains the LLM in full (with a copy as reference). Tower and projector stay frozen either way."""

    weights: tuple[float, float, float] = (0.3, 1.0, 0.5)
    """a_f, a_o, a_t: format, accuracy, reasoning."""
    reasoning: Literal["trained", "untrained", "claims", "none"] = "trained"
    """Source of R_t: a trained reward model, an untrained one (V3), checked claims, or none at all (V2)."""
    reward_model: str | None = None
    """Folder of the reward model, or for `untrained` the backbone."""
    rating_weights: tuple[float, float, float, float] | None = None
    """w_j of the four criteria, in the order of `records.CRITERIA`; `None`: 1/4 each."""
    trust: bool = True
    """Weigh R_t by tau; `false` is V4."""
    empty_side: float = Field(default=1.0, ge=0, le=1)
    """tau of a group without a correct, or without a wrong, rated completion."""
    progressive: bool = True
    """Let R_t join late; `false` is V5."""
    schedule: Schedule = Schedule()

    bf16: bool = False
    gradient_checkpointing: bool = False
    save_steps: int = Field(default=50, ge=1)
    log_steps: int = Field(default=1, ge=1)
    threads: int | None = None
    """CPU threads; `None` leaves torch's choice."""
    fsdp: str | None = None
    """FSDP options as transformers takes them, e.g. `full_shard auto_wrap`."""
    deepspeed: str | None = None
    """Path of a DeepSpeed configuration."""

    @model_validator(mode="after")
    def _names_its_reward_model(self) -> GrpoRecipe:
        needed = self.reasoning in ("trained", "untrained")
        if needed and self.reward_model is None:
            raise ValueError(f"reasoning is {self.reasoning!r} but reward_model is missing; give its folder")
        if not needed and self.reward_model is not None:
            raise ValueError(f"reward_model is given but reasoning is {self.reasoning!r}; drop one of the two")
        return self

    def config(self, folder: Path, processes: int) -> GRPOConfig:
        """TRL's settings for one of `processes` processes. Raises `RecipeError` when a step cannot be split evenly."""
        completions = self.prompts_per_step * self.group_size
        micro_batch = self.micro_batch or max(1, completions // processes)
        if completions % (micro_batch * processes):
            raise RecipeError(
                f"a step has {self.prompts_per_step} x {self.group_size} = {completions} completions; expected a "
                f"multiple of micro_batch x processes = {micro_batch} x {processes}"
            )
        return GRPOConfig(
            output_dir=str(folder),
            max_steps=self.steps,
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=completions // (micro_batch * processes),
            num_generations=self.group_size,
            learning_rate=self.learning_rate,
            lr_scheduler_type=self.lr_schedule,
            warmup_steps=self.warmup_steps,
            max_grad_norm=self.max_grad_norm,
            beta=self.beta,
            temperature=self.temperature,
            top_p=self.top_p,
            max_completion_length=self.max_new_tokens,
            # The paper's objective; TRL's own default is another loss.
            loss_type="grpo",
            scale_rewards="group",
            multi_objective_aggregation="sum_then_normalize",
            disable_dropout=True,
            shuffle_dataset=False,
            bf16=self.bf16,
            use_cpu=on_cpu(),
            gradient_checkpointing=self.gradient_checkpointing,
            save_steps=self.save_steps,
            save_total_limit=2,
            logging_steps=self.log_steps,
            logging_first_step=True,
            seed=self.seed,
            disable_tqdm=True,
            report_to="none",
            dataloader_pin_memory=False,
            fsdp=self.fsdp or "",
            deepspeed=self.deepspeed,
        )


def on_cpu() -> bool:
    """True without an accelerator. It must be said: accelerate takes several CPU processes for several lone ones."""
    return not torch.accelerator.is_available()
