from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker import audio
from emotionthinker.corpora import parquet
from emotionthinker.corpora.manifest import (
    BadRow,
    by_source,
    passed_by,
    refuse_absent,
    refuse_results,
    size,
    utterances,
)
from emotionthinker.errors import RecipeError, RecordError, kind_of
from emotionthinker.records import Utterance, write_jsonl

ROW = {
    "audio_path": "a/x.wav",
    "transcription": "Hello there",
    "gt": "angry",
    "gender": "F",
    "speaker": 7,
    "mic": "far",
}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix in (".csv", ".tsv"):
        comma = "\t" if path.suffix == ".tsv" else ","
        lines = [comma.join(rows[0])] + [comma.join(str(v) for v in row.values()) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet"])
def test_every_kind_of_manifest_reads_the_same(kind: str, tmp_path: Path) -> None:
    (found,) = utterances([write(tmp_path / f"m.{kind}", [ROW])])
    assert isinstance(found, Utterance)
    assert (found.id, found.audio) == ("a/x", str((tmp_path / "a/x.wav").resolve()))
    assert (found.text, found.emotion, found.original_label) == ("Hello there", "Angry", "angry")
    assert (found.gender, found.speaker, found.split, found.extra) == ("female", "7", "train", {"mic": "far"})


@pytest.mark.parametrize("name", ["audio_path", "path", "audio", "file", "filename", "wav"])
def test_names_of_the_sound_file(name: str, tmp_path: Path) -> None:
    (found,) = utterances([write(tmp_path / "m.jsonl", [{name: "x.wav", "id": "one"}])])
    assert (found.id, found.audio) == ("one", str((tmp_path / "x.wav").resolve()))


def test_null_labels_fall_back_to_the_original_one(tmp_path: Path) -> None:
    row = {"path": "x.wav", "label": None, "orig_label": "boredom", "dataset": "emodb", "language": "de"}
    (found,) = utterances([write(tmp_path / "m.jsonl", [row])], language="en")
    assert (found.emotion, found.original_label, found.language) == (None, "boredom", "de")


def test_language_fills_in(tmp_path: Path) -> None:
    (found,) = utterances([write(tmp_path / "m.jsonl", [{"path": "x.wav"}])], language="it")
    assert found.language == "it"


def test_our_own_parquet_comes_back_as_a_manifest(tmp_path: Path) -> None:
    first = Utterance(
        id="a", audio=str(tmp_path / "x.wav"), emotion="Sad", original_label="grief", split="test", extra={"mic": "far"}
    )
    parquet.write(tmp_path / "m.parquet", [first])
    assert list(utterances([tmp_path / "m.parquet"])) == [first]


def test_folders_and_files(tmp_path: Path) -> None:
    for name in ("b.WAV", "a/c.mp3", "a/notes.txt", "a/d.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(utterances([tmp_path, tmp_path / "a" / "d.flac"]))
    assert [item.id for item in found] == ["a/c.mp3", "a/d.flac", "b.WAV", "d.flac"]


@pytest.mark.parametrize("suffix", [".caf", ".w64", ".aif", ".au"])
def test_sound_of_rare_kinds_is_read(suffix: str, tmp_path: Path) -> None:
    kind = {".aif": "AIFF"}.get(suffix, suffix[1:].upper())
    soundfile.write(tmp_path / f"a{suffix}", np.full(1600, 0.1), 16000, format=kind)
    (found,) = utterances([tmp_path])
    assert isinstance(found, Utterance)
    assert len(audio.load(found.audio or "")[0]) == 1600


def test_sound_that_cannot_be_decoded_is_counted(tmp_path: Path) -> None:
    """Not what was converted already: a file of that name lies beside it."""
    for name in ("a.M4A", "b/c.m4a", "b/d.wma", "e.mp4", "e.wav", "._f.aac", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert passed_by([tmp_path, tmp_path / "e.wav"]) == {".m4a": 2, ".wma": 1}
    with pytest.raises(RecordError, match=r"there are 1 \.m4a, 1 \.wma, which cannot be .*ffmpeg -i IN\.m4a"):
        list(utterances([tmp_path / "b"]))
    with pytest.raises(RecordError, match=r"cannot be decoded here; .*ffmpeg -i IN\.mp4"):
        list(utterances([tmp_path / "e.mp4"]))


def test_files_come_in_the_order_of_sorted_paths(tmp_path: Path) -> None:
    for name in ("a/z.wav", "a b.wav", "a.wav", "a/b/c.wav", "a.b/c.wav", "A/c.wav", "a/B.wav", "b.wav", "a-1/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [Path(item.audio) for item in utterances([tmp_path]) if isinstance(item, Utterance)]
    assert found == sorted(path.resolve() for path in tmp_path.rglob("*.wav"))
    assert len(found) == 9


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_the_size_of_a_source_is_known_before_it_is_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("clips/a.wav", "clips/b.flac", "c.wav"):
        (tmp_path / name).touch()
    manifest = write(tmp_path / f"m.{kind}", [{**ROW, "id": n} for n in range(5)])
    assert size([manifest, tmp_path / "clips", tmp_path / "c.wav"]) == 8
    assert len(list(utterances([manifest, tmp_path / "clips", tmp_path / "c.wav"]))) == 8
    if kind != "parquet":
        manifest.write_bytes(manifest.read_bytes().rstrip(b"\n"))
        assert size([manifest]) == 5, "no line break at the end"


def test_a_folder_of_shards_is_read_in_order(tmp_path: Path) -> None:
    for shard in (1, 0):
        rows = [Utterance(id=f"{shard}{n}", audio="/x.wav", split="train") for n in range(2)]
        parquet.write(tmp_path / f"part-0000{shard}.parquet", rows)
    assert [item.id for item in utterances([tmp_path])] == ["00", "01", "10", "11"]
    assert size([tmp_path]) == 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "not JSON"),
        ("[1]", "not an object"),
        ('{"text": "no sound named"}', "no sound file named"),
        ('{"path": "x.wav", "text": "Dogs \\ud83d"}', "half a character"),
        ('{"path": "x.wav", "id": "\\udc80"}', "half a character"),
        ('{"path": "x.wav", "extra": {"a": ["\\ud83d"]}}', "half a character"),
        ('{"path": "x.wav", "extra": "{\\"a\\": \\"\\\\ud83d\\"}"}', "surrogates not allowed"),
        ('{"path": "x\\u0000.wav"}', "null byte"),
        ("[" * 100000, "not JSON"),
        ("[1" + "0" * 5000 + "]", "not JSON"),
    ],
)
def test_a_bad_row_says_where_and_why_and_the_rest_is_read(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(f'{{"path": "good.wav"}}\n\n{line}\n{{"path": "fine.wav"}}\n')
    first, bad, last = utterances([tmp_path / "m.jsonl"])
    assert (first.id, last.id) == ("good", "fine")
    assert isinstance(bad, BadRow)
    assert bad.id == "m.jsonl:3"
    assert message in str(bad.error)
    assert "3" in str(bad.error)


def test_languages_become_codes_and_a_default_that_is_none_is_refused(tmp_path: Path) -> None:
    rows = [{"path": "a.wav", "language": "deu"}, {"path": "b.wav", "language": "en-US"}, {"path": "c.wav"}]
    manifest = write(tmp_path / "m.jsonl", rows)
    assert [item.language for item in utterances([manifest], "Italian")] == ["de", "en-US", "it"]
    with pytest.raises(RecordError, match="expected a code of ISO 639"):
        list(utterances([manifest], "Elvish"))


def test_a_language_that_cannot_be_read_costs_no_clip_and_is_not_taken_for_the_default(tmp_path: Path) -> None:
    told = ("Elvish", "und", "multilingual", "American English")
    first = write(tmp_path / "m.jsonl", [{"path": f"{name}.wav", "language": name} for name in told])
    found = list(utterances([first], "en"))
    assert [item.language for item in found] == [None, None, None, "en-US"]
    assert [item.extra.get("language") for item in found] == [*told[:3], None]
    heard = [found[0].model_copy(update={"language": "de"}), *found[1:]]
    write_jsonl(tmp_path / "results.jsonl", heard)
    assert list(utterances([tmp_path / "results.jsonl"], "en")) == heard


def test_automatic_language_leaves_it_to_the_recogniser(tmp_path: Path) -> None:
    first = write(tmp_path / "m.jsonl", [{"path": "a.wav"}, {"path": "b.wav", "language": "German"}])
    assert [item.language for item in utterances([first], "auto")] == [None, "de"]


def test_a_repeated_id_is_a_bad_row(tmp_path: Path) -> None:
    first, second = utterances([write(tmp_path / "m.jsonl", [{"path": "x.wav"}, {"path": "x.flac"}])])
    assert isinstance(first, Utterance)
    assert isinstance(second, BadRow)
    assert "unique" in str(second.error)


def test_an_extra_that_is_no_object_is_carried_along(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    extra = ["studio take", '{"mic": "far"}', "[1]", None]
    pq.write_table(pa.table({"path": [f"{n}.wav" for n in range(4)], "extra": extra}), tmp_path / "m.parquet")
    found = [item.extra for item in utterances([tmp_path / "m.parquet"])]
    assert found == [{"extra": "studio take"}, {"mic": "far"}, {"extra": "[1]"}, {}]


def test_a_file_name_that_is_no_utf8_is_a_bad_row(tmp_path: Path) -> None:
    folder = tmp_path / "sound"
    folder.mkdir()
    (folder / os.fsdecode(b"\xfcber.flac")).touch()
    (folder / "a.wav").touch()
    good, bad = utterances([folder])
    assert good.id == "a.wav"
    assert isinstance(bad, BadRow)
    assert bad.id == r"\xfcber.flac"
    assert "file name is not UTF-8; rename it" in str(bad.error)
    assert "convmv" in str(bad.error)


def test_a_manifest_in_a_folder_that_is_no_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"b\xfccher")
    folder.mkdir()
    with pytest.raises(RecordError, match=r"b\\xfccher/m\.jsonl: file name is not UTF-8"):
        list(utterances([write(folder / "m.jsonl", [ROW])]))


@pytest.mark.parametrize("name", ["nowhere.jsonl", "notes.txt", "empty", "bad.parquet"])
def test_sources_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordError, match=name):
        list(utterances([tmp_path / name]))


def test_parts_of_one_recording_have_ids_of_their_own(tmp_path: Path) -> None:
    parts = ["a/talk.opus#t=1.5,4.25", "a/talk.opus#t=1.5,4.75&channel=2", "a/shard.parquet#17", "a/take#1.2.wav"]
    (tmp_path / "m.jsonl").write_text("\n".join(json.dumps({"audio": part}) for part in parts))
    found = list(utterances([tmp_path / "m.jsonl"]))
    assert [item.id for item in found] == [
        "a/talk#t=1.5,4.25",
        "a/talk#t=1.5,4.75&channel=2",
        "a/shard#17",
        "a/take#1.2",
    ]


def test_files_of_one_name_in_two_folders_are_two_clips(tmp_path: Path) -> None:
    for name in ("a/001.wav", "b/001.wav", "c/b/001.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list(utterances([tmp_path / "a", tmp_path / "b", tmp_path / "c/b/001.wav", tmp_path / "a"]))
    assert [item.id for item in found[:2]] == ["001.wav", "b/001.wav"]
    for item in found[2:]:
        assert isinstance(item, BadRow), "b/001.wav is taken; a folder given twice holds the same clips"
        assert kind_of(item.error) == "repeated_id"


def test_a_table_parted_by_semicolons_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path;text\na.wav;hello\n")
    (bad,) = utterances([tmp_path / "m.csv"])
    assert isinstance(bad, BadRow)
    assert "parted by ';'" in str(bad.error)
    assert kind_of(bad.error) == "bad_row"


def test_clips_tell_their_source(tmp_path: Path) -> None:
    for name in ("a/1.wav", "b/1.wav", "b/2.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    sources = [tmp_path / "b", tmp_path / "a", tmp_path / "b" / "2.wav"]
    found = [(source, item.id) for source, item in by_source(sources)]
    assert found == [(sources[0], "1.wav"), (sources[0], "2.wav"), (sources[1], "a/1.wav"), (sources[2], "b/2.wav")]
    assert [item.id for item in utterances(sources)] == [id for _, id in found]


def test_what_a_stage_writes_is_no_source_of_it(tmp_path: Path) -> None:
    """Shards of sound were deleted once they had been annotated into their own folder."""
    out, sounds = tmp_path / "tables" / "out", tmp_path / "sounds"
    for folder in (out / "shards", sounds):
        folder.mkdir(parents=True)
    (sounds / "a.wav").touch()
    for inside in ("shards", "shards/part-00000.parquet", "utterances.jsonl"):
        with pytest.raises(RecipeError, match="a result in"):
            refuse_results([sounds, out / inside], out, ("shards", "utterances.jsonl"))
    for folder in (out, out.parent):
        with pytest.raises(RecipeError, match="read as clips"):
            refuse_results([folder], out, ("shards",))
    refuse_results([sounds, out / "shards"], sounds / "out", ("shards",))
    with pytest.raises(RecipeError, match="read as clips"):
        refuse_results([sounds], sounds / "out", ("audio",), sound=True)


def test_a_source_that_is_absent_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no such file or folder$"):
        refuse_absent([tmp_path, tmp_path / "none.wav"])
    (tmp_path / "talk.wav").touch()
    with pytest.raises(RecordError, match="is named in a manifest, as its `path`"):
        refuse_absent([f"{tmp_path / 'talk.wav'}#t=1,3"])
