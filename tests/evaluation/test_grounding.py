from __future__ import annotations

import pytest

from emotionthinker.evaluation.grounding import ASPECTS, claim_metrics, completeness, measured_aspects
from emotionthinker.reasoning.claims import check
from emotionthinker.records import Claim, Prosody

from .conftest import prosody


def claim(feature: str, verdict: str) -> Claim:
    return Claim.model_validate({"text": "t", "feature": feature, "claimed": "c", "verdict": verdict})


def test_precision_counts_checkable_claims_only() -> None:
    claims = [
        [claim("pitch", "supported"), claim("energy", "contradicted"), claim("age", "not_checkable")],
        [claim("pitch", "supported"), claim("pitch", "supported")],
    ]
    found = claim_metrics(claims, [prosody(), prosody()])
    assert found["precision"] == pytest.approx(3 / 4)
    assert found["precision_of_clips"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["clean"] == 0.5
    assert found["claims_per_clip"] == 2.5
    assert found["by_feature"]["pitch"] == {"supported": 3, "contradicted": 0, "not_checkable": 0}
    # measured are pitch, energy, speaker and words: three, then one of them are spoken of
    assert found["completeness"] == pytest.approx((3 / 4 + 1 / 4) / 2)


def test_only_measured_aspects_can_be_missed() -> None:
    assert measured_aspects(prosody()) == {"pitch", "energy", "speaker", "words"}
    assert completeness([], prosody()) == 0
    assert completeness([claim("stress", "supported")], prosody()) == 0
    assert completeness([], Prosody(duration_s=0.1)) is None


def test_nothing_claimed_has_no_precision() -> None:
    found = claim_metrics([[]], [prosody()])
    assert (found["precision"], found["precision_of_clips"], found["clean"]) == (None, None, 1.0)
    with pytest.raises(ValueError, match="1 lists of claims but 0"):
        claim_metrics([[]], [])


def test_aspects_cover_what_the_reader_of_claims_finds() -> None:
    think = 'The pitch is high and the energy is low. A woman says "kids are talking".'
    features = {found.feature for found in check(think, prosody())}
    assert {"pitch", "energy", "gender", "quote"} <= features
    assert features <= set().union(*ASPECTS.values())
