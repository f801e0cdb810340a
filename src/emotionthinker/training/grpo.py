"""The reinforcement stage: GRPO-PTR from a fine-tuned thinker to EmotionThinker (section 3.3)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from peft import LoraConfig, PeftModel
from rich.console import Console
from torch import nn
from transformers import PrinterCallback

from emotionthinker import audio
from emotionthinker.errors import AudioError, RecipeError
from emotionthinker.folder_lock import hold
from emotionthinker.models.processor import AudioProcessor
from emotionthinker.records import read_jsonl
from emotionthinker.runs import Run, frees_folder, model_files
from emotionthinker.training.examples import Example, Source, draw
from emotionthinker.training.grpo_log import RunLog, Table, plot, read_log, summarise
from emotionthinker.training.grpo_recipe import GrpoRecipe, on_cpu
from emotionthinker.training.parameters import LORA_TARGETS, assert_trainable, format_table, part_of, set_trainable
from emotionthinker.training.ptr import PTRTrainer, discard_torn, last_checkpoint
from emotionthinker.training.scoring import ReasoningReward, claims_reward, rated
from emotionthinker.training.world import wait_for_all

__all__ = ["GrpoRecipe", "run"]


@frees_folder
def run(recipe: GrpoRecipe, out: Path, *, resume: bool = True) -> dict[str, Any]:
    """Run the stage into `out`: `model/` (a thinker folder), `adapter/` (its LoRA), `metrics.jsonl`,
    `completions.jsonl`, `curves.png`, `manifest.json`. Returns the metrics.

    Killed at any moment it goes on from its last whole checkpoint; a finished run is not done again. `resume=False`
    throws away what `out` holds. Under torchrun or accelerate every process calls it. Raises `RecipeError` when `out`
    holds another recipe's run or clips cannot be used.
    """
    from emotionthinker.models.loading import load_thinker

    main = PartialState(cpu=on_cpu()).is_main_process
    inputs: list[str | Path] = [recipe.records, *model_files(recipe.model), *model_files(recipe.reward_model or "")]
    job = Run(out, "grpo", recipe, inputs)
    if resume and job.finished and job.previous and (out / "model").exists():
        return dict(job.previous["metrics"])
    if main:
        hold(out)
    _prepare(out, job, resume=resume, main=main)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    thinker, processor = load_thinker(recipe.model)
    lora = adapt(thinker, recipe, out)
    examples = draw([_source(recipe)], recipe.steps, recipe.prompts_per_step, recipe.seed, split=recipe.split)
    check_clips(examples, processor.max_seconds)
    trainer = make_trainer(recipe, thinker, lora, processor, dataset(recipe, examples), out)
    table = format_table(assert_trainable(trainer.model, trained_parts(trainer.model)))
    if main:
        job.begin()
        Console(stderr=True).print(table, highlight=False)
    last = last_checkpoint(out / "checkpoints")
    with RunLog(out, lambda: latest_completions(trainer), quiet=not main) as log:
        if main:
            trainer.add_callback(log)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    metrics: dict[str, Any] = {}
    if main:
        save(trainer, recipe, processor, out)
        rows = read_log(out / "metrics.jsonl")
        metrics = summarise(rows)
        plot(rows, out / "curves.png")
        job.manifest["trainable"] = table.splitlines()
        completions = recipe.steps * recipe.prompts_per_step * recipe.group_size
        job.finish(counts={"prompts": len(examples), "completions": completions}, metrics=metrics)
    wait_for_all()
    return metrics


def _prepare(out: Path, job: Run, *, resume: bool, main: bool) -> None:
    """Clear the folder, or make sure that what it holds comes from the same recipe."""
    checkpoints = out / "checkpoints"
    if resume:
        job.refuse_other()
    if resume and job.previous and last_checkpoint(checkpoints):
        if main:
            discard_torn(checkpoints)
    elif main:
        for path in (checkpoints, out / "model", out / "adapter", out / "reference"):
            shutil.rmtree(path, ignore_errors=True)
        for name in ("metrics.jsonl", "completions.jsonl", "curves.png"):
            (out / name).unlink(missing_ok=True)
    wait_for_all()


def adapt(thinker: Any, recipe: GrpoRecipe, out: Path) -> LoraConfig | None:
    """Freeze the tower and projector; the LLM trains through the returned LoRA, or, without one, in full.

    In full, TRL reads the reference model anew from where the policy came from; a full Omni checkpoint is not a
    thinker, so the start is saved to `out/reference` first.
    """
    thinker.requires_grad_(False)
    if recipe.lora is not None:
        if recipe.bf16:
            thinker.to(torch.bfloat16)  # frozen weights only: LoRA's own stay float32
        return LoraConfig(
            r=recipe.lora.rank,
            lora_alpha=recipe.lora.alpha,
            lora_dropout=recipe.lora.dropout,
            target_modules=LORA_TARGETS,
        )
    reference = out / "reference"
    if recipe.beta:
        if PartialState().is_main_process and not reference.exists():
            from emotionthinker.models.loading import save_thinker

            save_thinker(thinker, None, reference)
        wait_for_all()
        thinker.config._name_or_path = str(reference)
    set_trainable(thinker, ("llm", "lm_head"))
    return None


def trained_parts(policy: nn.Module) -> set[str]:
    """The parts that must train: the LLM, and its head where it is trained in full and not tied."""
    untied = any(part_of(name) == "lm_head" for name, _ in policy.named_parameters())
    return {"llm", "lm_head"} if untied and not isinstance(policy, PeftModel) else {"llm"}


def _source(recipe: GrpoRecipe) -> Source:
    return Source(
        path=recipe.records,
        kind="labels",
        weight=1.0,
        corpora=recipe.corpora,
        balance=recipe.balance,
        transcript=recipe.transcript,
    )


def dataset(recipe: GrpoRecipe, examples: Sequence[Example]) -> Dataset:
    """The run's prompts in their order, with the columns the trainer reads."""
    records = {utterance.id: utterance for utterance in read_jsonl(recipe.records)}
    return Dataset.from_list(
        [
            {
                "id": example.id,
                "prompt": example.question,
                "audio": example.audio,
                "emotion": records[example.id].emotion,
                "utterance": records[example.id].model_dump_json(),
            }
            for example in examples
        ]
    )


def check_clips(examples: Sequence[Example], max_seconds: float) -> None:
    """Decode every clip once before the first step. Raises `RecipeError` naming those that cannot be used."""
    paths = sorted({example.audio for example in examples})
    if broken := [problem for path in paths if (problem := _problem(path, max_seconds))]:
        shown = "\n".join(broken[:5])
        raise RecipeError(f"{len(broken)} of {len(paths)} clips cannot be used; take them out of the records:\n{shown}")


def _problem(path: str, max_seconds: float) -> str | None:
    try:
        audio.load(path, max_seconds=max_seconds)
    except AudioError as error:
        return str(error)
    return None


def reasoning_reward_of(recipe: GrpoRecipe) -> ReasoningReward | None:
    """The source of R_t the recipe names."""
    if recipe.reasoning == "none":
        return None
    if recipe.reasoning == "claims":
        return claims_reward
    from emotionthinker.training.reward_model import RewardModel

    model = RewardModel.load(str(recipe.reward_model), device=PartialState().device)
    return rated(model, recipe.rating_weights)


def make_trainer(
    recipe: GrpoRecipe,
    thinker: nn.Module,
    lora: LoraConfig | None,
    processor: AudioProcessor,
    rows: Dataset,
    out: Path,
) -> PTRTrainer:
    """The PTR trainer of a recipe; its checkpoints go to `out/checkpoints`."""
    trainer = PTRTrainer(
        thinker,
        args=recipe.config(out / "checkpoints", PartialState().num_processes),
        processing_class=processor,
        peft_config=lora,
        train_dataset=rows,
        reasoning=reasoning_reward_of(recipe),
        weights=recipe.weights,
        schedule=recipe.schedule.start() if recipe.progressive else None,
        trust=recipe.trust,
        empty_side=recipe.empty_side,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def latest_completions(trainer: PTRTrainer) -> Table:
    """The latest generation of all processes, as columns."""
    logs = trainer._logs
    columns = {"id": logs["extra"]["id"], "completion": logs["completion"], **logs["rewards"]}
    return {name: list(values) for name, values in {**columns, "advantage": logs["advantages"]}.items()}


def save(trainer: PTRTrainer, recipe: GrpoRecipe, processor: AudioProcessor, out: Path) -> None:
    """The adapter, and the thinker with the adapter merged into the weights it came with, in float32."""
    from emotionthinker.models.loading import load_thinker, save_thinker

    policy = trainer.accelerator.unwrap_model(trainer.model)
    if isinstance(policy, PeftModel):
        policy.save_pretrained(out / "adapter")
        policy = PeftModel.from_pretrained(load_thinker(recipe.model)[0], out / "adapter").merge_and_unload()
    save_thinker(policy, processor, out / "model")
