from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker import audio
from emotionthinker.errors import RecordError
from emotionthinker.prosody import activity, pitch, speaker, speaker_fit

RATE = 16000


def vector(samples: np.ndarray) -> np.ndarray | None:
    return speaker.features(samples, RATE, pitch.track(samples, RATE), activity.speech_mask(samples, RATE))


def measured(samples: np.ndarray, gender: str | None = None) -> Any:
    return speaker.measure(samples, RATE, pitch.track(samples, RATE), activity.speech_mask(samples, RATE), gender)


def test_a_given_gender_wins_and_age_has_its_reason(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    found = measured(samples, "male")
    assert (found.gender, found.gender_confidence, found.gender_method) == ("male", 1.0, "given")
    assert found.age_years is found.age_group is None
    assert "age: no_age_model" in found.reason


def test_an_estimate_names_its_terms_and_keeps_its_probability(spoken: Any) -> None:
    found = measured(audio.load(spoken("neutral"))[0])
    assert found.licence == speaker.LICENCE
    assert found.gender_confidence == pytest.approx(
        max(found.female_probability, 1 - found.female_probability), abs=1e-3
    )
    assert found.clips is None


def test_a_synthetic_woman_is_told(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    found = measured(samples)
    assert (found.gender, found.gender_method) == ("female", speaker.METHOD)
    assert found.gender_confidence > 0.8


def test_abstention_keeps_its_confidence(spoken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = audio.load(spoken("neutral"))
    monkeypatch.setattr(speaker, "_model", lambda: {**real, "abstain_below": 1.01})
    found = measured(samples)
    assert found.gender is None
    assert found.gender_confidence is not None
    assert "gender: uncertain" in found.reason


real = speaker._model()


def test_features_are_free_of_gain_and_padding(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    plain, other = vector(samples), vector(np.pad(0.1 * samples, (8000, 8000)))
    assert plain is not None
    assert other is not None
    assert len(plain) == len(speaker.FEATURES) == len(real["weights"])
    assert np.all(np.abs(plain - other) / np.asarray(real["scale"]) < 0.3)


def test_formants_of_a_known_filter() -> None:
    from scipy.signal import lfilter

    train = np.zeros(RATE)
    train[::160] = 1.0
    wanted = np.array([600.0, 1500.0, 2500.0, 3500.0])
    for hz in wanted:
        r = np.exp(-np.pi * 80 / RATE)
        train = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * hz / RATE), r * r], train)
    found = speaker._formants((train / np.abs(train).max()).astype(np.float32), RATE, np.arange(0.1, 0.9, 0.02))
    assert np.allclose(found, wanted, rtol=0.06)


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.random.default_rng(0).normal(0, 0.1, RATE)])
def test_no_voice_no_gender(samples: np.ndarray) -> None:
    found = measured(samples.astype(np.float32))
    assert found.gender is None
    assert "gender: unvoiced" in found.reason


def test_fit_learns_tells_and_abstains() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 6)
    female = people % 2
    x = rng.normal(0, 1, (len(people), len(speaker.FEATURES)))
    x[:, 0] += 2.5 * female
    names = np.array([f"p{n}" for n in people])
    table = speaker_fit.Table(x, female, names, np.where(people < 20, "a", "b"), people >= 32)
    model = speaker_fit.fit(table)
    report = model["about"]["report"]
    assert report["held-out speakers"]["accuracy_of_all"] > 0.8
    assert report["held-out speakers"]["accuracy_of_answered"] >= report["held-out speakers"]["accuracy_of_all"]
    assert 0.5 <= model["abstain_below"] <= 0.95
    assert model["about"]["train_speakers"] == 32
    assert "a, trained on the other corpora" in report
    likely, unlikely = np.zeros(len(speaker.FEATURES)), np.zeros(len(speaker.FEATURES))
    likely[0], unlikely[0] = 4.0, -2.0
    assert speaker.probability_female(likely, model) > 0.9 > 0.1 > speaker.probability_female(unlikely, model)


def test_shipped_coefficients_say_how_good_they_are() -> None:
    held = real["about"]["report"]["held-out speakers"]
    assert held["accuracy_of_answered"] > 0.9
    assert set(real["about"]["held_out_speakers"]) >= {"ravdess_01", "ravdess_11", "emodb_15"}
    assert real["features"] == list(speaker.FEATURES)


def test_the_licence_names_every_corpus_of_the_fit_and_none_forbids_commercial_use() -> None:
    plain = speaker.LICENCE.lower().translate(str.maketrans("", "", " -"))
    trained = [name.removesuffix("_sample").replace("_", "") for name in real["about"]["datasets"]]
    assert sorted(trained) == ["cremad", "emodb", "librispeech", "ljspeech"]
    assert all(name in plain for name in trained)
    assert "NC" not in speaker.LICENCE


def test_a_corpus_kept_for_testing_is_not_trained_on() -> None:
    table = speaker_fit.Table(
        np.zeros((4, 1)), np.array([0, 1, 0, 1]), np.array(list("abcd")), np.array(["x", "x", "y", "z"]),
        np.array([True, False, False, False]),
    )  # fmt: skip
    assert speaker_fit.tested_on(table, ["y"]).held_out.tolist() == [True, False, True, False]
    with pytest.raises(RecordError, match=r"--test-on w: no such dataset.*some of x, y, z"):
        speaker_fit.tested_on(table, ["w"])


def test_every_held_out_split_is_left_out_of_the_fit(speech: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech(seconds=1.0), 16000)
    splits = ("train", "test", "devel", "validation", "fold1")
    rows = [{"path": "a.wav", "id": split, "split": split, "speaker": split, "gender": "f"} for split in splits]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert speaker_fit.extract(tmp_path / "m.jsonl").held_out.tolist() == [False, True, True, True, False]
