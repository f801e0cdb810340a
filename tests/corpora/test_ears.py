from __future__ import annotations

import json

import pytest

from emotionthinker.corpora import registry
from emotionthinker.errors import CorpusError


def test_emotions_styles_and_people(tree) -> None:
    tree.text(
        "speaker_statistics.json",
        json.dumps(
            {
                "p001": {"age": "36-45", "gender": "male", "native language": "german"},
                "p103": {"age": "18-25", "gender": "prefer not to answer", "native language": "american english"},
            }
        ),
    )
    tree.text("transcripts.json", json.dumps({"emo_anger_sentences": "I'm so mad right now."}))
    tree.sound("p001/emo_anger_sentences.wav", "p001/rainbow_01_whisper.wav", "p001/rainbow_01_loud.wav")
    tree.sound("p103/emo_serenity_freeform.wav", "p103/freeform_speech_01.wav", "p100/sentences_15_regular.wav")
    tree.sound("noise/rain.wav")
    found, failed = tree.read("ears")
    angry = found["ears_p001_emo_anger_sentences"]
    assert (angry.emotion, angry.original_label, angry.text) == ("Angry", "anger", "I'm so mad right now.")
    assert (angry.speaker, angry.gender, angry.age, angry.split) == ("ears_p001", "male", None, "train")
    assert angry.extra == {"kind": "emotion", "age_range": "36-45", "native_language": "german"}
    kinds = {id_.removeprefix("ears_"): (clip.original_label, clip.emotion, clip.split) for id_, clip in found.items()}
    assert kinds == {
        "p001_emo_anger_sentences": ("anger", "Angry", "train"),
        "p001_rainbow_01_whisper": ("whisper", "Whisper", "train"),
        "p001_rainbow_01_loud": ("loud", None, "train"),
        "p100_sentences_15_regular": ("regular", "Neutral", "validation"),
        "p103_emo_serenity_freeform": ("serenity", "Neutral", "test"),
        "p103_freeform_speech_01": (None, None, "test"),
    }
    assert found["ears_p103_freeform_speech_01"].gender is None
    assert failed == {"noise/rain.wav": "bad_name"}


@pytest.mark.parametrize("content", ["404: Not Found", "[1, 2]"])
def test_a_broken_sheet_is_named(content: str, tree) -> None:
    tree.text("transcripts.json", content)
    tree.sound("p001/emo_anger_sentences.wav")
    with pytest.raises(CorpusError, match=r"transcripts\.json: not a JSON object"):
        tree.read("ears")


def test_sheets_of_the_repository_that_are_not_there_are_told(tree) -> None:
    """Whoever unpacks the archives alone has neither."""
    tree.sound("p001/emo_anger_sentences.wav")
    assert tree.read("ears")[1] == {"transcripts.json": "missing_sheet"}
    assert registry.get("ears").absent(tree.root) == ["speaker_statistics.json"]
