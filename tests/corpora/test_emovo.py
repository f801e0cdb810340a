from __future__ import annotations


def test_italian_codes(tree) -> None:
    tree.sound("f1/dis-f1-b1.wav", "m3/gio-m3-d2.wav", "m3/sor-m3-n5.wav", "m3/noi-m3-n5.wav")
    found, failed = tree.read("emovo")
    disgust, joy = found["emovo_dis-f1-b1"], found["emovo_gio-m3-d2"]
    assert (disgust.emotion, disgust.original_label, disgust.language) == ("Contempt/Disgust", "dis", "it")
    assert (disgust.speaker, disgust.gender, disgust.text) == ("emovo_f1", "female", "Gli operai si alzano presto.")
    assert (joy.emotion, joy.gender, joy.text) == ("Happy", "male", "Porti con te quella cosa?")
    assert found["emovo_sor-m3-n5"].emotion == "Surprise"
    assert failed == {"m3/noi-m3-n5.wav": "bad_name"}
