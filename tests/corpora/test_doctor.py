from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotionthinker import audio
from emotionthinker.cli import app
from emotionthinker.corpora import doctor, manifest, parquet, soundness
from emotionthinker.errors import CorpusError, RecipeError, RecordError
from emotionthinker.records import Utterance, read_jsonl
from kill import kill_when, run_with_deadly


@pytest.fixture
def clinic(speech: Callable[..., np.ndarray], tmp_path: Path) -> Path:
    """A folder with one healthy clip and one of every illness."""
    folder = tmp_path / "clinic"
    (folder / "train_splits").mkdir(parents=True)
    good = (speech(seconds=1.0) * 32767).astype(np.int16)
    sounds = {
        "good.wav": good,
        "good.flac": good,
        "train_splits/dia125_utt3.wav": speech(seconds=1.0, seed=1),
        "long.wav": np.tile(speech(seconds=1.0, seed=2), 31),
        "short.wav": speech(seconds=0.2),
        "silent.wav": np.full(16000, 1e-4),
        "clipped.wav": np.clip(3 * speech(gain=1.0), -1, 1),
        "none.wav": np.zeros(0),
    }
    for name, samples in sounds.items():
        soundfile.write(folder / name, samples, 16000)
    (folder / "zcopy.wav").write_bytes((folder / "good.wav").read_bytes())
    (folder / "half.wav").write_bytes((folder / "train_splits/dia125_utt3.wav").read_bytes()[:16044])
    (folder / "broken.wav").write_bytes(b"RIFF nothing")
    (folder / "good.mp4").write_bytes(b"converted already: the sound lies beside it")
    (folder / "it's film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    return folder


EXPECTED = {
    "good.wav": [],
    "good.flac": ["duplicate_audio"],
    "zcopy.wav": ["duplicate_file"],
    "train_splits/dia125_utt3.wav": ["known_bad"],
    "long.wav": ["too_long"],
    "short.wav": ["too_short"],
    "silent.wav": ["silent"],
    "clipped.wav": ["clipped"],
    "none.wav": ["empty"],
    "broken.wav": ["broken"],
    "half.wav": ["truncated"],
    "it's film.mp4": ["unsupported"],
}


UNDECODED = ("broken", "empty", "truncated", "unsupported")


def report(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in map(json.loads, (out / "doctor.jsonl").read_text().splitlines())}


def names(row: dict[str, Any]) -> list[str]:
    return [verdict["verdict"] for verdict in row["verdicts"]]


def examine(source: Path, out: Path, **settings: Any) -> dict[str, Any]:
    clean = settings.pop("clean", None)
    return doctor.run(doctor.DoctorRecipe(source=source, workers=1, **settings), out, clean=clean, progress=False)


def test_every_illness_is_found(clinic: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = examine(clinic, out, clean=tmp_path / "clean.jsonl")
    assert {id_: names(row) for id_, row in report(out).items()} == EXPECTED
    assert (summary["clips"], summary["with_problems"], summary["unusable"]) == (12, 11, 10)
    assert [clip.id for clip in read_jsonl(tmp_path / "clean.jsonl")] == ["clipped.wav", "good.wav"]
    fixes = dict(line.split("\t", 2)[1:] for line in (out / "fixes.txt").read_text().splitlines())
    assert {Path(path).name for path in fixes} == {Path(name).name for name, ill in EXPECTED.items() if ill}
    assert "issues/39" in fixes[str(clinic / "train_splits" / "dia125_utt3.wav")]
    assert "same file as good.wav" in fixes[str(clinic / "zcopy.wav")]
    (command,) = (out / "convert.sh").read_text().splitlines()
    assert command.startswith("ffmpeg ")
    assert "'\"'\"'" in command  # the quote in the name is safe in a shell


def test_a_list_of_commands_is_whole_or_the_one_before(
    clinic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    examine(clinic, out)
    before, write = (out / "convert.sh").read_text(), Path.write_text

    def torn(path: Path, text: str, **settings: Any) -> int:
        if "convert.sh" not in path.name:
            return write(path, text, **settings)
        write(path, text[:9])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", torn)
    with pytest.raises(OSError, match="disk full"):
        examine(clinic, out)
    assert (out / "convert.sh").read_text() == before


def test_other_limits_cost_no_decoding(clinic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = examine(clinic, tmp_path / "out")
    assert first["decoded"] == len(EXPECTED) - sum(first["verdicts"][name] for name in UNDECODED)
    real = soundness.examine

    def guarded(path: str) -> dict[str, Any]:
        assert {*EXPECTED[Path(path).relative_to(clinic).as_posix()]} & {*UNDECODED}, f"{path} decoded again"
        return real(path)

    monkeypatch.setattr(soundness, "examine", guarded)
    summary = examine(clinic, tmp_path / "out", max_seconds=60, min_seconds=0.1)
    assert summary["decoded"] == 0
    assert not {"too_long", "too_short"} & set(summary["verdicts"])


def test_a_changed_file_is_decoded_again(clinic: Path, tmp_path: Path, speech: Callable[..., np.ndarray]) -> None:
    examine(clinic, tmp_path / "out")
    soundfile.write(clinic / "broken.wav", speech(seconds=1.5, seed=5), 16000)
    size = (clinic / "silent.wav").stat().st_size
    soundfile.write(clinic / "silent.wav", speech(seconds=1.0, seed=6), 16000)
    assert (clinic / "silent.wav").stat().st_size == size
    assert examine(clinic, tmp_path / "out")["decoded"] == 2
    assert all(names(report(tmp_path / "out")[name]) == [] for name in ("broken.wav", "silent.wav"))


def test_a_file_that_could_not_be_read_is_tried_again(
    clinic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", "good.wav")

    with monkeypatch.context() as patched:
        patched.setattr(soundness, "_measure", refused)
        assert examine(clinic / "train_splits", tmp_path / "out")["verdicts"] == {"broken": 1, "known_bad": 1}
    assert "Permission denied: give access" in (tmp_path / "out" / "fixes.txt").read_text()
    again = examine(clinic / "train_splits", tmp_path / "out")
    assert (again["decoded"], again["verdicts"]) == (1, {"known_bad": 1})


def test_the_fix_of_a_broken_file_names_the_reason(clinic: Path, tmp_path: Path) -> None:
    examine(clinic, tmp_path / "out")
    (line,) = (line for line in (tmp_path / "out" / "fixes.txt").read_text().splitlines() if "broken.wav" in line)
    assert "fetch the file again (cannot be decoded as sound (" in line


@pytest.mark.parametrize(("where", "name"), [(doctor, "__version__"), (soundness, "MEASURES")])
def test_what_another_version_measured_is_measured_again(
    where: Any, name: str, clinic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = examine(clinic, tmp_path / "out")
    monkeypatch.setattr(where, name, "another")
    assert examine(clinic, tmp_path / "out") == first


def test_a_link_is_named_itself_and_not_the_only_copy(clinic: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "a.wav").write_bytes((clinic / "good.wav").read_bytes())
    (folder / "link.wav").symlink_to(folder / "a.wav")
    examine(folder, tmp_path / "out")
    (line,) = (tmp_path / "out" / "fixes.txt").read_text().splitlines()
    assert line.startswith(f"leave out\t{folder}/link.wav\tduplicate_file: a link to")
    assert "the one file of a.wav" in line
    rows = [{"path": "linked/a.wav", "id": "one"}, {"path": "linked/link.wav", "id": "two"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps({**row, "text": "hello"}) + "\n" for row in rows))
    examine(tmp_path / "m.jsonl", tmp_path / "out")
    assert "another row of, the one file of one: leave out this link or row, and keep the file" in (
        (tmp_path / "out" / "fixes.txt").read_text()
    )


def test_a_copy_of_a_copy_names_the_file_it_is_a_copy_of(clinic: Path, tmp_path: Path) -> None:
    rows = [{"path": f"clinic/{name}", "id": name} for name in ("good.flac", "good.wav", "zcopy.wav")]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps({**row, "text": "hello"}) + "\n" for row in rows))
    examine(tmp_path / "m.jsonl", tmp_path / "out")
    told = [row["verdicts"] for row in report(tmp_path / "out").values()]
    assert told[0] == []
    assert told[1][0]["message"] == "the same sound as good.flac"
    assert told[2][0]["message"] == "the same file as good.wav"


def test_a_file_of_many_rows_is_stored_once(clinic: Path, tmp_path: Path) -> None:
    rows = [{"path": "clinic/good.wav", "id": str(number), "text": "hello"} for number in range(3)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert examine(tmp_path / "m.jsonl", tmp_path / "out")["decoded"] == 1
    assert len((tmp_path / "out" / "examined.jsonl").read_text().splitlines()) == 1


def test_a_manifest_tells_words_files_and_labels(clinic: Path, tmp_path: Path) -> None:
    rows = [
        {"path": "clinic/good.wav", "id": "first", "text": "hello", "emotion": "sad"},
        {"path": "clinic/good.flac", "id": "second", "text": "hello", "emotion": "angry", "split": "test"},
        {"path": "clinic/gone.wav", "id": "third"},
        {"text": "no file named"},
    ]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    examine(tmp_path / "m.jsonl", tmp_path / "out")
    found = report(tmp_path / "out")
    assert {id_: names(row) for id_, row in found.items()} == {
        "first": [],
        "second": ["duplicate_audio"],
        "third": ["missing", "no_transcript"],
        "m.jsonl:4": ["bad_row"],
    }
    message = found["second"]["verdicts"][0]["message"]
    assert "label Sad, here Angry" in message
    assert "split train, here test" in message
    assert "speaker" not in message


@pytest.mark.parametrize(("expected_s", "verdict"), [(14.6, []), (14.4, ["wrong_length"])])
def test_a_clip_that_is_longer_than_its_corpus_says(
    expected_s: float, verdict: list[str], clinic: Path, tmp_path: Path
) -> None:
    """31 s, against twice what the corpus says and two seconds more."""
    row = {"path": "clinic/long.wav", "id": "long", "text": "hello", "expected_s": expected_s}
    (tmp_path / "m.jsonl").write_text(json.dumps(row) + "\n")
    examine(tmp_path / "m.jsonl", tmp_path / "out", max_seconds=60)
    assert names(report(tmp_path / "out")["long"]) == verdict


def test_a_corpus_is_read_as_one(tree, tmp_path: Path) -> None:
    """An id that comes twice leaves the first one in."""
    tree.sound("wav/03a01Fa.wav", "wav/other.wav", "wav2/03a01Fa.wav")
    examine(tree.root, tmp_path / "out", corpus="EmoDB", clean=tmp_path / "clean.jsonl")
    lines = (tmp_path / "out" / "doctor.jsonl").read_text().splitlines()
    assert [(row["id"], names(row)) for row in map(json.loads, lines)] == [
        ("emodb_03a01Fa", []),
        ("wav/other.wav", ["bad_row"]),
        ("emodb_03a01Fa", ["bad_row"]),
    ]
    assert [clip.id for clip in read_jsonl(tmp_path / "clean.jsonl")] == ["emodb_03a01Fa"]


def test_sound_inside_a_parquet_file_is_examined(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    """A copy inside is told from the file outside; a row without sound is missing."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    soundfile.write(tmp_path / "a.wav", speech(seconds=1.0), 16000)
    cells = [{"bytes": (tmp_path / "a.wav").read_bytes(), "path": "a.wav"}, {"bytes": b"RIFF", "path": "b.wav"}]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"audio": pa.array(cells, kind)}), tmp_path / "shard.parquet")
    inside = soundness.examine(f"{tmp_path / 'shard.parquet'}#0")
    assert inside == soundness.examine(str(tmp_path / "a.wav"))
    assert soundness.examine(f"{tmp_path / 'shard.parquet'}#1")["reason"] == "undecodable"
    assert soundness.examine(f"{tmp_path / 'shard.parquet'}#7")["reason"] == "missing"
    key = doctor._key(f"{tmp_path / 'shard.parquet'}#0")
    assert key is not None
    assert key.startswith(f"{tmp_path / 'shard.parquet'}#0|")


def test_sources_that_cannot_be_examined(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RecordError, match=r"no sound file in this folder; expected .* \(or Parquet files\)"):
        examine(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(CorpusError, match="EmoDB"):
        examine(tmp_path / "nothing", tmp_path / "out2", corpus="emodb")
    with pytest.raises(RecipeError, match=r"\.jsonl"):
        examine(tmp_path / "nothing", tmp_path / "out3", clean=tmp_path / "c.csv")


@pytest.mark.real
def test_what_real_corpora_hold(tmp_path: Path) -> None:
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared:
        pytest.skip("EMOTIONTHINKER_SHARED is not set: no real speech")
    found = {}
    for name in ("ravdess", "emodb", "crema_d"):
        examine(Path(shared) / "speech" / name, tmp_path / name, corpus=name)
        found.update({id_: names(row) for id_, row in report(tmp_path / name).items() if row["verdicts"]})
    assert found == {"ravdess_03-01-03-01-02-02-07": ["duplicate_file"], "crema_1050_IEO_HAP_HI": ["clipped"]}


def test_it_goes_on_after_a_kill(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    """SIGKILL in the middle; the second run decodes the rest, and tells what an undisturbed one tells."""
    folder, out = tmp_path / "many", tmp_path / "out"
    folder.mkdir()
    for number in range(40):
        soundfile.write(folder / f"{number:02d}.wav", np.tile(speech(seconds=1.0, seed=number), 20), 16000)
    kill_when(["corpus", "doctor", str(folder), "--out", str(out), "--workers", "1"], out, "examined.jsonl")
    before = (out / "examined.jsonl").read_bytes().count(b"\n")
    assert not (out / "doctor.jsonl").exists()
    assert 0 < before < 40
    assert examine(folder, out)["decoded"] == 40 - before
    examine(folder, tmp_path / "undisturbed")
    assert report(out) == report(tmp_path / "undisturbed")


def test_with_one_worker_a_file_that_kills_stops_one_run_alone(
    speech: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    for number, name in enumerate(("a", "deadly", "z")):
        soundfile.write(folder / f"{name}.wav", speech(seconds=1.0, seed=number), 16000)
    command = ["corpus", "doctor", str(folder), "--out", str(out), "--workers", "1"]
    assert run_with_deadly(command, tmp_path) < 0
    assert run_with_deadly(command, tmp_path) == 1
    assert {id_: names(row) for id_, row in report(out).items()} == {"a.wav": [], "deadly.wav": ["broken"], "z.wav": []}
    assert examine(folder, out)["with_problems"] == 0


def test_the_command(clinic: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ill = CliRunner().invoke(app, ["corpus", "doctor", str(clinic), "--out", str(out), "--workers", "1"])
    assert ill.exit_code == 1
    assert "fixes.txt" in ill.output
    (tmp_path / "one.csv").write_text(f"path,text\n{clinic / 'good.wav'},hello\n")
    healthy = CliRunner().invoke(app, ["corpus", "doctor", str(tmp_path / "one.csv"), "--out", str(tmp_path / "two")])
    assert healthy.exit_code == 0


def test_a_pointer_of_git_lfs_says_what_to_pull(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "b.mp4"):
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 98126\n"
        (tmp_path / "in" / name).write_text(pointer)
    summary = examine(tmp_path / "in", tmp_path / "out")
    assert summary["verdicts"] == {"broken": 2}
    fixes = (tmp_path / "out" / "fixes.txt").read_text()
    assert fixes.count("run `git lfs pull`") == 2


def test_a_name_that_is_no_utf8_is_a_row_of_the_doctor(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech(seconds=1.0), 16000)
    (tmp_path / "a.wav").rename(tmp_path / os.fsdecode(b"\xfcber.wav"))
    assert examine(tmp_path, tmp_path / "out")["verdicts"] == {"bad_row": 1}
    assert r"\xfcber.wav: file name is not UTF-8" in (tmp_path / "out" / "fixes.txt").read_text()


@pytest.mark.parametrize("setting", ["--max-seconds=0", "--max-seconds=nan", "--clipped-share=0", "--clipped-share=2"])
def test_a_limit_out_of_range_is_a_usage_error(setting: str, clinic: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["corpus", "doctor", str(clinic), "--out", str(tmp_path / "out"), setting])
    assert found.exit_code == 2
    assert "Invalid value" in found.output


def test_a_folder_of_tables_is_examined_row_by_row(speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    """The shards of `annotate --embed-audio`, or of Hugging Face."""
    for name, seconds in (("good", 1.0), ("short", 0.1)):
        soundfile.write(tmp_path / f"{name}.wav", speech(seconds=seconds), 16000)
    clips = [Utterance(id=name, audio=str(tmp_path / f"{name}.wav"), split="train") for name in ("good", "short")]
    (tmp_path / "in" / "data").mkdir(parents=True)
    parquet.write(tmp_path / "in" / "data" / "train-00000-of-00001.parquet", clips, embed=True)
    summary = examine(tmp_path / "in", tmp_path / "out", clean=tmp_path / "clean.jsonl")
    assert (summary["clips"], summary["verdicts"]) == (2, {"too_short": 1})
    assert "train-00000-of-00001.parquet#1\ttoo_short" in (tmp_path / "out" / "fixes.txt").read_text()
    (kept,) = read_jsonl(tmp_path / "clean.jsonl")
    assert (kept.id, len(audio.load(str(kept.audio))[0])) == ("good", 16000)


@pytest.mark.parametrize("suffix", sorted(manifest.UNREADABLE))
def test_sound_that_annotate_passes_by_is_told(suffix: str, tmp_path: Path) -> None:
    """In a folder of many files those that nothing reads must not look as if they were none."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"voice{suffix.upper()}").write_bytes(b"0&\xb2u\x8ef\xcf\x11")
    assert examine(tmp_path / "in", tmp_path / "out")["verdicts"] == {"unsupported": 1}
    assert (tmp_path / "out" / "convert.sh").read_text().startswith("ffmpeg ")
