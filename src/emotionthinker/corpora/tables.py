"""Rows of a table (JSONL, JSON list, CSV, TSV, Parquet) as they stand; one that cannot be read comes as its error."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotionthinker import embedded
from emotionthinker.corpora import files
from emotionthinker.errors import RecordError


class NoListError(RecordError):
    """A JSON file that holds something else than a list."""


Row = tuple[int, dict[str, Any] | RecordError]
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def rows(path: Path) -> Iterator[Row]:
    """(line or row number, its fields as they stand) of a table; a row that cannot be read is its error.

    Raises `RecordError` for a Parquet or `.json` file that cannot be read, `NoListError` for other JSON than a list.
    """
    kinds = {".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".json": _json}
    return kinds.get(path.suffix.lower(), _jsonl)(path)


def _json(path: Path) -> Iterator[Row]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecordError(f"{path}: not JSON: {error}; a file of JSON lines is named .jsonl") from error
    if not isinstance(found, list):
        raise NoListError(f"{path}: holds no list; expected [{{...}}, ...], one object a clip")
    for number, row in enumerate(found, 1):
        yield number, _object(row, path, number)


def _object(row: Any, path: Path, number: int) -> dict[str, Any] | RecordError:
    if not isinstance(row, dict):
        return RecordError(f"{path}:{number}: not an object with fields")
    if not files.is_utf8(json.dumps(row, ensure_ascii=False)):
        return RecordError(
            f"{path}:{number}: an escape such as \\ud83d stands for half a character, without its other half; expected "
            "whole characters: the text may have been cut there"
        )
    return row


def _not_utf8(path: Path, number: int) -> RecordError:
    return RecordError(
        f"{path}:{number}: not UTF-8; save as CSV UTF-8, or write the file anew, for example with "
        "`iconv -f WINDOWS-1252 -t UTF-8 IN > OUT`"
    )


def _jsonl(path: Path) -> Iterator[Row]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            if not files.is_utf8(line):
                yield number, _not_utf8(path, number)
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, RecordError(f"{path}:{number}: not JSON: {error}")
                continue
            yield number, _object(row, path, number)


def _csv(path: Path) -> Iterator[Row]:
    """Numbers are those of a row's last line; fields that a row leaves out at its end are None. Blanks around the
    names of the header, and after the commas of a CSV, are no part of what they stand before.

    In a TSV a line is a row: quotation marks of its texts open nothing.
    """
    tabs = path.suffix.lower() == ".tsv"
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        rules: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {"skipinitialspace": True}
        reader = csv.reader(lines, strict=True, **rules)
        header: list[str] | None = None
        while True:
            first = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, RecordError(_torn(path, first, reader.line_num, error))
                if header is None:
                    return
                continue
            values = [_unquoted(value) for value in values] if tabs else values
            if header is None:
                header = [name.strip() for name in values]
            elif not files.is_utf8("".join([*header, *values])):
                yield reader.line_num, _not_utf8(path, reader.line_num)
            elif len(values) > len(header):
                yield reader.line_num, RecordError(_surplus(path, reader.line_num, len(values), len(header)))
            elif values:
                yield reader.line_num, dict(itertools.zip_longest(header, values))


def _unquoted(value: str) -> str:
    """A TSV value without the marks a writer with CSV rules put around all of it: `"a ""b"" c"`."""
    match = _QUOTED.fullmatch(value)
    return match[1].replace('""', '"') if match else value


def _torn(path: Path, first: int, last: int, error: csv.Error) -> str:
    lines = f"line {first}" if first == last else f"lines {first} to {last}, read as one row,"
    return (
        f'{path}:{first}: {lines} cannot be read ({error}); expected every field that opens with " to end with ", '
        'marks inside it written twice ("")'
    )


def _surplus(path: Path, line: int, values: int, fields: int) -> str:
    return (
        f"{path}:{line}: more values ({values}) than the header has fields ({fields}); put a field that holds the "
        "delimiter into double quotes (CSV), or take it out (TSV)"
    )


def _parquet(path: Path) -> Iterator[Row]:
    """Numbers of classes (`ClassLabel` of Hugging Face) come as the names the file's footer gives them."""
    import pyarrow as pa

    try:
        classes = _classes(path)
        for number, row in enumerate(embedded.rows(path), 1):
            row |= {name: _named(row[name], names) for name, names in classes.items() if name in row}
            if embedded.is_reference(str(row.get("audio"))):
                row["audio_path"] = row.pop("audio")  # sound inside wins over the name of a file that may be elsewhere
            yield number, row
    except (pa.ArrowInvalid, OSError) as error:
        raise RecordError(f"{path}: not a readable Parquet file: {error}") from error


def _classes(path: Path) -> dict[str, list[str]]:
    """Column -> names of its classes, by what Hugging Face `datasets` writes into the footer."""
    import pyarrow.parquet as pq

    footer = pq.read_schema(path).metadata or {}
    try:
        written = json.loads(footer.get(b"huggingface", b"{}"))
        features = written.get("info", {}).get("features", {})
        return {name: list(kind["names"]) for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, AttributeError, KeyError, TypeError):  # a footer of another kind names no classes
        return {}


def _named(value: Any, names: list[str]) -> Any:
    """The name of a class; None for -1, which stands for no label; what is no number of a class as it is."""
    if value == -1:
        return None
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
