from __future__ import annotations

import json
from pathlib import Path

from emotionthinker.corpora import base, registry
from emotionthinker.corpora.manifest import BadRow, utterances

ROW = {
    "audio_path": "/home/them/IEMOCAP/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
    "transcription": "Excuse me.",
    "emotion": "angry",
    "pitch_level": "high",
    "energy_level": "high",
    "speed_level": "normal",
    "stressed_words": ["me"],
    "intonation": "rising",
    "gender": "Female",
    "age_level": "Young Adult",
    "cot_analysis": "The pitch is high and the voice loud.",
}


def test_annotations_find_the_sound_of_their_corpora(tree) -> None:
    rows = [
        ROW,
        {**ROW, "audio_path": "MELD/train_splits/dia0_utt0.wav", "emotion": "surprise"},
        {**ROW, "audio_path": "MELD/dev_splits/dia9_utt9.wav"},
        {**ROW, "audio_path": "x/ex01_happy_00001.wav", "emotion": ""},
    ]
    tree.text("EmotionCoT/train.jsonl", "".join(json.dumps(row) + "\n" for row in rows) + "{torn\n\n")
    tree.sound("IEMOCAP/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav")
    tree.sound("MELD.Raw/train_splits/dia0_utt0.wav", "MELD.Raw/dev_splits/dia0_utt0.wav")
    found, failed = tree.read("emotioncot")
    angry, surprised = found.values()
    assert (angry.dataset, angry.emotion, angry.gender, angry.text) == ("iemocap", "Angry", "female", "Excuse me.")
    assert angry.trace is not None
    assert (angry.trace.think, angry.trace.answer, angry.trace.writer) == (ROW["cot_analysis"], "Angry", "EmotionCoT")
    assert angry.extra["released"]["stressed_words"] == ["me"]
    assert (surprised.dataset, surprised.emotion) == ("meld", "Surprise")
    assert str(surprised.audio).endswith("train_splits/dia0_utt0.wav")
    assert failed == {"train.jsonl:3": "missing_sound", "train.jsonl:4": "bad_row", "train.jsonl:5": "bad_row"}


def test_the_reasoning_survives_the_manifest(tree, tmp_path) -> None:
    tree.text("all.json", json.dumps([ROW]))
    tree.sound("IEMOCAP/Ses01F_impro01_F000.wav")
    (clip,) = tree.read("emotioncot")[0].values()
    (tmp_path / "m.jsonl").write_text(clip.model_dump_json() + "\n")
    (back,) = utterances([tmp_path / "m.jsonl"])
    assert back == clip.model_copy(update={"split": "train"})


def test_a_name_that_fits_two_files_is_not_guessed(tree) -> None:
    tree.text("all.json", json.dumps([{**ROW, "audio_path": "dia0_utt0.wav"}]))
    tree.sound("MELD/train_splits/dia0_utt0.wav", "MELD/dev_splits/dia0_utt0.wav")
    assert tree.read("emotioncot")[1] == {"all.json:1": "bad_row"}
    (row,) = base.items(registry.get("emotioncot"), tree.root)
    assert isinstance(row, BadRow)
    assert "fits 2 files: MELD/dev_splits/dia0_utt0.wav, MELD/train_splits/dia0_utt0.wav; expected one" in str(
        row.error
    )


def test_other_json_below_the_root_holds_no_annotations(tree) -> None:
    tree.text("all.json", json.dumps([ROW]))
    tree.text("EARS/transcripts.json", json.dumps({"p001": "so"}))
    tree.text("EARS/words.json", json.dumps(["so"]))
    tree.text("torn.json", "{")
    tree.sound("IEMOCAP/Ses01F_impro01_F000.wav")
    found, failed = tree.read("emotioncot")
    assert (len(found), failed) == (1, {"torn.json": "bad_row"})


def test_hidden_files_are_no_annotations(tree) -> None:
    tree.text("all.json", json.dumps([ROW]))
    (tree.root / "._all.json").write_bytes(b"\0\5\x16\7\xff\xfe")
    tree.sound("IEMOCAP/Ses01F_impro01_F000.wav")
    found, failed = tree.read("emotioncot")
    assert (len(found), failed) == (1, {})


def test_what_the_corpora_know_of_their_clips(tree) -> None:
    """Official test clips stay test clips, and speakers keep the names their corpus gives them."""
    paths = {
        "/d/MELD/output_repeated_splits_test/dia0_utt0.wav": ("meld", "test", "meld_Mark"),
        "/d/MELD/train_splits/dia0_utt0.wav": ("meld", "train", None),
        "/d/EARS/p103/emo_anger_sentences.wav": ("ears", "test", "ears_p103"),
        "IEMOCAP_full_release/Session5/x/Ses05F_impro01_M000.wav": ("iemocap", None, "iemocap_Ses05M"),
        "mead/M003/audio/angry/level_1/001.wav": ("mead", None, "mead_M003"),
        "/years/MSP-Podcast/Audios/MSP-PODCAST_0001_0008.wav": ("msp_podcast", "test2", "msp_podcast_30"),
        "Expresso/audio_48khz/read/ex01/happy/base/ex01_happy_00001.wav": ("expresso", "validation", "expresso_ex01"),
    }
    tree.sound(*(path.removeprefix("/d/").removeprefix("/") for path in paths))
    tree.text("MELD/test_sent_emo.csv", "Speaker,Dialogue_ID,Utterance_ID\nMark,0,0\n")
    tree.text(
        "years/MSP-Podcast/Labels/labels_concensus.csv",
        "FileName,SpkrID,Gender,Split_Set\nMSP-PODCAST_0001_0008.wav,30,Male,Test2\n",
    )
    tree.text("Expresso/splits/dev.txt", "ex01_happy_00001\n")
    tree.text("all.json", json.dumps([{**ROW, "audio_path": path} for path in paths]))
    found, failed = tree.read("emotioncot")
    assert failed == {}
    assert [(clip.dataset, clip.split, clip.speaker) for clip in found.values()] == list(paths.values())


def test_sheets_outside_the_root_say_nothing_and_a_changed_one_is_read_again(tree, tmp_path: Path) -> None:
    """The published path may exist on this machine, with other sheets than those of the clips that are read."""
    elsewhere = tmp_path / "elsewhere" / "MSP-Podcast"
    (elsewhere / "Audios").mkdir(parents=True)
    (elsewhere / "Labels").mkdir()
    head, name = "FileName,SpkrID,Gender,Split_Set\n", "MSP-PODCAST_0001_0008.wav"
    (elsewhere / "Labels" / "labels_consensus.csv").write_text(f"{head}{name},30,Male,Test1\n")
    (tree.root.parent / "splits").mkdir()
    (tree.root.parent / "splits" / "test.txt").write_text("ex01_happy_00001\n")
    rows = [str(elsewhere / "Audios" / name), "Expresso/read/ex01_happy_00001.wav"]
    tree.sound(f"MSP-Podcast/Audios/{name}", rows[1])
    tree.text("all.json", json.dumps([{**ROW, "audio_path": row} for row in rows]))

    def splits() -> list[str | None]:
        return [clip.split for clip in tree.read("emotioncot")[0].values()]

    assert splits() == [None, None]
    for line, split in (("Test1", "test"), ("Train", "train")):
        tree.text("MSP-Podcast/Labels/labels_consensus.csv", f"{head}{name},30,Male,{line}\n")
        ours = tree.root / "Expresso" / "splits"
        ours.mkdir(exist_ok=True)
        for sheet in ("train", "test"):
            (ours / f"{sheet}.txt").write_text("ex01_happy_00001\n" if sheet == split else "")
        assert splits() == [split, split]


def test_a_given_corpus_decides_and_a_part_of_a_word_names_none(tree) -> None:
    rows = [
        {**ROW, "dataset": "CREMA-D", "audio_path": "MELD/dev_splits/dia0_utt0.wav"},
        {**ROW, "dataset": "Ears", "audio_path": "MELD/p107/x.wav"},
        {**ROW, "audio_path": "years/melding/y.wav"},
        {**ROW, "audio_path": "other/z.wav", "split": "test"},
    ]
    tree.sound(*(row["audio_path"] for row in rows))
    tree.text("all.json", json.dumps(rows))
    found = [(clip.dataset, clip.split) for clip in tree.read("emotioncot")[0].values()]
    assert found == [("crema_d", None), ("ears", "test"), ("emotioncot", None), ("emotioncot", "test")]
