"""Published words and numbers against measured ones."""

from __future__ import annotations

from typing import Any

import pytest

from emotionthinker.evaluation.findings import Finding, compare
from emotionthinker.prosody.levels import Tolerances
from emotionthinker.records import Energy, Intonation, Pitch, Prosody, Rate, Speaker, Stress, Word


def prosody(**groups: Any) -> Prosody:
    words = [
        Word(text="Never", start_s=0, end_s=1, score=2.0, stressed=True),
        Word(text="do", start_s=1, end_s=2, score=-1.0),
        Word(text="that", start_s=2, end_s=3, score=1.9),
    ]
    parts = {
        "pitch": Pitch(median_hz=200.0, range_st=8.0, reliable=True, level="normal", near="high"),
        "energy": Energy(active_dbfs=-25.0, level="low"),
        "rate": Rate(articulation=12.0, level="fast", near="normal"),
        "intonation": Intonation(shape="falling", style="moderate", end_difference_st=-4.0, confidence=0.9),
        "speaker": Speaker(gender="female", gender_confidence=0.95),
        "stress": Stress(words=words),
    }
    return Prosody(duration_s=2.0, **{**parts, **groups})


def found(field: str, value: Any, **groups: Any) -> Finding:
    (finding,) = compare({field: value}, prosody(**groups), Tolerances())
    return finding


@pytest.mark.parametrize("number", [0.05, 65.2, 1200.0])
def test_no_level_in_dbfs_lies_over_full_scale(number: float) -> None:
    """RMS, dB SPL, RMS of 16-bit samples: nothing is wrong with such an annotation."""
    assert (found("energy_dbfs", number).outcome, found("energy_dbfs", number).reason) == (
        "not_checkable", "over 0, where dBFS ends: a linear amplitude (RMS) or dB SPL?",
    )  # fmt: skip
    assert found("energy_dbfs", -40.0).outcome == "disagrees"


def test_a_finding_says_which_unit_was_assumed() -> None:
    says = {"rate_pps": 4.2, "pitch_hz": 200.0}
    rate, pitch = compare(says, prosody(), Tolerances(), {"rate_pps": "speed"})
    assert (rate.assumed, rate.unit, rate.outcome) == ("speed", "phones/s", "disagrees")
    assert pitch.assumed is None


def test_an_age_in_years_is_checked_by_its_group() -> None:
    heard = Speaker(age_group="Young Adult", age_years=28.0, age_confidence=0.9)
    assert found("age", "25", speaker=heard).outcome == "agrees"
    assert found("age", "70.0", speaker=heard).outcome == "disagrees"
    assert found("age", "twenties", speaker=heard).outcome == "not_checkable"


def test_an_age_group_is_checked_by_a_speaker_model_and_not_checkable_without() -> None:
    alone = found("age", "elderly", speaker=Speaker(gender="female", reason="age: no_age_model"))
    assert (alone.outcome, alone.reason) == ("not_checkable", "not measured: age: no_age_model")
    both = Speaker(reason="gender: uncertain; age: no_age_model")
    assert found("age", "elderly", speaker=both).reason == "not measured: age: no_age_model"
    assert found("gender", "male", speaker=both).reason == "not measured: gender: uncertain"
    heard = Speaker(age_group="Young Adult", age_years=28.0, age_confidence=0.9)
    assert found("age", "young adult", speaker=heard).outcome == "agrees"
    assert found("age", "elderly", speaker=heard).outcome == "disagrees"
    assert found("age", "adult", speaker=heard).outcome == "not_checkable"


@pytest.mark.parametrize(
    ("field", "published", "outcome"),
    [
        ("pitch", "normal", "agrees"),
        ("pitch", "medium", "agrees"),
        ("pitch", "high", "near_boundary"),
        ("pitch", "low", "disagrees"),
        ("pitch", "purple", "not_checkable"),
        ("pitch", "level", "not_checkable"),
        ("energy", "normal", "disagrees"),
        ("rate", "normal", "near_boundary"),
        ("gender", "female", "agrees"),
        ("gender", "male", "disagrees"),
        ("gender", "child", "not_checkable"),
        ("shape", "falling", "agrees"),
        ("shape", "rising", "disagrees"),
        ("style", "moderate", "agrees"),
        ("style", "expressive", "disagrees"),
        ("intonation", "falling", "agrees"),
        ("intonation", "flat", "disagrees"),
        ("intonation", "uncertain", "not_checkable"),
        ("intonation", "too_short", "not_checkable"),
        ("pitch_hz", 205.0, "agrees"),
        ("pitch_hz", 213.0, "disagrees"),
        ("pitch_hz", -1.0, "not_checkable"),
        ("pitch_hz", "about 200", "not_checkable"),
        ("shape", "3", "not_checkable"),
        ("energy_dbfs", -26.5, "agrees"),
        ("energy_dbfs", -28.0, "disagrees"),
        ("rate_pps", 13.0, "agrees"),
        ("rate_pps", 14.0, "disagrees"),
        ("range_st", 9.5, "agrees"),
        ("range_st", 12.0, "disagrees"),
        ("stress", ["never"], "agrees"),
        ("stress", ["THAT!"], "near_boundary"),
        ("stress", ["never", "do"], "disagrees"),
        ("stress", ["always"], "not_checkable"),
    ],
)
def test_outcomes(field: str, published: Any, outcome: str) -> None:
    finding = found(field, published)
    assert (finding.field, finding.outcome) == (field, outcome)
    assert (finding.reason is None) == (outcome != "not_checkable")


@pytest.mark.parametrize(
    ("shape", "style", "near", "published", "outcome"),
    [
        ("level", "flat", None, "flat", "agrees"),
        ("level", "moderate", None, "flat", "agrees"),
        ("level", "expressive", None, "expressive", "agrees"),
        ("level", "expressive", "moderate", "flat", "near_boundary"),
        ("level", "moderate", "expressive", "expressive", "near_boundary"),
        ("level", "moderate", "flat", "expressive", "disagrees"),
        ("level", "expressive", None, "level", "agrees"),
        ("rising", "expressive", None, "expressive", "disagrees"),
        ("rising", "expressive", None, "level", "disagrees"),
    ],
)
def test_one_word_stands_for_shape_and_style(
    shape: str, style: str, near: str | None, published: str, outcome: str
) -> None:
    contour = Intonation(shape=shape, style=style, style_near=near, confidence=0.95)
    assert found("intonation", published, intonation=contour).outcome == outcome


def test_an_unsure_shape_is_near_a_boundary() -> None:
    assert found("shape", "rising", intonation=Intonation(shape="level", confidence=0.7)).outcome == "near_boundary"


def test_the_value_behind_the_word_comes_along() -> None:
    finding = found("pitch", "low")
    assert (finding.measured, finding.value, finding.unit) == ("normal", 200.0, "Hz")


@pytest.mark.parametrize(
    ("field", "published", "groups", "why"),
    [
        ("pitch", "low", {"pitch": Pitch(reason="unvoiced")}, "unvoiced"),
        ("energy_dbfs", -20.0, {"energy": Energy(reason="silent")}, "silent"),
        ("rate", "slow", {"rate": Rate(reason="no_transcript")}, "no_transcript"),
        ("intonation", "rising", {"intonation": Intonation(reason="uncertain")}, "uncertain"),
        ("stress", ["never"], {"stress": Stress(reason="no_transcript")}, "no_transcript"),
    ],
)
def test_what_was_not_measured_says_why(field: str, published: Any, groups: dict[str, Any], why: str) -> None:
    finding = found(field, published, **groups)
    assert finding.outcome == "not_checkable"
    assert why in finding.reason
