"""Training of the stress detector: the published loss on word-labelled speech, best F1 on held-out clips kept.

The loss of the WhiStress paper; by default the settings of its public retraining: AdamW at 1e-4 without decay of rate
or weights, batches of 16, 20 epochs, a tenth of the clips for validation. F1 is counted over words (a word is stressed
when any of its tokens is).
The text is the given one; clips whose words Whisper would hear otherwise are for the maker of the data to leave out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from emotionthinker import audio
from emotionthinker.errors import AudioError, RecipeError, RecordError, kind_of
from emotionthinker.folder_lock import is_main_process
from emotionthinker.models import whistress, word_pieces
from emotionthinker.models.whistress import IGNORED, WhiStress
from emotionthinker.prosody.batch import failure
from emotionthinker.recipes import Recipe
from emotionthinker.runs import Run, frees_folder, model_files, put_in_place, write_json, write_lines
from emotionthinker.training.loop import LoopRecipe, train
from emotionthinker.training.stress_clips import StressClip, chosen
from emotionthinker.training.world import wait_for_all

BEST, VALIDATION, FAILURES = "best.safetensors", "validation.json", "failures.jsonl"


class WhistressRecipe(Recipe):
    """Training of a stress detector."""

    backbone: str = whistress.BACKBONE
    """The Whisper that stays frozen: an id of the hub, a folder, or `nano` (the embedded Whisper base)."""
    layer: int = Field(whistress.LAYER, gt=0)
    """Layer of its encoder and decoder that the head reads; 9 of 12 in the published detector."""
    clips: Path
    """JSONL of `StressClip`s."""
    test: Path | None = None
    """JSONL of clips the finished detector is measured on: of rows that name a split, those that are held out."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the clips that chooses the epoch."""
    epochs: int = Field(20, gt=0)
    batch_size: int = Field(16, gt=0)
    accumulation: int = Field(1, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    weight_decay: float = 0.0
    warmup_steps: int = 0
    decay: str = "constant"
    max_grad_norm: float = 1.0
    bf16: bool | None = None
    save_steps: int = 500
    log_steps: int = 10
    threads: int | None = None


def check_clips(clips: Sequence[StressClip], model: WhiStress, out: Path) -> None:
    """Decode every clip and read its text once before the first step.

    Raises `RecordError` naming those that cannot be used; all of them stand in `out/failures.jsonl`.
    """
    read, bad = StressCollator(model), []
    for clip in clips:
        try:
            audio.load(clip.audio, max_seconds=model.window_s)
            read.labelled(clip)
        except (AudioError, RecordError) as error:
            bad.append(failure(clip.audio.stem, str(clip.audio), kind_of(error), str(error)))
    if is_main_process():
        write_lines(out / FAILURES, bad)
    if bad:
        shown = "\n".join(row["message"] for row in bad[:5])
        raise RecordError(
            f"{len(bad)} of {len(clips)} clips cannot be used; take their lines out (all in {out / FAILURES}):\n{shown}"
        )


class StressCollator:
    """Clips -> features, tokens and labels, right-padded."""

    def __init__(self, model: WhiStress) -> None:
        self._model = model
        self._end = int(model.whisper.config.eos_token_id)

    def labelled(self, clip: StressClip) -> tuple[list[int], list[int]]:
        """Tokens and their labels. Of a stressed word the tokens with a letter, digit or apostrophe are 1.

        Raises `RecordError` for a text longer than the decoder.
        """
        model = self._model
        words = model.tokenise(word_pieces.of(clip.transcription, clip.words))
        prefix = model.prefix()
        tokens, labels = [*prefix], [IGNORED] * len(prefix)
        for place, word in enumerate(words):
            tokens += word
            labels += [int(place in clip.stressed and self._spells(token)) for token in word]
        if len(tokens) >= model.max_tokens:
            raise RecordError(f"{clip.audio}: {len(tokens)} tokens of text; the decoder holds {model.max_tokens - 1}")
        return [*tokens, self._end], [*labels, IGNORED]

    def _spells(self, token: int) -> bool:
        text = self._model.processor.tokenizer.decode([token])
        return any(c.isalnum() or c in "'’\ufffd" for c in text)  # a part of a letter's bytes decodes to U+FFFD

    def __call__(self, clips: Sequence[StressClip]) -> dict[str, torch.Tensor]:
        rows = [self.labelled(clip) for clip in clips]
        longest = max(len(tokens) for tokens, _ in rows)
        tokens = torch.full((len(rows), longest), self._end)
        labels = torch.full((len(rows), longest), IGNORED)
        for place, (ids, marks) in enumerate(rows):
            tokens[place, : len(ids)] = torch.tensor(ids)
            labels[place, : len(marks)] = torch.tensor(marks)
        sound = [audio.load(clip.audio, max_seconds=self._model.window_s)[0] for clip in clips]
        return {"input_features": self._model.features(sound), "tokens": tokens, "labels": labels}


def measure(model: WhiStress, clips: Sequence[StressClip]) -> dict[str, float]:
    """Precision, recall and F1 of stressed words over all clips (0 where undefined), and the number of words."""
    model.eval()
    hits = claimed = true = words = 0
    for clip in clips:
        said = clip.words
        sound, _ = audio.load(clip.audio, max_seconds=model.window_s)
        tokens = model.tokenise(word_pieces.of(clip.transcription, said))
        likely = model.judge(model.encode(model.features([sound])), tokens)
        found = {place for place, probability in enumerate(likely) if probability > 0.5}
        hits += len(found & set(clip.stressed))
        claimed, true, words = claimed + len(found), true + len(set(clip.stressed)), words + len(said)
    precision, recall = hits / max(claimed, 1), hits / max(true, 1)
    f1 = 2 * hits / max(claimed + true, 1)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4), "words": words}


class _Validate(TrainerCallback):  # type: ignore[misc]
    """F1 after every epoch; the weights of the best one are kept.

    A step is measured before its checkpoint is written, so a resumed run measures again what came after it.
    """

    def __init__(self, model: WhiStress, clips: Sequence[StressClip], steps: int, out: Path) -> None:
        self.model, self.clips, self.steps, self.out = model, clips, steps, out

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.steps or not state.is_world_process_zero:
            return
        epoch = state.global_step // self.steps
        history = [row for row in validations(self.out) if row["epoch"] < epoch]
        row = {"epoch": epoch, **measure(self.model, self.clips)}
        self.model.train()
        if row["f1"] > max((before["f1"] for before in history), default=-1.0):
            part = self.out / (BEST + ".part")
            weights = self.model.heads.state_dict().items()
            save_file({name: value.detach().cpu().float().contiguous() for name, value in weights}, part)
            put_in_place(part, self.out / BEST)
        write_json(self.out / VALIDATION, [*history, row])


def validations(out: Path) -> list[dict[str, Any]]:
    """What was measured after each epoch."""
    path = out / VALIDATION
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def split(clips: Sequence[StressClip], recipe: WhistressRecipe) -> tuple[list[StressClip], list[StressClip]]:
    """Training and validation clips, drawn by the seed. Raises `RecipeError` when either would be empty."""
    held = max(1, round(recipe.validation * len(clips)))
    if held >= len(clips):
        raise RecipeError(
            f"{recipe.clips} holds {len(clips)} clips; validation {recipe.validation} leaves none to train"
        )
    order = np.random.default_rng(recipe.seed).permutation(len(clips))
    return [clips[i] for i in order[held:]], [clips[i] for i in order[:held]]


def schedule(clips: Sequence[StressClip], recipe: WhistressRecipe) -> tuple[list[StressClip], int]:
    """Every epoch's clips in a new order, whole batches only (an odd rest waits for another epoch), and its steps."""
    step = recipe.batch_size * recipe.accumulation
    if len(clips) < step:
        raise RecipeError(
            f"{len(clips)} clips to train on; expected at least batch_size * accumulation = {step}: lower batch_size"
        )
    rng, steps = np.random.default_rng([recipe.seed, 1]), len(clips) // step
    return [clips[i] for _ in range(recipe.epochs) for i in rng.permutation(len(clips))[: steps * step]], steps


@frees_folder
def run(recipe: WhistressRecipe, out: Path) -> dict[str, Any]:
    """Train into `out/model` (a folder that `annotate --stress whistress:FOLDER` takes); resumes. Returns metrics."""
    inputs: list[str | Path] = [recipe.clips, *([recipe.test] if recipe.test else []), *model_files(recipe.backbone)]
    state = Run(out, "whistress-train", recipe, inputs)
    if state.finished and (out / "model").exists():
        Console(stderr=True).print(f"{out} is finished; nothing to do")
        return dict(state.previous["metrics"])
    state.refuse_other()
    clips, tests = chosen(recipe.clips, recipe.test)
    training, held = split(clips, recipe)
    rows, steps = schedule(training, recipe)
    whisper, processor = whistress.load_backbone(recipe.backbone)
    torch.manual_seed(recipe.seed)
    model = WhiStress(whisper, processor, recipe.layer, recipe.backbone)
    check_clips([*clips, *tests], model, out)
    state.begin()  # not before: a start that is refused must not stand in the way of the corrected one
    settings = LoopRecipe(
        steps=steps * recipe.epochs,
        learning_rates={"heads": recipe.learning_rate},
        **recipe.model_dump(include=set(LoopRecipe.model_fields) & set(WhistressRecipe.model_fields)),
    )
    losses, _ = train(model, rows, StressCollator(model), settings, out, [_Validate(model, held, steps, out)])
    metrics: dict[str, Any] = dict(losses)
    if is_main_process():
        model.heads.load_state_dict(load_file(out / BEST))
        whistress.save(model, out / "model")
        history = validations(out)
        metrics["validation"] = max(history, key=lambda row: row["f1"])
        if tests:
            metrics["test"] = measure(model, tests)
    wait_for_all()
    state.manifest["precision"] = "bf16" if settings.half else "fp32"
    counts = {"training": len(training), "validation": len(held), "test": len(tests), "steps": settings.steps}
    state.finish(counts=counts, metrics=metrics)
    return metrics
