from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from emotionthinker.errors import AudioError
from emotionthinker.perception import augment, variants

from .conftest import RATE


def test_one_variant_a_value_in_order(voice: np.ndarray) -> None:
    found = augment(voice, pitch=[4, -3], speed=[1.25], energy=[-6])
    assert [v.attribute for v in found] == ["pitch", "pitch", "speed", "energy"]
    assert [v.failures for v in found] == [[], [], [], []]
    assert [v.asked.pitch_st for v in found] == [4, -3, 0, 0]
    assert found[1].measured.pitch_st == pytest.approx(-3, abs=0.5)
    assert found[2].measured.speed == pytest.approx(1.25, rel=0.03)
    assert found[3].measured.energy_db == pytest.approx(-6, abs=0.05)
    assert len(found[2].samples) == pytest.approx(len(voice) / 1.25, abs=2)


def test_a_gain_that_does_not_fit_is_refused_and_never_clips(voice: np.ndarray) -> None:
    loud = voice / np.abs(voice).max()
    (variant,) = augment(loud, energy=[6])
    assert float(np.abs(variant.samples).max()) <= variants.PEAK + 1e-6
    assert variant.guard_db == pytest.approx(20 * np.log10(variants.PEAK) - 6, abs=0.01)
    assert variant.measured.energy_db == pytest.approx(6 + variant.guard_db, abs=0.05)
    assert not variant.accepted
    assert "6.26 dB; so much more headroom" in variant.failures[-1]
    (with_room,) = augment(loud, energy=[6], headroom_db=7)
    assert with_room.accepted
    assert with_room.guard_db == 0
    assert with_room.measured.energy_db == pytest.approx(6, abs=0.05)


def test_a_file_is_shifted_at_its_own_rate(voice: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "v.wav", resample_poly(voice, 3, 1), 48000)
    rates = []
    shift = variants.shift_pitch

    def spy(samples: np.ndarray, sample_rate: int, semitones: float) -> np.ndarray:
        rates.append(sample_rate)
        return shift(samples, sample_rate, semitones)

    monkeypatch.setattr(variants, "shift_pitch", spy)
    (variant,) = augment(tmp_path / "v.wav", pitch=[-4])
    assert rates == [48000]
    assert variant.failures == []
    assert len(variant.samples) == len(voice)


def test_silence_has_no_variants(voice: np.ndarray) -> None:
    for variant in augment(np.zeros(RATE), pitch=[4], speed=[1.25], energy=[6]):
        assert variant.failures == [variants.NO_SPEECH]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pitch": [13]}, "pitch is 13; expected -12 to 12"),
        ({"speed": [0.5]}, "speed is 0.5; expected 0.65 to 1.6"),
        ({"energy": [float("nan")]}, "energy is nan; expected -30 to 30"),
        ({"headroom_db": -1}, "headroom_db is -1"),
    ],
)
def test_what_cannot_be_asked(voice: np.ndarray, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        augment(voice, **options)


def test_unusable_sound_is_typed(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as error:
        augment(tmp_path / "gone.wav", pitch=[4])
    assert error.value.kind == "missing"


@pytest.mark.real
def test_real_speech_is_changed_in_one_attribute_alone() -> None:
    """Of every 200th clip 90 % of the variants are accepted (where room is left), the formants within 0.3 st."""
    shared = os.environ.get("EMOTIONTHINKER_SHARED")
    if not shared or not Path(shared, "speech", "manifest.jsonl").is_file():
        pytest.skip("EMOTIONTHINKER_SHARED does not name a folder with speech/manifest.jsonl")
    folder = Path(shared, "speech")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()][::200]
    found = [v for row in rows for v in augment(folder / row["path"], pitch=[4, -4], speed=[1.25, 0.8], headroom_db=9)]
    assert sum(v.accepted for v in found) >= 0.9 * len(found)
    assert abs(float(np.nanmedian([v.measured.formants_st for v in found]))) < 0.3
