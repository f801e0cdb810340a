"""Gender of speakers nobody trained on: clip by clip, and pooled over the clips of each speaker.

    python benchmarks/speaker.py MANIFEST [--cache features.npz]

Two kinds of strangers: the speakers held out of the shipped fit, and for each corpus a fit (its regularisation and its
abstention threshold too) on the other corpora alone. Every corpus needs both genders and 10 speakers to be left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody import speaker, speaker_fit

LEAST_SPEAKERS = 10


def table(manifest: Path, cache: Path | None) -> speaker_fit.Table:
    """Features of every clip whose speaker and gender are known, from the cache where there is one."""
    if cache is not None and cache.exists():
        return speaker_fit.Table(**np.load(cache))
    found = speaker_fit.extract(manifest)
    if cache is not None:
        np.savez(cache, **found._asdict())
    return found


def part(of: speaker_fit.Table, rows: npt.NDArray[np.bool_]) -> speaker_fit.Table:
    return speaker_fit.Table(*(column[rows] for column in of))


def show(name: str, strangers: speaker_fit.Table, model: dict) -> None:
    """One line for clips, one for speakers: right of all, abstained, right of those answered."""
    shares = np.array([speaker.probability_female(x, model) for x in strangers.x])
    names = np.unique(strangers.speakers)
    pooled = np.array([np.median(shares[strangers.speakers == who]) for who in names])
    truth = np.array([strangers.female[strangers.speakers == who][0] for who in names])
    for unit, chance, true in (("clips", shares, strangers.female), ("speakers", pooled, truth)):
        sure, right = np.maximum(chance, 1 - chance) >= model["abstain_below"], (chance >= 0.5) == true
        print(
            f"{name:38} {len(true):5} {unit:9} {100 * right.mean():6.1f} {100 * (1 - sure.mean()):10.1f}"
            f" {100 * right[sure].mean():10.1f} {int((sure & ~right).sum()):6}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    clips = table(options.manifest, options.cache)
    print(f"{'strangers':38} {'n':>5} {'':9} {'right %':>6} {'abstained %':>10} {'of answered':>10} {'wrong':>6}")
    shipped = speaker._model()
    held_out = np.isin(clips.speakers, shipped["about"]["held_out_speakers"])
    show("shipped fit, all held-out speakers", part(clips, held_out), shipped)
    for dataset in np.unique(clips.datasets):
        inside = clips.datasets == dataset
        if (held_out & inside).any():
            show(f"shipped fit, held out of {dataset}", part(clips, held_out & inside), shipped)
    for dataset in np.unique(clips.datasets):
        inside = clips.datasets == dataset
        if len(np.unique(clips.speakers[inside])) >= LEAST_SPEAKERS:
            others = part(clips, ~inside)._replace(held_out=np.zeros(int((~inside).sum()), bool))
            model = speaker_fit.fit(others)
            show(f"{dataset}, fit on the other corpora", part(clips, inside), model)


if __name__ == "__main__":
    main()
