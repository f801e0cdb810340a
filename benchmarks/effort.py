"""How well energy measures tell strong from normal speech, as recorded and with the gain of each clip drawn anew.

    python benchmarks/effort.py FOLDER [--clips 240] [--seed 0]

FOLDER holds manifest.jsonl; its clips with an `intensity` (strong, normal) count. The figure is the area under the ROC
curve, 0.5 is chance; once over all clips, once with each speaker's mean taken off.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

from emotionthinker import audio
from emotionthinker.prosody import activity, energy, pitch

MEASURES = ("active_dbfs", "loudness_lufs", "alpha_ratio_db")
GAINS_DB = -20.0, 0.0


def auc(values: np.ndarray, strong: np.ndarray) -> float:
    return float(mannwhitneyu(values[strong], values[~strong]).statistic / (strong.sum() * (~strong).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = [json.loads(line) for line in (options.folder / "manifest.jsonl").read_text("utf-8").splitlines() if line]
    rows = [row for row in rows if row.get("intensity") in ("strong", "normal")]
    chosen = [rows[number] for number in rng.permutation(len(rows))[: options.clips]]
    found: dict[str, list[list[float]]] = defaultdict(list)
    for row in chosen:
        samples, rate = audio.load(options.folder / row["path"])
        for name, gain in (("as recorded", 0.0), ("random gain", rng.uniform(*GAINS_DB))):
            changed = np.asarray(samples * 10 ** (gain / 20), np.float32)
            speech = activity.speech_mask(changed, rate)
            voiced = pitch.at_frames(pitch.track(changed, rate), len(speech)) > 0
            measured = energy.measure(changed, rate, speech, voiced)
            found[name].append([np.nan if (v := getattr(measured, m)) is None else v for m in MEASURES])
    strong = np.array([row["intensity"] == "strong" for row in chosen])
    speakers = np.array([row["speaker"] for row in chosen])
    print(f"{len(chosen)} clips, {strong.sum()} strong, {len(set(speakers))} speakers, seed {options.seed}")
    print(f"{'':14}" + "".join(f"{m:>16}{'by speaker':>12}" for m in MEASURES))
    for name, values in found.items():
        line = f"{name:14}"
        for column in np.array(values).T:
            known = ~np.isnan(column)
            centred = column - np.array([np.nanmean(column[speakers == speaker]) for speaker in speakers])
            line += f"{auc(column[known], strong[known]):16.3f}{auc(centred[known], strong[known]):12.3f}"
        print(line)


if __name__ == "__main__":
    main()
