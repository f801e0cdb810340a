from __future__ import annotations


def test_levels_actors_and_the_better_file(tree) -> None:
    tree.sound(
        "M003/audio/angry/level_3/001.m4a", "W009/audio/contempt/level_1/002.m4a", "W009/audio/contempt/level_1/002.wav"
    )
    tree.sound("M003/video/front/angry/level_3/001.mp4", "M003/audio/angry/level_4/001.m4a")
    found, failed = tree.read("mead")
    angry, contempt = found["mead_M003_angry_3_001"], found["mead_W009_contempt_1_002"]
    assert (angry.emotion, angry.speaker, angry.gender, angry.text) == ("Angry", "mead_M003", "male", None)
    assert angry.extra == {"intensity": 3, "sentence": "001"}
    assert (contempt.emotion, contempt.original_label, contempt.gender) == ("Contempt/Disgust", "contempt", "female")
    assert contempt.audio is not None
    assert contempt.audio.endswith("002.wav")
    assert failed == {"M003/audio/angry/level_4/001.m4a": "bad_name"}
    assert len(found) == 2
