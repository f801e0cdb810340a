from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from emotionthinker.corpora import base, registry
from emotionthinker.records import Utterance


def test_speaker_sentence_emotion_and_take(tree) -> None:
    tree.sound("wav/03a01Fa.wav", "wav/16b10Lb.wav", "wav/99a01Fa.wav", "wav/03a01Xa.wav")
    found, failed = tree.read("emodb")
    happy, bored = found["emodb_03a01Fa"], found["emodb_16b10Lb"]
    assert (happy.emotion, happy.original_label, happy.speaker) == ("Happy", "happiness", "emodb_03")
    assert (happy.gender, happy.age, happy.language) == ("male", 31, "de")
    assert happy.text == "Der Lappen liegt auf dem Eisschrank."
    assert (bored.emotion, bored.original_label, bored.gender) == (None, "boredom", "female")
    assert bored.extra == {"take": "b"}
    assert failed == {"wav/99a01Fa.wav": "bad_name", "wav/03a01Xa.wav": "bad_name"}


def test_every_code(tree) -> None:
    tree.sound(*(f"wav/03a01{code}a.wav" for code in "WLEAFTN"))
    found, _ = tree.read("emodb")
    assert {id_[-2]: (clip.original_label, clip.emotion) for id_, clip in found.items()} == {
        "W": ("anger", "Angry"),
        "L": ("boredom", None),
        "E": ("disgust", "Contempt/Disgust"),
        "A": ("anxiety/fear", "Fear"),
        "F": ("happiness", "Happy"),
        "T": ("sadness", "Sad"),
        "N": ("neutral", "Neutral"),
    }


@pytest.mark.real
def test_the_real_corpus() -> None:
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared:
        pytest.skip("EMOTIONTHINKER_SHARED is not set: no real EmoDB")
    clips = list(base.items(registry.get("emodb"), Path(shared) / "speech" / "emodb"))
    assert all(isinstance(clip, Utterance) and clip.text for clip in clips)
    assert len(clips) == 535
    assert Counter(clip.original_label for clip in clips) == {
        "anger": 127,
        "boredom": 81,
        "neutral": 79,
        "happiness": 71,
        "anxiety/fear": 69,
        "sadness": 62,
        "disgust": 46,
    }
    assert len({clip.speaker for clip in clips}) == 10
