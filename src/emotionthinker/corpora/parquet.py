"""Utterances to Parquet and back, in batches: the schema comes from the record, so memory stays flat."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from emotionthinker.records import Utterance

_AS_JSON = ("extra", "trace")
_BATCH = 1000


def write(path: str | Path, utterances: Iterable[Utterance]) -> int:
    """Write atomically; `extra` and `trace` as JSON text (`read` takes them back). Returns how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    part = path.with_suffix(path.suffix + ".part")
    schema = pa.schema(
        [(n, pa.string() if n in _AS_JSON else _type(f.annotation)) for n, f in Utterance.model_fields.items()]
    )
    count, source = 0, iter(utterances)
    with pq.ParquetWriter(part, schema) as out:
        while batch := [_row(utterance) for utterance in islice(source, _BATCH)]:
            out.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    part.replace(path)
    return count


def read(path: str | Path) -> Iterator[Utterance]:
    """Utterances of a file written by `write`."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            for field in _AS_JSON:
                if isinstance(row.get(field), str):
                    row[field] = json.loads(row[field])
            yield Utterance.model_validate(row)


def _row(utterance: Utterance) -> dict[str, Any]:
    row = utterance.model_dump(mode="json")
    for field in _AS_JSON:
        row[field] = None if row[field] is None else json.dumps(row[field], ensure_ascii=False)
    return row


def _type(annotation: Any) -> Any:
    """The Arrow type of a record field."""
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if annotation in plain:
        return plain[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _type(next(member for member in inner if member is not type(None)))
    if origin is list:
        return pa.list_(_type(inner[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct([(name, _type(field.annotation)) for name, field in annotation.model_fields.items()])
    raise TypeError(f"no Parquet type for a record field of type {annotation!r}")
