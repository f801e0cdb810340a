"""How long an explanation takes: first word, whole answer, and the cold start of the command.

    python benchmarks/explain.py [--clip FILE] [--seconds 3] [--model nano] [--runs 5] [--no-cold]

Prints medians (and the spread) over the runs after one warm-up; asserts nothing. On a busy machine look at the CPU
time. The clip is an example, repeated and cut to `--seconds`. `--text` spares the recogniser, to tell its share.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotionthinker import audio
from emotionthinker.explaining import explain_stream, load_model
from emotionthinker.records import Explanation

EXAMPLE = Path(__file__).parents[1] / "examples" / "neutral.flac"


class Timed(NamedTuple):
    """Seconds from the call to the first piece and to the explanation, CPU seconds of the same, number of pieces."""

    first_s: float
    whole_s: float
    first_cpu_s: float
    whole_cpu_s: float
    pieces: int


def one(samples: np.ndarray, model: Any, text: str | None) -> Timed:
    start, cpu = time.perf_counter(), time.process_time()
    first, first_cpu, pieces = float("nan"), float("nan"), 0
    for item in explain_stream(samples, model=model, text=text):
        if isinstance(item, Explanation):
            break
        if not pieces:
            first, first_cpu = time.perf_counter() - start, time.process_time() - cpu
        pieces += 1
    return Timed(first, time.perf_counter() - start, first_cpu, time.process_time() - cpu, pieces)


def cold(clip: Path, model: str) -> float:
    """Seconds of `emotionthinker explain CLIP --json` in a new process."""
    start = time.perf_counter()
    call = "from emotionthinker.cli import main; main()"
    command = [sys.executable, "-c", call, "explain", str(clip), "--model", model, "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def row(name: str, values: list[float], unit: str = "s") -> str:
    spread = f"{min(values):8.2f} {max(values):8.2f}"
    return f"{name:<34}{statistics.median(values):8.2f} {spread} {unit}"


def machine() -> str:
    import torch

    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}, "
        f"torch {torch.__version__} with {torch.get_num_threads()} threads"
    )


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return action(), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, default=EXAMPLE)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--text")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-cold", action="store_true", help="leave out the cold start")
    options = parser.parse_args()

    samples, rate = audio.load(options.clip)
    wanted = round(options.seconds * rate)
    samples = np.tile(samples, -(-wanted // len(samples)))[:wanted]
    model, loading_s = timed(lambda: load_model(options.model))
    _, warm_up_s = timed(lambda: one(samples, model, options.text))
    runs = [one(samples, model, options.text) for _ in range(options.runs)]

    print(f"{options.clip.name} as {options.seconds:g} s, model {model.name}, {options.runs} runs\n{machine()}\n")
    print(f"{'':<34}{'median':>8} {'least':>8} {'most':>8}")
    print(row("load the model (once)", [loading_s]))
    print(row("first explanation (warm-up)", [warm_up_s]))
    print(row("first word", [run.first_s for run in runs]))
    print(row("whole answer, checked", [run.whole_s for run in runs]))
    print(row("CPU time to the first word", [run.first_cpu_s for run in runs]))
    print(row("CPU time of the whole answer", [run.whole_cpu_s for run in runs]))
    print(row("pieces", [float(run.pieces) for run in runs], ""))
    if not options.no_cold:
        with tempfile.TemporaryDirectory() as folder:
            import soundfile

            clip = Path(folder) / "clip.wav"
            soundfile.write(clip, samples, rate)
            print(row("cold start of the command", [cold(clip, options.model) for _ in range(min(options.runs, 3))]))


if __name__ == "__main__":
    main()
