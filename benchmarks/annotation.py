"""Ours against what others measure pitch, energy and rate with, in one go on the same clips; prints a Markdown table.

    python benchmarks/annotation.py F0_TRUTH SPEECH [--clips 60] [--f0-clips 0] [--seed 0]

F0_TRUTH holds sound files and `truth.jsonl` (path, hop_s, f0_hz; 0 = unvoiced); SPEECH holds sound files and
`manifest.jsonl` (path, dataset, transcript, language). Peers that are not installed are listed with how to get them:
`pip install 'emotionthinker[compare]'` brings all (one is GPL, one not for commercial use).

Cost: CPU-seconds a second of audio from file to numbers, one thread. Gross pitch error: frames voiced in both that are
over 20 % off. Median off: clips whose median F0 is over a semitone off. Label changes: share of the clips whose label
(low, normal, high; cuts fitted for each method on the untouched clips) is another after 1 s of digital silence was put
on either side, after a gain of -6 dB, and in a stereo file of twice the same sound.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import peers
from augment import chosen
from emotionthinker import audio
from emotionthinker.prosody import pitch
from peers import Heard, Method

GROSS = 0.20
ALTERATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda x: x,
    "silence": lambda x: np.pad(x, audio.SAMPLE_RATE),
    "-6 dB": lambda x: x * np.float32(10 ** (-6 / 20)),
    "stereo": lambda x: np.stack([x, x], axis=1),
}
PLAIN = "as it is"
FEATURES = ("pitch", "energy", "rate")


def methods() -> tuple[list[Method], list[tuple[str, str]]]:
    """The methods that can run, and (name, pip line) of those that cannot."""
    found, missing = [peers.ours(backend) for backend in sorted(pitch.BACKENDS, reverse=True)], []
    for name, make, module in peers.PEERS:
        try:
            found.append(make())
        except ImportError:
            missing.append((name, peers.PIP[module]))
    return found, missing


def prepare(speech: Path, clips: int, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Every alteration of the chosen clips as 16 kHz, 16-bit WAV in `folder`; returns rows with `files`."""
    rows = chosen(speech, clips, seed)
    for number, row in enumerate(rows):
        samples, rate = audio.load(speech / row["path"])
        row["files"] = {}
        for place, (name, alter) in enumerate(ALTERATIONS.items()):
            path = folder / f"{number}_{place}.wav"
            soundfile.write(path, alter(samples), rate, subtype="PCM_16")
            row["files"][name] = path
        row["seconds"] = len(samples) / rate
    return rows


def pitch_errors(method: Method, folder: Path, truth: list[dict[str, Any]]) -> tuple[float, float]:
    """(gross pitch error in %, share of clips in % whose median F0 is over a semitone off)."""
    gross = both = off = 0
    for clip in truth:
        heard = (method.track or method.hear)(folder / clip["path"])
        known = np.asarray(clip["f0_hz"])
        nearest = np.rint(heard.times_s / clip["hop_s"]).astype(int)
        inside = nearest < len(known)
        f0, true = heard.f0_hz[inside], known[nearest[inside]]
        shared = (f0 > 0) & (true > 0)
        gross += int((np.abs(f0[shared] / true[shared] - 1) > GROSS).sum())
        both += int(shared.sum())
        voiced = heard.f0_hz[heard.f0_hz > 0]
        off += not len(voiced) or abs(12 * np.log2(np.median(voiced) / np.median(known[known > 0]))) > 1
    return 100 * gross / max(both, 1), 100 * off / max(len(truth), 1)


def values(
    method: Method, rows: list[dict[str, Any]]
) -> tuple[dict[tuple[str, str], list[float | None]], float, float]:
    """(values by (alteration, feature) in the order of the clips, CPU-seconds of hearing, of pace, both untouched)."""
    method.pace(method.hear(rows[0]["files"][PLAIN]), rows[0].get("transcript"), rows[0].get("language"))  # imports
    found: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    spent = [0.0, 0.0]
    for row in rows:
        for name, path in row["files"].items():
            start = time.process_time()
            heard: Heard = method.hear(path)
            middle = time.process_time()
            pace = method.pace(heard, row.get("transcript"), row.get("language"))
            if name == PLAIN:
                spent[0] += middle - start
                spent[1] += time.process_time() - middle
            for feature, value in zip(FEATURES, (heard.pitch_hz, heard.energy, pace), strict=True):
                found[name, feature].append(value)
    return found, *spent


def cuts(known: list[float], bins: str) -> tuple[float, float]:
    """Two cuts: tertiles, or the edges of three bins of equal width."""
    if bins == "tertiles":
        low, high = np.percentile(known, [100 / 3, 200 / 3])
    else:
        _, low, high, _ = np.linspace(min(known), max(known), 4)
    return float(low), float(high)


def changed(before: list[float | None], after: list[float | None], bins: str) -> float | None:
    """Share in % of the clips with a label before that have another, or none, after; None without any label."""
    known = [value for value in before if value is not None]
    if not known:
        return None
    low, high = cuts(known, bins)

    def label(value: float | None) -> str:
        return "none" if value is None else "low" if value < low else "high" if value > high else "normal"

    pairs = [(label(a), label(b)) for a, b in zip(before, after, strict=True) if a is not None]
    return 100 * sum(a != b for a, b in pairs) / len(pairs)


def line(method: Method, rows: list[dict[str, Any]], folder: Path, truth: list[dict[str, Any]]) -> str:
    """One line of the table."""
    found, hearing, pace = values(method, rows)
    seconds = sum(row["seconds"] for row in rows)
    gross, off = pitch_errors(method, folder, truth)

    def cell(feature: str, *alterations: str) -> str:
        shares = [changed(found[PLAIN, feature], found[name, feature], method.bins) for name in alterations]
        return "–" if None in shares else " / ".join(f"{share:.0f}" for share in shares)

    no_rate = all(value is None for value in found[PLAIN, "rate"])
    return (
        f"| {method.name} | {hearing / seconds:.4f} | {'–' if no_rate else f'{pace / seconds:.4f}'} "
        f"| {gross:.2f} | {off:.1f} | {cell('pitch', 'silence', '-6 dB', 'stereo')} "
        f"| {cell('energy', 'silence', 'stereo')} | {cell('rate', 'silence', '-6 dB', 'stereo')} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path, metavar="F0_TRUTH")
    parser.add_argument("speech", type=Path, metavar="SPEECH")
    parser.add_argument("--clips", type=int, default=60, help="clips of SPEECH, its datasets taking turns")
    parser.add_argument("--f0-clips", type=int, default=0, help="clips of F0_TRUTH, evenly spaced; 0 takes all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = (options.truth / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    truth = [json.loads(line) for line in lines if line]
    if options.f0_clips:
        places = np.unique(np.linspace(0, len(truth) - 1, options.f0_clips).astype(int))
        truth = [truth[place] for place in places]
    ready, missing = methods()
    with tempfile.TemporaryDirectory() as folder:
        rows = prepare(options.speech, options.clips, options.seed, Path(folder))
        seconds = sum(row["seconds"] for row in rows)
        print(f"{len(rows)} clips of speech ({seconds:.0f} s), {len(truth)} clips with known F0\n")
        print(
            "| method | CPU-s/s: F0, pitch, energy | rate | GPE % | median off % "
            "| pitch label changed %: silence / -6 dB / stereo | energy: silence / stereo "
            "| rate: silence / -6 dB / stereo |"
        )
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for method in ready:
            print(line(method, rows, options.truth, truth), flush=True)
    for name, pip in missing:
        print(f"| {name} | not installed: `{pip}` |  |  |  |  |  |  |")


if __name__ == "__main__":
    main()
