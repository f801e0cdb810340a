from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotionthinker import audio
from emotionthinker.errors import AudioError, DeafForwardError
from emotionthinker.models.processor import encode
from emotionthinker.models.prompt import conversation
from emotionthinker.training.audio_grpo import Clips, core_of
from emotionthinker.training.ptr import PTRTrainer

from .grpo_helpers import GROUP, lora_norm, rows_of, trainer_of, write_records

PROMPTS = 2


@pytest.fixture
def records(tmp_path: Path, speech: Callable[..., np.ndarray]) -> Path:
    return write_records(tmp_path, speech)


@pytest.fixture
def rows(records: Path) -> list[dict[str, Any]]:
    return rows_of(records)


@pytest.fixture
def trainer(fresh_thinker: Any, rows: list[dict[str, Any]], tmp_path: Path) -> PTRTrainer:
    """A trainer whose LoRA layers already say something, so that policy and reference differ."""
    made = trainer_of(*fresh_thinker, rows, tmp_path / "out", schedule=None, steps_per_generation=PROMPTS)
    torch.manual_seed(1)
    for name, parameter in made.model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
    return made


def groups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A generation batch of two prompts, each standing K times, clips of different length."""
    return [rows[0]] * GROUP + [rows[5]] * GROUP


def tokens(batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    return ids, torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)


@torch.no_grad()
def direct(
    model: Any, processor: Any, inputs: list[dict[str, Any]], batch: dict[str, Any], *, deaf: bool = False
) -> Any:
    """Log-probabilities of the completions by one plain forward pass of the model itself."""
    hook, core = core_of(model)._forward_pre_hooks, core_of(model)
    saved, core._forward_pre_hooks = hook, type(hook)()
    ids, mask = tokens(batch)
    prompts = [conversation(row["prompt"]) for row in inputs]
    encoded = encode(processor, prompts, [audio.load(row["audio"])[0] for row in inputs])
    assert torch.equal(encoded["input_ids"], batch["prompt_ids"])
    sound = {} if deaf else {k: encoded[k] for k in ("input_features", "feature_attention_mask")}
    logits = model(input_ids=ids, attention_mask=mask, **sound).logits
    core._forward_pre_hooks = saved
    length = batch["completion_ids"].shape[1]
    logps = logits[:, -length - 1 : -1].log_softmax(-1)
    return logps.gather(-1, batch["completion_ids"].unsqueeze(-1)).squeeze(-1)


def logps_of(trainer: PTRTrainer, batch: dict[str, Any], clips: Clips, batch_size: int | None = None) -> torch.Tensor:
    ids, mask = tokens(batch)
    with torch.no_grad(), trainer._listening(clips, batch["clip"]):
        length = batch["completion_ids"].shape[1]
        logps: torch.Tensor = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, length, batch_size)[
            0
        ]
    return logps


def test_log_probabilities_are_those_of_a_forward_that_hears(trainer: PTRTrainer, rows: list[dict[str, Any]]) -> None:
    inputs = groups(rows)
    batch = trainer._generate_and_score_completions(inputs)
    valid = batch["completion_mask"].bool()
    heard = direct(trainer.model, trainer.processing_class, inputs, batch)
    for size in (None, 3):  # chunks that cut through a group
        logps = logps_of(trainer, batch, trainer._clips["train"], size)
        assert (logps - heard)[valid].abs().max() < 1e-4
    with trainer.model.disable_adapter():
        reference = direct(trainer.model, trainer.processing_class, inputs, batch)
    assert (batch["ref_per_token_logps"] - reference)[valid].abs().max() < 1e-4
    assert (heard - reference)[valid].abs().max() > 1e-2
    deaf = direct(trainer.model, trainer.processing_class, inputs, batch, deaf=True)
    assert (heard - deaf)[valid].abs().max() > 1e-3


def test_shuffled_rows_keep_their_clips(trainer: PTRTrainer, rows: list[dict[str, Any]]) -> None:
    batch = trainer._generate_and_score_completions(groups(rows))
    logps = logps_of(trainer, batch, trainer._clips["train"])
    order = torch.randperm(len(logps))
    shuffled = {key: value[order] if value.ndim else value for key, value in batch.items()}
    assert torch.allclose(logps_of(trainer, shuffled, trainer._clips["train"]), logps[order], atol=1e-5)


def test_swapping_the_audio_changes_the_log_probabilities(
    trainer: PTRTrainer, rows: list[dict[str, Any]], tmp_path: Path, speech: Callable[..., np.ndarray]
) -> None:
    import soundfile

    batch = trainer._generate_and_score_completions(groups(rows))
    paths = []
    for row, gain in ((rows[0], 0.05), (rows[5], 0.9)):
        samples = audio.load(row["audio"])[0]
        paths.append(str(tmp_path / f"other{gain}.wav"))
        soundfile.write(paths[-1], speech(seconds=len(samples) / 16000, f0=333.0, gain=gain, seed=9), 16000)
    other = Clips(trainer.processing_class, [rows[0]["prompt"]] * PROMPTS, paths, "cpu")
    change = logps_of(trainer, batch, other) - logps_of(trainer, batch, trainer._clips["train"])
    assert (change.abs().amax(dim=1) > 1e-4).all()


def test_a_deaf_forward_raises(trainer: PTRTrainer, rows: list[dict[str, Any]]) -> None:
    batch = trainer._generate_and_score_completions(groups(rows))
    ids, mask = tokens(batch)
    length = batch["completion_ids"].shape[1]
    with pytest.raises(DeafForwardError, match="without any audio"):
        trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, length)
    with pytest.raises(DeafForwardError, match="without any audio"):
        trainer.model(input_ids=ids, attention_mask=mask)
    crossed = {**batch, "clip": batch["clip"].flip(0)}
    with pytest.raises(DeafForwardError, match="out of step"):
        logps_of(trainer, crossed, trainer._clips["train"])


def test_placeholders_are_never_sampled(trainer: PTRTrainer, rows: list[dict[str, Any]]) -> None:
    processor = trainer.processing_class
    placeholders = [processor.audio_token_id, processor.image_token_id, processor.video_token_id]

    def favour(module: Any, args: Any, logits: torch.Tensor) -> torch.Tensor:
        logits[..., placeholders] += 1e4
        return logits

    trainer.model.get_output_embeddings().register_forward_hook(favour)
    clips = Clips(processor, [row["prompt"] for row in groups(rows)], [row["audio"] for row in groups(rows)], "cpu")
    with trainer._listening(clips, clips.rows):
        sampled = trainer._generate([row["prompt"] for row in groups(rows)])[1]
        assert not {token for row in sampled for token in row} & set(placeholders)
        ids = torch.tensor([clips.prompts[0]])
        with trainer._listening(clips, clips.rows[:1]):
            free = trainer.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -1].argmax()
    assert int(free) in placeholders


def test_each_clip_is_decoded_and_encoded_once(
    trainer: PTRTrainer, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, encoded = [], []
    load, hear = audio.load, core_of(trainer.model).get_audio_features
    monkeypatch.setattr(audio, "load", lambda path, **k: loaded.append(path) or load(path, **k))
    monkeypatch.setattr(
        core_of(trainer.model), "get_audio_features", lambda f, *a, **k: encoded.append(len(f)) or hear(f, *a, **k)
    )
    batch = trainer._generate_and_score_completions(groups(rows))
    trainer._compute_loss(trainer.model, batch)
    assert loaded == [rows[0]["audio"], rows[5]["audio"]]
    assert encoded == [PROMPTS]


def test_training_moves_lora_alone(trainer: PTRTrainer) -> None:
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    size = lora_norm(trainer.model)
    trainer.train()
    moved = {name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])}
    assert moved
    assert all("language_model" in name and "lora_" in name for name in moved)
    assert lora_norm(trainer.model) != size


def test_gradients_reach_a_tower_that_trains(trainer: PTRTrainer, rows: list[dict[str, Any]]) -> None:
    batch = trainer._generate_and_score_completions(groups(rows))
    projector = core_of(trainer.model).audio_tower.proj.weight.requires_grad_(True)
    trainer._compute_loss(trainer.model, {**batch, "advantages": torch.linspace(-1, 1, len(batch["clip"]))}).backward()
    assert projector.grad is not None
    assert projector.grad.abs().max() > 0


def test_evaluation_between_steps_does_not_swap_the_clips(trainer: PTRTrainer, rows: list[dict[str, Any]]) -> None:
    batch = trainer._generate_and_score_completions(groups(rows))
    loss = trainer._compute_loss(trainer.model, batch)
    trainer.model.eval()
    trainer._generate_and_score_completions([rows[3]] * trainer.num_generations_eval)
    trainer.model.train()
    assert torch.allclose(trainer._compute_loss(trainer.model, batch), loss, atol=1e-5)


def test_a_broken_clip_is_named(trainer: PTRTrainer, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    broken = {**rows[0], "audio": str(tmp_path / "absent.wav")}
    with pytest.raises(AudioError, match=r"absent\.wav"):
        trainer._generate_and_score_completions([broken] * GROUP)
