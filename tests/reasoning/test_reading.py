"""Which claims are read out of a sentence: the wording cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.reasoning.claims import read
from emotionthinker.reasoning.vocabulary import UNIVERSE


def claims(text: str) -> list[tuple[str, str]]:
    return [(claim.feature, claim.claimed) for claim in read(text)]


LEVELS = {
    "The pitch is low.": [("pitch", "low")],
    "The pitch level is notably low": [("pitch", "low")],
    "a low pitch and energy": [("pitch", "low"), ("energy", "low")],
    "Both pitch and energy are low.": [("pitch", "low"), ("energy", "low")],
    "The pitch, the energy and the pace are all normal.": [
        ("pitch", "normal"),
        ("energy", "normal"),
        ("rate", "normal"),
    ],
    "low pitch, normal energy and a slow pace": [("pitch", "low"), ("energy", "normal"), ("rate", "slow")],
    "The pitch is low, the energy normal and the pace slow.": [
        ("pitch", "low"),
        ("energy", "normal"),
        ("rate", "slow"),
    ],
    "The pitch is low and energy is high.": [("pitch", "low"), ("energy", "high")],
    "The pitch is low, normal energy and a fast pace follow.": [
        ("pitch", "low"),
        ("energy", "normal"),
        ("rate", "fast"),
    ],
    "Even though the energy is high, she speaks slowly.": [("energy", "high"), ("rate", "slow")],
    "He speaks with a low pitch, the pace and the energy are normal.": [
        ("pitch", "low"),
        ("rate", "normal"),
        ("energy", "normal"),
    ],
    "The energy of the speech is high": [("energy", "high")],
    "low levels of volume": [("energy", "low")],
    "Pitch: high. Energy: low. Speaking rate: fast.": [("pitch", "high"), ("energy", "low"), ("rate", "fast")],
    "The speech rate is on the slow side.": [("rate", "slow")],
    "She speaks quickly in a loud voice.": [("rate", "fast"), ("energy", "high")],
    "a deep voice": [("pitch", "low")],
    "a low-pitched, slow voice": [("pitch", "low"), ("rate", "slow")],
    "The voice is low in pitch and high in energy.": [("pitch", "low"), ("energy", "high")],
    "He shouts.": [("energy", "high")],
    "The speech is not only loud but fast.": [("energy", "high"), ("rate", "fast")],
    "The pitch is fairly low to normal.": [("pitch", "low/normal")],
    "the pitch stays moderate": [("pitch", "normal")],
    "His voice, which is deep and soft, trails off.": [("pitch", "low"), ("energy", "low")],
    "The energy is below normal.": [("energy", "low")],
    "The pitch is above average.": [("pitch", "high")],
    "This low pitch would suggest sadness.": [("pitch", "low")],
    "A high pitch usually comes with fear, but here the pitch is low.": [("pitch", "low")],
    "Low energy might be expected with sadness, yet the energy is high.": [("energy", "high")],
    "The high tension and slow pace fit.": [("rate", "slow")],
}


@pytest.mark.parametrize(("text", "expected"), LEVELS.items())
def test_levels_are_read_in_all_their_constructions(text: str, expected: list[tuple[str, str]]) -> None:
    assert claims(text) == expected


NEGATIONS = {
    "The voice is not loud.": ("energy", "not high", {"low", "normal"}),
    "She does not speak loudly.": ("energy", "not high", {"low", "normal"}),
    "neither fast nor slow in pace": ("rate", "normal", {"normal"}),
    "without a loud voice": ("energy", "not high", {"low", "normal"}),
    "There is no sign of high energy.": ("energy", "not high", {"low", "normal"}),
    "a lack of heightened energy": ("energy", "not high", {"low", "normal"}),
    "The intonation is far from flat.": ("style", "not flat", {"moderate", "expressive"}),
    "She lacks energy.": ("energy", "low", {"low"}),
    "no rise or fall in pitch": ("shape", "level", {"level"}),
    "an unhurried delivery": ("rate", "slow/normal", {"slow", "normal"}),
    "The pitch is anything but high.": ("pitch", "not high", {"low", "normal"}),
    "The pitch is nowhere near high.": ("pitch", "not high", {"low", "normal"}),
    "The pitch is unlikely to be high.": ("pitch", "not high", {"low", "normal"}),
    "Nothing about the pitch is high.": ("pitch", "not high", {"low", "normal"}),
    "The pitch is less low than usual.": ("pitch", "not low", {"normal", "high"}),
}


@pytest.mark.parametrize(("text", "expected"), NEGATIONS.items())
def test_negation_claims_the_complement(text: str, expected: tuple[str, str, set[str]]) -> None:
    [claim] = read(text)
    assert (claim.feature, claim.claimed, claim.accepts) == expected


COORDINATED = {
    "The speaker does not have a high pitch or fast pace.": [("pitch", "not high"), ("rate", "not fast")],
    "Neither pitch nor energy is high.": [("pitch", "not high"), ("energy", "not high")],
    "The voice isn't loud, fast or high-pitched.": [
        ("energy", "not high"),
        ("rate", "not fast"),
        ("pitch", "not high"),
    ],
    "without a high pitch or high energy": [("pitch", "not high"), ("energy", "not high")],
    "The pitch is not high, the pace is fast.": [("pitch", "not high"), ("rate", "fast")],
    "The pitch is not high and the pace is fast.": [("pitch", "not high"), ("rate", "fast")],
}


@pytest.mark.parametrize(("text", "expected"), COORDINATED.items())
def test_a_negation_reaches_the_members_of_its_list_and_no_further(text: str, expected: list[tuple[str, str]]) -> None:
    assert claims(text) == expected


INTONATION = {
    "The delivery is monotone.": ("style", "flat"),
    "little variation": ("style", "flat"),
    "The pitch range is narrow.": ("style", "flat"),
    "an expressive, wide pitch range": ("style", "expressive"),
    "a flat contour": ("style", "flat"),
    "The melody moves in a moderate range.": ("style", "moderate"),
    "a rising intonation": ("shape", "rising"),
    "The contour rises and then falls.": ("shape", "rising-falling"),
    "The voice goes down and comes back up.": ("shape", "falling-rising"),
    "The contour falls before it rises.": ("shape", "falling-rising"),
    "The melody stays level.": ("shape", "level"),
    "a level contour": ("shape", "level"),
    "The pitch rises at the end.": ("shape", "rising at the end"),
    "The energy rises.": ("energy_shape", "rising"),
}


@pytest.mark.parametrize(("text", "expected"), INTONATION.items())
def test_style_and_shape(text: str, expected: tuple[str, str]) -> None:
    assert claims(text) == [expected]


def test_a_movement_at_the_end_also_accepts_the_turning_contour() -> None:
    [claim] = read("a slightly rising pitch at the end")
    assert claim.accepts == {"rising", "falling-rising"}
    [claim] = read("The pitch falls at the beginning.")
    assert claim.accepts == {"falling", "falling-rising"}


@pytest.mark.parametrize(
    "text",
    [
        "The energy is higher than before.",
        "a slightly faster pace",
        "a noticeable increase in energy",
        "a more expressive delivery",
    ],
)
def test_comparisons_are_claims_that_accept_nothing(text: str) -> None:
    [claim] = read(text)
    assert claim.comparative
    assert claim.accepts is None


def test_comparison_with_the_usual_is_a_plain_statement() -> None:
    [claim] = read("The pitch is higher than usual.")
    assert (claim.claimed, claim.accepts) == ("high", {"high"})


@pytest.mark.parametrize(
    "text",
    [
        "The speaker is in a low mood.",
        "a quieter, more reflective emotional state",
        "The intonation contour is uncertain.",
        "It stands in contrast to a high pitch.",
        "Anger would have a high pitch.",
        "The energy level was measured.",
        "high hopes and strong feelings, a lively mind",
        "Certain words are stressed.",
        "a normal voice",
        "High energy would point to anger.",
        "Her mood quickly turns.",
        "Anger builds slowly.",
        "He talks to his mother.",
        "as if talking to a child",
        "Not a male voice.",
        "This could be a man or a woman.",
        '"speak loudly in a deep voice',
        "",
        "   ",
    ],
)
def test_what_is_not_about_this_voice_is_no_claim(text: str) -> None:
    assert claims(text) == []


def test_contrast_ends_at_the_comma() -> None:
    assert claims("In contrast to a high pitch, the pitch stays low.") == [("pitch", "low")]


STRESS = {
    'The stress falls on "door".': [("stress", "door")],
    "stress placed on the word “hour” stands out": [("stress", "hour")],
    'The word "door" is stressed.': [("stress", "door")],
    'By emphasizing "kids" and "door", she insists.': [("stress", "kids"), ("stress", "door")],
    "the emphasis is on 'door'": [("stress", "door")],
    "She emphasises door.": [("stress", "door")],
    "stress on the word hour": [("stress", "hour")],
    'without any stress on "door"': [],
    'He never stresses "door".': [],
    'The stress is not on "door".': [],
    '"door" is not stressed.': [],
    'The stress falls on "kids" rather than "door".': [("stress", "kids")],
    "emphasizing the duration of their wait": [],
    'Stress aside, she says "by the door".': [("quote", "by the door")],
}


@pytest.mark.parametrize(("text", "expected"), STRESS.items())
def test_stress(text: str, expected: list[tuple[str, str]]) -> None:
    assert claims(text) == expected


@pytest.mark.parametrize(
    "quote",
    [
        '"by the door"',
        "“by the door”",
        "„by the door“",
        "«by the door»",
        "'by the door'",
        "»by the door«",
        "‚by the door‘",
        "›by the door‹",
    ],
)
def test_quotes_in_all_marks_and_offsets(quote: str) -> None:
    text = f"He says {quote}, it isn't the dog's."
    [claim] = read(text)
    assert (claim.feature, text[claim.start : claim.end]) == ("quote", "by the door")


def test_words_inside_a_quote_are_no_acoustic_claims() -> None:
    assert claims('She says "the pitch is high, said a loud man".') == [("quote", "the pitch is high, said a loud man")]


def test_speaker() -> None:
    assert claims("A young woman speaks.") == [("age", "Young Adult"), ("gender", "female")]
    assert claims("a female teenager") == [("gender", "female"), ("age", "Teenager")]
    assert claims("an older man") == [("age", "Elderly"), ("gender", "male")]
    assert claims("a young adult or an older teenager") == [("age", "Teenager|Young Adult")]
    assert claims("as younger individuals do, typical of women") == []
    assert claims("not a woman but a man") == [("gender", "male")]
    assert claims("The voice belongs to a woman.") == [("gender", "female")]


CASE_STUDY = {
    "The pitch level is notably low, which often conveys a sense of heaviness or dejection, especially in contrast to "
    "more dynamic or elevated pitch patterns associated with excitement or anger.": [("pitch", "low")],
    "This low pitch, combined with the normal energy level, implies the speaker isn’t entirely drained": [
        ("pitch", "low"),
        ("energy", "normal"),
    ],
    'The stress on the word "hour" suggests the speaker is emphasizing the duration of their wait': [
        ("stress", "hour")
    ],
    'The speech rate is normal, which rules out heightened urgency or panic, but the stress placed on the word "hour" '
    "stands out.": [("rate", "normal"), ("stress", "hour")],
    "While the intonation contour is uncertain, the overall delivery—marked by low pitch and energy—suggests a lack of "
    "enthusiasm or patience.": [("pitch", "low"), ("energy", "low")],
    "Her speech speed seems normal, neither particularly fast nor slow, suggesting a neutral pace rather than one "
    "indicative of strong emotions": [("rate", "normal")],
    "The high pitch, fast speed, high energy, and stressed words all contribute to this inference.": [
        ("pitch", "high"),
        ("rate", "fast"),
        ("energy", "high"),
    ],
    "The energy of the speech is high, which can also be associated with anger.": [("energy", "high")],
    "The speaker’s intonation is flat and monotonous": [("style", "flat")],
    "The speaker’s profile as a female teenager might also contribute": [("gender", "female"), ("age", "Teenager")],
    "The pace is moderate, but the speaker’s words are delivered in a slow and deliberate manner": [
        ("rate", "normal"),
        ("rate", "slow"),
    ],
}


@pytest.mark.parametrize(("text", "expected"), CASE_STUDY.items())
def test_sentences_of_the_papers_case_study(text: str, expected: list[tuple[str, str]]) -> None:
    """Table 8 of the paper: its reference text and outputs of the models it compares."""
    found = claims(text)
    assert [claim for i, claim in enumerate(found) if claim not in found[:i]] == expected


_PIECES = st.sampled_from(
    "the pitch energy pace voice is not low high fast slow loud , . and but or § \" ' “ rises falls level than usual "
    "stress on door woman young in of to very neither nor ’ … — ß İ \n more lack at the end speaks".split(" ")
)


@given(st.one_of(st.lists(_PIECES, max_size=40).map(" ".join), st.text(max_size=80)))
def test_any_text_gives_ordered_spans_that_do_not_overlap(text: str) -> None:
    last = 0
    for claim in read(text):
        assert last <= claim.start < claim.end <= len(text)
        assert text[claim.start : claim.end] == claim.text
        assert claim.accepts is None or claim.accepts <= set(UNIVERSE[claim.feature])
        last = claim.end
