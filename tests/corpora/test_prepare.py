from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emotionthinker.cli import app
from emotionthinker.corpora import prepare, registry
from emotionthinker.corpora.manifest import utterances
from emotionthinker.errors import CorpusError
from emotionthinker.records import Utterance, read_jsonl


def test_records_to_the_manifest_bad_rows_to_the_side(tree, tmp_path: Path) -> None:
    tree.sound("wav/03a01Fa.wav", "wav/08a02La.wav", "wav/strange.wav")
    out = tmp_path / "new" / "emodb.jsonl"
    counts = prepare.prepare(registry.get("emodb"), tree.root, out)
    assert counts == {
        "clips": 2,
        "failed": {"bad_name": 1},
        "without_transcript": 0,
        "datasets": {"emodb": 2},
        "splits": {"(open)": 2},
        "labels": {"boredom": {"(none)": 1}, "happiness": {"Happy": 1}},
        "speakers": {"emodb_03": 1, "emodb_08": 1},
    }
    (failure,) = [json.loads(line) for line in prepare.failures_of(out).read_text().splitlines()]
    assert (failure["id"], failure["reason"]) == ("wav/strange.wav", "bad_name")
    assert "03a01Fa" in failure["message"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["emodb.failures.jsonl", "emodb.jsonl"]


def test_annotate_reads_the_manifest_as_it_was_written(tree, tmp_path: Path) -> None:
    """Nothing is lost or read differently; an open split is assigned."""
    tree.sound("wav/03a01Fa.wav", "wav/16b10La.wav")
    prepare.prepare(registry.get("emodb"), tree.root, tmp_path / "m.jsonl")
    written, read = list(read_jsonl(tmp_path / "m.jsonl")), list(utterances([tmp_path / "m.jsonl"]))
    assert [clip.split for clip in read if isinstance(clip, Utterance)] == ["train", "test"]
    assert [clip.model_copy(update={"split": None}) for clip in read if isinstance(clip, Utterance)] == written


def test_a_failed_run_leaves_the_older_manifest(tree, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text("older\n")
    with pytest.raises(CorpusError):
        prepare.prepare(registry.get("emodb"), tree.root, tmp_path / "m.jsonl")
    assert [path.name for path in tmp_path.glob("m.*")] == ["m.jsonl"]
    assert (tmp_path / "m.jsonl").read_text() == "older\n"
    with pytest.raises(CorpusError, match=r"\.jsonl"):
        prepare.prepare(registry.get("emodb"), tree.root, tmp_path / "m.csv")


def test_rows_without_a_clip_replace_no_manifest(tree, tmp_path: Path) -> None:
    out = tmp_path / "m.jsonl"
    out.write_text("older\n")
    tree.text("dev-clean/84/121123/84-121123.trans.txt", "84-121123-0000 GO\n")
    with pytest.raises(CorpusError, match="missing_sound: 1"):
        prepare.prepare(registry.get("librispeech"), tree.root, out)
    assert out.read_text() == "older\n"
    assert "84-121123-0000" in prepare.failures_of(out).read_text()


def test_what_a_partial_tree_lacks_is_told(tree, tmp_path: Path) -> None:
    sheet = "[0.1 - 0.4]\tSes02F_impro01_F000\tneu\t[2.5, 2.5, 2.5]\n"
    tree.text("Session2/dialog/EmoEvaluation/Ses02F_impro01.txt", sheet)
    tree.text("Session2/dialog/transcriptions/Ses02F_impro01.txt", "Ses02F_impro01_F000 [0.1-0.4]: Go.\n")
    tree.sound("Session2/dialog/wav/Ses02F_impro01.wav")
    counts = prepare.prepare(registry.get("iemocap"), tree.root, tmp_path / "m.jsonl")
    assert (counts["failed"], counts["absent"]) == ({}, ["Session1", "Session3", "Session4", "Session5"])


def test_the_command(tree, tmp_path: Path) -> None:
    tree.sound("AudioWAV/1001_DFA_ANG_XX.wav")
    good = CliRunner().invoke(app, ["corpus", "CREMA-D", str(tree.root), "--out", str(tmp_path / "c.jsonl")])
    assert good.exit_code == 0
    assert json.loads(good.stdout)["labels"] == {"ANG": {"Angry": 1}}
    tree.sound("AudioWAV/1001_DFA.wav")
    partly = CliRunner().invoke(app, ["corpus", "crema_d", str(tree.root), "--out", str(tmp_path / "c.jsonl")])
    assert partly.exit_code == 1
    assert "c.failures.jsonl" in partly.output


def test_every_corpus_has_a_command_with_help() -> None:
    result = CliRunner().invoke(app, ["corpus", "--help"], env={"COLUMNS": "200"})
    assert all(name in result.output for name in (*registry.NAMES, "list", "doctor"))
    for name in (*registry.NAMES, "list", "doctor"):
        help_ = CliRunner().invoke(app, ["corpus", name, "--help"], env={"COLUMNS": "200"})
        assert f"Example: emotionthinker corpus {name}" in help_.output
