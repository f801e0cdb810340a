"""Acceptance, error, formant shift and cost of pitch, speed and energy variants of real clips.

    python benchmarks/augment.py FOLDER [--clips 60] [--headroom 0] [--seed 0]

FOLDER holds sound files and `manifest.jsonl` (path, dataset). The clips are drawn evenly over the datasets. Formants
are compared by the spectral envelope (the check behind the acceptance), which WORLD itself also uses; with parselmouth
installed, Praat's Burg formants F1 to F3 stand beside it as a second opinion. Costs are CPU-seconds a second of audio.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker import audio
from emotionthinker.perception import augmenter, comparing, variants

CHANGES = (("pitch", 4.0), ("pitch", -4.0), ("speed", 1.25), ("speed", 0.8), ("energy", 6.0), ("energy", -6.0))
FIELDS = {"pitch": "pitch_st", "speed": "speed", "energy": "energy_db"}
UNITS = {"pitch": "st", "speed": "%", "energy": "dB"}


def chosen(folder: Path, clips: int, seed: int) -> list[dict[str, Any]]:
    """Rows of the manifest, the datasets taking turns."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    random.Random(seed).shuffle(rows)
    piles = defaultdict(list)
    for row in rows:
        piles[row.get("dataset")].append(row)
    longest = max(map(len, piles.values()))
    return [pile[rank] for rank in range(longest) for pile in piles.values() if rank < len(pile)][:clips]


def trial(path: Path, kind: str, value: float, headroom_db: float) -> dict[str, Any]:
    """One variant: whether accepted, its error, formant shifts, and CPU-seconds of making and of measuring."""
    samples, rate = augmenter.read(path, audio.SAMPLE_RATE, headroom_db, augmenter.MAX_SECONDS)
    asked = augmenter.change_of(kind, value)
    start = time.process_time()
    variants.apply(samples, rate, kind, asked)
    made = time.process_time() - start
    found = variants.make(samples, rate, kind, asked)
    whole = time.process_time() - start - made
    got, want = getattr(found.measured, FIELDS[kind]), getattr(asked, FIELDS[kind])
    return {
        "dataset": path.parts[-3],
        "accepted": found.accepted,
        "missed": [name for name in variants.ATTRIBUTES if any(f.startswith(name) for f in found.failures)],
        "error": abs(100 * (got / want - 1) if kind == "speed" else got - want),
        "measured": found.measured,
        "guard_db": found.guard_db,
        "burg": burg(audio.check(samples, rate), found.samples),
        "make": made,
        "measure": whole - made,
        "seconds": len(samples) / rate,
    }


def burg(original: Any, variant: Any) -> Any:
    """Median shift of F1, F2, F3 in semitones by Praat's Burg formants; nan without parselmouth."""
    try:
        import parselmouth
    except ImportError:
        return np.full(3, np.nan)
    rate = audio.SAMPLE_RATE
    voicing = comparing.voiced_in_both(original, variant, rate, comparing.warp(original, variant, rate))
    if len(voicing.before_s) < comparing.MIN_FRAMES:
        return np.full(3, np.nan)
    here, there = (
        np.array([[track.get_value_at_time(number, t) for number in (1, 2, 3)] for t in times])
        for track, times in (
            (parselmouth.Sound(original.astype(float), rate).to_formant_burg(0.01), voicing.before_s),
            (parselmouth.Sound(variant.astype(float), rate).to_formant_burg(0.01), voicing.after_s),
        )
    )
    return np.nanmedian(12 * np.log2(there / here), axis=0)


def row(name: str, kind: str, results: list[dict[str, Any]]) -> str:
    """One line of the table."""

    def median(values: list[float]) -> float:
        return float(np.nanmedian(values))

    seconds = sum(r["seconds"] for r in results)
    formants = [r["measured"].formants_st for r in results]
    burgs = "/".join(f"{median([r['burg'][k] for r in results]):+.2f}" for k in range(3))
    missed = Counter(name for r in results for name in r["missed"])
    return (
        f"| {name} | {sum(r['accepted'] for r in results)}/{len(results)} "
        f"| {median([r['error'] for r in results]):.3f} {UNITS[kind]} "
        f"| {median(formants):+.2f} (|.| p95 {np.nanpercentile(np.abs(formants), 95):.2f}) | {burgs} "
        f"| {sum(r['make'] for r in results) / seconds:.4f} | {sum(r['measure'] for r in results) / seconds:.4f} "
        f"| {', '.join(f'{k} {v}' for k, v in missed.items()) or '-'} |"
    )


def moved(kind: str, results: list[dict[str, Any]]) -> str:
    """How far the attributes moved that were not asked for."""
    away = {
        "pitch": [abs(r["measured"].pitch_st) for r in results],
        "speed": [100 * abs(r["measured"].speed - 1) for r in results],
        "energy": [abs(r["measured"].energy_db) for r in results],
    }
    return "; ".join(
        f"{name} {np.nanmedian(values):.3f}, {np.nanpercentile(values, 95):.3f} {UNITS[name]}"
        for name, values in away.items()
        if name != kind
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--headroom", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    clips = chosen(options.folder, options.clips, options.seed)
    for kind, value in CHANGES:  # imports and sessions are a cost of the process, not of a clip
        trial(options.folder / clips[0]["path"], kind, value, options.headroom)
    print(f"{len(clips)} clips ({dict(Counter(c['dataset'] for c in clips))}), headroom {options.headroom:g} dB\n")
    print("| change | accepted | median error | formants, st | Burg F1/F2/F3, st | make | measure | rejected for |")
    print("|---|---|---|---|---|---|---|---|")
    others = []
    for kind, value in CHANGES:
        results = [trial(options.folder / clip["path"], kind, value, options.headroom) for clip in clips]
        name = f"x{value:g}" if kind == "speed" else f"{value:+g} {UNITS[kind]}"
        print(row(f"{kind} {name}", kind, results), flush=True)
        others.append(f"{kind} {name}: {moved(kind, results)}")
    print("\nThe other attributes moved by (median, 95th percentile):", *others, sep="\n  ")


if __name__ == "__main__":
    main()
