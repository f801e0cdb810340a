"""A small world for GRPO: clips, records, a thinker's folder, and rewards a random model can earn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from datasets import Dataset
from peft import LoraConfig
from trl import GRPOConfig

from emotionthinker.emotions import EMOTIONS
from emotionthinker.records import Utterance, write_jsonl
from emotionthinker.rewards import ProgressiveSchedule
from emotionthinker.training import ptr
from emotionthinker.training.grpo_recipe import GrpoRecipe
from emotionthinker.training.parameters import LORA_TARGETS
from emotionthinker.training.ptr import PTRTrainer

GROUP = 4


def write_records(folder: Path, speech: Callable[..., np.ndarray], clips: int = 6) -> Path:
    """Records of clips with different lengths, pitches and emotions."""
    utterances = []
    for i in range(clips):
        path = folder / f"clip{i}.wav"
        soundfile.write(path, speech(seconds=0.4 + 0.15 * i, f0=110.0 + 40 * i, seed=i), 16000)
        utterances.append(
            Utterance(
                id=f"u{i}", audio=str(path), dataset="synthetic", split="train", text="hello", emotion=EMOTIONS[i]
            )
        )
    write_jsonl(folder / "records.jsonl", utterances)
    return folder / "records.jsonl"


def rows_of(records: Path) -> list[dict[str, Any]]:
    """The dataset's rows, one a record."""
    utterances = [Utterance.model_validate_json(line) for line in records.read_text().splitlines()]
    return [
        {
            "id": u.id,
            "prompt": "Which emotion?",
            "audio": u.audio,
            "emotion": u.emotion,
            "utterance": u.model_dump_json(),
        }
        for u in utterances
    ]


def earnable(monkey: Any = None) -> None:
    """Replace R_f and R_o by fair coins read off the text: gibberish never earns the real ones."""
    replace = setattr if monkey is None else monkey.setattr
    replace(ptr, "format_reward", lambda completion: float(len(completion) % 2))
    replace(ptr, "accuracy_reward", lambda completion, emotion: float(sum(map(ord, completion)) % 2))


def coin_reasoning(utterances: Any, completions: list[str]) -> list[float | None]:
    """R_t that anybody can recompute; about every eleventh completion is not rated."""
    sums = [sum(map(ord, completion)) for completion in completions]
    return [None if total % 11 == 0 else 0.2 + 0.8 * (total % 5) / 4 for total in sums]


def trainer_of(
    thinker: Any,
    processor: Any,
    rows: list[dict[str, Any]],
    out: Path,
    *,
    schedule: ProgressiveSchedule | None,
    **config: Any,
) -> PTRTrainer:
    """A PTR trainer with LoRA on the LLM and one group a step."""
    thinker.requires_grad_(False)
    settings: dict[str, Any] = {
        "per_device_train_batch_size": GROUP,
        "gradient_accumulation_steps": 1,
        "num_generations": GROUP,
        "max_completion_length": 8,
        "max_steps": 2,
        "learning_rate": 1e-3,
        "loss_type": "grpo",
        "beta": 0.04,
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "report_to": "none",
        "save_strategy": "no",
        "shuffle_dataset": False,
        "logging_steps": 1,
    }
    trainer = PTRTrainer(
        thinker,
        args=GRPOConfig(output_dir=str(out), **{**settings, **config}),
        processing_class=processor,
        peft_config=LoraConfig(r=4, target_modules=LORA_TARGETS),
        train_dataset=Dataset.from_list(rows),
        reasoning=coin_reasoning,
        schedule=schedule,
    )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1  # what the loop sets at its first step
    return trainer


def recipe_of(model: Path, records: Path, **fields: Any) -> GrpoRecipe:
    """A recipe that runs in seconds on the tiny thinker."""
    small = {
        "group_size": GROUP,
        "steps": 4,
        "learning_rate": 1e-3,
        "max_new_tokens": 8,
        "reasoning": "none",
        "schedule": {"threshold": 0.0, "window": 2, "patience": 1},
        "save_steps": 1,
        "threads": 1,
    }
    return GrpoRecipe.model_validate({"model": str(model), "records": records, **small, **fields})


def lora_norm(model: torch.nn.Module) -> float:
    """Size of what LoRA has learned: 0 before the first step."""
    return sum(float(p.abs().sum()) for name, p in model.named_parameters() if "lora_B" in name)
