from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotionthinker.corpora import base, registry
from emotionthinker.errors import CorpusError
from emotionthinker.records import Utterance

ACTORS = "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n"


def test_sheet_and_names(tree) -> None:
    tree.text("VideoDemographics.csv", ACTORS)
    tree.sound("AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_IEO_SAD_HI.wav", "AudioWAV/1002_IEO_JOY_HI.wav")
    tree.sound("VideoFlash/1001_DFA_ANG_XX.flv")
    found, failed = tree.read("crema_d")
    angry, sad = found["crema_1001_DFA_ANG_XX"], found["crema_1002_IEO_SAD_HI"]
    assert (angry.emotion, angry.original_label, angry.text) == ("Angry", "ANG", "Don't forget a jacket")
    assert (angry.speaker, angry.gender, angry.age) == ("crema_1001", "male", 51)
    assert (sad.gender, sad.age, sad.extra) == ("female", 21, {"intensity": "high"})
    assert failed == {"AudioWAV/1002_IEO_JOY_HI.wav": "bad_name"}


def test_without_the_sheet_nobody_is_guessed(tree) -> None:
    tree.sound("AudioWAV/1001_DFA_ANG_XX.wav")
    (clip,) = tree.read("crema_d")[0].values()
    assert (clip.gender, clip.age) == (None, None)


@pytest.mark.real
def test_the_real_clips() -> None:
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared:
        pytest.skip("EMOTIONTHINKER_SHARED is not set: no real CREMA-D")
    clips = list(base.items(registry.get("crema_d"), Path(shared) / "speech" / "crema_d"))
    assert all(isinstance(clip, Utterance) and clip.text and clip.emotion for clip in clips)
    assert len(clips) == 760
    assert {clip.speaker for clip in clips} == {f"crema_{number}" for number in range(1001, 1079)}


def test_a_sheet_that_is_a_pointer_is_named(tree) -> None:
    tree.text("VideoDemographics.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    tree.sound("AudioWAV/1001_DFA_ANG_XX.wav")
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv: its first line is 'version .*git lfs pull"):
        tree.read("crema_d")


def test_the_sheet_of_the_actors_is_found_beside_audiowav_or_told(tree) -> None:
    tree.sound("AudioWAV/1001_DFA_ANG_XX.wav")
    corpus, whole = registry.get("crema_d"), tree.root
    tree.root = whole / "AudioWAV"
    assert [corpus.absent(root) for root in (whole, tree.root)] == [["VideoDemographics.csv"]] * 2
    (whole / "VideoDemographics.csv").write_text("ActorID,Age,Sex\n1001,51,Male\n")
    assert [corpus.absent(root) for root in (whole, tree.root)] == [[], []]
    assert tree.read("crema_d")[0]["crema_1001_DFA_ANG_XX"].gender == "male"
