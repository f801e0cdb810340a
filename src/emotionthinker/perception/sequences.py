"""Comparative sequences: three versions of one utterance in a row, and the question for their order (C.1 iii)."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker import audio
from emotionthinker.errors import kind_of, message_of
from emotionthinker.perception import variants
from emotionthinker.perception.variants import Change, Samples, Tolerance

WORDS = {"pitch": ("low", "normal", "high"), "speed": ("slow", "normal", "fast"), "energy": ("low", "normal", "high")}
MIN_PIECE_S = 0.5
ORDERS = tuple(itertools.permutations((-1, 0, 1)))


def plan(attribute: str, key: str, seed: int, order: int) -> tuple[tuple[str, Change], ...]:
    """The three versions in their order: (word, change). Steps: 3..5 st, x0.8 / x1.25, 6..8 dB.

    `order` counts through the six permutations, so that they come equally often; same key and seed, same steps.
    """
    rng = random.Random(f"{seed}/{attribute}/{key}")
    changes = {0: Change()}
    for sign in (-1, 1):
        if attribute == "pitch":
            changes[sign] = Change(pitch_st=sign * round(rng.uniform(3, 5), 2))
        elif attribute == "speed":
            changes[sign] = Change(speed=1.25**sign)
        elif attribute == "energy":
            changes[sign] = Change(energy_db=sign * round(rng.uniform(6, 8), 2))
        else:
            raise ValueError(f"attribute {attribute!r}: expected one of {tuple(WORDS)}")
    return tuple((WORDS[attribute][step + 1], changes[step]) for step in ORDERS[order % len(ORDERS)])


def compose(
    samples: Samples, sample_rate: int, attribute: str, steps: tuple[tuple[str, Change], ...], pause_s: float
) -> tuple[Samples, list[Change]]:
    """The sequence at 16 kHz, and the measured change of each version against the recording (at its native rate).

    Peak guard: a sequence that would exceed full scale is made softer as a whole, so the steps stay true.
    """
    original = audio.check(samples, sample_rate)
    pieces = [audio.check(variants.apply(samples, sample_rate, attribute, change), sample_rate) for _, change in steps]
    guard = np.float32(min(1.0, variants.PEAK / max(float(np.abs(piece).max()) for piece in pieces)))
    pieces = [piece * guard for piece in pieces]
    measured = [variants.measure(original * guard, piece, audio.SAMPLE_RATE) for piece in pieces]
    pause = np.zeros(round(pause_s * audio.SAMPLE_RATE), dtype=np.float32)
    sequence = np.concatenate([part for piece in pieces for part in (piece, pause)][:-1])
    return sequence.astype(np.float32), measured


def build(job: dict[str, Any]) -> dict[str, Any]:
    """One candidate, in a worker process: writes its FLAC when every version is verified, and says what was measured.

    Job: `id, audio, attribute, seed, order, pause_s, max_piece_s, folder`.
    Result: `id, accepted, reason, answer, file, steps`. Raises `OSError` for a folder that cannot be written to.
    """
    result: dict[str, Any] = {"id": job["id"], "accepted": False, "reason": None, "answer": None, "file": None}
    try:
        return result | _built(job)
    except OSError:  # of the folder, not of the clip (`AudioError`): every other clip would meet it as well
        raise
    except Exception as error:  # one clip must never stop a corpus; `rejected.jsonl` names it
        return result | {"reason": f"{kind_of(error)}: {message_of(error)}"}


def _built(job: dict[str, Any]) -> dict[str, Any]:
    """What is to be said of the candidate beside its id; `reason` alone where it cannot be used."""
    samples, rate = audio.load(job["audio"], native=True)
    samples = variants.trim(samples, rate)
    if len(samples) < MIN_PIECE_S * rate:
        return {"reason": f"speech lasts {len(samples) / rate:.2f} s, at least {MIN_PIECE_S:g} s"}
    if len(samples) > job["max_piece_s"] * rate:
        return {"reason": f"speech lasts {len(samples) / rate:.2f} s, at most {job['max_piece_s']:g} s"}
    steps = plan(job["attribute"], job["id"], job["seed"], job["order"])
    sequence, measured = compose(samples, rate, job["attribute"], steps, job["pause_s"])
    said = [
        {"word": word, "asked": vars(asked), "measured": {k: round(v, 4) for k, v in vars(got).items()}}
        for (word, asked), got in zip(steps, measured, strict=True)
    ]
    failures = [
        f"{word}: {failure}"
        for (word, asked), got in zip(steps, measured, strict=True)
        for failure in Tolerance().failures(asked, got)
    ]
    if failures:
        return {"steps": said, "reason": "; ".join(failures)}
    # The order is part of the name: a later run with another recipe never puts another sound under a known label.
    name = f"{variants.file_stem(job['id'])}_{'-'.join(word for word, _ in steps)}.flac"
    variants.write_flac(Path(job["folder"]) / name, sequence, audio.SAMPLE_RATE)
    return {
        "steps": said,
        "accepted": True,
        "answer": ", ".join(word for word, _ in steps),
        "file": name,
        "seconds": round(len(sequence) / audio.SAMPLE_RATE, 3),
    }
