"""The batch function over Ray Data: a cluster, or processes that Ray starts on this machine (extra `ray`).

Rows go out in waves of some thousands, so that the driver's memory is flat; what comes back is stored by the driver,
once. A batch whose process died twice is left out by Ray Data and tried again row by row.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Any

from emotionthinker.errors import RecipeError

Row = dict[str, Any]
Work = Callable[[list[Row]], list[Row]]

BATCH = 16
"""Rows a task: Ray takes some 10 ms to hand one over."""
_WAVE = 16
"""Tasks for each core between two waits for the last one."""
_OBJECT_STORE = 256 << 20
"""Bytes for the rows under way on this machine; they are JSON, the sound is read where it is measured."""


def run_batches(
    work: Work, rows: Iterable[Row], workers: int = 0, address: str | None = None
) -> Generator[tuple[Row, Row | None]]:
    """(row, result) as they get ready; the result is None for the one row that kills its process, twice.

    `address` names a running cluster (`auto`, `HOST:PORT`), None starts Ray here with `workers` processes (0: every
    core). Raises `RecipeError` where Ray is not installed or there is no cluster at `address`.
    """
    source = iter(rows)
    with _cluster(workers, address) as cores:
        while wave := list(islice(source, cores * _WAVE * BATCH)):
            missing = dict(enumerate(wave))
            for key, result in _map(work, missing, BATCH, retries=1):
                yield missing.pop(key), result
            if missing:
                for key, result in _map(work, missing, 1, retries=0):
                    yield missing.pop(key), result
            for row in missing.values():
                yield row, None


def _map(work: Work, rows: dict[int, Row], batch: int, retries: int) -> Iterator[tuple[int, Row]]:
    """(key, result) of the rows whose process did not die more than `retries` times. The set may shrink meanwhile."""
    import ray.data

    def call(table: dict[str, Any]) -> dict[str, Any]:
        results = work([json.loads(row) for row in table["row"]])
        return {"key": table["key"], "result": [json.dumps(result) for result in results]}

    items = [{"key": key, "row": json.dumps(row)} for key, row in rows.items()]
    with _tolerant():
        source = ray.data.from_items(items, override_num_blocks=-(-len(items) // batch))
        mapped = source.map_batches(call, batch_size=batch, num_cpus=1, max_retries=retries)
        seen = set[int]()
        for row in mapped.iter_rows():
            if row["key"] not in seen:
                seen.add(row["key"])
                yield int(row["key"]), json.loads(row["result"])


@contextlib.contextmanager
def _cluster(workers: int, address: str | None) -> Iterator[int]:
    """Ray, connected; yields its number of cores. One that was connected before stays so."""
    if importlib.util.find_spec("ray") is None:
        raise RecipeError("engine 'ray' needs Ray Data, which is not installed: `pip install 'emotionthinker[ray]'`")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    connected = ray.is_initialized()
    if not connected:
        here = {
            "num_cpus": workers or os.cpu_count(),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
        }
        try:
            options = {"address": address} if address else {"address": "local", **here}
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RecipeError(
                f"no Ray cluster at {address!r}: {error}; start one with `ray start --head`, or leave the address out"
            ) from error
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if not connected:
            ray.shutdown()


@contextlib.contextmanager
def _tolerant() -> Iterator[None]:
    """Ray Data leaves out blocks whose process died, instead of giving up, and is quiet about it."""
    from ray.data import DataContext
    from ray.util.annotations import RayDeprecationWarning

    context, log = DataContext.get_current(), logging.getLogger("ray.data")
    before = context.max_errored_blocks, context.enable_progress_bars, log.level
    context.max_errored_blocks, context.enable_progress_bars = -1, False
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            # `max_retries` has no other name up to Ray 2.63, and without it a clip that kills is tried for ever.
            warnings.simplefilter("ignore", RayDeprecationWarning)
            yield
    finally:
        context.max_errored_blocks, context.enable_progress_bars = before[0], before[1]
        log.setLevel(before[2])
