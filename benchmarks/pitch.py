"""Gross pitch error and median error of the F0 tracker on clips with known F0.

    python benchmarks/pitch.py FOLDER [--backend swift]

FOLDER holds sound files and `truth.jsonl`: one object a clip with path, condition, hop_s and f0_hz (0 = unvoiced).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from emotionthinker import audio
from emotionthinker.prosody import pitch

GROSS = 0.20
TARGET_GPE, TARGET_MEDIAN = 1.0, 17.0


def errors(clip: dict, folder: Path, backend: str, repair: bool) -> tuple[int, int, bool]:
    """(gross errors, frames voiced in both, median off by more than a semitone) of one clip."""
    samples, rate = audio.load(folder / clip["path"])
    track = pitch.track(samples, rate, backend)
    if repair:
        track = pitch.repair_octaves(track)
    truth = np.asarray(clip["f0_hz"])
    nearest = np.rint(track.times_s / clip["hop_s"]).astype(int)
    inside = nearest < len(truth)
    found, known = track.f0_hz[inside], truth[nearest[inside]]
    both = (found > 0) & (known > 0)
    gross = np.abs(found[both] / known[both] - 1) > GROSS
    voiced = track.f0_hz[track.f0_hz > 0]
    off = not len(voiced) or abs(12 * np.log2(np.median(voiced) / np.median(truth[truth > 0]))) > 1
    return int(gross.sum()), int(both.sum()), bool(off)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backend", default="swift")
    options = parser.parse_args()
    clips = [json.loads(line) for line in (options.folder / "truth.jsonl").read_text().splitlines() if line]
    for repair in (False, True):
        groups: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
        for clip in clips:
            result = errors(clip, options.folder, options.backend, repair)
            for group in ("all", clip["condition"], f"contour {clip['contour']}"):
                groups[group].append(result)
        print(f"\n{options.backend}{' + octave repair' if repair else ''}: {len(clips)} clips")
        print(f"{'group':16} {'clips':>5} {'GPE %':>7} {'median off > 1 st %':>20}")
        for group, results in groups.items():
            gross, frames, off = np.sum(results, axis=0)
            print(f"{group:16} {len(results):5d} {100 * gross / frames:7.2f} {100 * off / len(results):20.1f}")
    print(f"\ntargets: GPE <= {TARGET_GPE} %, median off on <= {TARGET_MEDIAN:g} % of the clips")


if __name__ == "__main__":
    main()
