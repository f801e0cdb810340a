from __future__ import annotations

import pytest

from emotionthinker import audio


@pytest.fixture
def expresso(tree):
    home = "audio_48khz"
    tree.sound(
        f"{home}/read/ex01/happy/base/ex01_happy_00001.wav",
        f"{home}/read/ex04/default/base/ex04_default_emphasis_00010.wav",
    )
    tree.sound(f"{home}/read/ex02/whisper/base/ex02_whisper_00347.wav", f"{home}/read/ex03/happy.wav")
    tree.sound(f"{home}/read/ex03/default/longform/ex03_default_longform_00001.wav", seconds=2)
    tree.sound(f"{home}/conversational/ex01-ex02/angry-animal/ex01-ex02_angry-animal_001.wav", channels=2, seconds=2)
    tree.text("read_transcriptions.txt", "ex01_happy_00001\tWhat a day!\nex02_whisper_00347\tQuiet now.\n")
    later = "ex03_default_longform_00001\t(1.0s,)\nex01-ex02_angry-animal_001\t(1.5s,)\n"
    tree.text("splits/train.txt", f"# comment\nex01_happy_00001\n{later}")
    tree.text("splits/dev.txt", "ex02_whisper_00347\n")
    tree.text("splits/test.txt", "ex03_default_longform_00001\t(,1.0s)\nex01-ex02_angry-animal_001\t(,1.5s)\n")
    return tree


def test_read_speech(expresso) -> None:
    found, failed = expresso.read("expresso")
    happy, whisper = found["expresso_ex01_happy_00001"], found["expresso_ex02_whisper_00347"]
    assert (happy.emotion, happy.text, happy.split, happy.gender) == ("Happy", "What a day!", "train", "male")
    assert (whisper.emotion, whisper.split, whisper.speaker) == ("Whisper", "validation", "expresso_ex02")
    assert found["expresso_ex04_default_emphasis_00010"].emotion == "Neutral"
    assert found["expresso_ex04_default_emphasis_00010"].split is None
    assert failed == {"audio_48khz/read/ex03/happy.wav": "bad_name"}


@pytest.mark.parametrize(
    ("marked", "text", "words", "places"),
    [
        ("I never said *she* stole it.", "I never said she stole it.", ["she"], [3]),
        ("*Two words* and a well-*known* one*.", "Two words and a well-known one.", None, None),
        (
            "*Two words* and a well-*known* one.",
            "Two words and a well-known one.",
            ["Two", "words", "known"],
            [0, 1, 5],
        ),
        ("Not *so!*", "Not so!", ["so!"], [1]),
    ],
)
def test_marks_of_emphasis_are_no_words(expresso, marked, text, words, places) -> None:
    expresso.text("read_transcriptions.txt", f"ex04_default_emphasis_00010\t{marked}\n")
    clip = expresso.read("expresso")[0]["expresso_ex04_default_emphasis_00010"]
    assert (clip.text, clip.extra.get("stressed_words"), clip.extra.get("stressed_places")) == (text, words, places)


def test_a_dialogue_has_one_speaker_a_channel_and_each_a_style(expresso) -> None:
    found, _ = expresso.read("expresso")
    left, right = (found[f"expresso_ex01-ex02_angry-animal_001_{channel}"] for channel in (1, 2))
    assert (left.speaker, left.emotion, left.original_label) == ("expresso_ex01", "Angry", "angry")
    assert (right.speaker, right.emotion, right.original_label) == ("expresso_ex02", None, "animal")
    assert str(right.audio).endswith("_001.wav#channel=2")
    assert len(audio.load(str(right.audio))[0]) == 32000


def test_stretches_of_long_files_and_the_side_of_a_border(expresso) -> None:
    """What reaches into a held-out part is held out: it must never be trained on."""
    expresso.text(
        "VAD_segments.txt",
        "#MODEL: x\nex03_default_longform_00001\t(0.1, 0.6) (0.8, 1.2) (1.3, 1.9)\n"
        "ex01-ex02_angry-animal_001/channel1\t(0.25, 0.5)\nex01-ex02_angry-animal_001/channel2\t(1.6, 1.8)\n",
    )
    found, _ = expresso.read("expresso")
    long = {id_[-3:]: clip.split for id_, clip in found.items() if "longform" in id_}
    assert long == {"001": "test", "002": "test", "003": "train"}
    assert found["expresso_ex01-ex02_angry-animal_001_1_001"].split == "test"
    assert found["expresso_ex01-ex02_angry-animal_001_2_001"].split == "train"
    part = found["expresso_ex01-ex02_angry-animal_001_1_001"]
    assert (part.extra["start_s"], part.extra["end_s"], part.extra["channel"]) == (0.25, 0.5, 1)
    assert len(audio.load(str(part.audio))[0]) == 4000
