"""Work over processes: a bounded window of tasks, one numeric thread each; a task that kills its process is named."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4
"""Tasks in flight for each worker: enough to keep them busy, few enough to keep memory flat."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run(work: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[tuple[T, R | None]]:
    """(task, result) as they get ready; the result is None for a task whose process died twice, the second time alone.

    `work` must be importable (processes are spawned) and must not raise. One worker runs in this process.
    """
    if workers == 1:
        for task in tasks:
            yield task, work(task)
        return
    waiting = iter(tasks)
    suspects: list[T] = []
    while True:
        lost = yield from _until_broken(work, waiting, workers)
        suspects += lost
        if not lost:
            break
    for task in suspects:
        lost = yield from _until_broken(work, iter([task]), 1)
        if lost:
            yield task, None


def _until_broken(work: Callable[[T], R], tasks: Iterator[T], workers: int) -> Any:
    """Run tasks in a fresh pool until they end or a process dies; returns the tasks that were in flight then."""
    lost: list[T] = []
    spawn = multiprocessing.get_context("spawn")
    with _single_threaded(), ProcessPoolExecutor(workers, mp_context=spawn, initializer=_die_with_parent) as pool:
        flying: dict[Future[R], T] = {}
        more = True
        while (more and not lost) or flying:
            if more and not lost:
                room = workers * _AHEAD - len(flying)
                fresh = list(islice(tasks, room))
                more = len(fresh) == room
                for number, task in enumerate(fresh):
                    try:
                        flying[pool.submit(work, task)] = task
                    except BrokenProcessPool:
                        lost += fresh[number:]
                        break
            done, _ = wait(flying, return_when=FIRST_COMPLETED) if flying else (set(), None)
            for future in done:
                task = flying.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    lost.append(task)
                else:
                    yield task, result
    return lost


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


@contextlib.contextmanager
def progress_bar(total: int, done: int, *, show: bool, what: str = "annotate") -> Iterator[Callable[[], None]]:
    """A rich bar on standard error; yields what to call after each task."""
    if not show:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(what, total=total, completed=done)
        yield lambda: progress.advance(bar)
