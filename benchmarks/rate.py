"""How well speaking rates follow a known stretch: copies 0.8 and 1.25 times as fast must measure 0.8 and 1.25.

Phones over the whole duration follow a stretch by their making; other copies, which must measure the same, show what
that costs: half a second of silence on either side, two seconds of noise 15 dB under the speech after it, and the clip
said twice, the second time 20 dB softer (held against both times as loud).

    python benchmarks/rate.py FOLDER [--clips 240] [--stretch signalsmith|world|world-alone] [--half report|tune|all]

FOLDER holds `manifest.jsonl`: one object a clip with path, dataset, speaker, language and transcript. Clips are drawn
evenly over the datasets. Speakers are split in two by a hash of their names; settings are tuned on one half only.
WORLD speaks the whole clip anew, background noise included: `world` sends the original through it as well,
`world-alone` holds the copies against the untouched original.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotionthinker import audio
from emotionthinker.perception import variants
from emotionthinker.prosody import activity, pitch, rate, words

RATIOS = (0.8, 1.25)
WITHIN = 0.10
TARGET = 93.0
SILENCE, SILENCE_S = "silence around", 0.5
NOISE, NOISE_S, NOISE_DB = "noise after it", 2.0, -15.0
TWICE, SOFTER, SOFTER_DB = "said twice", "the second time softer", -20.0
SAME = ((SILENCE, 1.0), (NOISE, 1.0), (SOFTER, TWICE))
"""Copies, and what they must measure the same as."""
METHODS = ("rate.measure", "dictionary+vad", "nuclei+vad", "phones/duration")


class Reading(NamedTuple):
    """One measurement: phones a second (None: not measured), how it came about, CPU-seconds."""

    rate: float | None
    how: str
    cpu_s: float


def draw(folder: Path, clips: int, half: str, datasets: list[str]) -> list[dict[str, Any]]:
    """Clips with a transcript, the same number of each dataset where it has so many, of one half of the speakers."""
    groups = defaultdict(list)
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        # one reader alone is no speaker to hold out: her clips are split by their names
        name = row["id"] if row["dataset"] == "ljspeech_sample" else row["speaker"]
        side = "tune" if zlib.crc32(name.encode()) % 2 else "report"
        if row.get("transcript") and half in (side, "all") and (not datasets or row["dataset"] in datasets):
            groups[row["dataset"]].append(row)
    chosen = []
    for left, name in enumerate(sorted(groups, key=lambda name: len(groups[name]))):
        share = min(len(groups[name]), (clips - len(chosen)) // (len(groups) - left))
        chosen += random.Random(0).sample(groups[name], share)
    return chosen


def stretched(samples: np.ndarray, rate_hz: int, ratio: float, tool: str) -> np.ndarray:
    """The clip `ratio` times as fast with pitch and formants kept."""
    if tool == "signalsmith":
        return variants.change_speed(samples, rate_hz, ratio)
    import pyworld

    sound = samples.astype(np.float64)
    f0, times = pyworld.dio(sound, rate_hz)
    f0 = pyworld.stonemask(sound, f0, times, rate_hz)
    parts = f0, pyworld.cheaptrick(sound, f0, times, rate_hz), pyworld.d4c(sound, f0, times, rate_hz)
    made = pyworld.synthesize(*parts, rate_hz, pyworld.default_frame_period / ratio)
    return np.asarray(made[: round(len(samples) / ratio)], np.float32)


def changed(samples: np.ndarray, rate_hz: int) -> dict[str | float, np.ndarray]:
    """Copies that are spoken no faster and no slower."""
    quiet = np.zeros(round(SILENCE_S * rate_hz), np.float32)
    speech = activity.speech_mask(samples, rate_hz)
    level = float(np.sqrt(np.mean(activity.frame_power(samples, rate_hz)[speech]))) if speech.any() else 0.0
    noise = np.random.default_rng(0).standard_normal(round(NOISE_S * rate_hz)) * level * 10 ** (NOISE_DB / 20)
    softer = samples * np.float32(10 ** (SOFTER_DB / 20))
    return {
        SILENCE: np.concatenate([quiet, samples, quiet]),
        NOISE: np.concatenate([samples, noise.astype(np.float32)]),
        TWICE: np.concatenate([samples, samples]),
        SOFTER: np.concatenate([samples, softer]),
    }


def read(method: str, samples: np.ndarray, rate_hz: int, text: str, language: str, track: pitch.PitchTrack) -> Reading:
    """One measurement of one clip, voice activity included, its pitch track given."""
    started = time.process_time()
    active = activity.measure(samples, rate_hz)
    _, speech, core = active.without_steady(pitch.at_frames(track, len(active.levels)) > 0)
    if method == "phones/duration":
        phones = sum(words.count(words.read(text, language), language))
        found, how = phones / (len(samples) / rate_hz), method
    elif method == "dictionary+vad":
        phones = sum(words.count(words.read(text, language), language))
        pace = rate._over_speech(phones, speech, core, method)
        found, how = pace.articulation, method
    else:
        pace, _ = rate.measure(samples, rate_hz, speech, text if method == "rate.measure" else None, language, core)
        found, how = pace.articulation, pace.method or str(pace.reason)
    return Reading(found, how, time.process_time() - started)


def line(name: str, ratios: list[float], missed: int) -> str:
    """Share within 10 %, bias and median absolute deviation of measured over asked ratios."""
    errors = np.asarray(ratios) - 1
    total = len(errors) + missed
    if not len(errors):
        return f"{name:34} {total:6d} {'-':>9}"
    within = 100 * float((np.abs(errors) <= WITHIN).sum()) / total
    spread = 100 * float(np.median(np.abs(errors - np.median(errors))))
    return f"{name:34} {total:6d} {within:9.1f} {100 * np.median(errors):+8.2f} {spread:6.2f} {missed:7d}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--stretch", choices=("signalsmith", "world", "world-alone"), default="signalsmith")
    parser.add_argument("--half", choices=("report", "tune", "all"), default="report")
    parser.add_argument("--datasets", nargs="*", default=[])
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS)
    parser.add_argument("--worst", type=int, default=0, help="Name the clips that are furthest off.")
    options = parser.parse_args()
    rows = draw(options.folder, options.clips, options.half, options.datasets)
    results: dict[str, list[float]] = defaultdict(list)
    missed: Counter[str] = Counter()
    how: Counter[str] = Counter()
    cpu: Counter[str] = Counter()
    seconds, worst = 0.0, []
    rate._decoder(os.getpid(), True), rate._decoder(os.getpid())  # loading the model is no part of the cost
    for row in rows:
        samples, rate_hz = audio.load(options.folder / row["path"])
        if options.stretch == "world":
            samples = stretched(samples, rate_hz, 1.0, "world")
        copies = {1.0: samples, **{r: stretched(samples, rate_hz, r, options.stretch) for r in RATIOS}}
        copies.update(changed(samples, rate_hz))
        seconds += sum(len(copy) for copy in copies.values()) / rate_hz
        tracks = {name: pitch.track(copy, rate_hz) for name, copy in copies.items()}
        texts = dict.fromkeys((TWICE, SOFTER), f"{row['transcript']} {row['transcript']}")
        for method in options.methods:
            readings = {
                name: read(method, copy, rate_hz, texts.get(name, row["transcript"]), row["language"], tracks[name])
                for name, copy in copies.items()
            }
            cpu[method] += sum(reading.cpu_s for reading in readings.values())
            if method == "rate.measure":
                how.update(f"{row['language']} {reading.how}" for reading in readings.values())
            for name, other in SAME:
                still = readings[name].rate, readings[other].rate
                if all(still):
                    results[f"{method}|  {name}"].append(still[0] / still[1])
                else:
                    missed[f"{method}|  {name}"] += 1
            for ratio in RATIOS:
                pair = readings[ratio], readings[1.0]
                ways = pair[0].how if pair[0].how == pair[1].how else "two methods"
                names = [method, f"  {row['dataset']}", f"  x{ratio:g}", f"  by {ways}"]
                keys = [names[0], *(f"{method}|{name}" for name in names[1:])]
                if pair[0].rate and pair[1].rate:
                    measured = pair[0].rate / pair[1].rate / ratio
                    for key in keys:
                        results[key].append(measured)
                    if method == "rate.measure":
                        worst.append((abs(measured - 1), measured, ratio, row["id"], pair[0], pair[1]))
                else:
                    missed.update(keys)
    print(f"{len(rows)} clips of {len({r['speaker'] for r in rows})} speakers, half {options.half}, {options.stretch}")
    print(f"{'method':34} {'copies':>6} {'within 10':>9} {'bias %':>8} {'MAD %':>6} {'failed':>7}")
    for key in sorted(results.keys() | missed.keys(), key=lambda k: (METHODS.index(k.split("|")[0]), k)):
        print(line(key.split("|")[-1], results[key], missed[key]))
    for method in options.methods:
        print(f"CPU-seconds a second of sound: {method} {cpu[method] / seconds:.4f}")
    print(f"readings of rate.measure: {dict(how)}")
    print(f"target: within 10 % on >= {TARGET:g} % of the copies")
    for entry in sorted(worst, reverse=True, key=lambda entry: entry[0])[: options.worst]:
        print(entry[1:])


if __name__ == "__main__":
    main()
