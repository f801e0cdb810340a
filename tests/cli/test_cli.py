from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotionthinker import __version__
from emotionthinker.cli import app

COMMANDS = (
    "annotate cot evaluate explain grpo perception reproduce reward-data reward-train sft ship tower weights "
    "whistress-train"
).split()


def _python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "module", ["emotionthinker", "emotionthinker.cli", "emotionthinker.rewards", "emotionthinker.records"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = "{'torch', 'transformers', 'trl', 'scipy', 'pandas', 'sklearn', 'onnxruntime'}"
    found = _python(f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))")
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"emotionthinker {command}" in result.output


def test_the_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.strip() == __version__


def test_a_known_error_is_one_message_and_status_two(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "emotionthinker", "cot", str(tmp_path / "none.yaml")], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "none.yaml cannot be read" in result.stderr
    assert "Traceback" not in result.stderr


def test_annotate_reports_failures_and_keeps_the_rest(
    tmp_path: Path, speech: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "good.wav", speech(seconds=1.0), 16000)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    command = ["annotate", str(tmp_path), "--out", str(tmp_path / "out"), "--no-transcribe", "--workers", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "utterances.jsonl").read_text().splitlines()]
    failures = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["good.wav"]
    assert failures[0]["reason"] == "undecodable"


def test_the_plan_is_shown_without_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["reproduce", "nano", "--dry-run"])
    assert result.exit_code == 0
    assert not (tmp_path / "runs").exists()


def test_restart_empties_run_folders_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emotionthinker.cli.stages import empty
    from emotionthinker.errors import RecipeError

    recipe = tmp_path / "recipe.yaml"
    recipe.touch()
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "precious.txt").touch()
    with pytest.raises(RecipeError, match="not the folder of an earlier run"):
        empty(plain, recipe)
    (tmp_path / "manifest.json").touch()
    with pytest.raises(RecipeError, match=r"holds .*recipe\.yaml"):
        empty(tmp_path, recipe)
    (plain / "manifest.json").touch()
    monkeypatch.chdir(plain)
    with pytest.raises(RecipeError, match="holds"):
        empty(plain, recipe)
    monkeypatch.chdir(tmp_path)
    (plain / "deep").mkdir()
    empty(plain, recipe)
    assert [path.name for path in plain.iterdir()] == [".lock"]
