"""What a claim is worth against the measurement."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given

from emotionthinker.reasoning.claims import check, summary
from emotionthinker.records import Claim, Prosody, Speaker

from .strategies import prosodies, prosody


def only(text: str, measured: Prosody) -> Claim:
    [claim] = check(text, measured)
    return claim


def test_level_equal_different_and_missing() -> None:
    claim = only("The pitch is high.", prosody(pitch="high"))
    assert (claim.verdict, claim.measured, claim.text) == ("supported", "high, 243 Hz", "pitch is high")
    assert only("The pitch is low.", prosody(pitch="high")).verdict == "contradicted"
    claim = only("The pitch is low.", prosody(pitch=None))
    assert (claim.verdict, claim.measured) == ("not_checkable", "not measured: unvoiced")


def test_a_value_near_a_cut_supports_both_neighbours() -> None:
    measured = prosody(energy="normal", near={"energy": "high"})
    assert only("The energy is high.", measured).verdict == "supported"
    assert only("The energy is normal.", measured).verdict == "supported"
    assert only("The energy is low.", measured).verdict == "contradicted"
    assert only("The energy is not high.", measured).verdict == "supported"
    assert "close to high" in str(only("The energy is high.", measured).measured)


def test_a_pitch_word_by_the_cuts_of_all_voices_says_so() -> None:
    measured = prosody(pitch="normal")
    told = {
        group: only("The pitch is high.", measured.model_copy(update={"pitch": pitch})).measured
        for group in ("all/any", "all/male")
        for pitch in [measured.pitch.model_copy(update={"group": group})]
    }
    assert told["all/any"] == f"{told['all/male']}, by the cuts of all voices"


def test_a_gender_that_is_not_told_gives_its_own_reason() -> None:
    unsure = prosody().model_copy(update={"speaker": Speaker(reason="gender: uncertain; age: no_age_model")})
    assert only("The speaker is a man.", unsure).measured == "not measured: gender: uncertain"


def test_negated_level() -> None:
    assert only("The voice is not loud.", prosody(energy="high")).verdict == "contradicted"
    assert only("The voice is not loud.", prosody(energy="low")).verdict == "supported"


def test_units() -> None:
    assert only("The energy is normal.", prosody()).measured == "normal, -20.0 dBFS"
    assert only("The pace is fast.", prosody()).measured == "fast, 12.5 phones/s"
    assert only("The delivery is flat.", prosody()).measured == "flat, 4.2 semitones"


def test_comparisons_cannot_be_checked() -> None:
    claim = only("The energy is higher than before.", prosody())
    assert claim.verdict == "not_checkable"
    assert str(claim.measured).startswith("comparison")


def test_shape_and_its_end() -> None:
    assert only("The pitch rises at the end.", prosody(shape="falling-rising")).verdict == "supported"
    assert only("The pitch rises.", prosody(shape="falling-rising")).verdict == "contradicted"
    assert only("The contour falls.", prosody(shape=None)).verdict == "not_checkable"


def test_stress_marked_prominent_quiet_and_unspoken() -> None:
    measured = prosody(stressed="door")
    assert only('The stress falls on "Door!".', measured).verdict == "supported"
    assert only('The stress falls on "kids".', measured).verdict == "contradicted"
    assert only('The stress falls on "cats".', measured).verdict == "contradicted"
    assert only("She emphasises solidarity.", measured).verdict == "not_checkable"
    assert only('The stress falls on "door".', prosody(text=None)).verdict == "not_checkable"
    words = [
        w.model_copy(update={"stressed": False, "score": 1.7 if w.text == "Kids" else w.score})
        for w in measured.stress.words
    ]
    close = measured.model_copy(update={"stress": measured.stress.model_copy(update={"words": words})})
    assert only('The stress falls on "kids".', close).verdict == "supported"  # 2.0 - 1.7 < STRESS_MARGIN
    marked = [w.model_copy(update={"stressed": w.text != "Kids"}) for w in words]
    detected = close.stress.model_copy(update={"words": marked, "method": "whistress"})
    judged = only('The stress falls on "kids".', close.model_copy(update={"stress": detected}))
    assert judged.verdict == "contradicted", "log-odds near the highest are no mark of a detector"


LINE = "Okay, I'm sorry, but I just stood in this line for an hour."
QUOTES = {
    "I just stood in this line for an hour": "supported",
    "I’m sorry": "supported",
    "SORRY": "supported",
    "I just stood in line for an hour": "supported",  # one word in nine is missing
    "I stood in this line": "supported",  # one word in five is missing
    "I just stood in that line": "supported",  # one word in six is wrong
    "I stood here for an hour": "contradicted",
    "I'm sorry ... for an hour": "supported",
    "for an hour ... I'm sorry": "contradicted",
    "Hi, I need an ID": "contradicted",
    "in line": "contradicted",  # short quotes must be exact
    "hours": "contradicted",  # short words must be exact
    "hour": "supported",
}


@pytest.mark.parametrize(("quote", "verdict"), QUOTES.items())
def test_quotes(quote: str, verdict: str) -> None:
    assert only(f'They say "{quote}".', prosody(text=LINE)).verdict == verdict


def test_german_quotes_ignore_case_and_umlaut_spelling() -> None:
    measured = prosody(text="Was sind denn das für Tüten, die auf der Straße stehen?", stressed=None)
    assert only('She says "fur Tuten".', measured).verdict == "supported"
    assert only('She says "auf der Strasse".', measured).verdict == "supported"
    assert only('She says "x".', prosody(text=None)).verdict == "not_checkable"


def test_speaker() -> None:
    assert only("This is a man.", prosody(gender="female")).verdict == "contradicted"
    assert only("This is a man.", prosody(gender=None)).verdict == "not_checkable"
    assert only("This is a teenager.", prosody(age=None)).verdict == "not_checkable"
    assert only("This is an adult.", prosody(age="Elderly")).verdict == "supported"


def test_summary_counts_and_precision() -> None:
    counts = summary(check("The pitch is low, the energy is high, the pace faster than before.", prosody()))
    assert counts["claims"] == 3
    assert (counts["supported"], counts["contradicted"], counts["not_checkable"]) == (1, 1, 1)
    assert counts["precision"] == 0.5
    assert counts["by_feature"]["pitch"] == {"supported": 1, "contradicted": 0, "not_checkable": 0}
    assert summary([])["precision"] is None


@given(prosodies())
def test_a_statement_and_its_negation_are_never_both_wrong(measured: Prosody) -> None:
    for level in ("low", "normal", "high"):
        plain, negated = only(f"The pitch is {level}.", measured), only(f"The pitch is not {level}.", measured)
        verdicts = {plain.verdict, negated.verdict}
        assert verdicts == {"not_checkable"} if measured.pitch.level is None else "supported" in verdicts


def test_claims_are_checked_without_what_measures() -> None:
    """A name of a method costs no loading of the detector, nor of numpy."""
    program = (
        "import sys, emotionthinker.reasoning.checking; print({'numpy', 'emotionthinker.prosody'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
