from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from emotionthinker.corpora import meld
from emotionthinker.errors import CorpusError

HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
TIMES = '8,21,"00:16:16,059","00:16:21,731"\n'


def sheets(tree) -> None:
    tree.text("train_sent_emo.csv", HEAD + f'1,"Oh my God, he\x92s lost it.",Phoebe,sadness,negative,0,0,{TIMES}')
    tree.text(
        "dev_sent_emo.csv", HEAD + f"1,What?,Mark,joy,positive,110,7,{TIMES}" + f"2,No!,Ross,anger,negative,1,0,{TIMES}"
    )
    tree.text(
        "test_sent_emo.csv",
        HEAD
        + f"1,Hey.,The Interviewer,neutral,neutral,38,4,{TIMES}"
        + f"2,Hey.,Joey,bored,neutral,3,1,{TIMES}"
        + f"3,Hey.,Joey,fear,neutral,3,2,{TIMES}",
    )


def test_sheets_splits_and_known_clips(tree) -> None:
    sheets(tree)
    tree.sound("train_splits/dia0_utt0.mp4", "train_splits_wav/dia0_utt0.wav", "dev_splits_complete/dia1_utt0.mp4")
    tree.sound("output_repeated_splits_test/dia38_utt4.mp4")
    found, failed = tree.read("meld")
    sad, angry, flawed = (found[f"meld_{name}"] for name in ("train_dia0_utt0", "dev_dia1_utt0", "test_dia38_utt4"))
    assert (sad.text, sad.emotion, sad.original_label) == ("Oh my God, he’s lost it.", "Sad", "sadness")
    assert (sad.speaker, sad.gender, sad.split) == ("meld_Phoebe", "female", "train")
    assert sad.audio is not None
    assert sad.audio.endswith("train_splits_wav/dia0_utt0.wav")
    assert (angry.split, angry.gender, angry.extra["sentiment"]) == ("validation", "male", "negative")
    assert (flawed.split, flawed.gender) == ("test", None)
    assert sad.extra["expected_s"] == 5.672
    assert "issues/20" in flawed.extra["known_flaw"]
    assert failed == {
        "meld_dev_dia110_utt7": "known_bad",
        "test_sent_emo.csv:3": "bad_label",
        "meld_test_dia3_utt2": "missing_sound",
    }


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ((HEAD + f"1,Café,Joey,joy,positive,0,0,{TIMES}").encode("cp1252"), r"not UTF-8 \(byte 0xe9\).*iconv"),
        ((HEAD + "1,Hey.").replace(",", ";").encode(), "Emotion, .* parted by commas"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git lfs pull"),
    ],
)
def test_a_sheet_that_was_saved_otherwise_is_named_as_a_whole(tree, sheet: bytes, message: str) -> None:
    """Not clip by clip, and not with marks of lost letters in its words."""
    tree.sound("train_splits/dia0_utt0.wav")
    (tree.root / "train_sent_emo.csv").write_bytes(sheet)
    with pytest.raises(CorpusError, match=rf"train_sent_emo\.csv: .*{message}"):
        tree.read("meld")


def test_what_is_not_converted_yet_is_taken_from_the_release(tree) -> None:
    tree.text("train_sent_emo.csv", HEAD + "".join(f"{n},Hey.,Joey,joy,positive,0,{n},{TIMES}" for n in range(3)))
    tree.sound("train_splits_wav/dia0_utt0.wav", *(f"train_splits/dia0_utt{n}.mp4" for n in range(2)))
    found, failed = tree.read("meld")
    assert [Path(str(clip.audio)).suffix for clip in found.values()] == [".wav", ".mp4"]
    assert failed == {"meld_train_dia0_utt2": "missing_sound"}


def test_a_folder_without_its_sheet_is_told_and_a_split_without_either(tree) -> None:
    sheets(tree)
    (tree.root / "train_sent_emo.csv").unlink()
    (tree.root / "test_sent_emo.csv").unlink()
    tree.sound("dev_splits_complete/dia1_utt0.mp4", "MELD.Raw/train_splits/dia0_utt0.mp4")
    found, failed = tree.read("meld")
    assert list(found) == ["meld_dev_dia1_utt0"]
    assert failed == {"train_sent_emo.csv": "missing_sheet", "meld_dev_dia110_utt7": "known_bad"}
    assert meld.absent(tree.root) == ["test"]


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("Joey", "meld_Joey"),
        ("Dr. Green", "meld_Dr. Green"),
        ("Phoebe Sr.", "meld_Phoebe Sr"),
        ("All", None),
        ("Ross and Rachel", None),
        ("", None),
        ("Woman", "meld_Woman_s8e21"),
        ("The Woman", "meld_The Woman_s8e21"),
        ("Fireman No. 2", "meld_Fireman No. 2_s8e21"),
        ("1st Customer", "meld_1st Customer_s8e21"),
    ],
)
def test_groups_are_no_speaker_and_roles_one_of_their_episode(name: str, speaker: str | None, tree) -> None:
    tree.text("dev_sent_emo.csv", HEAD + f"1,Hey.,{name},joy,positive,0,0,{TIMES}")
    tree.sound("dev/dia0_utt0.wav")
    assert tree.read("meld")[0]["meld_dev_dia0_utt0"].speaker == speaker


@pytest.mark.real
def test_the_real_sheets(tree) -> None:
    """All rows of the official sheets are read; the sound is not here, so stand-ins of no sound lie in its place."""
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared:
        pytest.skip("EMOTIONTHINKER_SHARED is not set: no MELD labels")
    from emotionthinker.corpora.base import table

    folders = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
    for split, folder in folders.items():
        sheet = Path(shared) / "labels" / "meld" / f"{split}_sent_emo.csv"
        shutil.copy(sheet, tree.root)
        (tree.root / folder).mkdir()
        for _, row in table(sheet):
            (tree.root / folder / f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}.mp4").touch()
    found, failed = tree.read("meld")
    assert failed == {"meld_train_dia125_utt3": "known_bad"}
    assert Counter(clip.split for clip in found.values()) == {"train": 9988, "validation": 1109, "test": 2610}
    assert all(clip.emotion and clip.text for clip in found.values())
    assert not any(0x80 <= ord(letter) < 0xA0 for clip in found.values() for letter in str(clip.text))
