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


def kill_at(command: str, recipe: BaseModel, out: Path, sign: str, **changes: Any) -> None:
    """Start `emotionthinker COMMAND` on the recipe and SIGKILL it when `out` holds a file that matches `sign`."""
    path = out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump({**recipe.model_dump(mode="json"), **changes}))
    kill_when([command, str(path), "--out", str(out)], out, sign)


def kill_when(arguments: Sequence[str], out: Path, sign: str) -> None:
    """Start `emotionthinker ARGUMENTS` and SIGKILL it when `out` holds a file that matches `sign` and is not empty."""
    process = subprocess.Popen(
        [sys.executable, "-m", "emotionthinker", *arguments],
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
