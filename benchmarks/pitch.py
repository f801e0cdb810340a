"""Gross pitch error, median error and cost of the F0 trackers on clips with known F0.

    python benchmarks/pitch.py FOLDER [--backend swift --backend fast --backend praat] [--groups]

FOLDER holds sound files and `truth.jsonl`: one object a clip with path, speaker, condition, contour, hop_s and f0_hz
(0 = unvoiced). The voices are split in two halves that share no voice: what is tuned is tuned on `tune`, `report`
is what may be claimed. Costs are of one thread. Praat (autocorrelation, 60-600 Hz, its other defaults) needs the extra
`gpl`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from emotionthinker import audio
from emotionthinker.prosody import pitch
from emotionthinker.prosody.pitch import PitchTrack

GROSS = 0.20
OFF_ST = 1.0
TARGETS = {"swift": (0.9, 12.0, 0.015), "fast": (5.0, 22.0, 0.0015)}
"""Gross pitch error %, clips with a median off %, CPU-seconds a second of audio."""
Tracker = Callable[[np.ndarray, int], PitchTrack]


class Score(NamedTuple):
    """Of one clip: gross errors, frames voiced in both, median off, CPU-seconds, seconds."""

    gross: int
    both: int
    off: bool
    cpu_s: float
    seconds: float


def halves(clips: list[dict[str, Any]]) -> dict[str, str]:
    """Voice -> `tune` or `report`: voices by their number of clips, each to the half that has fewer clips so far."""
    sizes = {"tune": 0, "report": 0}
    half = {}
    counts = Counter(clip["speaker"] for clip in clips)
    for voice, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        half[voice] = min(sizes, key=lambda name: sizes[name])
        sizes[half[voice]] += count
    return half


def praat(samples: np.ndarray, sample_rate: int) -> PitchTrack:
    import parselmouth

    found = parselmouth.Sound(samples.astype(np.float64), sample_rate).to_pitch_ac(pitch_floor=60, pitch_ceiling=600)
    return PitchTrack(found.xs(), found.selected_array["frequency"])


def tracker(backend: str) -> Tracker:
    return praat if backend == "praat" else lambda samples, rate: pitch.track(samples, rate, backend)


def scores(clip: dict[str, Any], folder: Path, track: Tracker, repeat: int) -> tuple[Score, Score]:
    """One clip as tracked and after octave repair; the cheapest of `repeat` runs counts."""
    samples, rate = audio.load(folder / clip["path"])
    spent = []
    for _ in range(repeat):
        start = time.process_time()
        found = track(samples, rate)
        spent.append(time.process_time() - start)
    truth = np.asarray(clip["f0_hz"])
    before, after = (errors(t, truth, clip["hop_s"]) for t in (found, pitch.repair_octaves(found)))
    cost = (min(spent), len(samples) / rate)
    return Score(*before, *cost), Score(*after, *cost)


def errors(track: PitchTrack, truth: np.ndarray, hop_s: float) -> tuple[int, int, bool]:
    """(gross errors, frames voiced in both, median off by more than a semitone) of one clip."""
    nearest = np.rint(track.times_s / hop_s).astype(int)
    inside = nearest < len(truth)
    found, known = track.f0_hz[inside], truth[nearest[inside]]
    both = (found > 0) & (known > 0)
    gross = np.abs(found[both] / known[both] - 1) > GROSS
    voiced = track.f0_hz[track.f0_hz > 0]
    off = not len(voiced) or abs(12 * np.log2(np.median(voiced) / np.median(truth[truth > 0]))) > OFF_ST
    return int(gross.sum()), int(both.sum()), bool(off)


def line(name: str, results: list[Score]) -> str:
    gross, both, off, cpu, seconds = np.sum(results, axis=0)
    return (
        f"{name:16} {len(results):5d} {100 * gross / both:7.2f} {100 * off / len(results):20.1f} {cpu / seconds:10.5f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backend", action="append", choices=[*sorted(pitch.BACKENDS), "praat"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--groups", action="store_true", help="also by condition, contour and voice")
    options = parser.parse_args()
    has_praat = importlib.util.find_spec("parselmouth") is not None
    backends = options.backend or [*sorted(pitch.BACKENDS, reverse=True), *(["praat"] if has_praat else [])]
    if not has_praat:
        print("praat is left out: parselmouth is not installed (extra `gpl`)")
    clips = [json.loads(text) for text in (options.folder / "truth.jsonl").read_text().splitlines() if text]
    half = halves(clips)
    for name in ("tune", "report"):
        print(f"{name}: {', '.join(sorted(voice for voice in half if half[voice] == name))}")
    for backend in backends:
        track = tracker(backend)
        track(np.full(16000, 0.1, np.float32) * np.sin(np.arange(16000, dtype=np.float32) / 10), 16000)
        with threadpool_limits(1):  # waiting threads spin, and on a busy machine cost more than the work
            results = [scores(clip, options.folder, track, options.repeat) for clip in clips]
        for step, repair in enumerate(("", " + octave repair")):
            print(f"\n{backend + repair:24}\n{'':16} clips   GPE %  median off > 1 st %  CPU s / s")
            for name in ("tune", "report"):
                print(line(name, [r[step] for c, r in zip(clips, results, strict=True) if half[c["speaker"]] == name]))
            print(line("all", [r[step] for r in results]))
            for key in ("condition", "contour", "speaker") if options.groups else ():
                for value in sorted({clip[key] for clip in clips}):
                    print(line(value, [r[step] for c, r in zip(clips, results, strict=True) if c[key] == value]))
        if backend in TARGETS:
            print("targets on `report`: GPE <= {} %, medians off <= {} %, <= {} CPU s / s".format(*TARGETS[backend]))


if __name__ == "__main__":
    main()
