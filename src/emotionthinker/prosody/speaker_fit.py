"""Fits the gender fallback: `python -m emotionthinker.prosody.speaker_fit MANIFEST --test-on ravdess`.

Trains on the speakers of the training split only, on none of a corpus that is kept for testing (RAVDESS: its terms are
non-commercial, and what is fitted on it would inherit them), chooses the regularisation and the abstention
threshold by cross-validation over speakers, and reports accuracy and abstention on the speakers that were held out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emotionthinker import audio, runs
from emotionthinker.corpora import manifest
from emotionthinker.corpora.splits import is_held_out
from emotionthinker.errors import AudioError, RecordError
from emotionthinker.prosody import activity, pitch, speaker
from emotionthinker.records import GENDERS, Utterance

Floats = npt.NDArray[np.float64]

TARGET = 0.98
"""Accuracy of the answers given that the abstention threshold aims at, on speakers not trained on."""
_FOLDS = 6
_STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)


class Table(NamedTuple):
    """One row a clip: features [n, d], female 0/1 [n], speaker [n], dataset [n], held out [n]."""

    x: Floats
    female: npt.NDArray[np.int64]
    speakers: npt.NDArray[np.str_]
    datasets: npt.NDArray[np.str_]
    held_out: npt.NDArray[np.bool_]


def extract(source: Path) -> Table:
    """Features of every clip of a manifest that names gender and speaker. Raises `RecordError` when there is none."""
    rows, facts = [], []
    for item in manifest.utterances([source]):
        if not isinstance(item, Utterance) or item.gender not in GENDERS or item.speaker is None or item.audio is None:
            continue
        try:
            samples, rate = audio.load(item.audio)
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        vector = speaker.features(samples, rate, pitch.track(samples, rate), activity.speech_mask(samples, rate))
        if vector is not None:
            rows.append(vector)
            facts.append((item.gender == "female", item.speaker, item.dataset or "", is_held_out(item.split)))
    if not rows:
        raise RecordError(f"{source}: no voiced clip with gender and speaker; both are needed to fit")
    female, speakers, datasets, held_out = zip(*facts, strict=True)
    return Table(np.stack(rows), np.array(female, int), np.array(speakers), np.array(datasets), np.array(held_out))


def tested_on(table: Table, datasets: Sequence[str]) -> Table:
    """The table with every clip of `datasets` held out. Raises `RecordError` for one that it has no clip of."""
    if absent := sorted(set(datasets) - set(table.datasets.tolist())):
        known = ", ".join(sorted(set(table.datasets.tolist())))
        raise RecordError(f"--test-on {', '.join(absent)}: no such dataset in the manifest; expected some of {known}")
    return table._replace(held_out=table.held_out | np.isin(table.datasets, list(datasets)))


def fit(table: Table) -> dict[str, Any]:
    """Coefficients, abstention threshold and report, ready for JSON."""
    train = ~table.held_out
    chances = {strength: _out_of_fold(table, train, strength) for strength in _STRENGTHS}
    truth = table.female[train]
    losses = {s: float(-np.log(np.where(truth, p, 1 - p) + 1e-9).mean()) for s, p in chances.items()}
    strength = min(losses, key=lambda s: losses[s])
    threshold = _threshold(chances[strength], truth)
    pipeline = _pipeline(strength).fit(table.x[train], truth, logisticregression__sample_weight=_weights(table, train))
    scaler, model = pipeline[0], pipeline[1]
    report = {"cross-validation over training speakers": _score(chances[strength], truth, threshold)}
    if table.held_out.any():
        held = pipeline.predict_proba(table.x[table.held_out])[:, 1]
        report["held-out speakers"] = _score(held, table.female[table.held_out], threshold)
    for dataset in np.unique(table.datasets[train]):
        inside = train & (table.datasets == dataset)
        if 0 < inside.sum() < train.sum() and len(np.unique(table.female[train & ~inside])) == 2:
            other = _pipeline(strength).fit(table.x[train & ~inside], table.female[train & ~inside])
            chance = other.predict_proba(table.x[inside])[:, 1]
            report[f"{dataset}, trained on the other corpora"] = _score(chance, table.female[inside], threshold)
    return {
        "features": list(speaker.FEATURES),
        "mean": [round(float(v), 6) for v in scaler.mean_],
        "scale": [round(float(v), 6) for v in scaler.scale_],
        "weights": [round(float(v), 6) for v in model.coef_[0]],
        "bias": round(float(model.intercept_[0]), 6),
        "abstain_below": threshold,
        "about": {
            "train_clips": int(train.sum()),
            "train_speakers": len(np.unique(table.speakers[train])),
            "held_out_speakers": sorted(set(table.speakers[table.held_out].tolist())),
            "datasets": {str(d): int((table.datasets[train] == d).sum()) for d in np.unique(table.datasets[train])},
            "C": strength,
            "report": report,
        },
    }


def _pipeline(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))


def _weights(table: Table, rows: npt.NDArray[np.bool_]) -> Floats:
    """Every speaker counts the same, however many clips there are of them."""
    names, place, counts = np.unique(table.speakers[rows], return_inverse=True, return_counts=True)
    return np.asarray(rows.sum() / len(names) / counts[place])


def _out_of_fold(table: Table, train: npt.NDArray[np.bool_], strength: float) -> Floats:
    from sklearn.model_selection import GroupKFold

    x, y, groups, weights = table.x[train], table.female[train], table.speakers[train], _weights(table, train)
    chance = np.zeros(len(y))
    for inner, outer in GroupKFold(min(_FOLDS, len(np.unique(groups)))).split(x, y, groups):
        pipeline = _pipeline(strength).fit(x[inner], y[inner], logisticregression__sample_weight=weights[inner])
        chance[outer] = pipeline.predict_proba(x[outer])[:, 1]
    return chance


def _threshold(chance: Floats, truth: npt.NDArray[np.int64]) -> float:
    """The lowest confidence from which answers reach the target accuracy; 0.95 when none does."""
    confidence = np.maximum(chance, 1 - chance)
    right = (chance >= 0.5) == truth
    for threshold in np.arange(0.5, 0.96, 0.01):
        if right[confidence >= threshold].mean() >= TARGET:
            return round(float(threshold), 2)
    return 0.95


def _score(chance: Floats, truth: npt.NDArray[np.int64], threshold: float) -> dict[str, float]:
    confidence = np.maximum(chance, 1 - chance)
    right, answered = (chance >= 0.5) == truth, confidence >= threshold
    return {
        "clips": len(truth),
        "accuracy_of_all": round(float(right.mean()), 4),
        "abstained": round(float(1 - answered.mean()), 4),
        "accuracy_of_answered": round(float(right[answered].mean()), 4) if answered.any() else 0.0,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--test-on", action="append", default=[], metavar="DATASET", help="train on none of its clips")
    parser.add_argument("--out", type=Path, default=Path("gender.json"))
    arguments = parser.parse_args()
    model = fit(tested_on(extract(arguments.manifest), arguments.test_on))
    kept = "".join(f" --test-on {name}" for name in arguments.test_on)
    model["about"]["command"] = f"python -m emotionthinker.prosody.speaker_fit MANIFEST{kept} --out gender.json"
    runs.write_json(arguments.out, model)
    for name, scores in model["about"]["report"].items():
        print(f"{name:45s} {scores}")
    print(f"abstains below {model['abstain_below']}; written to {arguments.out}")


if __name__ == "__main__":
    main()
