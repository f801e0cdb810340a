"""Running a stage's command and killing it as soon as it has written something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel


def kill_at(command: str, recipe: BaseModel, out: Path, sign: str, **changes: Any) -> None:
    """Start `emotionthinker COMMAND` on the recipe and SIGKILL it when `out` holds a file that matches `sign`."""
    path = out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump({**recipe.model_dump(mode="json"), **changes}))
    process = subprocess.Popen(
        [sys.executable, "-m", "emotionthinker", command, str(path), "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 240
    while not any(found.stat().st_size for found in out.glob(sign)) and process.poll() is None:
        assert time.monotonic() < until, f"{command} wrote no {sign}"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
