from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from emotionthinker.errors import DeafForwardError, RecipeError
from emotionthinker.models.loading import load_thinker
from emotionthinker.training.collate import Collator, weighted
from emotionthinker.training.examples import Source, read
from emotionthinker.training.loop import WHOLE, whole_checkpoint
from emotionthinker.training.sft import SftRecipe, Supervised, run
from kill import kill_at


def _recipe(corpus: Path, model: Path, **changes: Any) -> SftRecipe:
    settings: dict[str, Any] = {
        "model": str(model),
        "sources": [{"path": str(corpus), "kind": "traces"}],
        "steps": 6,
        "batch_size": 2,
        "learning_rates": {"tower": 1e-3, "projector": 1e-2, "llm": 1e-2},
        "warmup_steps": 0,
        "save_steps": 2,
        "log_steps": 1,
        "bf16": False,
        "train_llm": "lora",
        "lora": {"rank": 4, "alpha": 8},
    }
    return SftRecipe.model_validate({**settings, **changes})


def _difference(one: Path, other: Path) -> dict[str, float]:
    from emotionthinker.training.parameters import part_of

    before, after = load_thinker(one)[0].state_dict(), load_thinker(other)[0].state_dict()
    moved: dict[str, float] = {}
    for name in before:
        change = float((before[name] - after[name]).abs().max())
        moved[part_of(name)] = max(moved.get(part_of(name), 0.0), change)
    return moved


@pytest.mark.parametrize("llm", ["full", "lora"])
def test_stage_one_moves_tower_projector_and_llm(corpus: Path, tiny_folder: Path, tmp_path: Path, llm: str) -> None:
    metrics = run(_recipe(corpus, tiny_folder, train_llm=llm), tmp_path)
    moved = _difference(tiny_folder, tmp_path / "model")
    assert min(moved["tower"], moved["projector"], moved["llm"]) > 1e-4
    assert moved["visual"] == 0
    assert metrics["loss_last"] < metrics["loss_first"]


def test_stage_two_leaves_tower_and_projector_alone(corpus: Path, tiny_folder: Path, tmp_path: Path) -> None:
    run(_recipe(corpus, tiny_folder, train_tower=False, bf16=True, learning_rates={"llm": 1e-2}), tmp_path)
    moved = _difference(tiny_folder, tmp_path / "model")
    assert moved["llm"] > 1e-4
    assert moved["tower"] == moved["projector"] == moved["visual"] == 0
    table = json.loads((tmp_path / "manifest.json").read_text())["trainable"]
    assert any(line.startswith("tower") and line.endswith(" 0") for line in table)


def test_a_finished_stage_is_not_run_again(corpus: Path, tiny_folder: Path, tmp_path: Path) -> None:
    recipe = _recipe(corpus, tiny_folder, steps=2)
    first = run(recipe, tmp_path)
    stamp = (tmp_path / "model" / "config.json").stat().st_mtime_ns
    assert run(recipe, tmp_path) == first
    assert (tmp_path / "model" / "config.json").stat().st_mtime_ns == stamp


def test_a_part_without_a_learning_rate_is_an_error(corpus: Path, tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no learning rate for"):
        run(_recipe(corpus, tiny_folder, learning_rates={"llm": 1e-3}), tmp_path)


def test_a_deaf_forward_raises(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    model, processor = tiny_thinker
    batch = Collator(processor, weigh=weighted())(read(Source(path=corpus, kind="traces"))[:2])
    supervised = Supervised(model, processor.audio_token_id)
    assert torch.isfinite(supervised(**batch)["loss"])
    del batch["input_features"], batch["feature_attention_mask"]
    with pytest.raises(DeafForwardError, match="audio tokens came without features"):
        supervised(**batch)


def test_the_loss_is_the_weighted_mean_over_the_completion(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    model, processor = tiny_thinker
    batch = Collator(processor, weigh=weighted(3.0))(read(Source(path=corpus, kind="traces"))[:2])
    with torch.no_grad():
        found = Supervised(model, processor.audio_token_id)(**batch)["loss"]
        labels, weights = batch.pop("labels"), batch.pop("label_weights")
        logits = model(**batch).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="none"
    )
    expected = (losses * weights[:, 1:].flatten()).sum() / weights[:, 1:].sum()
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_a_killed_run_goes_on_and_ends_where_an_undisturbed_one_does(
    corpus: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = _recipe(corpus, tiny_folder, steps=30, save_steps=3, mask_share=0.2)
    run(recipe, tmp_path / "whole")
    kill_at("sft", recipe, tmp_path / "killed", "checkpoints/checkpoint-*/whole")
    checkpoints = tmp_path / "killed" / "checkpoints"
    reached = whole_checkpoint(checkpoints)
    assert reached is not None
    assert not (tmp_path / "killed" / "model").exists()
    run(recipe, tmp_path / "killed")
    log = json.loads((tmp_path / "killed" / "log.json").read_text())
    assert [entry["step"] for entry in log if "loss" in entry] == list(range(1, 31))
    whole, killed = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "killed"))
    assert all(torch.allclose(whole[name], killed[name], atol=1e-4) for name in whole)


def test_a_torn_checkpoint_is_passed_over(corpus: Path, tiny_folder: Path, tmp_path: Path) -> None:
    run(_recipe(corpus, tiny_folder, steps=4), tmp_path)
    newest = tmp_path / "checkpoints" / "checkpoint-4"
    (newest / WHOLE).unlink()  # written last: a kill while saving leaves none
    (newest / "trainable.safetensors").write_bytes(b"torn")
    found = whole_checkpoint(tmp_path / "checkpoints")
    assert found is not None
    assert found.name == "checkpoint-2"
    assert not newest.exists()
