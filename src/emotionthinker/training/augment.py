"""Changes of level, tempo and pitch made on log-mel features, and what they do to the measured prosody.

Cheap stand-ins for real resynthesis, used in training only: labels are moved along with the sound, so that a clip made
louder is also called louder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import Prosody

DB_PER_UNIT = 40.0
"""Whisper's features are (log10 of power + 4) / 4: one unit is 40 dB."""


@dataclass(frozen=True)
class Change:
    """What is done to a clip."""

    gain_db: float = 0.0
    tempo: float = 1.0
    """Over 1: faster."""
    warp: float = 1.0
    """Over 1: the spectrum moves up, formants and harmonics alike, as with a smaller speaker."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Change:
        """A level within 6 dB, a tempo within 13 %, a warp within 6 %."""
        return cls(
            gain_db=float(rng.uniform(-6, 6)),
            tempo=float(np.exp(rng.uniform(-0.12, 0.12))),
            warp=float(np.exp(rng.uniform(-0.06, 0.06))),
        )


def change_features(features: torch.Tensor, change: Change) -> torch.Tensor:
    """`features` [mels, frames] -> [mels, frames / tempo]."""
    mels, frames = features.shape
    features = features + change.gain_db / DB_PER_UNIT
    if change.tempo != 1.0:
        length = max(8, round(frames / change.tempo))
        features = functional.interpolate(features[None], size=length, mode="linear")[0]
    if change.warp != 1.0:
        warped = functional.interpolate(features.T[None], size=round(mels * change.warp), mode="linear")[0].T
        missing = mels - warped.shape[0]
        features = torch.cat([warped, warped[-1:].expand(missing, -1)]) if missing > 0 else warped[:mels]
    return features


def changed_prosody(prosody: Prosody, change: Change, calibration: Calibration, gender: str | None) -> Prosody:
    """The prosody of the changed clip: energy and rate moved along with the sound, levels placed anew.

    A warp moves what is heard as voice size more than F0; pitch keeps its label unless it lies near a cut, where it
    loses it.
    """
    if change == Change():
        return prosody
    energy, rate, pitch = prosody.energy, prosody.rate, prosody.pitch
    if energy.active_dbfs is not None:
        energy = energy.model_copy(update={"active_dbfs": energy.active_dbfs + change.gain_db})
    if rate.articulation is not None:
        rate = rate.model_copy(update={"articulation": rate.articulation * change.tempo})
    moved = calibration.apply(prosody.model_copy(update={"energy": energy, "rate": rate}), gender)
    if pitch.near is not None and change.warp != 1.0:
        moved = moved.model_copy(update={"pitch": moved.pitch.model_copy(update={"level": None, "near": None})})
    return moved
