from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotionthinker.corpora import entries, parquet
from emotionthinker.corpora.manifest import utterances
from emotionthinker.errors import RecordError
from emotionthinker.records import Prosody, Rating, Trace, Utterance, write_jsonl


def entry(**fields: Any) -> Utterance:
    return entries.to_utterance({"path": "x.wav", **fields}, Path("/data"), "en", "here")


def test_a_row_of_common_voice(tmp_path: Path) -> None:
    (tmp_path / "validated.tsv").write_text(
        "client_id\tpath\tsentence\tup_votes\tage\tgender\taccents\tlocale\n"
        "abc\ta.mp3\tDogs sit.\t2\ttwenties\tmale_masculine\tUS\ten\n"
        "abd\tb.mp3\tHunde sitzen.\t2\t\tfemale_feminine\t\tde\n"
        "abe\tc.mp3\tI am.\t2\tfourties\tdo_not_wish_to_say\t\tElvish\n"
    )
    found = list(utterances([tmp_path / "validated.tsv"], "it"))
    assert [(u.id, u.text, u.gender, u.age, u.language) for u in found] == [
        ("a", "Dogs sit.", "male", None, "en"),
        ("b", "Hunde sitzen.", "female", None, "de"),
        ("c", "I am.", None, None, None),
    ]
    assert [u.speaker for u in found] == ["abc", "abd", "abe"]
    assert [u.extra.get("age") for u in found] == ["twenties", None, "fourties"]
    assert found[2].extra == {
        "up_votes": "2", "age": "fourties", "gender": "do_not_wish_to_say", "language": "Elvish"
    }  # fmt: skip


def test_sound_in_the_folder_clips_beside_the_table(tmp_path: Path) -> None:
    """Common Voice names its sound without that folder."""
    (tmp_path / "clips").mkdir()
    for name in ("a.mp3", "both.mp3", "clips/both.mp3", "clips/c.mp3"):
        (tmp_path / name).touch()
    (tmp_path / "test.tsv").write_text("path\na.mp3\nboth.mp3\nc.mp3\nd.mp3\nclips/c.mp3\n")
    found = [str(u.audio) for u in utterances([tmp_path / "test.tsv"]) if isinstance(u, Utterance)]
    assert [Path(sound).relative_to(tmp_path).as_posix() for sound in found] == [
        "a.mp3", "both.mp3", "clips/c.mp3", "d.mp3", "clips/c.mp3"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "gender"),
    [("F", "female"), (" Male ", "male"), ("woman", "female"), ("female_feminine", "female"), ("male (adult)", "male")],
)
def test_genders_that_are_read(given: str, gender: str) -> None:
    found = entry(gender=given)
    assert (found.gender, found.extra) == (gender, {})


@pytest.mark.parametrize(
    "gender", ["other", "Unknown", "non-binary", "prefer not to say", "robot", "male-to-female", "m/w", "m. Weber", 2]
)
def test_a_gender_beyond_the_two_stays_beside_the_record(gender: Any) -> None:
    found = entry(gender=gender, text="hi")
    assert (found.gender, found.text, found.extra) == (None, "hi", {"gender": gender})


@pytest.mark.parametrize(("given", "age"), [(34, 34.0), ("34", 34.0), (" 27.5 ", 27.5)])
def test_ages_that_are_read(given: Any, age: float) -> None:
    found = entry(age=given)
    assert (found.age, found.extra) == (age, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("age", "18-25"), ("age", "inf"), ("age", True), ("rating", 4), ("trace", "x"), ("version", 3), ("version", 1)],
)
def test_what_a_foreign_row_calls_by_a_name_of_ours_stays_beside_the_record(name: str, value: Any) -> None:
    fields = {name: value}
    found = entry(**fields)
    assert found.extra == fields
    assert found == Utterance(id="x", audio="/data/x.wav", language="en", split="train", extra=fields)


def test_numbers_are_taken_as_text_where_text_is_expected() -> None:
    found = entry(split=5, speaker=12, id=7, dataset=3, text=99)
    assert (found.split, found.speaker, found.id, found.dataset, found.text) == ("5", "12", "7", "3", "99")


@pytest.mark.parametrize("name", ["lang", "locale", "language"])
def test_names_of_the_language(name: str) -> None:
    found = entry(**{name: "German"})
    assert (found.language, found.extra) == ("de", {})


@pytest.mark.parametrize("text", ["none", "Null", "nan", "N/A"])
def test_words_for_nothing_are_words_in_a_text_and_nothing_elsewhere(text: str) -> None:
    found = entry(text=text, speaker=text, emotion=text)
    assert (found.text, found.speaker, found.emotion) == (text, None, None)


@pytest.mark.parametrize("text", ["", "  ", None, float("nan")])
def test_a_text_of_nothing_is_none(text: Any) -> None:
    assert entry(text=text, transcript="well").text == "well"
    assert entry(text=text).text is None


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"start_s": 0.5, "end_s": 1.5}, "x.wav#t=0.5,1.5"),
        ({"start_s": "0.5", "end_s": "1.5"}, "x.wav#t=0.5,1.5"),
        ({"start_s": 2}, "x.wav#t=2.0"),
        ({"end_s": 2}, "x.wav#t=0.0,2.0"),
        ({"start_s": "", "end_s": None}, "x.wav"),
        ({"path": "x.wav#t=1,2", "start_s": 1, "end_s": 2}, "x.wav#t=1,2"),
        ({"path": "x.parquet#3", "start_s": 1, "end_s": 2}, "x.parquet#3"),
        ({"start": 0.5, "end": 1.5}, "x.wav"),
    ],
)
def test_a_row_may_be_a_part_in_seconds(fields: dict[str, Any], part: str) -> None:
    found = entry(**fields)
    assert found.audio == f"/data/{part}"
    assert found.extra.get("start_s") == (fields.get("start_s") or None)
    assert found.id == part.replace(".wav", "").replace(".parquet", "")
    assert entries.has_untold_times(found) == ("start" in fields)


@pytest.mark.parametrize(
    "times",
    [
        {"start_s": "soon"},
        {"start_s": 2, "end_s": 1},
        {"start_s": -1},
        {"start_s": "inf"},
        {"end_s": 0},
        {"end_s": [1]},
    ],
)
def test_a_part_that_is_none_is_a_bad_row(times: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="expected seconds, 0 <= start_s < end_s"):
        entry(**times)


FULL = Utterance(
    id="a",
    audio="/x.wav",
    emotion="Sad",
    original_label="grief",
    split="test",
    trace=Trace(think="It is low.", answer="Sad", writer="me"),
    rating=Rating(
        factual_alignment=1, interpretative_quality=2, caption_completeness=3, fluency_and_structural_clarity=4
    ),
    extra={"mic": ["far", 1]},
)


def test_our_own_records_come_back_from_every_kind_of_file(tmp_path: Path) -> None:
    """All but what was measured, which is measured anew."""
    written = FULL.model_copy(update={"prosody": Prosody(duration_s=1.0)})
    parquet.write(tmp_path / "m.parquet", [written])
    write_jsonl(tmp_path / "m.jsonl", [written])
    for name in ("m.parquet", "m.jsonl"):
        assert list(utterances([tmp_path / name])) == [FULL]


def test_every_field_that_a_table_holds_as_text_is_taken_back(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    parquet.write(tmp_path / "m.parquet", [FULL])
    (row,) = pq.read_table(tmp_path / "m.parquet").to_pylist()
    texts = {name for name in ("extra", "trace", "rating") if isinstance(row[name], str)}
    assert texts == set(parquet.AS_JSON)
    assert entries.to_utterance(row, tmp_path, None, "here") == FULL
