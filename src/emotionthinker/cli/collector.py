"""Python's garbage collector, kept out of the way of a command that starts, answers once and ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No search for garbage inside the block, for what leaves little of it: a clip, or importing torch and its
    company, among whose million objects searches take 1.3 s and find nothing.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def forget_garbage() -> None:
    """Call last: what still lives dies with the process, so the interpreter's final search (1.3 s) finds nothing."""
    gc.freeze()
