from __future__ import annotations

import pytest


@pytest.mark.parametrize("layout", ["AudioData/{}/{}.wav", "{}_{}.wav"])
def test_both_layouts(layout: str, tree) -> None:
    for name in ("a01", "sa15", "su02", "n30", "x01", "d03", "h04"):
        tree.sound(layout.format("DC", name))
    tree.sound(layout.format("KL", "f07"))
    found, failed = tree.read("savee")
    labels = {id_: (clip.emotion, clip.original_label) for id_, clip in found.items()}
    assert labels == {
        "savee_DC_a01": ("Angry", "anger"),
        "savee_DC_d03": ("Contempt/Disgust", "disgust"),
        "savee_DC_h04": ("Happy", "happiness"),
        "savee_DC_sa15": ("Sad", "sadness"),
        "savee_DC_su02": ("Surprise", "surprise"),
        "savee_DC_n30": ("Neutral", "neutral"),
        "savee_KL_f07": ("Fear", "fear"),
    }
    assert {(clip.speaker, clip.gender, clip.text) for clip in found.values()} == {
        ("savee_DC", "male", None),
        ("savee_KL", "male", None),
    }
    assert failed == {layout.format("DC", "x01"): "bad_name"}
