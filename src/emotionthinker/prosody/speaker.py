"""Speaker traits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotionthinker.prosody.activity import Mask
from emotionthinker.prosody.pitch import PitchTrack
from emotionthinker.records import Speaker

NO_AGE = "age: no model for it"


def measure(
    samples: npt.NDArray[np.float32], sample_rate: int, track: PitchTrack, speech: Mask, gender: str | None = None
) -> Speaker:
    if gender is not None:
        return Speaker(gender=gender, gender_confidence=1.0, gender_method="given", reason=NO_AGE)
    return Speaker(reason=NO_AGE)
