from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotionthinker.errors import RecipeError
from emotionthinker.models.loading import load_thinker
from emotionthinker.training import grpo, scoring
from emotionthinker.training.grpo_log import read_log

from .grpo_helpers import GROUP, earnable, recipe_of, write_records


@pytest.fixture
def world(
    tiny_thinker: Any, tmp_path: Path, speech: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """The folder of a thinker and records; rewards that gibberish can earn."""
    earnable(monkeypatch)
    model, processor = tiny_thinker
    model.save_pretrained(tmp_path / "thinker")
    processor.save_pretrained(tmp_path / "thinker")
    return tmp_path / "thinker", write_records(tmp_path, speech)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_thinker(folder)[0].state_dict())


def test_a_whole_run(world: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """With a reward model, several prompts and micro batches a step, all rewards from the start."""
    monkeypatch.setattr(scoring, "think_of", lambda completion: completion or "nothing")
    recipe = recipe_of(
        *world,
        steps=2,
        prompts_per_step=2,
        micro_batch=GROUP // 2,
        reasoning="untrained",
        reward_model=str(world[0]),
        progressive=False,
        bf16=True,
    )
    out = tmp_path / "out"
    metrics = grpo.run(recipe, out)
    assert "projector" in capfd.readouterr().err  # the table of trainable parameters
    log = read_log(out / "metrics.jsonl")
    assert [row["step"] for row in log] == [1, 2]
    assert all(0.2 <= row["reasoning"] <= 1 and 0 < row["tau"] <= 1 for row in log)
    assert metrics["reasoning_from_step"] == 1
    said = read_log(out / "completions.jsonl")
    assert len(said) == 2 * 2 * GROUP
    assert {row["id"] for row in said} <= {f"u{i}" for i in range(6)}
    assert all(len({r["id"] for r in said[i : i + GROUP]}) == 1 for i in range(0, len(said), GROUP))
    assert (out / "curves.png").stat().st_size > 1000
    assert (out / "adapter" / "adapter_config.json").exists()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["counts"] == {"prompts": 4, "completions": 16}

    before, after = weights(world[0]), weights(out / "model")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("language_model.layers" in name and name.endswith("proj.weight") for name in changed)

    monkeypatch.setattr(grpo, "make_trainer", None)  # a finished run is not done again
    assert grpo.run(recipe, out) == metrics


def test_the_llm_in_full_against_a_reference(world: tuple[Path, Path], tmp_path: Path) -> None:
    recipe = recipe_of(*world, steps=2, lora=None, learning_rate=1e-3)
    metrics = grpo.run(recipe, tmp_path / "out")
    assert metrics["kl_last"] > 0
    before, after = weights(world[0]), weights(tmp_path / "out" / "model")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("embed_tokens" in name for name in changed)
    assert not any("audio_tower" in name or "visual" in name for name in changed)


def test_a_trained_run_only_needs_its_model_and_another_recipe_is_refused(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = grpo.run(recipe_of(*world, steps=1), out)
    shutil.rmtree(out / "model")  # as if the kill had come while the model was written
    assert grpo.run(recipe_of(*world, steps=1), out) == first
    assert (out / "model" / "config.json").exists()
    with pytest.raises(RecipeError, match="another recipe"):
        grpo.run(recipe_of(*world, steps=1, beta=0.1), out)
    metrics = grpo.run(recipe_of(*world, steps=1, beta=0.1), out, resume=False)
    assert len(read_log(out / "metrics.jsonl")) == 1
    assert metrics["reasoning_from_step"] is None


def test_unusable_clips_are_named_before_the_first_step(world: tuple[Path, Path], tmp_path: Path) -> None:
    Path(tmp_path / "clip3.wav").write_bytes(b"no sound")
    with pytest.raises(RecipeError, match=r"1 of 6 clips cannot be used.*\n.*clip3\.wav"):
        grpo.run(recipe_of(*world, steps=60), tmp_path / "out")


def test_a_reward_that_is_not_there_is_refused_by_the_recipe(world: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="reward_model is missing"):
        recipe_of(*world, reasoning="trained")
    with pytest.raises(ValueError, match="reward_model is given"):
        recipe_of(*world, reward_model="x")
    with pytest.raises(RecipeError, match="1 x 4 = 4 completions"):
        recipe_of(*world, micro_batch=3).config(Path("x"), 1)
