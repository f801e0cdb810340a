from __future__ import annotations

from collections import Counter

import pytest

from emotionthinker.perception.questions import (
    ANSWERS,
    ATTRIBUTES,
    CAPTION,
    TASKS,
    WORDINGS,
    attribute_rows,
    balanced,
    caption,
    clear_answers,
    wording,
)
from emotionthinker.records import ACOUSTIC, WHISTRESS, Utterance, Word

from .conftest import measured


def changed(**groups: dict[str, object]) -> Utterance:
    """The clear utterance with some measured fields replaced."""
    utterance = measured("a", "a.wav")
    prosody = utterance.prosody
    assert prosody is not None
    new = {name: getattr(prosody, name).model_copy(update=values) for name, values in groups.items()}
    return utterance.model_copy(update={"prosody": prosody.model_copy(update=new)})


def test_every_attribute_is_asked_when_all_is_clear() -> None:
    assert clear_answers(measured("a", "a.wav")) == {
        "pitch": "high",
        "energy": "low",
        "speed": "normal",
        "intonation_shape": "falling",
        "intonation_style": "flat",
        "stress": "talking",
        "gender": "female",
    }


@pytest.mark.parametrize(
    ("group", "values", "gone"),
    [
        ("pitch", {"near": "normal"}, "pitch"),
        ("pitch", {"reliable": False}, "pitch"),
        ("pitch", {"level": None}, "pitch"),
        ("energy", {"near": "normal"}, "energy"),
        ("rate", {"near": "fast"}, "speed"),
        ("rate", {"method": "letters+vad"}, "speed"),
        ("stress", {"method": "acoustic (words placed by length, not aligned)"}, "stress"),
        ("intonation", {"style_near": "moderate"}, "intonation_style"),
        ("intonation", {"confidence": 0.3}, "intonation_shape"),
        ("intonation", {"confidence": None}, "intonation_shape"),
        ("speaker", {"gender_confidence": 0.6}, "gender"),
    ],
)
def test_an_unclear_attribute_is_not_asked(group: str, values: dict[str, object], gone: str) -> None:
    left = clear_answers(changed(**{group: values}))
    assert set(left) == set(ATTRIBUTES) - {gone}


def test_the_given_gender_needs_no_confidence() -> None:
    utterance = changed(speaker={"gender": None, "gender_confidence": None}).model_copy(update={"gender": "male"})
    assert clear_answers(utterance)["gender"] == "male"


def test_stress_needs_one_word_well_above_the_others() -> None:
    words = measured("a").prosody.stress.words  # type: ignore[union-attr]
    close = [words[0].model_copy(update={"score": 1.6}), *words[1:]]
    two = [words[0].model_copy(update={"stressed": True}), *words[1:]]
    twice = [words[0].model_copy(update={"text": "talking,"}), *words[1:]]
    for unclear in (close, two, twice, words[1:2], []):
        assert "stress" not in clear_answers(changed(stress={"words": unclear}))


def test_stress_of_a_detector_is_asked_by_its_own_margin() -> None:
    def words(log_odds: float) -> list[Word]:
        scores = (("I", -1.0), ("never", log_odds))
        return [Word(text=text, start_s=0, end_s=1, score=score, stressed=score > 0) for text, score in scores]

    clear, close = (changed(stress={"method": WHISTRESS, "words": words(x)}) for x in (3.0, 0.2))
    assert clear_answers(clear)["stress"] == "never"
    assert "stress" not in clear_answers(close)
    assert "stress" in clear_answers(close, min_margin_log_odds=1.0)
    assert clear_answers(changed(stress={"method": ACOUSTIC, "words": words(0.2)}))["stress"] == "never"


def test_wordings_cover_all_tasks_and_offer_choice() -> None:
    assert set(WORDINGS) == {*TASKS, CAPTION}
    assert all(len(set(texts)) >= 3 for texts in WORDINGS.values())
    seen = {wording("pitch", str(k), transcript=None, transcript_share=0.5, seed=0) for k in range(50)}
    assert seen == set(WORDINGS["pitch"])


def test_transcript_is_quoted_in_the_asked_share_and_always_for_stress() -> None:
    def quoted(task: str, share: float) -> float:
        texts = [wording(task, str(k), transcript="Hello", transcript_share=share, seed=1) for k in range(400)]
        return sum(text.startswith('The words are: "Hello" ') for text in texts) / len(texts)

    assert quoted("pitch", 0.0) == 0
    assert 0.4 < quoted("pitch", 0.5) < 0.6
    assert quoted("pitch", 1.0) == 1
    assert quoted("stress", 0.0) == 1


def test_rows_carry_what_training_and_the_speaker_guard_need() -> None:
    rows = attribute_rows([measured("a", "a.wav")], seed=0, transcript_share=0.5)
    assert {row["task"] for row in rows} == {*ATTRIBUTES, CAPTION}
    for row in rows[:-1]:
        assert row["id"] == f"a/{row['task']}"
        assert (row["audio"], row["speaker"], row["split"], row["seconds"]) == ("a.wav", "s_train", "train", 2.0)
        assert row["answer"] in ANSWERS.get(row["task"], ("talking",))


def test_a_caption_names_what_was_measured_and_is_for_training_only() -> None:
    whole = "female, pitch high, energy low, speed normal, intonation flat, contour falling"
    assert caption(measured("a")) == whole
    near = changed(pitch={"near": "normal"}, rate={"method": "letters+vad"})
    assert caption(near) == "female, pitch high, energy low, intonation flat, contour falling"
    assert caption(near, least=6) is None
    assert caption(measured("a").model_copy(update={"prosody": None})) is None
    test = attribute_rows([measured("a", "a.wav", split="test")], seed=0, transcript_share=0.5)
    assert CAPTION not in {row["task"] for row in test}


def test_a_cap_is_shared_evenly_by_the_answers() -> None:
    rows = [
        {"id": f"{answer}{n}", "task": "pitch", "answer": answer}
        for answer, count in (("low", 50), ("normal", 100), ("high", 3))
        for n in range(count)
    ]
    kept = balanced(rows, 23, seed=0)
    assert Counter(row["answer"] for row in kept) == {"low": 10, "normal": 10, "high": 3}
    assert balanced(rows, 23, seed=0) == kept
    assert balanced(rows, None, seed=0) == rows
