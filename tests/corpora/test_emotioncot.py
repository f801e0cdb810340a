from __future__ import annotations

import json

from emotionthinker.corpora.manifest import utterances

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
    assert tree.read("emotioncot")[1] == {"all.json:1": "missing_sound"}


def test_hidden_files_are_no_annotations(tree) -> None:
    tree.text("all.json", json.dumps([ROW]))
    (tree.root / "._all.json").write_bytes(b"\0\5\x16\7\xff\xfe")
    tree.sound("IEMOCAP/Ses01F_impro01_F000.wav")
    found, failed = tree.read("emotioncot")
    assert (len(found), failed) == (1, {})
