"""Published annotation sets in our fields and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.corpora import parquet
from emotionthinker.corpora.manifest import BadRow
from emotionthinker.corpora.published import FIELDS, Published, read
from emotionthinker.errors import RecordError
from emotionthinker.evaluation.findings import compare
from emotionthinker.prosody.levels import Tolerances
from emotionthinker.records import Intonation, Pitch, Prosody, Stress, Utterance, Word

COT = {
    "audio_path": "/home/authors/corpus/a/x.wav",
    "transcription": "Hello there",
    "emotion": "angry",
    "pitch": "High",
    "energy": "low",
    "speed": "fast",
    "intonation": "rising-falling",
    "gender": "Male",
    "age_level": "Young Adult",
    "stressed_words": ["there"],
}
SAYS = {
    "pitch": "high",
    "energy": "low",
    "rate": "fast",
    "intonation": "rising-falling",
    "gender": "male",
    "age": "young adult",
    "stress": ["there"],
}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        import csv

        with open(path, "w", encoding="utf-8", newline="") as out:
            table = csv.DictWriter(out, rows[0])
            table.writeheader()
            table.writerows({k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound" / "a").mkdir(parents=True)
    (tmp_path / "sound" / "a" / "x.wav").touch()
    return tmp_path / "sound"


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "parquet"])
def test_emotioncot_rows(kind: str, tmp_path: Path, folder: Path) -> None:
    (row,) = read(written(tmp_path / f"set.{kind}", [COT]), folder)
    assert isinstance(row, Published)
    assert row.says == SAYS
    assert row.clip["audio_path"] == str(folder / "a" / "x.wav")
    assert (row.clip["transcription"], row.clip["emotion"]) == ("Hello there", "angry")
    assert not {"gender", "pitch"} & set(row.clip)  # what is audited must not steer the measurement


def test_names_and_numbers_of_the_pipeline(tmp_path: Path, folder: Path) -> None:
    rows = [
        {"path": "a/x.wav", "pitch_level": "low", "f0_median_hz": "118.5", "speed_level": "slow", "energy_dbfs": -21},
        {"path": "a/x.wav", "pitch": 201.5, "energy": "-30", "contour_shape": "level", "contour_dynamics": "flat"},
    ]
    first, second = read(written(tmp_path / "set.jsonl", rows), folder)
    assert first.says == {"pitch": "low", "pitch_hz": 118.5, "rate": "slow", "energy_dbfs": -21.0}
    assert second.says == {"pitch_hz": 201.5, "energy_dbfs": -30.0, "shape": "level", "style": "flat"}
    assert first.assumed == {}
    assert second.assumed == {"pitch_hz": "pitch", "energy_dbfs": "energy"}


def test_a_number_with_its_unit_wins_over_one_without(tmp_path: Path, folder: Path) -> None:
    rows = [{"path": "a/x.wav", "energy": 0.05, "energy_dbfs": -26, "articulation": 9.5, "tempo": "fast"}]
    (row,) = read(written(tmp_path / "set.csv", rows), folder)
    assert isinstance(row, Published)
    assert row.says == {"energy_dbfs": -26.0, "rate_pps": 9.5, "rate": "fast"}
    assert row.assumed == {"rate_pps": "articulation"}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_own_records(kind: str, tmp_path: Path, folder: Path) -> None:
    prosody = Prosody(
        duration_s=1.0,
        pitch=Pitch(median_hz=210.0, level="high"),
        intonation=Intonation(shape="rising", style="expressive"),
        stress=Stress(words=[Word(text="not", start_s=0, end_s=1, stressed=True), Word(text="I", start_s=1, end_s=2)]),
    )
    record = Utterance(id="one", audio="a/x.wav", gender="female", text="I not", prosody=prosody)
    path = tmp_path / f"own.{kind}"
    if kind == "jsonl":
        path.write_text(record.model_dump_json() + "\n")
    else:
        parquet.write(path, [record])
    (row,) = read(path, folder)
    assert row.clip["id"] == "one"
    assert row.says == {
        "pitch": "high",
        "pitch_hz": 210.0,
        "shape": "rising",
        "style": "expressive",
        "gender": "female",
        "stress": ["not"],
    }


def test_the_longest_end_of_a_path_wins(tmp_path: Path, folder: Path) -> None:
    (folder / "x.wav").touch()
    rows = [{"audio": name, "pitch": "low"} for name in ("/mnt/a/x.wav", "b/x.wav", "C:\\data\\a\\x.wav", "y.wav")]
    found = [row.clip["audio_path"] for row in read(written(tmp_path / "set.jsonl", rows), folder)]
    assert found == [str(folder / name) for name in ("a/x.wav", "x.wav", "a/x.wav", "y.wav")]


def test_a_part_of_a_recording_is_found_by_its_file_and_stays_a_part(tmp_path: Path, folder: Path) -> None:
    parts = ("#t=0.2,3.0&channel=2", "#t=3.0,3.5")
    path = written(tmp_path / "set.jsonl", [{"audio": f"/theirs/a/x.wav{part}", "pitch": "low"} for part in parts])
    clips = [row.clip for row in read(path, folder) if isinstance(row, Published)]
    assert [clip["audio_path"] for clip in clips] == [f"{folder / 'a' / 'x.wav'}{part}" for part in parts]
    assert [clip["id"] for clip in clips] == [f"/theirs/a/x{part}" for part in parts]


def test_sound_inside_a_parquet_set_is_heard_from_there(tmp_path: Path, folder: Path) -> None:
    path = written(tmp_path / "set.parquet", [{"audio": {"bytes": b"RIFF", "path": "x.wav"}, "pitch": "low"}])
    (row,) = read(path, folder)
    assert isinstance(row, Published)
    assert row.clip["audio_path"] == f"{path}#0"


def test_a_path_that_fits_two_files_is_no_missing_file(tmp_path: Path, folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "b" / "x.wav").touch()
    (row,) = read(written(tmp_path / "set.jsonl", [{"audio": "MELD/x.wav", "pitch": "low"}]), folder)
    assert isinstance(row, BadRow)
    assert "set.jsonl:1: MELD/x.wav fits 2 files: a/x.wav, b/x.wav; expected one" in str(row.error)


def test_rows_that_cannot_be_audited_are_named(tmp_path: Path, folder: Path) -> None:
    path = written(tmp_path / "set.jsonl", [{"pitch": "low"}, {"path": "a/x.wav", "pitch": None, "mood": "dark"}])
    path.write_text(path.read_text() + "{no json\n")
    bad = list(read(path, folder))
    assert all(isinstance(row, BadRow) for row in bad)
    assert [row.id for row in bad] == ["set.jsonl:1", "set.jsonl:2", "set.jsonl:3"]
    for row, said in zip(bad, ("no sound file", "nothing to audit", "not JSON"), strict=True):
        assert said in str(row.error)


_NAMES = sorted({name for names in FIELDS.values() for name in names} | {"path", "prosody", "transcription", "id"})
_KEYS = st.sampled_from(["pitch", "energy", "intonation", "stress", "speaker", "level", "words", "text", "stressed"])
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
_JUNK = st.recursive(
    _PLAIN | st.sampled_from(["high", "-20.5", "[", "{}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=5,
)
_OWN = st.dictionaries(_KEYS, st.dictionaries(_KEYS, _JUNK, max_size=3) | _JUNK, min_size=1, max_size=3)


@given(row=st.dictionaries(st.sampled_from(_NAMES), _JUNK, max_size=6), own=st.none() | _OWN)
@settings(max_examples=200)
def test_whatever_a_row_holds_it_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], own: Any
) -> None:
    """And what is read can be compared: no published value breaks the audit."""
    row = {**row, "path": "x.wav", **({"prosody": own} if own else {})}
    path = written(tmp_path_factory.mktemp("junk") / "set.jsonl", [row])
    (read_row,) = read(path, path.parent)
    if isinstance(read_row, Published):
        says = json.loads(json.dumps(read_row.says, allow_nan=False))
        assert {finding.field for finding in compare(says, Prosody(duration_s=1.0), Tolerances())} == set(says)


def test_what_is_no_annotation_set_is_refused(tmp_path: Path) -> None:
    for text, said in (('{"pitch": "low"}', "holds no list"), ('{"a": 1}\n{"a": 2}', r"named \.jsonl")):
        (tmp_path / "set.json").write_text(text)
        with pytest.raises(RecordError, match=said):
            list(read(tmp_path / "set.json", tmp_path))
    (tmp_path / "set.json").write_text("[3]")
    (bad,) = read(tmp_path / "set.json", tmp_path)
    assert isinstance(bad, BadRow)
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(RecordError, match="not an annotation set"):
            list(read(path, tmp_path))
