from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.main import get_command
from typer.testing import CliRunner

from emotionthinker import __version__
from emotionthinker.cli import app
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.records import Energy, Prosody, Utterance, read_jsonl, write_jsonl

COMMANDS = (
    "annotate audit augment calibrate cot evaluate explain grpo perception reproduce "
    "reward-data reward-train sft ship tower weights whistress-train"
).split()


def _python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "module", ["emotionthinker", "emotionthinker.cli", "emotionthinker.rewards", "emotionthinker.records"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = "{'torch', 'transformers', 'trl', 'scipy', 'pandas', 'sklearn', 'onnxruntime', 'ray'}"
    found = _python(f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))")
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"emotionthinker {command}" in result.output


def _all_commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _all_commands(command, (*path, name))


@pytest.mark.parametrize(("path", "command"), _all_commands(get_command(app)), ids=lambda x: str(x)[:40])
def test_help_cuts_no_name_in_a_narrow_terminal(path: tuple[str, ...], command: Any) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output
    assert max(map(len, shown.splitlines())) <= 80
    for parameter in command.params:
        for name in (*parameter.opts, *parameter.secondary_opts):
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", shown), f"{name} in\n{shown}"
    assert "…" not in shown


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


def test_a_dry_run_of_annotate_tells_what_would_fail_and_writes_nothing(
    tmp_path: Path, speech: Callable[..., np.ndarray]
) -> None:
    soundfile.write(tmp_path / "good.wav", speech(seconds=1.0), 16000)
    command = ["annotate", str(tmp_path), "--out", str(tmp_path / "out"), "--no-transcribe", "--dry-run"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sampled"] == 1
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert [problem["id"] for problem in json.loads(result.stdout)["problems"]] == ["bad.wav"]
    assert not (tmp_path / "out").exists()


def test_annotate_writes_shards_with_the_sound_inside(tmp_path: Path, speech: Callable[..., np.ndarray]) -> None:
    import pyarrow.parquet as pq

    (tmp_path / "clips").mkdir()
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / "clips" / f"{name}.wav", speech(seconds=0.5), 16000)
    command = ["annotate", str(tmp_path / "clips"), "--out", str(tmp_path / "out"), "--no-transcribe"]
    result = CliRunner().invoke(app, [*command, "--workers", "1", "--shard-rows", "2", "--embed-audio"])
    assert result.exit_code == 0, result.output
    sound = [pq.read_table(path)["audio"].to_pylist() for path in sorted((tmp_path / "out" / "shards").iterdir())]
    assert [[cell["path"] for cell in cells] for cells in sound] == [["a.wav", "b.wav"], ["c.wav"]]
    assert sound[1][0]["bytes"] == (tmp_path / "clips" / "c.wav").read_bytes()


def test_annotate_knows_its_engines(tmp_path: Path) -> None:
    from emotionthinker.errors import RecipeError

    result = CliRunner().invoke(app, ["annotate", str(tmp_path), "--out", str(tmp_path / "out"), "--engine", "slurm"])
    assert isinstance(result.exception, RecipeError)
    assert "'slurm'; expected pool or ray" in str(result.exception)


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


def test_calibrate_fits_and_applies(tmp_path: Path) -> None:
    clips = tmp_path / "utterances.jsonl"
    write_jsonl(
        clips,
        (
            Utterance(id=str(n), prosody=Prosody(duration_s=1.0, energy=Energy(active_dbfs=-60.0 + n)))
            for n in range(60)
        ),
    )
    run = CliRunner().invoke(app, ["calibrate", str(clips), "--out", str(tmp_path / "cuts"), "--name", "mine"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.output)["clips"] == 60
    thresholds = str(tmp_path / "cuts" / "thresholds.json")
    run = CliRunner().invoke(app, ["calibrate", str(clips), "--apply", thresholds, "--out", str(tmp_path / "new")])
    assert run.exit_code == 0, run.output
    levels = [u.prosody.energy.level for u in read_jsonl(tmp_path / "new" / "utterances.jsonl") if u.prosody]
    assert [levels.count(word) for word in ("low", "normal", "high")] == [20, 20, 20]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("annotate none.wav --out out --ray-address auto", "set --engine ray too"),
        (
            "calibrate none --apply reference --by-dataset --name x",
            "--name and --by-dataset: of no effect with --apply",
        ),
    ],
)
def test_options_without_effect_are_refused(
    command: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, command.split())
    assert isinstance(result.exception, EmotionThinkerError)
    assert message in str(result.exception)


def test_the_reference_drawn_again_keeps_its_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["calibrate", "--sketch", "reference", "--out", str(tmp_path)])
    assert json.loads(result.output)["name"] == "reference"
    assert "Calibration “reference”" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_language_that_is_none_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["explain", str(tmp_path / "a.wav"), "--language", "Elvish"])
    assert done.exit_code == 2
    assert "Elvish" in done.output


def test_a_clip_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["explain", str(tmp_path / "none.wav")], env={"COLUMNS": "300"})
    assert done.exit_code == 1
    assert f"error: {tmp_path / 'none.wav'}: no such file" in done.stderr
    assert done.stderr.count(f"{tmp_path / 'none.wav'}:") == 1
