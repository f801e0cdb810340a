"""Utterances to Parquet and back, in batches: the schema comes from the record, so memory stays flat."""

from __future__ import annotations

import io
import json
import types
import typing
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from emotionthinker import audio, embedded
from emotionthinker.corpora import ids
from emotionthinker.errors import AudioError, RecordError
from emotionthinker.records import Utterance
from emotionthinker.runs import replacing

AS_JSON = ("extra", "trace")
"""Fields that a table holds as JSON text, since their insides differ from row to row; `decoded` takes them back."""
_BATCH = 1000
_EMBEDDED_BATCH = 64
"""Rows a row group with sound inside, at most: what a reader of one clip has to decode."""
_EMBEDDED_BYTES = 128 << 20
"""Bytes of sound from which a row group ends: 64 recordings of an hour would be held in memory together."""
_AUDIO_FEATURE = {"info": {"features": {"audio": {"_type": "Audio"}}}}
"""Makes `datasets.load_dataset("parquet", ...)` see sound, not a struct."""


def write(
    path: str | Path, utterances: Iterable[Utterance], *, embed: bool = False, metadata: dict[str, str] | None = None
) -> int:
    """Write atomically; `extra` and `trace` as JSON text (`read` takes them back). Returns how many.

    `embed` puts the encoded sound itself into `audio`, as {bytes, path}; `metadata` goes into the file's footer.
    Raises `AudioError` missing where a sound to embed is gone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    schema = _schema(embed).with_metadata(
        {**(metadata or {}), **({"huggingface": json.dumps(_AUDIO_FEATURE)} if embed else {})}
    )
    count, rows = 0, (_row(utterance, embed) for utterance in utterances)
    with replacing(path) as part, pq.ParquetWriter(part, schema) as out:
        while batch := list(_group(rows) if embed else islice(rows, _BATCH)):
            out.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def read(path: str | Path) -> Iterator[Utterance]:
    """Utterances of a file written by `write`; the `audio` of one with sound inside is `FILE.parquet#ROW`.

    Raises `RecordError` for a file that cannot be read, or a row that is no record.
    """
    import pyarrow as pa

    path = Path(path)
    try:
        for number, row in enumerate(embedded.rows(path), 1):
            row |= {field: decoded(row[field]) for field in AS_JSON if field in row}
            if embedded.is_reference(row.get("audio") or ""):
                row["audio"] = str(path.resolve().parent / row["audio"])
            yield _utterance(row, f"{path}: row {number}")
    except (pa.ArrowInvalid, OSError) as error:
        raise RecordError(f"{path}: not a readable Parquet file: {error}") from error


def _utterance(row: dict[str, Any], where: str) -> Utterance:
    try:
        return Utterance.model_validate(row)
    except ValidationError as error:
        raise RecordError(f"{where} is not an Utterance, as `annotate` writes them: {error}") from error


def decoded(value: Any) -> Any:
    """What JSON text holds; anything else, other text too, as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _group(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The next rows with sound inside that make a row group."""
    size = 0
    for row in islice(rows, _EMBEDDED_BATCH):
        yield row
        size += len(row["audio"]["bytes"]) if row["audio"] else 0
        if size >= _EMBEDDED_BYTES:
            return


def _schema(embed: bool) -> Any:
    import pyarrow as pa

    sound = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    given = {**dict.fromkeys(AS_JSON, pa.string()), **({"audio": sound} if embed else {})}
    return pa.schema([(n, given.get(n) or _type(f.annotation)) for n, f in Utterance.model_fields.items()])


def _row(utterance: Utterance, embed: bool) -> dict[str, Any]:
    row = utterance.model_dump(mode="json")
    for field in AS_JSON:
        row[field] = None if row[field] is None else json.dumps(row[field], ensure_ascii=False)
    if embed and utterance.audio is not None:
        row["audio"] = _sound(utterance.audio)
    return row


def _sound(name: str) -> dict[str, Any]:
    if embedded.is_reference(name) and not Path(name).exists():
        data, own = embedded.read(name)
        return {"bytes": data, "path": own}
    if not audio.fragment(name).whole:
        return _part(name)
    try:
        return {"bytes": Path(name).read_bytes(), "path": Path(name).name}
    except OSError as error:
        raise AudioError("missing", f"{name}: cannot be embedded: {error.strerror}; check the path") from error


def _part(name: str) -> dict[str, Any]:
    """A part of a recording as a sound of its own: mono FLAC of 24 bits at the rate of the file."""
    import soundfile

    samples, rate = audio.load(name, native=True)
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format="FLAC", subtype="PCM_24")
    return {"bytes": encoded.getvalue(), "path": ids.named_by(Path(name).name).replace("#", "-") + ".flac"}


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
