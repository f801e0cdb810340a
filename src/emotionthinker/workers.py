"""Work over processes: a bounded window of tasks, one numeric thread each; a task that kills its process is named."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from emotionthinker.progress import progress_bar as progress_bar  # what is worked off is counted there

_log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")

BATCH = 4
"""Clips a task: handing over a task costs about a millisecond, and at the end the others wait for one task at most."""
_AHEAD = 2
"""Tasks in the hands of a process: one it works on, one that waits; few enough to keep memory flat."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def number(asked: int) -> int:
    """Processes to start where so many are asked for; 0 takes every core."""
    return asked or os.cpu_count() or 1


def run(
    work: Callable[[T], R], tasks: Iterable[T], workers: int, *, marker: Path | None = None
) -> Generator[tuple[T, R | None]]:
    """(task, result) as they get ready; the result is None for a task whose process died twice, the second time alone.

    `work` must be importable (processes are spawned) and must not raise. Tasks are drawn as they are needed; the
    process that died is replaced and the others go on. One worker runs in this process: a child would cost a second at
    the start, half of a small run. It is one after all where the file `marker` tells that the last run died meanwhile:
    what killed it is then named, instead of killing every run at the same task. The file stays as long as a task kills
    its process.
    """
    if workers > 1:
        return in_processes(work, tasks, workers)
    return _here(work, tasks) if marker is None else _marked(work, tasks, marker)


def run_batches(
    work: Callable[[list[T]], list[R]], rows: Iterable[T], workers: int, *, marker: Path | None = None
) -> Generator[tuple[T, R | None]]:
    """(row, result) of `run` over batches of rows; the result is None for the one row that kills its process."""
    source = iter(rows)
    batches = iter(lambda: list(islice(source, BATCH)), [])
    with contextlib.closing(run(work, batches, workers, marker=marker)) as done:
        for batch, results in done:
            if results is not None:
                yield from zip(batch, results, strict=True)
            elif len(batch) == 1:
                yield batch[0], None
            else:
                for (row,), result in run(work, [[row] for row in batch], 2):
                    yield row, None if result is None else result[0]


def _here(work: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[T, R]]:
    for task in tasks:
        yield task, work(task)


def _marked(work: Callable[[T], R], tasks: Iterable[T], marker: Path) -> Generator[tuple[T, R | None]]:
    """In this process while the file `marker` is there, in a child where it lies there from the last run."""
    died = marker.exists()
    if died:
        _log.warning("the last run died at its work (%s); a child works now, so that what kills it is named", marker)
    marker.touch()
    kills = False
    try:
        with contextlib.closing(in_processes(work, tasks, 1) if died else _here(work, tasks)) as done:
            for task, result in done:
                kills |= result is None
                yield task, result
    finally:
        if not kills:
            marker.unlink(missing_ok=True)


def in_processes(work: Callable[[T], R], tasks: Iterable[T], workers: int) -> Generator[tuple[T, R | None]]:
    """`run` in so many child processes, also for one worker."""
    waiting = iter(tasks)
    with _single_threaded(), contextlib.ExitStack() as stack:
        team: list[_Worker[T, R]] = [_Worker(work) for _ in range(workers)]
        for worker in team:
            stack.callback(worker.stop)
        flying: dict[Future[R], _Worker[T, R]] = {}
        while True:
            for depth in range(1, _AHEAD + 1):  # one for each before a second for any
                for worker in team:
                    flying |= dict.fromkeys(worker.fill(waiting, depth), worker)
            if not flying:
                return
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                yield from flying.pop(future).finish(future)


class _Worker(Generic[T, R]):
    """One process and the tasks in its hands, so that a death is laid on those alone."""

    def __init__(self, work: Callable[[T], R]) -> None:
        self.work = work
        self.tasks: dict[Future[R], T] = {}
        self.suspects: deque[T] = deque()
        self.alone: Future[R] | None = None
        self.start()

    def start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_die_with_parent)

    def stop(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)

    def fill(self, waiting: Iterator[T], depth: int) -> list[Future[R]]:
        """Hand over tasks, up to `depth` of those that wait; suspects of a death come first, one at a time."""
        if self.suspects:
            if self.tasks:
                return []
            task = self.suspects.popleft()
            self.alone = self.submit(task)
            return [self.alone]
        return [self.submit(task) for task in islice(waiting, max(0, depth - len(self.tasks)))]

    def submit(self, task: T) -> Future[R]:
        """A process may die between two tasks; it is replaced, and what it held comes back as broken."""
        try:
            future = self.pool.submit(self.work, task)
        except BrokenProcessPool:
            self.stop()
            self.start()
            future = self.pool.submit(self.work, task)
        self.tasks[future] = task
        return future

    def finish(self, future: Future[R]) -> list[tuple[T, R | None]]:
        """The (task, result) of a future that is done; none yet when the task has to be tried again."""
        task = self.tasks.pop(future)
        try:
            return [(task, future.result())]
        except BrokenProcessPool:
            if future is self.alone:
                return [(task, None)]
            self.suspects.append(task)
            return []


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for tasks for ever: watch the parent and leave with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """Children inherit one thread for numeric libraries: the processes already fill the cores."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
