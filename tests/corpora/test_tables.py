from __future__ import annotations

from pathlib import Path
from typing import Any

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
