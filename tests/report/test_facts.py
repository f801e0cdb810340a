from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.records import Claim, Energy, Explanation, Pitch, Prosody
from emotionthinker.report import facts

Make = Callable[..., Explanation]


def claim(start: int | None, end: int | None, text: str = "x") -> Claim:
    return Claim(text=text, feature="pitch", claimed="low", verdict="supported", start=start, end=end)


@given(
    st.text(max_size=40),
    st.lists(
        st.tuples(st.integers(-3, 45) | st.none(), st.integers(-3, 45) | st.none(), st.text(max_size=3)), max_size=6
    ),
)
def test_segments_put_together_are_the_reasoning_and_each_claim_marks_at_most_once(think, spans):
    cut = facts.segments(think, [claim(*span) for span in spans])
    assert "".join(segment.text for segment in cut) == think
    marked = [index for segment in cut for index in segment.claims]
    assert len(marked) == len(set(marked))
    assert all(segment.text for segment in cut)


def test_claims_that_overlap_share_a_segment():
    cut = facts.segments("speaks very softly today", [claim(0, 18), claim(12, 24)])
    assert cut == [facts.Segment("speaks very softly today", (0, 1))]


def test_a_claim_without_offsets_is_found_by_its_text():
    assert facts.segments("the pitch is low", [claim(None, None, "pitch")])[1] == facts.Segment("pitch", (0,))
    assert facts.segments("the pitch is low", [claim(None, None, "absent")]) == [facts.Segment("the pitch is low")]


def test_one_contradiction_outweighs_all():
    assert facts.gravest(["not_checkable", "supported", "contradicted"]) == "contradicted"
    assert facts.gravest(["not_checkable", "supported"]) == "supported"


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0 %"), (0.004, "<1 %"), (0.006, "1 %"), (0.715, "72 %"), (1.0, "100 %")]
)
def test_percent(share, shown):
    assert facts.percent(share) == shown


def test_rows_hold_word_measurement_and_nearness(explanation: Make):
    table = {(row.group, row.name): row for row in facts.rows(explanation().prosody)}
    assert table["Pitch", "level"] == facts.Row("Pitch", "level", "high", "243 Hz", "close to normal")
    assert table["Pitch", "contour"].value == "+3.2 semitones, start to end"
    assert table["Energy", "level"].value == "−18.0 dBFS"
    assert table["Stress", "words"].word == "won"
    assert table["Speaker", "gender"].note == "median F0"


def test_rows_of_nothing_say_why():
    silent = Prosody(duration_s=1.0, pitch=Pitch(reason="silent"), energy=Energy(reason="silent"))
    notes = {row.note for row in facts.rows(silent) if not row.word}
    assert "no speech heard" in notes
    assert all(not row.value for row in facts.rows(silent))


def test_an_unknown_reason_is_shown_readably():
    assert facts.reason("no_model_for_it") == "no model for it"
    assert facts.reason(None) == ""


def test_tally(explanation: Make):
    whole = explanation()
    assert facts.tally(whole.claims).startswith("1 of 2 checked claims agree")
    assert "1 cannot be checked" in facts.tally(whole.claims)
    assert facts.tally(whole.claims[2:]) == "The one acoustic claim cannot be checked."
    assert facts.tally([]) == "The reasoning makes no acoustic claim."


def test_method_notes_name_what_stood_behind_the_numbers(explanation: Make):
    notes = dict(facts.methods(explanation()))
    assert "reference" in notes["Levels"]
    assert "whisper-base" in notes["Transcript"]
    assert "median F0" in notes["Gender"]
    assert "alignment" in notes["Rate"]
    bare = dict(facts.methods(explanation(prosody=Prosody(duration_s=1.0))))
    assert "no calibration" in bare["Levels"]
    assert "not decided" in bare["Gender"]
