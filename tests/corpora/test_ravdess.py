from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from emotionthinker.corpora import base, registry
from emotionthinker.records import Utterance


def test_everything_stands_in_the_name(tree) -> None:
    tree.sound(
        "Actor_02/03-01-06-02-02-01-02.wav", "Actor_01/03-02-02-01-01-02-01.wav", "Actor_01/03-01-09-01-01-01-01.wav"
    )
    tree.sound("Actor_01/02-01-01-01-01-01-01.mp4")
    found, failed = tree.read("ravdess")
    fear = found["ravdess_03-01-06-02-02-01-02"]
    assert (fear.emotion, fear.original_label, fear.speaker, fear.gender) == ("Fear", "fearful", "ravdess_02", "female")
    assert (fear.text, fear.split, fear.language) == ("Dogs are sitting by the door", None, "en")
    assert fear.extra == {"intensity": "strong", "repetition": 1, "vocal_channel": "speech"}
    calm = found["ravdess_03-02-02-01-01-02-01"]
    assert (calm.emotion, calm.original_label, calm.gender) == ("Neutral", "calm", "male")
    assert calm.extra["vocal_channel"] == "song"
    assert failed == {"Actor_01/03-01-09-01-01-01-01.wav": "bad_name"}
    assert len(found) == 2  # the video without sound is no clip


def test_every_code(tree) -> None:
    tree.sound(*(f"Actor_01/03-01-{code:02d}-01-01-01-01.wav" for code in range(1, 9)))
    found, _ = tree.read("ravdess")
    assert [(clip.original_label, clip.emotion) for clip in found.values()] == [
        ("neutral", "Neutral"),
        ("calm", "Neutral"),
        ("happy", "Happy"),
        ("sad", "Sad"),
        ("angry", "Angry"),
        ("fearful", "Fear"),
        ("disgust", "Contempt/Disgust"),
        ("surprised", "Surprise"),
    ]


@pytest.mark.real
def test_the_real_actors() -> None:
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared:
        pytest.skip("EMOTIONTHINKER_SHARED is not set: no real RAVDESS")
    clips = list(base.items(registry.get("ravdess"), Path(shared) / "speech" / "ravdess"))
    assert all(isinstance(clip, Utterance) for clip in clips)
    assert Counter(clip.speaker for clip in clips) == {f"ravdess_{actor:02d}": 60 for actor in range(1, 13)}
    labels = Counter(clip.emotion for clip in clips)
    assert labels == {
        "Neutral": 144,
        **dict.fromkeys(["Happy", "Sad", "Angry", "Fear", "Contempt/Disgust", "Surprise"], 96),
    }
