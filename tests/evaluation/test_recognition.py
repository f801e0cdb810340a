from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.emotions import EMOTIONS
from emotionthinker.evaluation.recognition import NONE, calibration, confusion, headline, score

pairs = st.lists(st.tuples(st.sampled_from(EMOTIONS), st.sampled_from((*EMOTIONS, None))), min_size=1, max_size=60)


def test_a_table_worked_by_hand() -> None:
    gold = ["Happy"] * 4 + ["Sad"] * 2
    predicted = ["Happy", "Happy", "Sad", None, "Sad", "Fear"]
    found = score(gold, predicted)
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["unweighted_recall"] == pytest.approx((2 / 4 + 1 / 2) / 2)
    happy, sad = 2 * 2 / (4 + 2), 2 * 1 / (2 + 2)
    assert found["macro_f1"] == pytest.approx((happy + sad) / 2)
    assert found["weighted_f1"] == pytest.approx((4 * happy + 2 * sad) / 6)
    assert found["per_class"]["Happy"] == {"recall": 0.5, "precision": 1.0, "f1": pytest.approx(happy), "clips": 4}
    assert set(found["per_class"]) == {"Happy", "Sad"}
    assert found["parse_rate"] == pytest.approx(5 / 6)
    assert found["out_of_set_rate"] == pytest.approx(1 / 6)
    assert found["bounds"]["excluded"]["accuracy"] == pytest.approx(3 / 5)
    assert found["bounds"]["granted"]["accuracy"] == pytest.approx(4 / 6)
    counts = np.array(found["confusion"]["counts"])
    assert found["confusion"]["columns"][-1] == NONE
    assert counts[EMOTIONS.index("Happy"), -1] == 1
    assert counts.sum() == 6


@settings(deadline=None)
@given(pairs)
def test_agrees_with_scikit_learn_on_the_present_classes(answers: list[tuple[str, str | None]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    gold = [g for g, _ in answers]
    given_labels = [p or NONE for _, p in answers]
    present = sorted(set(gold))
    mine = headline(confusion(gold, [p for _, p in answers]))
    assert mine["accuracy"] == pytest.approx(metrics.accuracy_score(gold, given_labels))
    recall = metrics.recall_score(gold, given_labels, labels=present, average="macro", zero_division=0)
    assert mine["unweighted_recall"] == pytest.approx(recall)
    for average, name in (("macro", "macro_f1"), ("weighted", "weighted_f1")):
        f1 = metrics.f1_score(gold, given_labels, labels=present, average=average, zero_division=0)
        assert mine[name] == pytest.approx(f1)


@settings(deadline=None)
@given(pairs)
def test_bounds_enclose_the_headline(answers: list[tuple[str, str | None]]) -> None:
    gold, given_labels = [g for g, _ in answers], [p for _, p in answers]
    found = score(gold, given_labels)
    for name in ("accuracy", "unweighted_recall"):
        assert 0 <= found[name] <= found["bounds"]["granted"][name] <= 1
    if found["bounds"]["excluded"]:
        assert found["accuracy"] <= found["bounds"]["excluded"]["accuracy"]
    assert (found["bounds"]["excluded"] is None) == (found["parse_rate"] == 0)


def test_guessing_the_majority_is_no_better_than_chance_in_unweighted_recall() -> None:
    gold = ["Neutral"] * 90 + ["Fear"] * 10
    found = score(gold, ["Neutral"] * 100)
    assert (found["accuracy"], found["unweighted_recall"]) == (0.9, 0.5)


def test_refusals_are_told_from_disagreement() -> None:
    reasons = ["tag", "several_labels", "no_label", "empty"]
    found = score(["Sad"] * 4, ["Sad", None, None, None], reasons)
    assert found["refusal_rate"] == 0.5
    assert found["parse_reasons"]["several_labels"] == 1


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="2 gold labels but 1 predictions"):
        confusion(["Sad", "Sad"], ["Sad"])
    with pytest.raises(ValueError, match="boredom"):
        confusion(["boredom"], ["Sad"])
    with pytest.raises(ValueError, match="no clips"):
        confusion([], [])
    with pytest.raises(ValueError, match="gold label is None"):
        confusion([None], ["Sad"])  # type: ignore[list-item]


def test_calibration_of_honest_and_boasting_probabilities() -> None:
    rng = np.random.default_rng(0)
    gold, honest, boasting = [], [], []
    for _ in range(4000):
        p = rng.uniform(0.5, 1.0)
        gold.append("Sad" if rng.random() < p else "Happy")
        honest.append({"Sad": p, "Happy": 1 - p})
        boasting.append({"Sad": 0.999, "Happy": 0.001})
    assert calibration(gold, honest)["ece"] < 0.03
    assert calibration(gold, boasting)["ece"] == pytest.approx(0.25, abs=0.03)
    assert calibration(gold, honest)["brier"] < calibration(gold, boasting)["brier"]


def test_perfect_probabilities_cost_nothing() -> None:
    found = calibration(["Sad", "Happy"], [{"Sad": 1.0, "Happy": 0.0}, {"Sad": 0.0, "Happy": 1.0}])
    assert (found["ece"], found["brier"], found["top_accuracy"]) == (0, 0, 1)
    assert found["log_loss"] == pytest.approx(0)
    with pytest.raises(ValueError, match="do not sum to 1"):
        calibration(["Sad"], [{"Sad": 0.7, "Happy": 0.7}])
