from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.errors import EmotionThinkerError, RecipeError
from emotionthinker.perception import build
from emotionthinker.perception.build import PerceptionRecipe, run
from kill import kill_at

from .conftest import measured


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def recipe(records: Path, **changes: object) -> PerceptionRecipe:
    base = {"records": records, "comparative": 3, "comparative_test": 1, "workers": 1}
    return PerceptionRecipe.model_validate({**base, **changes})


@pytest.fixture(scope="module")
def whole(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that went through."""
    out = tmp_path_factory.mktemp("whole")
    run(recipe(records), out)
    return out


def without_audio(path: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if k != "audio"} for row in rows(path)]


def test_corpus_holds_questions_of_both_kinds_and_splits(whole: Path) -> None:
    summary = json.loads((whole / "summary.json").read_text())
    questions = rows(whole / "questions.jsonl")
    captions = [row for row in questions if row["task"] == "caption"]
    assert {row["split"] for row in captions} == {"train"}
    assert summary["questions"] == len(questions) == 4 * 7 + len(captions) + 3 + 1
    assert len({row["id"] for row in questions}) == len(questions)
    assert {row["speaker"] for row in questions if row["split"] == "test"} == {"s_test"}
    assert {row["speaker"] for row in questions if row["split"] == "train"} == {"s_train"}
    orders = [row for row in questions if str(row["task"]).startswith("order_")]
    assert [row["task"] for row in orders] == ["order_pitch", "order_speed", "order_energy", "order_pitch"]
    assert all(Path(str(row["audio"])).is_file() for row in questions)
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["status"] == "finished"


def test_a_killed_run_repeats_no_finished_sequence(
    records: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    real = build.build

    def dies_at_third(job: dict[str, object]) -> dict[str, object]:
        worked.append(str(job["id"]))
        if len(worked) == 3:
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(build, "build", dies_at_third)
    with pytest.raises(KeyboardInterrupt):
        run(recipe(records), tmp_path / "out")
    kept = rows(tmp_path / "out" / "sequences.jsonl")
    run(recipe(records), tmp_path / "out")
    again = worked[3:]
    assert kept
    assert not {str(row["id"]) for row in kept} & set(again)
    assert without_audio(tmp_path / "out" / "questions.jsonl") == without_audio(whole / "questions.jsonl")


def test_kill_9_loses_no_finished_sequence(records: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kill_at("perception", recipe(records), out, "sequences.jsonl")
    kept = (out / "sequences.jsonl").read_text()
    kept = kept[: kept.rfind("\n") + 1]
    assert not (out / "questions.jsonl").exists()
    run(recipe(records), out)
    assert (out / "sequences.jsonl").read_text().startswith(kept)
    assert without_audio(out / "questions.jsonl") == without_audio(whole / "questions.jsonl")


def test_a_finished_run_is_not_done_again(records: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "build", lambda job: pytest.fail("worked again"))
    assert run(recipe(records), whole) == json.loads((whole / "summary.json").read_text())


def test_a_new_recipe_starts_over(records: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    run(recipe(records, comparative=1, comparative_test=0, pause_s=0.5), out)
    seconds = {row["id"]: row["seconds"] for row in rows(out / "sequences.jsonl")}
    assert seconds["u0/order_pitch"] == pytest.approx(seconds_of(whole, "u0/order_pitch") + 2 * 0.25, abs=0.01)
    assert not any(str(name).endswith("speed") for name in seconds)


def test_a_recipe_that_asks_for_fewer_keeps_the_sequences_it_asks_for(
    records: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    monkeypatch.setattr(build, "build", lambda job: pytest.fail("worked again"))
    summary = run(recipe(records, comparative=1, comparative_test=0, min_margin=0.7), out)
    kept = rows(out / "sequences.jsonl")
    assert kept == [row for row in rows(whole / "sequences.jsonl") if row["id"] in {kept["id"] for kept in kept}]
    assert summary["sequences_tried"] == len(kept) < len(rows(whole / "sequences.jsonl"))


def test_sequences_of_other_sound_or_measurements_are_made_anew(
    records: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    monkeypatch.setattr(build, "MEASURES", build.MEASURES + 1)
    made: list[str] = []
    real = build.build
    monkeypatch.setattr(build, "build", lambda job: (made.append(job["id"]), real(job))[1])
    run(recipe(records, comparative_test=0), out)
    found = [str(row["id"]) for row in rows(out / "sequences.jsonl")]
    assert made == found
    assert len(set(found)) == len(found) > 2


def seconds_of(folder: Path, name: str) -> float:
    return next(float(str(row["seconds"])) for row in rows(folder / "sequences.jsonl") if row["id"] == name)


def test_a_process_pool_gives_the_same_corpus(records: Path, whole: Path, tmp_path: Path) -> None:
    run(recipe(records, workers=2), tmp_path / "pooled")
    assert without_audio(tmp_path / "pooled" / "questions.jsonl") == without_audio(whole / "questions.jsonl")


def test_missing_records_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="emotionthinker annotate"):
        run(recipe(tmp_path / "none.jsonl"), tmp_path / "out")


def test_missing_vocoder_says_what_to_install(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(EmotionThinkerError, match="emotionthinker\\[augment\\]"):
        run(recipe(records), tmp_path / "out")
    summary = run(recipe(records, comparative=0, comparative_test=0), tmp_path / "out")
    captions = summary["by_split"]["train"]["caption"]["captions"]
    assert (summary["questions"], summary["sequences_tried"]) == (28 + captions, 0)


def test_every_split_has_its_own_quota_and_no_other_takes_that_of_training(tmp_path: Path, monkeypatch: Any) -> None:
    clips = tmp_path / "utterances.jsonl"
    splits = ["validation"] * 20 + ["test2"] * 16 + ["train"] * 4 + [None]
    lines = [measured(f"u{n:02}", "/x.wav", split=split).model_dump_json() for n, split in enumerate(splits)]
    clips.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sound = {"accepted": True, "answer": "low, normal, high", "file": "x.flac", "seconds": 6.0}
    monkeypatch.setattr(build, "build", lambda job: {**sound, "id": job["id"]})
    settings = {"max_per_task": 4, "max_test_per_task": 2, "comparative": 6, "comparative_test": 3}
    summary = run(recipe(clips, **settings), tmp_path / "out")
    tasks = Counter((row["split"], row["task"]) for row in rows(tmp_path / "out" / "questions.jsonl"))
    assert {split for split, _ in tasks} == {"train", "validation", "test2"} == set(summary["by_split"])
    assert [tasks[split, "pitch"] for split in ("train", "validation", "test2")] == [4, 2, 2]
    assert [tasks[split, "order_speed"] for split in ("train", "validation", "test2")] == [2, 1, 1]
    assert [split for split, task in tasks if task == "caption"] == ["train"]
    assert summary["by_split"]["validation"]["pitch"] == {"high": 2}


def test_training_in_other_words_has_the_quota_and_captions_of_training(tmp_path: Path) -> None:
    clips = tmp_path / "utterances.jsonl"
    splits = ["train", "training", "train-clean-100", *["fold1"] * 3, *["devel"] * 3]
    lines = [measured(f"u{n:02}", "/x.wav", split=split).model_dump_json() for n, split in enumerate(splits)]
    clips.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {"max_per_task": 3, "max_test_per_task": 1, "comparative": 0, "comparative_test": 0}
    found = run(recipe(clips, **settings), tmp_path / "out")["by_split"]
    assert {split: sum(tasks["pitch"].values()) for split, tasks in found.items()} == {
        "train": 3, "fold1": 3, "devel": 1,
    }  # fmt: skip
    assert {split for split, tasks in found.items() if "caption" in tasks} == {"train", "fold1"}
