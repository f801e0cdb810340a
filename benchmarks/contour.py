"""How often the shape of a simulated pitch contour is told right, clean and with what goes wrong in real tracks.

    python benchmarks/contour.py [--speech FOLDER] [--utterances 500] [--seed 20260] [--confusion]

Each utterance is a contour of one of the five shapes with movements of 3 to 9 semitones, laid on the voicing, speech
and levels of a clip in FOLDER (it holds manifest.jsonl; without it, of made-up syllables). Levels add up: 0 clean,
1 jitter, 2 pitch accents, 3 bursts an octave off and creak at the end. The contours are an assumption of what
listeners call these shapes, not their judgement.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from emotionthinker import audio
from emotionthinker.prosody import activity, intonation, pitch
from emotionthinker.prosody.pitch import PitchTrack
from emotionthinker.records import SHAPES

LEVELS = ("clean", "jitter", "accents", "octaves and creak")
TARGETS = {0: 94.0, 3: 90.0}
LEAST_ST, MOST_ST = 3.0, 9.0
ACCENT_ST = 1.0, 3.0
"""Less than the smallest movement: a higher accent would put the shape itself in doubt."""
CREAK = 0.05, 0.12
"""Share of the voiced frames, at the end."""
HOP_S = 0.016
CLIPS = 120
MIN_VOICED_S = 0.5


class Mask(NamedTuple):
    """What an utterance brings along: frame times and voicing of the track, speech and levels of 10 ms frames."""

    times_s: np.ndarray
    voiced: np.ndarray
    speech: np.ndarray
    levels_db: np.ndarray


def real_masks(folder: Path, rng: np.random.Generator) -> list[Mask]:
    """Masks of up to 120 clips of a folder, drawn at random from its manifest, with at least 0.5 s of voicing."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines() if line]
    masks: list[Mask] = []
    for place in rng.permutation(len(rows)):
        samples, rate = audio.load(folder / rows[place]["path"])
        levels, speech, _ = activity.measure(samples, rate)
        track = pitch.track(samples, rate)
        inside = np.interp(track.times_s, np.arange(len(speech)) * activity.FRAME_S, speech) > 0.5
        voiced = (track.f0_hz > 0) & inside
        if voiced.sum() * HOP_S >= MIN_VOICED_S:
            masks.append(Mask(track.times_s, voiced, speech, levels))
        if len(masks) == CLIPS:
            break
    return masks


def made_mask(rng: np.random.Generator) -> Mask:
    """1.2 to 4 s of voiced stretches of 80 to 300 ms between voiceless ones of 20 to 120 ms, now and then a pause."""
    seconds = rng.uniform(1.2, 4.0)
    times = np.arange(round(seconds / HOP_S)) * HOP_S
    voiced, levels, at = np.zeros(len(times), bool), np.full(round(seconds * 100), -45.0), 0.0
    while at < seconds:
        length = rng.uniform(0.08, 0.3)
        voiced[(times >= at) & (times < at + length)] = True
        levels[round(at * 100) : round((at + length) * 100)] = rng.uniform(-30, -22)
        at += length + (rng.uniform(0.3, 0.5) if rng.random() < 0.1 else rng.uniform(0.02, 0.12))
    return Mask(times, voiced, np.ones(len(levels), bool), levels)


def targets(shape: str, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Places (0..1) and semitones of the turning points."""
    size, other = rng.uniform(LEAST_ST, MOST_ST, 2)
    turn, late = rng.uniform(0.3, 0.7), rng.uniform(0.0, 0.6)
    flat = list(rng.uniform(-0.5, 0.5, 3))
    moved_late = rng.random() < 0.5
    return {
        "level": ([0.0, 0.5, 1.0], flat),
        "rising": ([0.0, late, 1.0] if moved_late else [0.0, 1 - late, 1.0], [0.0, 0.0 if moved_late else size, size]),
        "falling": ([0.0, late, 1.0] if moved_late else [0.0, 1 - late, 1.0], [size, size if moved_late else 0.0, 0.0]),
        "rising-falling": ([0.0, turn, 1.0], [0.0, size, size - other]),
        "falling-rising": ([0.0, turn, 1.0], [0.0, -size, other - size]),
    }[shape]


def contour(shape: str, mask: Mask, level: int, rng: np.random.Generator) -> PitchTrack:
    """A track with the shape from the first to the last voiced frame, spoiled up to `level`."""
    times, places = mask.times_s, np.flatnonzero(mask.voiced)
    first, last = times[places[0]], times[places[-1]]
    u = np.clip((times - first) / (last - first), 0, 1)
    knots, values = targets(shape, rng)
    knots = [knot + 1e-6 * i for i, knot in enumerate(knots)]
    curve = PchipInterpolator(knots, values)(u)
    noise, steps = np.zeros(len(times)), rng.standard_normal(len(times))
    for i in range(1, len(times)):
        noise[i] = 0.85 * noise[i - 1] + 0.26 * steps[i]
    accents = sum(
        rng.uniform(*ACCENT_ST) * np.exp(-(((times - rng.uniform(first, last)) / rng.uniform(0.05, 0.1)) ** 2))
        for _ in range(rng.integers(1, 5))
    )
    octaves = np.zeros(len(times))
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(0, len(places))
        octaves[places[at : at + rng.integers(2, 5)]] = rng.choice([-12.0, 12.0])
    octaves[places[-round(rng.uniform(*CREAK) * len(places)) :]] = -12.0
    curve = curve + (level >= 1) * noise + (level >= 2) * accents + (level >= 3) * octaves
    f0 = np.where(mask.voiced, rng.uniform(90, 260) * 2 ** (curve / 12), 0.0)
    return PitchTrack(times, f0)


def confusion(level: int, count: int, masks: list[Mask], seed: int) -> np.ndarray:
    """How often each shape (row) was given each word (column; the last is an abstention)."""
    counts = np.zeros((len(SHAPES), len(SHAPES) + 1), int)
    for number in range(count):
        rng = np.random.default_rng((seed, number))  # the same contours at every level
        row = number % len(SHAPES)
        mask = masks[rng.integers(len(masks))] if masks else made_mask(rng)
        found = intonation.measure(contour(SHAPES[row], mask, level, rng), mask.speech, mask.levels_db).shape
        counts[row, len(SHAPES) if found is None else SHAPES.index(found)] += 1
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--utterances", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20260)
    parser.add_argument("--confusion", action="store_true", help="print which shape was taken for which")
    options = parser.parse_args()
    masks = real_masks(options.speech, np.random.default_rng(options.seed)) if options.speech else []
    source = f"{len(masks)} clips of {options.speech}" if masks else "made-up syllables"
    print(f"{options.utterances} utterances a level on the voicing of {source}, seed {options.seed}")
    print(f"{'level':22} {'right of named %':>16} {'abstained %':>12} {'right of all %':>15} {'target %':>9}")
    for level, name in enumerate(LEVELS):
        counts = confusion(level, options.utterances, masks, options.seed)
        right, named = np.trace(counts), counts[:, :-1].sum()
        print(
            f"{level} {name:20} {100 * right / named:16.1f} {100 * (1 - named / counts.sum()):12.1f} "
            f"{100 * right / counts.sum():15.1f} {TARGETS.get(level, ''):>9}"
        )
        if options.confusion:
            print(f"{'':18}" + "".join(f"{word:>16}" for word in (*SHAPES, "(none)")))
            for shape, row in zip(SHAPES, counts, strict=True):
                print(f"  {shape:16}" + "".join(f"{value:16d}" for value in row))


if __name__ == "__main__":
    main()
