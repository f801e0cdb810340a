"""The shipped nano model on the shipped clips: the path a stranger takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotionthinker.emotions import EMOTIONS

CLIPS = sorted((Path(__file__).parents[1] / "examples").glob("*.flac"))
KEYS = ["audio", "duration_s", "emotion", "probabilities", "think", "answer", "raw", "prosody", "claims", "model"]


@pytest.mark.weights
def test_a_clip_is_explained() -> None:
    from emotionthinker import explain
    from emotionthinker.explaining import to_json
    from emotionthinker.models import nano, weights
    from emotionthinker.models.loading import SHIPPED

    if not (weights.home() / nano.FORMAT).is_dir():
        pytest.skip("the pretrained nano parts are not in the cache: run `emotionthinker weights`")
    assert SHIPPED.is_file()
    found = explain(CLIPS[0])
    assert list(to_json(found)) == KEYS
    assert found.emotion in EMOTIONS
    assert found.raw.startswith("<think>")
    assert found.claims
    assert {claim.verdict for claim in found.claims} <= {"supported", "contradicted", "not_checkable"}
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert found.model == "nano"
