from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from emotionthinker import workers


def deadly(number: int) -> int:
    """Work whose process dies at 3, as under a crash in native code."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def deadly_batch(numbers: list[int]) -> list[int]:
    return [deadly(number) for number in numbers]


def slow(number: int) -> int:
    time.sleep(0.02)
    return -number


def test_a_task_that_kills_its_process_is_named_and_the_rest_is_done() -> None:
    results = dict(workers.run(deadly, range(12), 2))
    assert results == {n: None if n == 3 else n * n for n in range(12)}


def test_of_a_batch_only_the_row_that_kills_is_lost() -> None:
    results = list(workers.run_batches(deadly_batch, range(21), 2))
    assert sorted(results) == [(n, None if n == 3 else n * n) for n in range(21)]


def test_rows_of_one_process_come_in_order() -> None:
    assert list(workers.run_batches(lambda rows: [-row for row in rows], range(9), 1)) == [(n, -n) for n in range(9)]


def whose_process(rows: list[int]) -> list[int]:
    return [os.getpid() for _ in rows]


def test_one_worker_is_this_process_until_it_dies_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    marker = tmp_path / "at_work"

    def pids() -> set[int | None]:
        return {pid for _, pid in workers.run_batches(whose_process, range(3), 1, marker=marker)}

    assert pids() == {os.getpid()}
    assert not marker.exists()
    stopped = workers.run_batches(whose_process, range(9), 1, marker=marker)
    next(stopped)
    assert marker.exists()
    stopped.close()
    assert not marker.exists()
    assert caplog.messages == []
    marker.touch()
    assert os.getpid() not in pids()
    assert "the last run died" in caplog.text
    assert not marker.exists()
    marker.touch()
    results = list(workers.run_batches(deadly_batch, range(6), 1, marker=marker))
    assert sorted(results) == [(n, None if n == 3 else n * n) for n in range(6)]
    assert marker.exists()


def test_a_worker_killed_from_outside_loses_nothing() -> None:
    found = []
    for number, result in workers.run(slow, range(60), 2):
        found.append((number, result))
        if len(found) == 10:
            victim = next(child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline()))
            victim.kill()
    assert sorted(found) == [(number, -number) for number in range(60)]


def test_tasks_are_drawn_as_they_are_needed() -> None:
    drawn = []

    def source() -> Any:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = workers.run_batches(sorted_copy, source(), 2)
    next(results)
    assert len(drawn) <= 2 * 3 * workers.BATCH
    results.close()


def sorted_copy(rows: list[int]) -> list[int]:
    return sorted(rows)


def test_processes_use_one_numeric_thread_and_the_parent_keeps_its_own(monkeypatch: Any) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert dict(workers.run(os.getenv, ["OMP_NUM_THREADS"], 2)) == {"OMP_NUM_THREADS": "1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
