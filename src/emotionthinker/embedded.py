"""Sound inside Parquet files: a column of {bytes, path}, as Hugging Face datasets keep it.

`FILE.parquet#ROW` names the sound of one row (from 0) wherever the path of a sound file may stand.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.errors import AudioError

_MARK = ".parquet#"


def is_reference(name: str) -> bool:
    """True for `FILE.parquet#ROW`."""
    return _MARK in name and name.rpartition("#")[2].isdigit()


def file_of(name: str) -> str:
    """The file behind a sound: of a reference the Parquet file, else the sound file itself."""
    return name.rpartition("#")[0] if is_reference(name) else name


def column_of(schema: Any) -> str | None:
    """The column of a Parquet schema that holds {bytes, ...}, `audio` first; None where there is none."""
    import pyarrow as pa

    fits = [f.name for f in schema if pa.types.is_struct(f.type) and f.type.get_field_index("bytes") >= 0]
    return "audio" if "audio" in fits else next(iter(fits), None)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; embedded sound is not read: `audio` is a reference (with the name of `path`).

    A row with such sound and no id is named by its reference.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        column = column_of(schema)
        columns = [leaf for field in schema for leaf in _leaves(field, column)]
        number = 0
        for batch in file.iter_batches(1024, columns=columns, use_threads=False):
            for row in batch.to_pylist():
                if column is not None:
                    row.pop(column, None)
                    row["audio"] = f"{path.name}#{number}"
                    if not {"id", "utt_id", "utterance_id"} & row.keys():
                        row["id"] = row["audio"]
                yield row
                number += 1


def read(name: str) -> tuple[bytes, str | None]:
    """(encoded sound, its own file name) behind a reference. Raises `AudioError` missing or undecodable."""
    path, _, row = name.rpartition("#")
    try:
        stamp = os.stat(path).st_mtime_ns
        group, inside = _place(_ends(path, stamp), int(row))
        cell = _group(path, stamp, group)[inside].as_py() or {}
    except (OSError, IndexError) as error:
        raise AudioError("missing", f"{name}: no such Parquet file or row ({error}); check the path") from error
    except ValueError as error:
        raise AudioError("undecodable", f"{name}: not a readable Parquet file with sound: {error}") from error
    own = cell.get("path")
    if cell.get("bytes") is not None:
        return cell["bytes"], own
    beside = Path(path).parent / (own or "")
    if own and beside.is_file():
        return beside.read_bytes(), own
    raise AudioError("missing", f"{name}: the row holds no bytes of sound, and there is no file {own!r} beside it")


def _leaves(field: Any, column: str | None) -> Sequence[str]:
    if field.name != column:
        return [field.name]
    return [f"{column}.{inner.name}" for inner in field.type if inner.name != "bytes"]


def _place(ends: Sequence[int], row: int) -> tuple[int, int]:
    """(row group, row inside it)."""
    for group, end in enumerate(ends):
        if row < end:
            return group, row - (ends[group - 1] if group else 0)
    raise IndexError(f"row {row} of {ends[-1] if ends else 0}")


@functools.lru_cache(maxsize=8)
def _ends(path: str, stamp: int) -> list[int]:
    """Number of rows up to the end of each row group."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return [sum(sizes[: number + 1]) for number in range(len(sizes))]


@functools.lru_cache(maxsize=1)
def _group(path: str, stamp: int, group: int) -> Any:
    """The sound column of one row group, kept since neighbours are asked for next."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        column = column_of(file.schema_arrow)
        if column is None:
            raise ValueError("no column of {bytes, path}")
        return file.read_row_group(group, columns=[column], use_threads=False).column(0)
