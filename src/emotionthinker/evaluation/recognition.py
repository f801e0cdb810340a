"""Recognition metrics over a fixed label set; an answer that names no emotion counts as wrong. NumPy only.

Names differ between communities: `accuracy` is WA or WAR, `unweighted_recall` is UA, UAR or balanced accuracy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotionthinker.emotions import EMOTIONS

NONE = "(none)"
"""The confusion matrix' last column: answers without a label."""

_REFUSALS = frozenset({"empty", "no_answer", "no_label", "negated"})


def confusion(
    gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str] = EMOTIONS
) -> NDArray[np.int64]:
    """Counts [labels, labels + 1]: rows gold, columns predicted, the last column for answers without a label.

    Raises `ValueError` for lengths that differ, for no clip at all, and for a gold or predicted label outside the set.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels but {len(predicted)} predictions; expected one each")
    if not gold:
        raise ValueError("no clips to score; check split and corpora")
    place: dict[str | None, int] = {label: number for number, label in enumerate(labels)}
    place[None] = len(labels)
    if strange := {label for label in (*gold, *predicted) if label not in place}:
        raise ValueError(f"labels {sorted(map(str, strange))} are not in the label set {tuple(labels)}")
    if None in gold:
        raise ValueError("a gold label is None; leave clips without one of the nine emotions out")
    counts = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    np.add.at(counts, ([place[g] for g in gold], [place[p] for p in predicted]), 1)
    return counts


def rates(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Recall, precision and F1 of each label of a confusion matrix; nan for a label without gold clips."""
    hits = np.diagonal(counts).astype(np.float64)
    support, answered = counts.sum(axis=1), counts[:, :-1].sum(axis=0)
    present = support > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(present, hits / support, np.nan)
        precision = np.where(present, np.where(answered > 0, hits / answered, 0.0), np.nan)
        f1 = np.where(present, 2 * hits / (support + answered), np.nan)
    return {"recall": recall, "precision": precision, "f1": f1}


def headline(counts: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy (WA), unweighted recall (UA), macro-F1 and weighted F1, each 0..1, over the labels with gold clips."""
    support = counts.sum(axis=1)
    by_label = rates(counts)
    f1 = np.nan_to_num(by_label["f1"])
    return {
        "accuracy": float(np.trace(counts) / support.sum()),
        "unweighted_recall": float(np.nanmean(by_label["recall"])),
        "macro_f1": float(np.nanmean(by_label["f1"])),
        "weighted_f1": float((f1 * support).sum() / support.sum()),
    }


def score(
    gold: Sequence[str],
    predicted: Sequence[str | None],
    reasons: Sequence[str] | None = None,
    labels: Sequence[str] = EMOTIONS,
) -> dict[str, Any]:
    """Everything about one set of answers: headline metrics, per class, confusion, parse rate and its bounds.

    `reasons` are those of `emotions.parse_answer`. `bounds` says what accuracy and unweighted recall would be with
    unparsed answers left out (`excluded`) or all right (`granted`); the headline counts them wrong.
    """
    counts = confusion(gold, predicted, labels)
    by_label = rates(counts)
    support = counts.sum(axis=1)
    present = [number for number in range(len(labels)) if support[number]]
    answered = [(g, p) for g, p in zip(gold, predicted, strict=True) if p is not None]
    granted = [g if p is None else p for g, p in zip(gold, predicted, strict=True)]
    outside = sum(int(counts[:, n].sum()) for n in range(len(labels)) if not support[n])
    return {
        "clips": len(gold),
        "classes": len(present),
        **headline(counts),
        "per_class": {
            labels[n]: {name: float(values[n]) for name, values in by_label.items()} | {"clips": int(support[n])}
            for n in present
        },
        "confusion": {"labels": list(labels), "columns": [*labels, NONE], "counts": counts.tolist()},
        "parse_rate": len(answered) / len(gold),
        "out_of_set_rate": outside / len(gold),
        **_reasons(reasons, len(gold)),
        "bounds": {
            "excluded": _pair(confusion([g for g, _ in answered], [p for _, p in answered], labels))
            if answered
            else None,
            "granted": _pair(confusion(gold, granted, labels)),
        },
    }


def _pair(counts: NDArray[np.int64]) -> dict[str, float]:
    return {name: value for name, value in headline(counts).items() if name in ("accuracy", "unweighted_recall")}


def _reasons(reasons: Sequence[str] | None, total: int) -> dict[str, Any]:
    """Where labels were found or why not, and the share of answers that name no emotion at all."""
    if reasons is None:
        return {}
    counts = Counter(reasons)
    return {"refusal_rate": sum(counts[r] for r in _REFUSALS) / total, "parse_reasons": dict(sorted(counts.items()))}


def calibration(
    gold: Sequence[str], probabilities: Sequence[Mapping[str, float]], bins: int = 15
) -> dict[str, float | int]:
    """How far the probabilities can be believed: ECE (equal-width bins on the top one), Brier score, log loss.

    Each mapping gives label -> probability (0..1, they sum to 1). Raises `ValueError` otherwise.
    """
    if len(gold) != len(probabilities) or not gold:
        raise ValueError(f"{len(gold)} gold labels, {len(probabilities)} probability tables; expected one each")
    for table in probabilities:
        if abs(sum(table.values()) - 1) > 1e-3 or min(table.values()) < -1e-9:
            raise ValueError(f"probabilities {dict(table)} do not sum to 1")
    top = [max(table, key=lambda label: table[label]) for table in probabilities]
    sure = np.array([table[label] for table, label in zip(probabilities, top, strict=True)])
    right = np.array([a == b for a, b in zip(top, gold, strict=True)], dtype=np.float64)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(right[place == b].mean() - sure[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    own = np.array([table.get(label, 0.0) for table, label in zip(probabilities, gold, strict=True)])
    squares = np.array([sum(p * p for p in table.values()) for table in probabilities])
    return {
        "ece": float(sum(gaps)),
        "brier": float(np.mean(squares - 2 * own + 1)),
        "log_loss": float(-np.log(np.maximum(own, 1e-12)).mean()),
        "top_accuracy": float(right.mean()),
        "bins": bins,
    }
