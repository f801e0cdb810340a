"""The supervised loop all stages share: transformers' Trainer over a fixed order of examples.

Only what trains is checkpointed, every part has its own learning rate, and a run killed at any moment goes on from its
last whole checkpoint with the same batches as an undisturbed one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from emotionthinker.errors import RecipeError
from emotionthinker.folder_lock import is_main_process
from emotionthinker.recipes import Recipe
from emotionthinker.runs import write_json
from emotionthinker.training.parameters import part_of
from emotionthinker.training.world import processes

TRAINABLE = "trainable.safetensors"
WHOLE = "whole"
"""A file of a checkpoint that is written last."""


class LoopRecipe(Recipe):
    """What every supervised stage can set."""

    steps: int = Field(gt=0)
    batch_size: int = Field(8, gt=0)
    """Examples of one forward and backward pass, over all processes; a multiple of their number."""
    accumulation: int = Field(1, gt=0)
    """Passes an optimiser step: it learns from `batch_size * accumulation` examples, on any number of processes."""
    learning_rates: dict[str, float]
    """Peak learning rate of each part that trains: `tower`, `projector`, `llm`, `lm_head`, `heads`."""
    warmup_steps: int = 20
    decay: str = "linear"
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    bf16: bool | None = None
    """Matrix products in bfloat16; `None` where this machine has instructions for them. Elsewhere they are emulated,
    a hundred times slower than float32."""
    gradient_checkpointing: bool = False
    save_steps: int = 50
    log_steps: int = 5
    threads: int | None = None
    """CPU threads; `None` leaves torch's choice."""
    fsdp: str | None = None
    """FSDP options as transformers takes them, e.g. `full_shard auto_wrap`."""
    deepspeed: str | None = None
    """Path of a DeepSpeed configuration."""

    @property
    def half(self) -> bool:
        """What `bf16` comes to on this machine."""
        return has_bf16() if self.bf16 is None else self.bf16

    def share(self, processes: int) -> int:
        """Examples of a pass for each of `processes`. Raises `RecipeError` when they cannot be shared evenly."""
        if self.batch_size % processes:
            raise RecipeError(f"batch_size is {self.batch_size}; expected a multiple of the {processes} processes")
        return self.batch_size // processes


def has_bf16() -> bool:
    """Whether this machine multiplies bfloat16 in hardware: the GPU, else AVX-512 BF16 or AMX of the CPU.

    A torch that does not tell (before `torch.cpu.get_capabilities`) counts as a CPU without.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Rows(Dataset[Any]):
    """A list as torch sees a dataset."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


class StageTrainer(Trainer):  # type: ignore[misc]
    """Trainer that keeps the given order and saves the trainable parameters alone."""

    optimizer: torch.optim.Optimizer | None

    def __init__(self, *args: Any, rates: dict[str, float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rates = rates

    def _get_train_sampler(self, *_: Any, **__: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def create_optimizer(self, *_: Any, **__: Any) -> torch.optim.Optimizer:
        if self.optimizer is None:
            groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    groups.setdefault((_part(name), parameter.ndim > 1), []).append(parameter)
            missing = {part for part, _ in groups} - set(self._rates)
            if missing:
                raise RecipeError(f"no learning rate for {sorted(missing)}; learning_rates has {sorted(self._rates)}")
            self.optimizer = torch.optim.AdamW(
                [
                    {"params": p, "lr": self._rates[part], "weight_decay": self.args.weight_decay * matrix}
                    for (part, matrix), p in groups.items()
                ]
            )
        return self.optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if not self.args.should_save:
            return
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        state = state_dict if state_dict is not None else self.model.state_dict()
        names = sorted(trainable_names(self.model))
        save_file({name: state[name].detach().cpu().contiguous() for name in names}, folder / TRAINABLE)

    def trained(self) -> dict[str, torch.Tensor]:
        """What was trained, whole and on the CPU; a collective call. Empty in all processes but the first."""
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        state = self.accelerator.get_state_dict(self.model_wrapped) if sharded else self.model.state_dict()
        if not is_main_process():
            return {}
        return {name: state[name].detach().cpu().float() for name in sorted(trainable_names(self.model))}

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        state = load_file(Path(resume_from_checkpoint) / TRAINABLE)
        if unknown := sorted(set(state) - trainable_names(self.model)):
            raise RecipeError(
                f"{resume_from_checkpoint} holds parameters this stage does not train: {unknown[:3]}; "
                "the recipe changed since it was written. Use another output folder, or --restart"
            )
        # Whole tensors into whatever holds them, sharded or not.
        whole = StateDictOptions(full_state_dict=True, strict=False)
        set_model_state_dict(model or self.model, state, options=whole)


def trainable_names(module: nn.Module) -> set[str]:
    """Names of the parameters that train."""
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def _part(name: str) -> str:
    return "heads" if name.startswith(("heads.", "lexical.")) else part_of(name)


class _Log(TrainerCallback):  # type: ignore[misc]
    """The loss curve, rewritten after every logged step; and the mark of a checkpoint that is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).write_text("all files are written\n")

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            write_json(self.path, state.log_history)


def whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; torn ones (a kill while saving) are removed."""
    for path in sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]), reverse=True):
        if (path / WHOLE).exists():
            return path
        if is_main_process():
            shutil.rmtree(path, ignore_errors=True)
    return None


def train(
    module: nn.Module,
    rows: Sequence[Any],
    collate: Callable[[Sequence[Any]], dict[str, Any]],
    recipe: LoopRecipe,
    out: Path,
    callbacks: Sequence[TrainerCallback] = (),
) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Train `module` (its forward returns `{"loss": ...}`) over `rows` in order; resumes from `out/checkpoints`.

    Returns the mean loss of the first and the last tenth of the logged steps, and the trained tensors by their names
    in `module` (float32, on the CPU; empty in all processes of a distributed run but the first).
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    checkpoints = out / "checkpoints"
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.share(processes()),
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=max(recipe.learning_rates.values()),
        warmup_steps=recipe.warmup_steps,
        lr_scheduler_type=recipe.decay,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        bf16=recipe.half,
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=recipe.gradient_checkpointing,
        save_steps=recipe.save_steps,
        save_total_limit=2,
        logging_steps=recipe.log_steps,
        seed=recipe.seed,
        remove_unused_columns=False,
        report_to="none",
        dataloader_pin_memory=False,
        fsdp=recipe.fsdp or "",
        deepspeed=recipe.deepspeed,
    )
    trainer = StageTrainer(
        module,
        arguments,
        train_dataset=Rows(rows),
        data_collator=collate,
        callbacks=[_Log(out / "log.json"), *callbacks],
        rates=recipe.learning_rates,
    )
    last = whole_checkpoint(checkpoints)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    tenth = max(1, len(losses) // 10)
    ends = {"loss_first": losses[:tenth], "loss_last": losses[-tenth:]}
    return {name: round(sum(part) / len(part), 4) for name, part in ends.items() if part}, trainer.trained()
