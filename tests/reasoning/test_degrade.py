"""Degraded variants and the ratings they are said to deserve."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.reasoning.claims import check
from emotionthinker.reasoning.degrade import attributes, degrade, disturb, rate_disturbed, rate_share
from emotionthinker.reasoning.flipping import falsifications, share_supported
from emotionthinker.reasoning.linking import argue_for, cut_links, find_links, paragraphs, split_sentences
from emotionthinker.reasoning.writer import GrammarWriter
from emotionthinker.records import CRITERIA, Rating, Utterance

from .strategies import prosody, utterance, utterances

TEXT = (
    'A woman says "Kids are talking by the door". The pitch is low and the energy is normal, which suggests a heavy '
    "heart. This fits a tired mind. She speaks quickly, a sign of haste. So the speaker seems weighed down."
)


def rating(**changes: int) -> Rating:
    return Rating(**dict.fromkeys(CRITERIA, 5) | changes)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.0, 5), (0.99, 4), (0.75, 4), (0.74, 3), (0.5, 3), (0.49, 2), (0.25, 2), (0.24, 1), (0, 1)],
)
def test_rating_of_a_share(share: float, expected: int) -> None:
    assert rate_share(share) == expected


def test_a_target_of_five_changes_nothing() -> None:
    variant = degrade(TEXT, "Sad", prosody(), rating(), Random(0))
    assert (variant.think, variant.rating) == (TEXT, rating())


@pytest.mark.parametrize("target", [1, 2, 3, 4])
def test_facts_are_flipped_to_the_band_and_nothing_else_is(target: int) -> None:
    variant = degrade(TEXT, "Sad", prosody(), rating(factual_alignment=target), Random(1))
    assert variant.rating == rating(factual_alignment=target)
    assert share_supported(check(variant.think, prosody())) == variant.supported
    assert len(find_links(variant.think)) == len(find_links(TEXT))
    assert attributes(variant.think) == attributes(TEXT)


def test_all_claims_can_be_made_wrong() -> None:
    *_, wrong = falsifications(TEXT, prosody(), Random(3))
    assert share_supported(check(wrong, prosody())) == 0.0
    assert "man says" in wrong
    assert "woman" not in wrong
    assert "He speaks slowly" in wrong or "He speaks" in wrong


@pytest.mark.parametrize("target", [2, 3, 4])
def test_completeness_drops_whole_sentences(target: int) -> None:
    variant = degrade(TEXT, "Sad", prosody(), rating(caption_completeness=target), Random(0))
    assert variant.rating.caption_completeness == rate_share(variant.covered)
    assert variant.rating.caption_completeness <= 4
    assert set(split_sentences(variant.think)) < set(split_sentences(TEXT))
    assert variant.rating.factual_alignment == 5


def test_links_are_found_cut_and_turned() -> None:
    assert [TEXT[slice(*link.affect)] for link in find_links(TEXT)] == ["a heavy heart", "a tired mind", "haste"]
    bare = cut_links(TEXT, 4, Random(0))
    assert bare == (
        'A woman says "Kids are talking by the door". The pitch is low and the energy is normal. She speaks quickly.'
    )
    turned = argue_for(TEXT, "Happy", Random(0))
    assert "heavy" not in turned
    assert "weighed" not in turned
    assert [c.verdict for c in check(turned, prosody())] == [c.verdict for c in check(TEXT, prosody())]


def test_interpretation_of_one_argues_for_another_emotion() -> None:
    variant = degrade(TEXT, "Sad", prosody(), rating(interpretative_quality=1), Random(0))
    assert variant.rating == rating(interpretative_quality=1)
    assert split_sentences(variant.think)[-1] != split_sentences(TEXT)[-1]


@pytest.mark.parametrize("target", [1, 2, 3, 4])
def test_fluency_disturbs_as_many_words_as_the_table_says(target: int) -> None:
    text, share = disturb(TEXT, target, Random(2))
    assert rate_disturbed(share) == target
    assert text != TEXT


def test_sentences_and_their_dependants() -> None:
    assert split_sentences('He says "No. Never." and goes. Then? Yes.') == [
        'He says "No. Never." and goes.',
        "Then?",
        "Yes.",
    ]
    assert paragraphs(TEXT)[1].endswith("This fits a tired mind.")


@settings(max_examples=60, deadline=None)
@given(utterances(), st.tuples(*[st.integers(1, 5)] * 4), st.integers(0, 99))
def test_any_trace_and_target_give_a_variant_whose_rating_can_be_measured(
    row: Utterance, goal: tuple[int, ...], seed: int
) -> None:
    assert row.prosody is not None
    think = GrammarWriter(0).write(row)
    target = Rating(**dict(zip(CRITERIA, goal, strict=True)))
    variant = degrade(think, str(row.emotion), row.prosody, target, Random(seed))
    again = degrade(think, str(row.emotion), row.prosody, target, Random(seed))
    assert variant == again
    assert variant.think.strip()
    if target.fluency_and_structural_clarity == 5:
        share = share_supported(check(variant.think, row.prosody))
        assert share == variant.supported
        assert variant.rating.factual_alignment == (5 if share is None else rate_share(share))


def test_the_reached_rating_follows_the_target_on_average() -> None:
    sums = {1: 0, 5: 0}
    for i in range(20):
        row = utterance(str(i), "Fear")
        assert row.prosody is not None
        think = GrammarWriter(0).write(row)
        for level in sums:
            variant = degrade(think, "Fear", row.prosody, Rating(**dict.fromkeys(CRITERIA, level)), Random(i))
            sums[level] += sum(variant.rating.model_dump().values())
    assert sums[5] == 20 * 20
    assert sums[1] <= 20 * 6
