from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotionthinker.errors import RecipeError
from emotionthinker.models.loading import load_thinker
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import read_jsonl
from emotionthinker.training.augment import Change, change_features, changed_prosody
from emotionthinker.training.collate import IGNORED
from emotionthinker.training.tower import TASKS, TowerHeads, TowerRecipe, draw, pool, run, targets
from kill import kill_at


def _recipe(corpus: Path, model: Path, **changes: Any) -> TowerRecipe:
    settings: dict[str, Any] = {
        "model": str(model),
        "records": str(corpus),
        "corpora": {"alpha": 1.0, "beta": 1.0},
        "min_class": 1,
        "steps": 8,
        "batch_size": 4,
        "learning_rates": {"tower": 1e-3, "projector": 1e-3, "heads": 1e-2},
        "warmup_steps": 0,
        "log_steps": 1,
        "bf16": False,
    }
    return TowerRecipe.model_validate({**settings, **changes})


def _moved(folder: Path, model: Path) -> set[str]:
    before, after = load_thinker(folder)[0].state_dict(), load_thinker(model)[0].state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_the_warm_up_moves_the_tower_and_nothing_else(corpus: Path, tiny_folder: Path, tmp_path: Path) -> None:
    metrics = run(_recipe(corpus, tiny_folder, change_share=0.0, mask_share=0.0, lexical_weight=0.0), tmp_path)
    moved = _moved(tiny_folder, tmp_path / "model")
    assert moved
    assert all("audio_tower" in name and ".proj." not in name for name in moved)
    assert metrics["loss_last"] < metrics["loss_first"]
    assert set(metrics["held_out"]) >= {"emotion", "pitch", "energy", "gender"}
    assert not any(key.startswith("lexical/") for key in metrics["held_out"])


def test_the_words_train_the_projector_and_leave_the_language_model(
    corpus: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    metrics = run(_recipe(corpus, tiny_folder, change_share=0.0, mask_share=0.0), tmp_path)
    moved = _moved(tiny_folder, tmp_path / "model")
    assert any(".proj." in name for name in moved)
    assert all("audio_tower" in name and "audio_bos_eos_token" not in name for name in moved)
    assert set(metrics["held_out"]) >= {"lexical/emotion", "lexical/emotion/alpha", "lexical/pitch", "lexical/gender"}


def test_the_states_are_those_the_projector_reads(corpus: Path, tiny_thinker: tuple[Any, Any], speech: Any) -> None:
    model, processor = tiny_thinker
    heads = TowerHeads(model, processor.tokenizer, _recipe(corpus, Path("unused"))).eval()
    features, mask = (
        torch.from_numpy(a) for a in processor.features([speech(seconds=0.6), speech(seconds=0.4, seed=1)])
    )
    with torch.no_grad():
        found = heads.hear(features, mask)
        heard = model.get_audio_features(features, feature_attention_mask=mask).last_hidden_state
    assert torch.allclose(model.model.audio_tower.proj(torch.cat(found.states)), heard, atol=1e-5)
    assert torch.allclose(torch.cat(found.projected), heard, atol=1e-5)


def test_pooling_sees_order(corpus: Path) -> None:
    rising = torch.arange(12.0)[:, None].expand(12, 3)
    assert pool(rising).shape == (15,)
    assert not torch.equal(pool(rising), pool(rising.flip(0)))
    assert torch.isfinite(pool(torch.ones(1, 3))).all()


def test_targets_name_what_was_measured(corpus: Path) -> None:
    utterance = next(iter(read_jsonl(corpus)))
    assert utterance.prosody is not None
    found = targets(utterance.emotion, utterance.prosody)
    assert {task: TASKS[task][index] for task, index in found.items()} == {
        "emotion": "Happy",
        "pitch": "low",
        "energy": "low",
        "rate": "slow",
        "style": "moderate",
        "shape": "falling",
        "gender": "female",
    }
    bare = utterance.prosody.model_copy(update={"pitch": type(utterance.prosody.pitch)()})
    assert targets(None, bare)["pitch"] == targets(None, bare)["emotion"] == IGNORED


def test_corpora_are_drawn_by_weight(corpus: Path) -> None:
    utterances = [u for u in read_jsonl(corpus) if u.split == "train"]
    recipe = _recipe(corpus, Path("unused"), corpora={"alpha": 3.0, "beta": 1.0}, steps=300)
    picked = draw(recipe, utterances)
    assert len(picked) == 1200
    share = sum(u.dataset == "alpha" for u in picked) / len(picked)
    assert share == pytest.approx(0.75, abs=0.05)
    with pytest.raises(RecipeError, match="gamma"):
        draw(_recipe(corpus, Path("unused"), corpora={"gamma": 1.0}), utterances)


def test_labels_move_with_the_sound(corpus: Path) -> None:
    calibration = Calibration.load("reference")
    prosody = calibration.apply(next(iter(read_jsonl(corpus))).prosody, "female")  # type: ignore[arg-type]
    assert calibration.energy is not None
    assert calibration.rate is not None
    up = calibration.energy.high - (prosody.energy.active_dbfs or 0) + 3
    tempo = (calibration.rate.high + 3) / (prosody.rate.articulation or 1)
    louder = changed_prosody(prosody, Change(gain_db=up, tempo=tempo), calibration, "female")
    assert (prosody.energy.level, louder.energy.level) == ("low", "high")
    assert (prosody.rate.level, louder.rate.level) == ("slow", "fast")
    assert changed_prosody(prosody, Change(), calibration, "female") is prosody


def test_features_change_as_asked() -> None:
    features = torch.linspace(-1, 1, 80)[:, None].repeat(1, 100)
    assert torch.allclose(change_features(features, Change(gain_db=8.0)), features + 0.2)
    assert change_features(features, Change(tempo=1.25)).shape == (80, 80)
    higher = change_features(features, Change(warp=1.05))
    assert higher.shape == features.shape
    assert higher[40, 0] < features[40, 0]
    drawn = [Change.draw(np.random.default_rng(seed)) for seed in range(50)]
    assert all(abs(c.gain_db) <= 6 and 0.85 < c.tempo < 1.15 and 0.93 < c.warp < 1.07 for c in drawn)


def test_a_killed_warm_up_goes_on_with_the_same_batches(corpus: Path, tiny_folder: Path, tmp_path: Path) -> None:
    recipe = _recipe(corpus, tiny_folder, steps=24, save_steps=3)
    run(recipe, tmp_path / "whole")
    kill_at("tower", recipe, tmp_path / "killed", "checkpoints/checkpoint-*/whole")
    assert not (tmp_path / "killed" / "model").exists()
    run(recipe, tmp_path / "killed")
    whole, killed = (load_thinker(tmp_path / name / "model")[0].state_dict() for name in ("whole", "killed"))
    assert all(torch.allclose(whole[name], killed[name], atol=1e-4) for name in whole)
    with pytest.raises(RecipeError, match="another recipe"):
        run(_recipe(corpus, tiny_folder, steps=25), tmp_path / "killed")
