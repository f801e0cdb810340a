"""What `annotate` costs beside the measuring: memory and rows a second on long sources, speed-up over processes.

    python benchmarks/scale.py memory [--rows 1000 10000 100000] [--real] [--shard-rows 5000]
    python benchmarks/scale.py speed MANIFEST [--clips 120] [--repeat 2] [--engine pool]

`memory` annotates N rows that name a clip of 60 ms; each process measures it once and gives the same numbers to every
row (with `--real` each row is measured), so that what grows is the bookkeeping. `speed` takes clips of MANIFEST that
have a transcript and 2 s or more. Wall-clock times are those of the machine as it is; `quiet` is what the CPU times
allow on two free cores: serial CPU of the parent, and the rest over two.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from emotionthinker import records
from emotionthinker.prosody import batch, corpus

MB = 1024
measure = batch.annotate_batch


@functools.lru_cache(maxsize=1)
def canned(path: str) -> dict[str, Any]:
    """The measurements of a clip, as long as those of ten spoken words."""
    (row,) = measure([{"id": "canned", "audio": path}], transcribe=False)
    word = records.Word(text="measured", start_s=0.1234, end_s=0.5678, score=0.4321)
    row["prosody"]["stress"]["words"] = [word.model_dump() for _ in range(10)]
    return row


def stand_in(rows: list[dict[str, Any]], **_: Any) -> list[dict[str, Any]]:
    """`annotate_batch` without the measuring."""
    return [{**canned(row["audio"]), **row} for row in rows]


def annotate(source: Path, out: Path, settings: dict[str, Any]) -> None:
    """Run the stage here and print counts, CPU-seconds and peak memory as JSON."""
    if not settings.pop("real"):
        batch.annotate_batch = stand_in
    started, cpu, passes = time.monotonic(), time.process_time(), dict[str, float]()
    second = corpus._write

    def timed(*arguments: Any) -> Any:
        before = time.process_time()
        result = second(*arguments)
        passes["second"] = time.process_time() - before
        return result

    corpus._write = timed
    counts = corpus.run(corpus.AnnotateRecipe(source=[source], transcribe=False, **settings), out, progress=False)
    seconds = time.monotonic() - started
    here, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "annotated": counts["annotated"],
        "seconds": seconds,
        "parent_cpu": time.process_time() - cpu,
        "serial_cpu": passes["second"],
        "workers_cpu": children.ru_utime + children.ru_stime,
        "parent_mb": here.ru_maxrss / MB,
        "worker_mb": children.ru_maxrss / MB,
    }
    print(json.dumps(result))


def run(source: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """`annotate` in a fresh process."""
    command = [sys.executable, __file__, "annotate", str(source), str(out), json.dumps(settings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def memory(options: argparse.Namespace) -> None:
    print(f"{'rows':>8} {'parent MB':>10} {'worker MB':>10} {'rows/s':>8} {'parent CPU ms/row':>18}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        soundfile.write(folder / "clip.wav", 0.1 * rng.standard_normal(960), 16000)
        for rows in options.rows:
            source = folder / f"{rows}.jsonl"
            with open(source, "w", encoding="utf-8") as lines:
                for row in range(rows):
                    lines.write(json.dumps({"id": f"corpus/speaker/clip-{row:09}", "path": "clip.wav"}) + "\n")
            got = run(
                source, folder / str(rows), real=options.real, workers=options.workers, shard_rows=options.shard_rows
            )
            assert got["annotated"] == rows, got
            print(
                f"{rows:8} {got['parent_mb']:10.1f} {got['worker_mb']:10.1f} {rows / got['seconds']:8.0f} "
                f"{1000 * got['parent_cpu'] / rows:18.2f}",
                flush=True,
            )


def speed(options: argparse.Namespace) -> None:
    rows = [json.loads(line) for line in options.manifest.read_text(encoding="utf-8").splitlines()]
    fits = [row for row in rows if row.get("transcript") and row.get("duration", 2.0) >= 2.0]
    clips = fits[:: max(1, len(fits) // options.clips)][: options.clips]
    few = clips[:8]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, part in (("all", clips), ("few", few)):
            lines = [json.dumps({**row, "path": str(options.manifest.resolve().parent / row["path"])}) for row in part]
            (folder / f"{kind}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        wall: dict[tuple[str, int], float] = {}
        for turn in range(options.repeat):
            for kind in ("few", "all"):
                for workers in (1, 2):
                    engine = options.engine if workers > 1 else "pool"
                    out = folder / f"{kind}-{workers}-{turn}"
                    got = run(folder / f"{kind}.jsonl", out, real=True, workers=workers, engine=engine)
                    wall[kind, workers] = min(wall.get((kind, workers), float("inf")), got["seconds"])
                    print(f"turn {turn} {kind} workers {workers}: {report(got, workers)}", flush=True)
    startup = {workers: wall["few", workers] for workers in (1, 2)}
    rest = {workers: wall["all", workers] - startup[workers] for workers in (1, 2)}
    print(
        f"{len(clips)} clips, {sum(row.get('duration', 0) for row in clips):.0f} s of audio; best of {options.repeat}"
    )
    print(f"wall-clock speed-up of 2 processes over 1: {wall['all', 1] / wall['all', 2]:.2f}")
    print(f"  {len(few)} clips (start-up): {startup[1]:.1f} s with 1, {startup[2]:.1f} s with 2")
    print(f"  speed-up of the other {len(clips) - len(few)}: {rest[1] / rest[2]:.2f}")


def report(got: dict[str, Any], workers: int) -> str:
    cpu = got["parent_cpu"] + got["workers_cpu"]
    quiet = got["serial_cpu"] + (cpu - got["serial_cpu"]) / workers
    return (
        f"{got['seconds']:.1f} s wall, {cpu:.1f} s CPU ({got['serial_cpu']:.2f} of it serial, in the second pass), "
        f"quiet {quiet:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_memory = commands.add_parser("memory")
    of_memory.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    of_memory.add_argument("--real", action="store_true")
    of_memory.add_argument("--workers", type=int, default=2)
    of_memory.add_argument("--shard-rows", type=int, default=0)
    of_speed = commands.add_parser("speed")
    of_speed.add_argument("manifest", type=Path)
    of_speed.add_argument("--clips", type=int, default=120)
    of_speed.add_argument("--repeat", type=int, default=2)
    of_speed.add_argument("--engine", choices=("pool", "ray"), default="pool")
    here = commands.add_parser("annotate")
    here.add_argument("source", type=Path)
    here.add_argument("out", type=Path)
    here.add_argument("settings", type=json.loads)
    options = parser.parse_args()
    if options.command == "annotate":
        annotate(options.source, options.out, options.settings)
    else:
        {"memory": memory, "speed": speed}[options.command](options)


if __name__ == "__main__":
    main()
