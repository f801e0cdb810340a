from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from emotionthinker.corpora import parquet
from emotionthinker.errors import RecordError
from emotionthinker.records import (
    Claim,
    Pitch,
    Prosody,
    Rating,
    Stress,
    Trace,
    Utterance,
    Word,
    parse_line,
    read_jsonl,
    write_jsonl,
)

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_word = st.builds(Word, text=_text, start_s=st.floats(0, 9), end_s=st.floats(0, 9), stressed=st.booleans())
_claim = st.builds(
    Claim,
    text=_text,
    feature=_text,
    claimed=_text,
    measured=st.one_of(st.none(), _text, st.floats(0, 500)),
    verdict=st.sampled_from(["supported", "contradicted", "not_checkable"]),
)
_prosody = st.builds(
    Prosody,
    duration_s=st.floats(0, 3600),
    pitch=st.builds(Pitch, median_hz=st.one_of(st.none(), st.floats(50, 600)), reliable=st.booleans()),
    stress=st.builds(Stress, words=st.lists(_word, max_size=3)),
)
utterances = st.builds(
    Utterance,
    id=_text.filter(bool),
    text=st.one_of(st.none(), _text),
    prosody=st.one_of(st.none(), _prosody),
    trace=st.one_of(st.none(), st.builds(Trace, think=_text, answer=_text, writer=_text, claims=st.lists(_claim))),
    extra=st.dictionaries(_text, st.one_of(st.integers(-9, 9), _text, st.none()), max_size=2),
)


@given(st.lists(utterances, min_size=1, max_size=3))
def test_jsonl_and_parquet_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Utterance]
) -> None:
    folder = tmp_path_factory.mktemp("records")
    assert write_jsonl(folder / "a.jsonl", rows) == len(rows)
    assert list(read_jsonl(folder / "a.jsonl")) == rows
    assert parquet.write(folder / "a.parquet", rows) == len(rows)
    assert list(parquet.read(folder / "a.parquet")) == rows


def test_unknown_fields_are_carried_through() -> None:
    utterance = Utterance.model_validate({"id": "a", "arousal": 3, "extra": {"take": 2}})
    assert utterance.extra == {"take": 2, "arousal": 3}


def test_languages_become_codes() -> None:
    assert [Utterance(id="a", language=name).language for name in ("German", "en-US", "", None)] == [
        "de",
        "en-US",
        None,
        None,
    ]


def test_a_record_of_an_unreadable_language_is_read() -> None:
    """Older code wrote what a manifest said: such result files must stay readable."""
    lines = ('{"id": "a", "language": "und"}', '{"id": "a", "language": "Elvish"}')
    assert [parse_line(line, "old.jsonl:1").language for line in lines] == [None, "Elvish"]


def test_a_transcript_written_before_it_had_a_language_is_read() -> None:
    line = '{"id": "a", "prosody": {"duration_s": 1.0, "transcript": {"text": "so", "source": "whisper-base"}}}'
    found = parse_line(line, "old.jsonl:1").prosody
    assert found is not None
    assert found.transcript.language is None


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a"}\n\n{"text": "no id"}\n')
    with pytest.raises(RecordError, match=r"a\.jsonl:3"):
        list(read_jsonl(path))


def test_ratings_are_one_to_five() -> None:
    with pytest.raises(ValidationError):
        Rating(factual_alignment=6, interpretative_quality=1, caption_completeness=1, fluency_and_structural_clarity=1)


def test_records_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Utterance(id="a").id = "b"  # type: ignore[misc]
