from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from emotionthinker import recipes
from emotionthinker.corpora import prepare, registry
from emotionthinker.errors import AudioError, RecipeError, RecordError, WeightsError
from emotionthinker.models import whistress
from emotionthinker.training.stress_clips import StressClip, read_clips
from emotionthinker.training.whistress import (
    StressCollator,
    WhistressRecipe,
    check_clips,
    measure,
    run,
    schedule,
    split,
    validations,
)
from kill import kill_at
from whisper_parts import tiny_whisper

SENTENCES = ("the red clock stopped", "I never said that,", "come home now", "don't you dare!")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_whisper(tmp_path_factory.mktemp("whisper"), layers=2))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Path:
    """JSONL of 12 clips: the second word is always the stressed one."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for i in range(12):
        soundfile.write(folder / f"{i}.wav", speech(seconds=0.8, f0=120.0 + 10 * i, seed=i), 16000)
        rows.append({"audio": f"{i}.wav", "transcription": SENTENCES[i % 4], "stressed": [1], "speaker": "x"})
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for i in range(3):
        soundfile.write(folder / f"test{i}.wav", speech(seconds=0.8, f0=125.0 + 10 * i, seed=20 + i), 16000)
    rows = [{**row, "audio": f"test{i}.wav"} for i, row in enumerate(rows[:3])]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "clips.jsonl"


def _recipe(clips: Path, backbone: str, **changes: Any) -> WhistressRecipe:
    settings: dict[str, Any] = {
        "backbone": backbone,
        "layer": 1,
        "clips": str(clips),
        "test": str(clips.parent / "test.jsonl"),
        "validation": 0.2,
        "epochs": 6,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "bf16": False,
        "save_steps": 2,
        "log_steps": 1,
    }
    return WhistressRecipe.model_validate({**settings, **changes})


def _head(folder: Path) -> dict[str, torch.Tensor]:
    names = ("additional_decoder_block.pt", "classifier.pt")
    return {f"{n}:{k}": v for n in names for k, v in torch.load(folder / n, weights_only=True).items()}


def test_it_learns_keeps_the_best_epoch_and_leaves_a_detector(clips: Path, backbone: str, tmp_path: Path) -> None:
    metrics = run(_recipe(clips, backbone), tmp_path)
    assert metrics["loss_last"] < metrics["loss_first"]
    history = validations(tmp_path)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    best = max(row["f1"] for row in history)
    assert metrics["validation"] == next(row for row in history if row["f1"] == best)
    model = whistress.load(tmp_path / "model")
    assert (model.layer, model.backbone) == (1, backbone)
    assert measure(model, read_clips(clips.parent / "test.jsonl")) == metrics["test"]
    held = split(read_clips(clips), _recipe(clips, backbone))[1]
    assert measure(model, held)["f1"] == best
    assert best > 0.6  # the place alone tells it
    before = whistress.load_backbone(backbone)[0].state_dict()
    assert all(torch.equal(value, before[name]) for name, value in model.whisper.state_dict().items())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["stage"] == "whistress-train"
    assert manifest["counts"] == {"training": 10, "validation": 2, "test": 3, "steps": 12}
    assert run(_recipe(clips, backbone), tmp_path) == metrics


@pytest.mark.parametrize("sign", ["checkpoints/checkpoint-4/whole", "validation.json"])
def test_a_killed_run_ends_like_an_undisturbed_one(clips: Path, backbone: str, tmp_path: Path, sign: str) -> None:
    recipe = _recipe(clips, backbone, epochs=4)
    whole = run(recipe, tmp_path / "whole")
    kill_at("whistress-train", recipe, tmp_path / "killed", sign)
    assert not (tmp_path / "killed" / "model").exists()
    assert run(recipe, tmp_path / "killed") == whole
    one, two = _head(tmp_path / "whole" / "model"), _head(tmp_path / "killed" / "model")
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
    assert validations(tmp_path / "killed") == validations(tmp_path / "whole")


def test_labels_lie_on_the_spelt_tokens_of_stressed_words(clips: Path, backbone: str) -> None:
    model = whistress.WhiStress(*whistress.load_backbone(backbone), layer=1)
    clip = StressClip(audio=clips.parent / "0.wav", transcription="I never, said 'that'!", stressed=[1, 3])
    tokens, labels = StressCollator(model).labelled(clip)
    shown = [model.processor.tokenizer.decode([token]) for token in tokens]
    stressed = "".join(text for text, label in zip(shown, labels, strict=True) if label == 1)
    plain = "".join(text for text, label in zip(shown, labels, strict=True) if label == 0)
    skipped = [text for text, label in zip(shown, labels, strict=True) if label == whistress.IGNORED]
    assert stressed.replace(" ", "") == "never'that'"
    assert plain.replace(" ", "") == "I,said!"
    assert skipped == ["<|startoftranscript|>", "<|notimestamps|>", "<|endoftext|>"]


def test_a_batch_is_padded_to_its_longest_text(clips: Path, backbone: str) -> None:
    model = whistress.WhiStress(*whistress.load_backbone(backbone), layer=1)
    rows = read_clips(clips)[:3]
    batch = StressCollator(model)(rows)
    alone = [StressCollator(model).labelled(row) for row in rows]
    assert batch["tokens"].shape == batch["labels"].shape == (3, max(len(tokens) for tokens, _ in alone))
    for place, (tokens, labels) in enumerate(alone):
        assert batch["tokens"][place, : len(tokens)].tolist() == tokens
        assert batch["labels"][place].tolist()[: len(labels)] == labels
        assert (batch["labels"][place, len(labels) :] == whistress.IGNORED).all()
    with torch.no_grad():
        together = model(**batch)["loss"]
        sums = [model(**StressCollator(model)([row]))["loss"] for row in rows]
    assert min(sums) < together < max(sums)


def test_f1_counts_words(clips: Path, backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = whistress.WhiStress(*whistress.load_backbone(backbone), layer=1)
    monkeypatch.setattr(model, "judge", lambda _, words: [0.9, 0.9, *([0.1] * (len(words) - 2))])
    found = measure(model, read_clips(clips)[:3])
    assert found == {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "words": 11}
    monkeypatch.setattr(model, "judge", lambda _, words: [0.1] * len(words))
    assert measure(model, read_clips(clips)[:3])["f1"] == 0.0


def test_every_epoch_has_whole_batches_in_a_new_order(clips: Path, backbone: str) -> None:
    rows = read_clips(clips)
    order, steps = schedule(rows, _recipe(clips, backbone, epochs=2, batch_size=5))
    assert (len(order), steps) == (20, 2)
    first, second = ([str(row.audio) for row in part] for part in (order[:10], order[10:]))
    assert len(set(first)) == len(set(second)) == 10
    assert first != second
    with pytest.raises(RecipeError, match="lower batch_size"):
        schedule(rows, _recipe(clips, backbone, batch_size=13))
    with pytest.raises(RecipeError, match="none to train"):
        split(rows[:1], _recipe(clips, backbone))


def test_a_manifest_of_stress_17k_is_read_by_the_places_it_counts(backbone: str, tmp_path: Path, speech: Any) -> None:
    """From the corpus' tables to the labels of the tokens, with one rule for what a word is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wav = io.BytesIO()
    soundfile.write(wav, speech(seconds=0.5), 16000, format="WAV")
    row = {"audio": {"bytes": wav.getvalue(), "path": "1.wav"}, "transcription": "Leonardo made a well-known fresco."}
    (tmp_path / "data").mkdir()
    for name, number, places in (("train_full-0", 1, [4]), ("train_full-1", 2, [0, 5]), ("test-0", 3, [1])):
        rows = [{**row, "audio_id": f"a{number}", "gt_stress_indices": places}]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data" / f"{name}.parquet")
    prepare.prepare(registry.get("stress_17k"), tmp_path, tmp_path / "s.jsonl")
    clips = sorted(read_clips(tmp_path / "s.jsonl"), key=lambda clip: clip.audio)
    assert [clip.split for clip in clips] == ["train", "train", "test"]
    assert [[clip.words[place] for place in clip.stressed] for clip in clips] == [
        ["known"], ["Leonardo", "fresco."], ["made"],
    ]  # fmt: skip
    model = whistress.WhiStress(*whistress.load_backbone(backbone), layer=1)
    tokens, labels = StressCollator(model).labelled(clips[0])
    shown = zip([model.processor.tokenizer.decode([token]) for token in tokens], labels, strict=True)
    assert "".join(text for text, label in shown if label == 1).strip() == "known"
    check_clips(clips, model, tmp_path)
    recipe = _recipe(tmp_path / "s.jsonl", backbone, test=None, epochs=1, batch_size=1, validation=0.5)
    run(recipe, tmp_path / "out")
    counts = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    assert (counts["training"], counts["validation"]) == (1, 1)  # what is held out is not trained on


def test_only_the_main_process_writes_the_failures(
    clips: Path, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = whistress.WhiStress(*whistress.load_backbone(backbone), layer=1)
    monkeypatch.setenv("RANK", "1")
    gone = StressClip(audio=tmp_path / "gone.wav", transcription="no", stressed=[0])
    with pytest.raises(RecordError, match="1 of 1"):
        check_clips([gone], model, tmp_path)
    assert not (tmp_path / "failures.jsonl").exists()


def test_clips_that_cannot_be_used_are_all_named_before_the_first_step(
    clips: Path, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(4 * 16000, np.float32), 16000)
    soundfile.write(tmp_path / "wordy.wav", np.zeros(16000, np.float32), 16000)
    texts = {str(clips.parent / "0.wav"): "no", "long.wav": "no", "gone.wav": "no", "wordy.wav": "clock " * 500}
    rows = [{"audio": name, "transcription": text, "stressed": [0]} for name, text in texts.items()]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr("emotionthinker.training.whistress.train", lambda *_: pytest.fail("trained"))
    with pytest.raises(RecordError, match="3 of 4 clips cannot be used") as caught:
        run(_recipe(tmp_path / "c.jsonl", backbone, test=None, batch_size=1), tmp_path / "out")
    assert "failures.jsonl" in str(caught.value)
    found = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert {(row["id"], row["reason"]) for row in found} == {
        ("long", "too_long"), ("gone", "missing"), ("wordy", "bad_row"),
    }  # fmt: skip


def test_a_start_that_was_refused_leaves_the_folder_to_the_corrected_one(
    clips: Path, backbone: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(WeightsError, match=r"choose one \(`layer`\)"):
        run(_recipe(clips, backbone, layer=9), out)
    with pytest.raises(RecipeError, match="batch_size"):
        run(_recipe(clips, backbone, batch_size=500), out)
    assert not (out / "manifest.json").exists()


def test_what_the_window_cannot_hold_is_refused_not_cut(clips: Path, backbone: str, tmp_path: Path) -> None:
    model = whistress.WhiStress(*whistress.load_backbone(backbone), layer=1)
    collate = StressCollator(model)
    soundfile.write(tmp_path / "long.wav", np.zeros(4 * 16000, np.float32), 16000)
    with pytest.raises(AudioError, match="3"):
        collate([StressClip(audio=tmp_path / "long.wav", transcription="no", stressed=[])])
    with pytest.raises(RecordError, match="the decoder holds 447"):
        collate.labelled(StressClip(audio=tmp_path / "long.wav", transcription="clock " * 500, stressed=[]))


def test_the_recipe_that_ships_reads() -> None:
    recipe = recipes.load(Path(__file__).parents[2] / "recipes" / "paper" / "whistress.yaml", WhistressRecipe)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.layer) == (20, 16, 1e-4, 9)
    assert recipe.validation == 0.1
