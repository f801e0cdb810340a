from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from emotionthinker.errors import RecipeError
from emotionthinker.prosody import ray_engine
from emotionthinker.prosody.corpus import AnnotateRecipe, run
from emotionthinker.records import read_jsonl

Row = dict[str, Any]
ROWS = [{"id": f"u{n}", "n": n} for n in range(70)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A local Ray of two workers for all tests of the file."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install 'emotionthinker[ray]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_TMPDIR"] = "/tmp"  # sockets lie there, whose paths must be short
    os.environ.pop("RAY_ADDRESS", None)
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
    yield ray
    ray.shutdown()


def killer(mark: Path, id: str) -> Any:
    """A batch function whose process dies at row `id`: once where `mark` is a file that it makes, else always."""

    def work(rows: list[Row]) -> list[Row]:
        if any(row["id"] == id for row in rows) and not mark.is_file():
            if mark.suffix:
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [{**row, "square": row["n"] ** 2} for row in rows]

    return work


def test_a_worker_killed_in_flight_loses_and_doubles_nothing(cluster: Any, tmp_path: Path) -> None:
    found = list(ray_engine.run_batches(killer(tmp_path / "died.txt", "u20"), iter(ROWS)))
    assert (tmp_path / "died.txt").is_file()
    assert sorted((row["n"], result["square"]) for row, result in found if result) == [(n, n * n) for n in range(70)]


def test_the_row_that_always_kills_is_named_and_its_neighbours_are_done(cluster: Any, tmp_path: Path) -> None:
    found = list(ray_engine.run_batches(killer(tmp_path / "never", "u20"), iter(ROWS)))
    assert sorted(row["n"] for row, _ in found) == list(range(70))
    assert [row["id"] for row, result in found if result is None] == ["u20"]


def test_rows_go_out_in_waves(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "_WAVE", 1)
    drawn = []

    def source() -> Iterator[Row]:
        for row in ROWS:
            drawn.append(row)
            yield row

    results = ray_engine.run_batches(lambda rows: rows, source())
    next(results)
    assert len(drawn) == 2 * ray_engine.BATCH
    assert len(list(results)) == len(ROWS) - 1


def test_a_corpus_over_ray_is_that_of_one_process(cluster: Any, tmp_path: Path, speech: Any) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(20):
        soundfile.write(folder / f"{number:02}.wav", speech(seconds=0.3, seed=number), 16000)
    (folder / "broken.wav").write_bytes(b"no sound")
    settings = {"source": [folder], "workers": 1, "transcribe": False, "shard_rows": 8}
    run(AnnotateRecipe(**settings), tmp_path / "pool", progress=False)
    counts = run(AnnotateRecipe(**settings, engine="ray"), tmp_path / "ray", progress=False)
    assert (counts["annotated"], counts["failed"]) == (20, 1)
    for name in ("utterances.jsonl", "failures.jsonl"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "pool" / name).read_bytes()
    (tmp_path / "ray" / "measured" / "part-00000.done").unlink()
    stored = tmp_path / "ray" / "measured" / "part-00000.jsonl"
    lines = stored.read_bytes().splitlines(keepends=True)
    stored.write_bytes(b"".join(lines[:7]) + lines[7][:50])  # as a kill of the driver leaves it
    again = run(AnnotateRecipe(**settings, engine="ray"), tmp_path / "ray", progress=False)
    assert (again["resumed"], again["measured"], again["annotated"]) == (7, 13, 20)
    assert (tmp_path / "ray" / "utterances.jsonl").read_bytes() == (tmp_path / "pool" / "utterances.jsonl").read_bytes()
    assert len(list(read_jsonl(tmp_path / "ray" / "utterances.jsonl"))) == 20


def test_without_ray_the_engine_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"pip install 'emotionthinker\[ray\]'"):
        next(ray_engine.run_batches(lambda rows: rows, iter(ROWS)))


def test_the_command_line_loads_no_ray() -> None:
    import subprocess
    import sys

    code = (
        "import json, sys, emotionthinker.cli, emotionthinker.prosody.corpus, emotionthinker.prosody.ray_engine\n"
        "print(json.dumps([name for name in ('ray', 'torch') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
