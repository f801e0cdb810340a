from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from emotionthinker import reproducing
from emotionthinker.errors import RecipeError
from emotionthinker.recipes import folder_of
from kill import kill_when


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[list[str]]]:
    """A plan of two stages, and the commands that would have run."""
    monkeypatch.chdir(tmp_path)
    steps = [
        {"name": "first", "command": "annotate", "out": "runs/first", "minutes": 2},
        {"name": "second", "command": "cot", "recipe": "cot.yaml", "out": "runs/second", "minutes": 3},
    ]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"machine": "a test", "steps": steps}))
    commands: list[list[str]] = []

    def called(command: list[str], **_: Any) -> Any:
        commands.append(command[3:])
        return type("Done", (), {"returncode": 3 if "runs/fails" in command else 0})

    monkeypatch.setattr(reproducing.subprocess, "run", called)
    return tmp_path, commands


def test_stages_run_in_order(plan: tuple[Path, list[list[str]]]) -> None:
    folder, commands = plan
    reproducing.run(str(folder), data=Path("speech.jsonl"), only=[], dry_run=False)
    assert commands == [
        ["annotate", "speech.jsonl", "--out", "runs/first"],
        ["cot", str(folder / "cot.yaml"), "--out", "runs/second"],
    ]


def test_only_named_stages_run_and_unknown_ones_are_an_error(plan: tuple[Path, list[list[str]]]) -> None:
    folder, commands = plan
    reproducing.run(str(folder), data=None, only=["second"], dry_run=False)
    assert [command[0] for command in commands] == ["cot"]
    with pytest.raises(RecipeError, match="third"):
        reproducing.run(str(folder), data=None, only=["third"], dry_run=False)
    with pytest.raises(RecipeError, match="--data"):
        reproducing.run(str(folder), data=None, only=["first"], dry_run=False)


def test_a_failed_stage_stops_the_plan(plan: tuple[Path, list[list[str]]]) -> None:
    folder, commands = plan
    text = (folder / "plan.yaml").read_text().replace("runs/first", "runs/fails")
    (folder / "plan.yaml").write_text(text)
    with pytest.raises(RecipeError, match="stage first ended with status 3"):
        reproducing.run(str(folder), data=Path("speech.jsonl"), only=[], dry_run=False)
    assert len(commands) == 1


def test_finished_is_what_the_manifest_says(tmp_path: Path) -> None:
    step = reproducing.Step(name="a", command="cot", out=tmp_path, minutes=1)
    assert not step.finished
    (tmp_path / "manifest.json").write_text(json.dumps({"status": "running"}))
    assert not step.finished
    (tmp_path / "manifest.json").write_text(json.dumps({"status": "finished"}))
    assert step.finished


def test_every_recipe_of_the_shipped_plan_is_there_and_reads() -> None:
    from emotionthinker import recipes
    from emotionthinker.evaluation.evaluate import EvaluateRecipe
    from emotionthinker.perception.build import PerceptionRecipe
    from emotionthinker.reasoning.cot import CotRecipe
    from emotionthinker.reasoning.reward_data import RewardDataRecipe
    from emotionthinker.training.grpo_recipe import GrpoRecipe
    from emotionthinker.training.reward_model import RewardModelRecipe
    from emotionthinker.training.sft import SftRecipe
    from emotionthinker.training.tower import TowerRecipe

    classes = {
        "cot": CotRecipe,
        "perception": PerceptionRecipe,
        "tower": TowerRecipe,
        "sft": SftRecipe,
        "reward-data": RewardDataRecipe,
        "reward-train": RewardModelRecipe,
        "grpo": GrpoRecipe,
        "evaluate": EvaluateRecipe,
    }
    folder = folder_of("nano")
    steps = [step for step in reproducing.read_plan(folder).steps if step.recipe]
    assert {step.command for step in steps} == set(classes)
    for step in steps:
        recipes.load(folder / str(step.recipe), classes[step.command])


def test_kill_9_and_the_same_command_again_does_what_is_left(
    tmp_path: Path, speech: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = []
    for number, emotion in enumerate(("Happy", "Sad", "Angry", "Neutral")):
        soundfile.write(tmp_path / f"{number}.wav", speech(1.0, f0=120 + 40 * number, seed=number), 16000)
        rows.append({"path": f"{number}.wav", "label": emotion, "transcript": "Kids are talking.", "gender": "female"})
    (tmp_path / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "cot.yaml").write_text("utterances: runs/annotate/utterances.jsonl\n")
    (tmp_path / "rated.yaml").write_text("traces: runs/cot/traces.jsonl\n")
    steps = [
        {"name": "annotate", "command": "annotate", "out": "runs/annotate", "minutes": 1},
        {"name": "cot", "command": "cot", "recipe": "cot.yaml", "out": "runs/cot", "minutes": 1},
        {"name": "rated", "command": "reward-data", "recipe": "rated.yaml", "out": "runs/rated", "minutes": 1},
    ]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"machine": "a test", "steps": steps}))
    command = ["reproduce", str(tmp_path), "--data", str(tmp_path / "clips.jsonl")]
    kill_when(command, tmp_path / "runs" / "cot", "manifest.json")
    measured = (tmp_path / "runs" / "annotate" / "measured" / "part-00000.jsonl").read_bytes()
    # The stage that was under way may outlive its parent for a moment: then its folder is refused, not shared.
    until = time.monotonic() + 120
    while subprocess.run([sys.executable, "-m", "emotionthinker", *command], capture_output=True).returncode:
        assert time.monotonic() < until
    assert (tmp_path / "runs" / "annotate" / "measured" / "part-00000.jsonl").read_bytes() == measured
    for name in ("annotate", "cot", "rated"):
        assert json.loads((tmp_path / "runs" / name / "manifest.json").read_text())["status"] == "finished"
    ratings = (tmp_path / "runs" / "rated" / "ratings.jsonl").read_text().splitlines()
    assert len({json.loads(row)["id"] for row in ratings}) == len(ratings) == 20


def test_a_plan_whose_data_are_annotated_goes_on_without_them(
    plan: tuple[Path, list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, commands = plan
    (folder / "runs" / "first").mkdir(parents=True)
    (folder / "runs" / "first" / "manifest.json").write_text(json.dumps({"status": "finished"}))
    reproducing.run(str(folder), data=None, only=[], dry_run=False)
    assert [command[0] for command in commands] == ["cot"]
