from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.errors import RecipeError
from emotionthinker.evaluation.evaluate import EvaluateRecipe, check_speakers, model_files, run, select
from emotionthinker.records import read_jsonl
from kill import kill_at

from .conftest import FakeThinker


def recipe(records: Path, **changes: object) -> EvaluateRecipe:
    return EvaluateRecipe.model_validate({"records": records, "batch_size": 4, "draws": 100, **changes})


def rewritten(records: Path, target: Path, **fields: object) -> Path:
    """The same records with some fields of the first test clip replaced."""
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    next(row for row in rows if row["split"] == "test").update(fields)
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return target


def test_a_perfect_model_gets_full_marks_everywhere(records: Path, tmp_path: Path) -> None:
    metrics = run(recipe(records), tmp_path, thinker=FakeThinker())
    assert set(metrics["recognition"]) == {"alpha", "beta", "all"}
    for found in metrics["recognition"].values():
        assert found["accuracy"] == found["unweighted_recall"] == found["macro_f1"] == found["parse_rate"] == 1
    pooled = metrics["recognition"]["all"]
    assert pooled["clips"] == 16
    assert pooled["accuracy_interval"]["clusters"] == 8  # four names in each of two corpora
    for kind in ("probabilities", "probabilities_without_reasoning"):
        assert pooled[kind]["calibration"]["ece"] == pytest.approx(0.4)  # always right, 60 % sure
        assert pooled[kind]["unweighted_recall"] == 1
    assert metrics["grounding"]["precision"] == 1
    assert metrics["grounding"]["completeness"] == pytest.approx(1 / 4)
    report = (tmp_path / "report.md").read_text()
    assert "| all | nano | 16 / 4 / 8 | 100.0 [100.0, 100.0]* |" in report
    assert (tmp_path / "confusion-alpha.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    assert json.loads((tmp_path / "manifest.json").read_text())["metrics"]["parse_rate"] == 1


def test_an_answer_without_emotion_is_wrong_but_known(records: Path, tmp_path: Path) -> None:
    mute = FakeThinker(lambda emotion: "<think>The pitch is high.</think>" + ("" if emotion == "Sad" else emotion))
    pooled = run(recipe(records, probabilities=False), tmp_path, thinker=mute)["recognition"]["all"]
    assert pooled["accuracy"] == pooled["parse_rate"] == 0.75
    assert pooled["per_class"]["Sad"]["recall"] == 0
    assert pooled["bounds"]["excluded"]["accuracy"] == 1
    assert "probabilities" not in pooled


def test_a_killed_run_asks_nothing_twice(records: Path, tmp_path: Path) -> None:
    first, second = FakeThinker(dies_after=8), FakeThinker()
    with pytest.raises(KeyboardInterrupt):
        run(recipe(records), tmp_path, thinker=first)
    metrics = run(recipe(records), tmp_path, thinker=second)
    assert (len(first.asked), len(second.asked)) == (8, 8)
    assert metrics["recognition"]["all"]["clips"] == 16
    ids = [json.loads(line)["id"] for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 16
    third = FakeThinker()
    assert run(recipe(records), tmp_path, thinker=third) == json.loads((tmp_path / "metrics.json").read_text())
    assert third.asked == []


def test_answers_to_other_questions_are_not_kept(records: Path, tmp_path: Path) -> None:
    run(recipe(records), tmp_path, thinker=FakeThinker())
    without = FakeThinker()
    run(recipe(records, transcript=False), tmp_path, thinker=without)
    assert len(without.asked) == 16
    assert len(set(without.asked)) == 1


def test_the_transcript_goes_into_the_question(records: Path, tmp_path: Path) -> None:
    thinker = FakeThinker()
    run(recipe(records), tmp_path, thinker=thinker)
    assert all("talking" in question for question in thinker.asked)  # given, else recognised


def test_a_trained_speaker_stops_the_test(records: Path, tmp_path: Path) -> None:
    leaking = rewritten(records, tmp_path / "leak.jsonl", speaker="train_0")
    thinker = FakeThinker()
    with pytest.raises(RecipeError, match="test speakers train_0"):
        run(recipe(leaking, trained_on=[records]), tmp_path / "out", thinker=thinker)
    assert thinker.asked == []
    run(recipe(records, trained_on=[records]), tmp_path / "out", thinker=thinker)
    nameless = rewritten(records, tmp_path / "nameless.jsonl", speaker=None)
    with pytest.raises(RecipeError, match="no speaker"):
        run(recipe(nameless, trained_on=[records]), tmp_path / "out", thinker=thinker)


def test_rows_without_a_split_count_as_trained(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"speaker": "a"}\n{"speaker": "b", "split": "test"}\n')
    check_speakers({"b"}, [manifest], "train")
    with pytest.raises(RecipeError, match="test speakers a"):
        check_speakers({"a"}, [manifest], "train")


def test_sound_that_cannot_be_heard_is_left_out_by_name(records: Path, tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    gone = rewritten(records, tmp_path / "gone.jsonl", audio=str(tmp_path / "gone.wav"))
    metrics = run(recipe(gone), tmp_path / "gone", thinker=FakeThinker())
    assert list(metrics["failed"]) == ["u12"]
    assert metrics["recognition"]["all"]["clips"] == 15
    assert "missing" in (tmp_path / "gone" / "report.md").read_text()
    soundfile.write(tmp_path / "long.wav", np.zeros(30000), 16000)
    long = rewritten(records, tmp_path / "long.jsonl", audio=str(tmp_path / "long.wav"))
    metrics = run(recipe(long), tmp_path / "long", thinker=FakeThinker())
    assert metrics["failed"]["u12"].startswith("too_long")
    assert metrics["recognition"]["all"]["clips"] == 15


def test_perception_questions_fill_table_5(records: Path, tmp_path: Path) -> None:
    audio = next(u.audio for u in read_jsonl(records))
    base = {"audio": audio, "question": "What is the pitch level?", "task": "pitch", "speaker": "test_9"}
    rows = [{**base, "id": f"q{n}", "answer": a, "split": "test"} for n, a in enumerate(("high", "low", "high"))]
    rows.append({**base, "id": "q9", "answer": "low", "split": "train"})
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    thinker = FakeThinker(lambda emotion: f"<think>The pitch is high.</think><answer>{emotion} high</answer>")
    metrics = run(recipe(records, questions=questions), tmp_path / "out", thinker=thinker)
    assert metrics["perception"]["tasks"]["pitch"]["questions"] == 3
    assert metrics["perception"]["table_5"]["Pit."] == 66.67
    assert "Prosody perception (Table 5)" in (tmp_path / "out" / "report.md").read_text()
    fewer = run(recipe(records, questions=questions, max_questions=2), tmp_path / "few", thinker=thinker)
    assert fewer["perception"]["tasks"]["pitch"]["majority"] == 0.5


def test_a_limit_takes_corpora_and_emotions_in_turn(records: Path) -> None:
    clips = select(read_jsonl(records), recipe(records, max_clips=8))
    assert Counter(u.emotion for u in clips) == dict.fromkeys(("Neutral", "Happy", "Sad", "Angry"), 2)
    assert {u.dataset for u in select(read_jsonl(records), recipe(records, corpora=["beta"]))} == {"beta"}
    with pytest.raises(RecipeError, match="no clip with an emotion in split 'dev'"):
        select(read_jsonl(records), recipe(records, split="dev"))


def test_a_retrained_model_of_the_same_name_is_another_model(tmp_path: Path) -> None:
    for name in ("model.safetensors", "config.json", "log.txt", "checkpoint-5/model.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [path.name for path in model_files(str(tmp_path))] == ["config.json", "model.safetensors"]
    assert model_files("nano-base") == []
    assert [path.name for path in model_files("nano")] == ["nano.safetensors"]


def test_kill_9_keeps_every_answer(records: Path, tmp_path: Path, tiny_thinker: tuple[Any, Any]) -> None:
    from emotionthinker.models.loading import save_thinker

    save_thinker(*tiny_thinker, tmp_path / "model")
    asked = recipe(records, model=str(tmp_path / "model"), max_new_tokens=8, batch_size=2, probabilities=False)
    kill_at("evaluate", asked, tmp_path / "out", "answers.jsonl")
    kept = (tmp_path / "out" / "answers.jsonl").read_text()
    kept = kept[: kept.rfind("\n") + 1]
    assert not (tmp_path / "out" / "metrics.json").exists()
    metrics = run(asked, tmp_path / "out")
    answers = (tmp_path / "out" / "answers.jsonl").read_text()
    assert answers.startswith(kept)
    ids = [json.loads(line)["id"] for line in answers.splitlines()]
    assert len(ids) == len(set(ids)) == metrics["recognition"]["all"]["clips"] == 16


def test_a_clip_that_could_not_be_heard_is_tried_again(records: Path, tmp_path: Path) -> None:
    lost = tmp_path / "lost.wav"
    moved = rewritten(records, tmp_path / "moved.jsonl", audio=str(lost))
    metrics = run(recipe(moved), tmp_path / "out", thinker=FakeThinker())
    assert len(metrics["failed"]) == 1
    assert "error" not in (tmp_path / "out" / "answers.jsonl").read_text()
    shutil.copy(next(records.parent.glob("*.wav")), lost)
    (tmp_path / "out" / "metrics.json").unlink()
    again = FakeThinker()
    assert run(recipe(moved), tmp_path / "out", thinker=again)["failed"] == {}
    assert len(again.asked) == 1


def test_no_clip_at_all_says_what_is_wrong(records: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) | {"audio": "nowhere.wav"} for line in records.read_text().splitlines()]
    (tmp_path / "gone.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RecipeError, match=r"none of 16 clips could be heard.*missing"):
        run(recipe(tmp_path / "gone.jsonl"), tmp_path / "out", thinker=FakeThinker())
