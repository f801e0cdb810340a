"""Running a command and killing it as soon as it has written something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

HOLDING = """
import sys, time
from pathlib import Path
out, sign, inside = Path(sys.argv.pop(1)), sys.argv.pop(1), []
def hold(event, _):
    if event in ("open", "os.rename") and not inside:
        inside.append(1)
        while any(found.stat().st_size for found in out.glob(sign)):
            time.sleep(600)
        inside.clear()
sys.addaudithook(hold)
from emotionthinker.cli import main
main()
"""
"""The command, which holds still at the next file it opens or renames once there is a sign: however late the kill
comes, it comes amid the work."""


def kill_at(command: str, recipe: BaseModel, out: Path, sign: str, **changes: Any) -> None:
    """Start `emotionthinker COMMAND` on the recipe and SIGKILL it when `out` holds a file that matches `sign`."""
    path = out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump({**recipe.model_dump(mode="json"), **changes}))
    kill_when([command, str(path), "--out", str(out)], out, sign)


def kill_when(arguments: Sequence[str], out: Path, sign: str) -> None:
    """Start `emotionthinker ARGUMENTS` and SIGKILL it when `out` holds a file that matches `sign` and is not empty."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(out), sign, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 240
    while not any(found.stat().st_size for found in out.glob(sign)) and process.poll() is None:
        assert time.monotonic() < until, f"{arguments[0]} wrote no {sign}"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


DEADLY = """
import os, signal, sys
from emotionthinker import audio
place_of = audio.place_of
def deadly(source):
    if os.path.basename(source) == "deadly.wav":
        os.kill(os.getpid(), signal.SIGKILL)
    return place_of(source)
audio.place_of = deadly
if __name__ == "__main__":
    from emotionthinker.cli import main
    main()
"""


def run_with_deadly(arguments: Sequence[str], folder: Path) -> int:
    """Exit status of `emotionthinker ARGUMENTS` where reading `deadly.wav` kills the process, as a fault in native code
    does; the script is written into `folder`."""
    script = folder / "deadly.py"
    script.write_text(DEADLY)
    return subprocess.run([sys.executable, str(script), *arguments], check=False, capture_output=True).returncode
