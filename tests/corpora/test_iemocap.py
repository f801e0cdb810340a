from __future__ import annotations

from emotionthinker import audio
from emotionthinker.corpora import registry

HEAD = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
LABELS = HEAD + (
    "[0.1000 - 0.4000]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]\n"
    "C-E2:\tNeutral;\t()\n"
    "A-E3:\tval 3; act 2; dom  2;\t()\n\n"
    "[0.2500 - 0.5000]\tSes01F_impro01_M000\txxx\t[2.0000, 3.0000, 3.5000]\n"
    "[0.3000 - 0.4000]\tSes01F_impro01_M001\texc\t[4.0000, 3.0000, 3.5000]\n"
    "[0.3000 - 0.4000]\tSes01F_impro01_M002\tbor\t[4.0000, 3.0000, 3.5000]\n"
    "[0.3000 - ]\tSes01F_impro01_M003\tfru\n"
)
WORDS = (
    "Ses01F_impro01_F000 [000.1000-000.4000]: Excuse me.\n"
    "Ses01F_impro01_M000 [000.2500-000.5000]: Do you have your forms?\n"
)


def dialog(tree) -> None:
    tree.text("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", LABELS)
    tree.text("Session1/dialog/transcriptions/Ses01F_impro01.txt", WORDS)


def test_labels_words_and_dimensions(tree) -> None:
    dialog(tree)
    tree.sound(
        *(f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{turn}.wav" for turn in ("F000", "M000", "M002"))
    )
    found, failed = tree.read("iemocap")
    neutral, unclear = found["iemocap_Ses01F_impro01_F000"], found["iemocap_Ses01F_impro01_M000"]
    assert (neutral.emotion, neutral.original_label, neutral.text) == ("Neutral", "neu", "Excuse me.")
    assert (neutral.speaker, neutral.gender, neutral.split) == ("iemocap_Ses01F", "female", None)
    assert (neutral.extra["session"], neutral.extra["scripted"]) == (1, False)
    assert (unclear.emotion, unclear.original_label, unclear.speaker) == (None, "xxx", "iemocap_Ses01M")
    assert [unclear.extra[name] for name in ("valence", "arousal", "dominance")] == [2.0, 3.0, 3.5]
    assert failed == {
        "Ses01F_impro01_M001": "missing_sound",
        "Ses01F_impro01_M002": "bad_label",
        "Ses01F_impro01.txt:10": "bad_row",
    }


def test_without_sentence_files_the_part_of_the_dialogue_is_heard(tree) -> None:
    dialog(tree)
    tree.sound("Session1/dialog/wav/Ses01F_impro01.wav")
    found, _ = tree.read("iemocap")
    excited = found["iemocap_Ses01F_impro01_M001"]
    assert (excited.emotion, excited.original_label, excited.text) == ("Happy", "exc", None)
    assert len(audio.load(str(excited.audio))[0]) == 1600


def test_marks_of_laughter_are_no_words(tree) -> None:
    """They would tell the label to whoever reads the text."""
    words = "Ses01F_impro01_F000 [000.1-000.4]: [LAUGHTER] Excuse  me. [BREATHING] ++GARBAGE++ Wait [out there].\n"
    tree.text("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", LABELS)
    tree.text("Session1/dialog/transcriptions/Ses01F_impro01.txt", words + "Ses01F_impro01_M000 [0-1]: [LAUGHTER]\n")
    tree.sound("Session1/dialog/wav/Ses01F_impro01.wav")
    found, _ = tree.read("iemocap")
    said, laughed = found["iemocap_Ses01F_impro01_F000"], found["iemocap_Ses01F_impro01_M000"]
    assert said.text == "Excuse me. Wait ."
    assert said.extra["transcript_marks"] == ["LAUGHTER", "BREATHING", "GARBAGE", "out there"]
    assert (laughed.text, laughed.extra["transcript_marks"]) == (None, ["LAUGHTER"])


def test_a_session_without_its_sheets_is_told(tree) -> None:
    dialog(tree)
    tree.sound("Session1/dialog/wav/Ses01F_impro01.wav", "Session2/dialog/wav/Ses02F_impro01.wav")
    failed = tree.read("iemocap")[1]
    missing = {id_ for id_, kind in failed.items() if kind == "missing_sheet"}
    assert missing == {"Session2/dialog/EmoEvaluation", "Session2/dialog/transcriptions"}


def test_a_dialogue_without_its_sheets_is_told(tree) -> None:
    dialog(tree)
    tree.text("Session1/dialog/EmoEvaluation/Ses01F_impro03.txt", HEAD)
    home = "Session1/sentences/wav"
    tree.sound(f"{home}/Ses01F_impro01/Ses01F_impro01_F000.wav", f"{home}/Ses01F_impro02/Ses01F_impro02_F000.wav")
    failed = tree.read("iemocap")[1]
    missing = {id_ for id_, kind in failed.items() if kind == "missing_sheet"}
    folder = "Session1/dialog"
    assert missing == {f"{folder}/EmoEvaluation/Ses01F_impro02.txt", f"{folder}/transcriptions/Ses01F_impro03.txt"}


def test_a_root_one_too_high_is_the_same_corpus(tree) -> None:
    whole, tree.root = tree.root, tree.root / "IEMOCAP_full_release"
    dialog(tree)
    tree.sound("Session1/dialog/wav/Ses01F_impro01.wav")
    below = tree.read("iemocap")
    tree.root = whole
    assert tree.read("iemocap") == below
    assert registry.get("iemocap").absent(whole) == ["Session2", "Session3", "Session4", "Session5"]
