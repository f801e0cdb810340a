from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.errors import RecipeError
from emotionthinker.evaluation import reference
from emotionthinker.evaluation.evaluate import EvaluateRecipe
from emotionthinker.evaluation.evaluate import run as evaluate
from emotionthinker.evaluation.reference import ReferenceRecipe, run

from .conftest import FakeThinker

pytest.importorskip("sklearn")


def encode(samples: np.ndarray) -> np.ndarray:
    """Three blocks; only the second knows the emotion (it lies in the first sample)."""
    rng = np.random.default_rng(abs(int(samples[0] * 1e6)))
    states = rng.normal(0, 0.1, (3, 2, 4)).astype(np.float32)
    states[0] = states[2] = 0
    states[1, 0, round(float(samples[0]) * 8)] += 1
    return states


def recipe(records: Path, **changes: object) -> ReferenceRecipe:
    base = {"records": records, "layers": [2], "strengths": [0.1, 1.0], "folds": 3, "draws": 100}
    return ReferenceRecipe.model_validate({**base, **changes})


def test_the_probe_learns_what_the_layer_holds(records: Path, tmp_path: Path) -> None:
    probe = run(recipe(records), tmp_path, encoder=encode)["probes"]["all corpora"]
    assert probe["train_clips"] == 12
    assert {name: found["unweighted_recall"] for name, found in probe["by_corpus"].items()} == {"alpha": 1, "beta": 1}
    assert set(probe["fold_unweighted_recall"]) == {"0.1", "1"}
    deaf = run(recipe(records, layers=[1]), tmp_path, encoder=encode)["probes"]["all corpora"]
    assert deaf["by_corpus"]["alpha"]["unweighted_recall"] <= 0.5


def test_classes_of_other_corpora_only_cannot_be_found(records: Path, tmp_path: Path) -> None:
    probes = run(recipe(records, trainings={"alpha": ["alpha"]}), tmp_path, encoder=encode)["probes"]
    assert probes["alpha"]["trained_on"] == ["alpha"]
    assert probes["alpha"]["by_corpus"]["beta"]["unweighted_recall"] == 0  # its classes were never seen


def test_features_are_kept_and_a_finished_run_is_not_repeated(records: Path, tmp_path: Path) -> None:
    calls = []

    def dies(samples: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return encode(samples)

    with pytest.raises(KeyboardInterrupt):
        run(recipe(records), tmp_path, encoder=dies)
    first = run(recipe(records), tmp_path, encoder=dies)
    assert len(calls) == 28 + 1
    assert run(recipe(records), tmp_path, encoder=dies) == first
    assert len(calls) == 29


def test_the_probe_stands_beside_the_model(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "whisper_encoder", lambda: encode)
    beside = EvaluateRecipe(records=records, draws=100, reference=recipe(records, trainings={"both": None}))
    metrics = evaluate(beside, tmp_path, thinker=FakeThinker())
    assert metrics["reference"]["both"]["by_corpus"]["beta"]["unweighted_recall"] == 1
    assert "| beta | encoder probe, both |" in (tmp_path / "report.md").read_text()


def test_wrong_splits_are_named(records: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(records.read_text().replace('"test_3"', '"train_0"'))
    with pytest.raises(RecipeError, match="train_0"):
        run(recipe(mixed), tmp_path / "a", encoder=encode)
    with pytest.raises(RecipeError, match="corpora \\['gamma'\\]"):
        run(recipe(records, trainings={"g": ["gamma"]}), tmp_path / "b", encoder=encode)


@pytest.mark.weights
def test_the_encoder_hears() -> None:
    from emotionthinker.models import nano, weights

    if not (weights.home(None) / nano.FORMAT).is_dir():
        pytest.skip("the nano parts are not in the cache; `emotionthinker weights` fetches them")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    hear = reference.whisper_encoder()
    t = np.arange(8000) / 16000
    low, high = (np.sin(2 * np.pi * f * t).astype(np.float32) * 0.3 for f in (150, 600))
    a, b, again = hear(low), hear(high), hear(low)
    assert a.shape == (6, 2, 512)
    assert np.isfinite(a).all()
    np.testing.assert_array_equal(a, again)
    assert np.abs(a - b).mean() > 0.01


def test_a_clip_that_cannot_be_heard_is_left_out_and_told(records: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    rows[0]["audio"] = str(tmp_path / "gone.wav")
    broken = tmp_path / "records.jsonl"
    broken.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run(recipe(broken), tmp_path / "out", encoder=encode)
    assert list(result["failed"]) == [rows[0]["id"]]
    assert result["failed"][rows[0]["id"]].startswith("missing")
