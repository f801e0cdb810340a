"""How far a stage is, on standard error: a bar in a terminal, a plain line now and then in a log."""

from __future__ import annotations

import contextlib
import datetime
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

EVERY_S = 30.0
"""Seconds between two lines of a log."""


@contextlib.contextmanager
def progress_bar(total: int, done: int = 0, *, show: bool, what: str = "annotate") -> Iterator[Callable[..., None]]:
    """Yields what to call with the number of rows that got done (1 if none is given), of these the `failed`, and
    whether they are `resumed` from an earlier run.

    The bar is drawn, or the first line is due, with the first call: an error that comes before stands alone.
    """
    if not show:
        yield lambda rows=1, failed=0, resumed=False: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    drawn = console.is_terminal or console.is_jupyter
    teller: _Bar | _Log = _Bar(console, what, total, done) if drawn else _Log(what, total, done)
    with contextlib.closing(teller):
        yield teller.advance


def followed(items: Iterable[T], total: int, what: str, done: int = 0) -> Iterator[T]:
    """The items as they come, each counted when the next is asked for."""
    with progress_bar(total, done, show=True, what=what) as advance:
        for item in items:
            yield item
            advance()


class _Bar:
    """A rich bar, drawn from the first call on."""

    def __init__(self, console: Console, what: str, total: int, done: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task(what, total=total, completed=done)
        self._drawn = False

    def advance(self, rows: int = 1, failed: int = 0, resumed: bool = False) -> None:
        if not self._drawn:
            self._progress.start()
            self._drawn = True
        self._progress.advance(self._task, rows)

    def close(self) -> None:
        if self._drawn:
            self._progress.stop()


class _Log:
    """A line every EVERY_S seconds and one at the end: `annotate: 120 of 5000, 2 failed, 0:31:10 left`."""

    def __init__(self, what: str, total: int, done: int) -> None:
        self._what, self._total, self._done, self._failed = what, total, done, 0
        self._worked = self._untold = 0
        self._began = self._told = time.monotonic()

    def advance(self, rows: int = 1, failed: int = 0, resumed: bool = False) -> None:
        """Rows of an earlier run tell nothing of the speed."""
        self._done += rows
        self._failed += failed
        if not resumed:
            self._worked += rows
            self._untold += rows
        if time.monotonic() - self._told >= EVERY_S:
            self._tell()

    def close(self) -> None:
        if self._untold:
            self._tell()

    def _tell(self) -> None:
        self._told, self._untold = time.monotonic(), 0
        failed = f", {self._failed} failed" if self._failed else ""
        left = ""
        if self._worked and self._done < self._total:
            seconds = (self._told - self._began) / self._worked * (self._total - self._done)
            left = f", {datetime.timedelta(seconds=round(seconds))} left"
        print(f"{self._what}: {self._done} of {self._total}{failed}{left}", file=sys.stderr, flush=True)
