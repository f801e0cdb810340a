"""GRPO-PTR on TRL: format, accuracy and trust-weighted, progressively scheduled reasoning reward (section 3.3.2)."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from trl import GRPOConfig

from emotionthinker.records import Utterance
from emotionthinker.rewards import ProgressiveSchedule, accuracy_reward, format_reward, trust_weight
from emotionthinker.runs import write_json
from emotionthinker.training.audio_grpo import AudioGRPOTrainer
from emotionthinker.training.scoring import ReasoningReward

FORMAT, ACCURACY, REASONING = range(3)
STATE_FILE = "ptr_state.json"


class PTRTrainer(AudioGRPOTrainer):
    """Audio GRPO with R = a_f R_f + a_o R_o + a_t tau R_t.

    Dataset columns: `id`, `prompt`, `audio`, `emotion` (one of the nine), `utterance` (the record as JSON). `weights`
    are (a_f, a_o, a_t). `reasoning=None` leaves R_t out (Table 4, V2), `trust=False` fixes tau at 1 (V4),
    `schedule=None` lets R_t count from the first step (V5). A completion whose R_t is `None` leaves the means and gets
    nothing.

    tau and the schedule are computed on the rewards gathered over all processes, where the K completions of a prompt
    stand together: a group is split over processes, and a local tau would be another one on each. Accuracy of a batch
    is known only then, so R_t joins from the batch after the one that fulfils the schedule.
    """

    def __init__(
        self,
        model: Any,
        *,
        args: GRPOConfig,
        reasoning: ReasoningReward | None,
        weights: Sequence[float] = (0.3, 1.0, 0.5),
        schedule: ProgressiveSchedule | None = None,
        trust: bool = True,
        empty_side: float = 1.0,
        **kwargs: Any,
    ) -> None:
        args.reward_weights = list(weights)
        self._reasoning = reasoning
        self.schedule = schedule
        self.trust = trust
        self.empty_side = empty_side
        rewards = [format_rewards, accuracy_rewards, self.reasoning_rewards]
        super().__init__(model, args=args, reward_funcs=rewards, **kwargs)
        self.reward_func_names = ["format", "accuracy", "reasoning"]

    @property
    def reasoning_active(self) -> bool:
        """Whether R_t counts in the current batch."""
        return self._reasoning is not None and (self.schedule is None or self.schedule.active)

    def reasoning_rewards(self, completions: list[str], utterance: list[str], **_: Any) -> list[float | None]:
        """R_t of this process's completions; `None` for all while it does not count, so nothing is rated in vain."""
        if self._reasoning is None or not self.reasoning_active:
            return [None] * len(completions)
        return self._reasoning([Utterance.model_validate_json(row) for row in utterance], completions)

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[str], completions: list[str], completion_ids_list: Any
    ) -> torch.Tensor:
        """Rewards of all processes [batch, 3]; TRL weighs and sums the columns, so tau goes into the third."""
        active = self.reasoning_active
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        group_size = self.num_generations if self._mode == "train" else self.num_generations_eval
        weighted, taus = trusted(rewards, group_size, trust=self.trust, empty_side=self.empty_side)
        accuracy = rewards[:, ACCURACY].mean().item()
        if self._mode == "train" and self.schedule is not None:
            self.schedule.update(accuracy)
        metrics = self._metrics[self._mode]
        metrics["ptr/accuracy"].append(accuracy)
        metrics["ptr/reasoning_active"].append(float(active))
        if active:
            metrics["ptr/tau"].append(math.fsum(taus) / len(taus))
            metrics["ptr/reasoning"].append(torch.nanmean(rewards[:, REASONING]).item())
        return weighted

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """TRL's checkpoint, then the schedule; its file comes last and thereby marks the checkpoint as whole."""
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            state = None if self.schedule is None else self.schedule.state_dict()
            write_json(folder / STATE_FILE, {"schedule": state})

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and self.schedule is not None:
            state = json.loads((Path(checkpoint) / STATE_FILE).read_text(encoding="utf-8"))["schedule"]
            self.schedule.load_state_dict(state)


def format_rewards(completions: list[str], **_: Any) -> list[float]:
    """R_f of each completion."""
    return [format_reward(completion) for completion in completions]


def accuracy_rewards(
    completions: list[str], emotion: list[str], id: list[str], log_extra: Callable[[str, list[str]], None], **_: Any
) -> list[float]:
    """R_o of each completion; also has TRL keep the ids beside the completions."""
    log_extra("id", id)
    return [accuracy_reward(completion, label) for completion, label in zip(completions, emotion, strict=True)]


def trusted(
    rewards: torch.Tensor, group_size: int, *, trust: bool = True, empty_side: float = 1.0
) -> tuple[torch.Tensor, list[float]]:
    """Rewards [batch, 3] with the reasoning column scaled by its group's tau, and the tau of each group.

    Groups are `group_size` rows in a row; NaN stands for "not rated" and stays.
    """
    weighted, taus = rewards.clone(), []
    for group in weighted.view(-1, group_size, weighted.shape[1]):
        reasoning = [None if math.isnan(value) else value for value in group[:, REASONING].tolist()]
        correct = [value == 1.0 for value in group[:, ACCURACY].tolist()]
        taus.append(trust_weight(reasoning, correct, empty_side=empty_side) if trust else 1.0)
        group[:, REASONING] *= taus[-1]
    return weighted, taus


def last_checkpoint(folder: str | Path) -> Path | None:
    """The newest whole checkpoint under `folder`; one whose writing was cut off by a kill does not count."""
    whole = [path.parent for path in Path(folder).glob(f"checkpoint-*/{STATE_FILE}")]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def discard_torn(folder: str | Path) -> None:
    """Remove checkpoints whose writing was cut off."""
    for path in Path(folder).glob("checkpoint-*"):
        if not (path / STATE_FILE).exists():
            shutil.rmtree(path)
