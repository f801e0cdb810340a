"""The grammar writer: grounded, varied, discreet, repeatable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import RecordError
from emotionthinker.reasoning.affect import affects
from emotionthinker.reasoning.claims import check
from emotionthinker.reasoning.rules import Rules, named_emotions, problems
from emotionthinker.reasoning.scene import sentence_kind
from emotionthinker.reasoning.statistics import diversity
from emotionthinker.reasoning.writer import GrammarWriter
from emotionthinker.records import ENERGY_LEVELS, PITCH_LEVELS, RATE_LEVELS, SHAPES, STYLES, Utterance

from .strategies import prosody, utterance, utterances


@settings(max_examples=200, deadline=None)
@given(utterances())
def test_every_claim_it_writes_is_read_back_and_supported(row: Utterance) -> None:
    assert row.prosody is not None
    think = GrammarWriter(0).write(row)
    wrong, claims = problems(think, row.prosody, Rules())
    assert wrong == []
    assert [c for c in claims if c.verdict != "supported"] == []
    features = [claim.feature for claim in claims]
    for name, level in (
        ("pitch", row.prosody.pitch.level),
        ("energy", row.prosody.energy.level),
        ("rate", row.prosody.rate.level),
        ("gender", row.prosody.speaker.gender),
    ):
        assert (name in features) == (level is not None), (name, think)
    assert ("quote" in features) == bool(re.search(r"\w", row.prosody.transcript.text or ""))


def test_the_same_seed_and_id_give_the_same_text_and_others_do_not() -> None:
    assert GrammarWriter(1).write(utterance("x")) == GrammarWriter(1).write(utterance("x"))
    assert len({GrammarWriter(seed).write(utterance(id)) for seed in range(3) for id in "abc"}) == 9


def rows(count: int) -> list[Utterance]:
    grid = [
        (pitch, energy, rate, style, shape)
        for pitch in PITCH_LEVELS
        for energy in ENERGY_LEVELS
        for rate in RATE_LEVELS
        for style in STYLES
        for shape in (*SHAPES, None)
    ]
    return [
        utterance(str(i), EMOTIONS[i % 9], pitch=p, energy=e, rate=r, style=st, shape=sh)
        for i, (p, e, r, st, sh) in enumerate(grid[:: max(1, len(grid) // count)])
    ]


def test_lengths_and_variety_of_a_corpus() -> None:
    texts = [GrammarWriter(0).write(row) for row in rows(160)]
    measured = diversity(texts)
    assert 50 <= measured["words_mean"] <= 66  # here everything is measured, so there is more to say
    assert measured["unique_texts"] == len(texts)
    assert measured["unique_sentences"] / measured["sentences"] > 0.6
    assert measured["distinct_2_per_1000"] > 0.45
    assert len({text.split()[0] for text in texts}) >= 6


def test_cues_that_do_not_fit_are_acknowledged() -> None:
    texts = [
        GrammarWriter(0).write(utterance(str(i), "Angry", energy="low", pitch="high", rate="fast")) for i in range(40)
    ]
    markers = ("though", "although", "but", "yet", "can also", "may still", "can still")
    admitted = [any(marker in text.lower() for marker in markers) for text in texts]
    assert all(admitted)


def test_uncertain_shapes_and_weak_stress_are_left_out() -> None:
    for i in range(20):
        row = utterance(str(i), shape="rising", confidence=0.4, stressed=None)
        assert row.prosody is not None
        features = {claim.feature for claim in check(GrammarWriter(0).write(row), row.prosody)}
        assert not features & {"shape", "stress"}


def test_a_gender_that_contradicts_the_corpus_is_left_out() -> None:
    row = utterance(gender="female").model_copy(update={"gender": "male"})
    assert row.prosody is not None
    assert "gender" not in {claim.feature for claim in check(GrammarWriter(0).write(row), row.prosody)}


def test_german_words_are_quoted_in_an_english_text() -> None:
    row = utterance(text="Das will sie am Mittwoch abgeben.", stressed=None).model_copy(update={"language": "de"})
    assert all('"Das will sie am Mittwoch abgeben"' in GrammarWriter(seed).write(row) for seed in range(10))


def test_rows_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(RecordError, match="emotion None"):
        GrammarWriter().write(utterance(emotion=None))
    with pytest.raises(RecordError, match="annotate"):
        GrammarWriter().write(Utterance(id="a", emotion="Sad"))


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_no_affect_phrase_names_an_emotion_or_makes_an_acoustic_claim(emotion: str) -> None:
    affect = affects()[emotion]
    phrases = (
        [p for group in affect.cues.values() for p in group]
        + affect.manner
        + affect.state
        + affect.words
        + affect.close
    )
    for phrase in phrases:
        assert named_emotions(phrase) == []
        assert check(f"This voice sounds like {phrase}.", prosody()) == []
    levels = {"pitch": PITCH_LEVELS, "energy": ENERGY_LEVELS, "rate": RATE_LEVELS, "style": STYLES, "shape": SHAPES}
    expected = {f"{feature} {level}" for feature, words in levels.items() for level in words}
    assert set(affect.cues) == expected
    assert {f"{f} {level}" for f, words in affect.fits.items() for level in words} <= expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Where are you going", "a question"),
        ("Was sind denn das für Tüten, die da stehen?", "a question"),
        ("I'm sorry I'm late", "an apology"),
        ("Don't forget a jacket", "a request"),
        ("Maybe tomorrow it will be cold", "a guess"),
        ("I would like a new alarm clock", "a wish"),
        ("We'll stop in a couple of minutes", "a plan"),
        ("Kids are talking by the door", "a plain statement"),
        (None, "a plain statement"),
    ],
)
def test_sentence_kind(text: str | None, kind: str) -> None:
    assert sentence_kind(text) == kind
