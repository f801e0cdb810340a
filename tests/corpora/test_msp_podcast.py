from __future__ import annotations

from pathlib import Path

import pytest

from emotionthinker.corpora import registry

HEAD = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"


def test_the_consensus_sheet(tree) -> None:
    name = "MSP-PODCAST_0001_00"
    tree.text(
        "Labels/labels_consensus.csv",
        HEAD
        + f"{name}08.wav,C,2.2,4.0,2.6,30,Male,Test1\n"
        + f"{name}09.wav,X,3.5,3.5,3.7,Unknown,Unknown,Train\n"
        + f"{name}10.wav,N,3.5,3.5,3.7,39,Female,Development\n"
        + f"{name}11.wav,Q,3.5,3.5,3.7,39,Female,Train\n"
        + f"{name}12.wav,N,3.5,3.5,3.7,39,Female,Train\n"
        + f"{name}13.wav,N,3.5,3.5,3.7,39,Female,Elsewhere\n",
    )
    tree.sound(*(f"Audios/{name}{number}.wav" for number in ("08", "09", "10", "11", "13")))
    tree.text(f"Transcripts/{name}08.txt", "And so it goes.\n")
    found, failed = tree.read("msp_podcast")
    first, unclear, third = (found[f"msp_podcast_0001_00{number}"] for number in ("08", "09", "10"))
    assert (first.emotion, first.original_label, first.text) == ("Contempt/Disgust", "C", "And so it goes.")
    assert (first.split, first.speaker, first.gender) == ("test", "msp_podcast_30", "male")
    assert first.extra == {"arousal": 2.2, "valence": 4.0, "dominance": 2.6, "official_split": "Test1"}
    assert (unclear.emotion, unclear.speaker, unclear.gender, unclear.text) == (None, None, None, None)
    assert (third.split, third.gender) == ("validation", "female")
    assert failed == {
        f"{name}11": "bad_label",
        f"{name}12": "missing_sound",
        "labels_consensus.csv:7": "bad_row",
    }


def test_the_spelling_of_older_releases_in_a_folder_of_the_root(tree) -> None:
    home = "MSP-PODCAST-Publish-1.6"
    tree.text(f"{home}/Labels/labels_concensus.csv", HEAD + "MSP-PODCAST_0001_0008.wav,N,2,4,2,30,Male,Test1\n")
    tree.sound(f"{home}/Audios/MSP-PODCAST_0001_0008.wav")
    tree.text(f"{home}/Transcripts/MSP-PODCAST_0001_0008.txt", "And so it goes.\n")
    found, failed = tree.read("msp_podcast")
    assert (found["msp_podcast_0001_0008"].text, failed) == ("And so it goes.", {})


@pytest.mark.parametrize("audios", ["Audio", "Audios/Audios"])
@pytest.mark.parametrize("labels", ["Labels", "Labels/Labels"])
@pytest.mark.parametrize("home", ["", "MSP-PODCAST-Publish-1.11/"])
def test_folders_of_another_name_or_unpacked_into_themselves(tree, audios: str, labels: str, home: str) -> None:
    tree.text(f"{home}{labels}/labels_consensus.csv", HEAD + "MSP-PODCAST_0001_0008.wav,N,2,4,2,30,Male,Test1\n")
    tree.sound(f"{home}{audios}/MSP-PODCAST_0001_0008.wav")
    assert registry.get("msp_podcast").absent(tree.root) == ["Transcripts"]
    tree.text(f"{home}Transcripts/MSP-PODCAST_0001_0008.txt", "And so it goes.\n")
    assert registry.get("msp_podcast").absent(tree.root) == []
    found, failed = tree.read("msp_podcast")
    (clip,) = found.values()
    assert (clip.text, failed) == ("And so it goes.", {})
    told = registry.get("msp_podcast").sheets(Path(str(clip.audio)), tree.root)
    assert told == {"split": "test", "speaker": "msp_podcast_30", "gender": "male"}
