"""What gloo has running in this process."""

from __future__ import annotations

import time
from pathlib import Path


def threads() -> list[str]:
    """Names of gloo's native threads, as Linux tells them; one that ends meanwhile is none."""
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(path.read_text().strip())
        except OSError:
            continue
    return [name for name in names if "gloo" in name]


def come_to(running: bool, seconds: float = 60) -> bool:
    """Whether gloo's threads are there (or gone) in time: a thread names itself, and leaves /proc after its join."""
    until = time.monotonic() + seconds
    while bool(threads()) != running and time.monotonic() < until:
        time.sleep(0.01)
    return bool(threads()) == running
