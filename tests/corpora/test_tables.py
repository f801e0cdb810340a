from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionthinker.corpora.manifest import utterances
from emotionthinker.corpora.tables import NoListError, rows
from emotionthinker.errors import RecordError


def read(path: Path, text: str) -> list[Any]:
    """(number, text) of good rows, (number, message) of bad ones."""
    path.write_text(text, encoding="utf-8")
    return [(n, str(row) if isinstance(row, RecordError) else row["text"]) for n, row in rows(path)]


def test_quotation_marks_of_a_tsv_open_nothing(tmp_path: Path) -> None:
    texts = ["fine", '"Stop it, he said', "three", 'four" he said', '"Yes" and "no"']
    found = read(tmp_path / "m.tsv", "path\ttext\n" + "".join(f"{n}.wav\t{t}\n" for n, t in enumerate(texts)))
    assert found == [(number, text) for number, text in enumerate(texts, 2)]


def test_a_tsv_that_was_quoted_like_a_csv_reads_the_same(tmp_path: Path) -> None:
    found = read(tmp_path / "m.tsv", '"path"\t"text"\n"a.wav"\t"""Stop it,"" he said"\nb.wav\t"plain"\n')
    assert found == [(2, '"Stop it," he said'), (3, "plain")]


def test_a_quoted_csv_field_may_hold_commas_and_line_breaks(tmp_path: Path) -> None:
    found = read(tmp_path / "m.csv", 'path,text\na.wav,"Stop,\nhe ""said"""\n\nb.wav,two\n')
    assert found == [(3, 'Stop,\nhe "said"'), (5, "two")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b.wav,hello, there", "more values"),
        ('b.wav,"Stop" he said', "written twice"),
        ('b.wav,"Stop it', "lines 3 to 5"),
        ('b.wav,"Stop it\nc.wav,four" he said', "lines 3 to 4"),
    ],
)
def test_a_csv_row_that_does_not_fit_is_told_with_its_lines(line: str, message: str, tmp_path: Path) -> None:
    first, bad, *_ = read(tmp_path / "m.csv", f"path,text\na.wav,one\n{line}\ny.wav,two\nz.wav,three\n")
    assert first == (2, "one")
    assert message in bad[1]
    assert f"{tmp_path / 'm.csv'}:3" in bad[1]


@pytest.mark.parametrize(("name", "mark"), [("m.csv", ","), ("m.tsv", "\t")])
def test_fields_left_out_at_the_end_of_a_row_are_none(name: str, mark: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(f"path{mark}text{mark}label\na.wav{mark}hi\nb.wav\n\n")
    assert list(rows(tmp_path / name)) == [
        (2, {"path": "a.wav", "text": "hi", "label": None}),
        (3, {"path": "b.wav", "text": None, "label": None}),
    ]
    assert [item.text for item in utterances([tmp_path / name])] == ["hi", None]


def test_what_follows_a_row_too_long_to_be_one_is_read(tmp_path: Path) -> None:
    swallowed = "".join(f"{n}.wav,{'word ' * 100}\n" for n in range(300))
    found = read(tmp_path / "m.csv", f'path,text\na.wav,"Stop\n{swallowed}')
    assert "field larger than field limit" in found[0][1]
    assert len(found) > 20


def test_bad_rows_reach_the_source(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('path,text\na.wav,"Stop\n')
    (bad,) = utterances([tmp_path / "m.csv"])
    assert bad.id == "m.csv:2"


def test_a_json_list_is_a_table(tmp_path: Path) -> None:
    assert read(tmp_path / "m.json", '[{"text": "one"}, 3, {"text": "two"}]') == [
        (1, "one"), (2, f"{tmp_path / 'm.json'}:2: not an object with fields"), (3, "two"),
    ]  # fmt: skip
    with pytest.raises(NoListError, match="expected"):
        read(tmp_path / "m.json", '{"text": "one"}')
    with pytest.raises(RecordError, match=r"named \.jsonl"):
        read(tmp_path / "m.json", '{"text": "one"}\n{"text": "two"}')


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.jsonl"])
def test_text_that_is_not_utf8_is_told_and_the_rest_is_read(name: str, tmp_path: Path) -> None:
    """A character that stands for broken bytes in a UTF-8 file is a character like others."""
    mark = "\t" if name == "m.tsv" else ","
    texts = {"a.wav": "schön", "b.wav": "schön", "c.wav": "sch\ufffdn"}
    if name == "m.jsonl":
        lines = [f'{{"path": "{path}", "text": "{text}"}}' for path, text in texts.items()]
    else:
        lines = [f"path{mark}text", *(f"{path}{mark}{text}" for path, text in texts.items())]
    encoded = [line.encode("latin-1" if "b.wav" in line else "utf-8") for line in lines]
    (tmp_path / name).write_bytes(b"\n".join(encoded))
    (first, bad, last) = [row for _, row in rows(tmp_path / name)]
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    assert (first["text"], last["text"]) == ("schön", "sch\ufffdn")
    assert "not UTF-8; save as CSV UTF-8" in str(bad)


def test_a_header_that_is_not_utf8_is_told_with_every_row(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("path,Gefühl\na.wav,x\nb.wav,y\n".encode("latin-1"))
    found = list(rows(tmp_path / "m.csv"))
    assert [number for number, _ in found] == [2, 3]
    assert all("not UTF-8" in str(row) for _, row in found)


def test_blanks_after_the_commas_of_a_csv_belong_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('path, text , gender\na.wav, "Stop, he said", male\n')
    assert list(rows(tmp_path / "m.csv")) == [(2, {"path": "a.wav", "text": "Stop, he said", "gender": "male"})]


@pytest.mark.parametrize("name", ["m.json", "m.jsonl"])
def test_half_a_character_is_told(name: str, tmp_path: Path) -> None:
    row = r'{"path": "a.wav", "text": "Dogs \ud83d"}'
    (tmp_path / name).write_text(f"[{row}]" if name == "m.json" else row)
    ((_, bad),) = rows(tmp_path / name)
    assert r"\ud83d stands for half a character" in str(bad)
    (tmp_path / name).write_text((f"[{row}]" if name == "m.json" else row).replace(r"\ud83d", r"\ud83d\udc36"))
    ((_, good),) = rows(tmp_path / name)
    assert isinstance(good, dict)
    assert good["text"] == "Dogs \U0001f436"


def test_a_mark_of_byte_order_costs_no_row(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"text": "one"}\n', encoding="utf-8-sig")
    assert list(rows(tmp_path / "m.jsonl")) == [(1, {"text": "one"})]


def test_classes_of_hugging_face_come_by_their_names(tmp_path: Path) -> None:
    """As numbers every emotion of such a table would be none of the nine."""
    features = {"label": {"_type": "ClassLabel", "names": ["neutral", "sad"]}, "text": {"_type": "Value"}}
    table = pa.table({"label": [1, 0, -1, None, 7], "text": list("abcde")})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "train.parquet")
    found = [row["label"] for _, row in rows(tmp_path / "train.parquet") if isinstance(row, dict)]
    assert found == ["sad", "neutral", None, None, 7]
    pq.write_table(table.replace_schema_metadata({"huggingface": "no JSON"}), tmp_path / "train.parquet")
    assert [row["label"] for _, row in rows(tmp_path / "train.parquet") if isinstance(row, dict)][:2] == [1, 0]
