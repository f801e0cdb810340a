from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from emotionthinker.cli import app
from emotionthinker.cli.command import complaint
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.records import Energy, Prosody, Utterance, write_jsonl


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    path = tmp_path / "clips.jsonl"
    write_jsonl(path, [Utterance(id="a", prosody=Prosody(duration_s=1.0, energy=Energy(active_dbfs=-30.0)))])
    return path


def commands(clips: Path) -> list[list[str]]:
    root = clips.parent / "corpus"
    (root / "wav").mkdir(parents=True)
    (root / "wav" / "03a01Fa.wav").write_bytes(b"")
    return [
        ["annotate", str(clips), "--no-transcribe", "--workers", "1"],
        ["calibrate", str(clips)],
        ["audit", str(clips), "--audio", str(clips.parent), "--no-transcribe", "--workers", "1"],
        ["corpus", "emodb", str(root)],
        ["corpus", "doctor", str(clips), "--workers", "1"],
    ]


def test_a_place_that_cannot_be_used_is_one_line(clips: Path) -> None:
    file = clips.parent / "some_file"
    file.touch()
    for command in commands(clips):
        wanted_file = command[1] == "emodb"
        for out in (file / "sub.jsonl", Path("/proc/nothing/here.jsonl"), *([] if wanted_file else [file])):
            result = CliRunner().invoke(app, [*command, "--out", str(out)])
            assert isinstance(result.exception, EmotionThinkerError), (command, out, result.exception)
            assert str(result.exception).startswith(f"--out {out} "), result.exception
            assert ("is a file" if file in (out, out.parent) else "cannot be written") in str(result.exception)


def test_a_full_disk_says_where_and_that_the_run_goes_on(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("emotionthinker.runs.write_json", full)
    out = clips.parent / "out"
    result = CliRunner().invoke(app, ["calibrate", str(clips), "--out", str(out)])
    assert str(result.exception) == f"no space left in {out}; free some and run again, it goes on"


def test_other_errors_of_files_stay_what_they_are(tmp_path: Path) -> None:
    places = {"--out": tmp_path}
    assert complaint(FileNotFoundError(errno.ENOENT, "none", str(tmp_path / "measured")), places) is None
    assert complaint(PermissionError(errno.EACCES, "no", "/etc/shadow"), places) is None
    assert complaint(OSError(errno.EIO, "broken", str(tmp_path)), places) is None
    assert complaint(PermissionError(errno.EACCES, "no", str(tmp_path / "x")), places) == (
        f"--out {tmp_path} cannot be written: no; choose another place"
    )


def test_a_stopped_command_says_how_to_go_on(clips: Path) -> None:
    program = (
        "import sys, time; from emotionthinker import cli; from emotionthinker.prosody import calibrate\n"
        "def run(*_): print('began', flush=True); time.sleep(60)\n"
        f"calibrate.run = run; sys.argv = ['emotionthinker', 'calibrate', {str(clips)!r}]; cli.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == "stopped; run the same command to go on\n"
    assert process.returncode == 130
