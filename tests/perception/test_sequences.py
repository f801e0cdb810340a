from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from emotionthinker.perception import sequences, variants
from emotionthinker.perception.variants import Change

from .conftest import RATE, syllables


@pytest.mark.parametrize(("attribute", "words"), sequences.WORDS.items())
def test_plans_hold_the_three_words_in_all_orders(attribute: str, words: tuple[str, ...]) -> None:
    plans = [sequences.plan(attribute, str(key), 0, key) for key in range(6)]
    assert all({word for word, _ in plan} == set(words) for plan in plans)
    assert len({tuple(word for word, _ in plan) for plan in plans}) == 6
    assert sequences.plan(attribute, "5", 0, 5) == plans[5]
    for word, change in plans[0]:
        amount = (change.pitch_st, np.log(change.speed), change.energy_db)
        assert [np.sign(value) for value in amount].count(0) == (3 if word == "normal" else 2)
        assert sum(np.sign(amount)) == words.index(word) - 1


def test_steps_stay_in_the_audible_and_clean_range() -> None:
    for key in range(100):
        pitch = {w: c.pitch_st for w, c in sequences.plan("pitch", str(key), 0, key)}
        energy = {w: c.energy_db for w, c in sequences.plan("energy", str(key), 0, key)}
        assert 3 <= pitch["high"] <= 5
        assert -5 <= pitch["low"] <= -3
        assert 6 <= energy["high"] <= 8
        assert -8 <= energy["low"] <= -6


def test_energy_sequence_has_the_order_it_says_and_never_clips() -> None:
    loud = syllables(count=4) * np.float32(3.2)  # peak 0.96: +8 dB would clip
    steps = (("high", Change(energy_db=7.0)), ("low", Change(energy_db=-7.0)), ("normal", Change()))
    sequence, measured = sequences.compose(loud, RATE, "energy", steps, pause_s=0.2)
    assert float(np.abs(sequence).max()) <= variants.PEAK + 1e-6
    assert [round(change.energy_db, 1) for change in measured] == [7.0, -7.0, 0.0]
    first, second, third = (
        variants.active_level(sequence[i * (len(loud) + 3200) :][: len(loud)], RATE) for i in range(3)
    )
    assert first - third == pytest.approx(7, abs=0.1)
    assert second - third == pytest.approx(-7, abs=0.1)


def job(path: Path, folder: Path, **changes: object) -> dict[str, object]:
    base = {"id": "u/order_speed", "audio": str(path), "attribute": "speed", "seed": 0, "order": 2}
    return {**base, "pause_s": 0.25, "max_piece_s": 3.0, "folder": str(folder), **changes}


def test_build_writes_a_16_bit_flac_and_the_answer(tmp_path: Path) -> None:
    wav = tmp_path / "u.wav"
    soundfile.write(wav, syllables(count=4), RATE)
    result = sequences.build(job(wav, tmp_path / "audio"))
    assert result["accepted"], result["reason"]
    assert sorted(result["answer"].split(", ")) == ["fast", "normal", "slow"]
    info = soundfile.info(tmp_path / "audio" / result["file"])
    assert (info.subtype, info.samplerate, info.channels) == ("PCM_16", 16000, 1)
    assert info.duration == pytest.approx(result["seconds"], abs=0.001)
    assert [step["word"] for step in result["steps"]] == result["answer"].split(", ")
    assert len(list((tmp_path / "audio").iterdir())) == 1


def test_build_changes_sound_at_its_own_rate_and_writes_16_khz(tmp_path: Path) -> None:
    wav = tmp_path / "u.wav"
    soundfile.write(wav, resample_poly(syllables(count=4), 3, 1), 48000)
    result = sequences.build(job(wav, tmp_path / "audio"))
    assert result["accepted"], result["reason"]
    info = soundfile.info(tmp_path / "audio" / result["file"])
    assert (info.samplerate, info.duration) == (16000, pytest.approx(result["seconds"], abs=0.001))


def test_ids_that_look_alike_or_are_long_get_files_of_their_own(tmp_path: Path) -> None:
    wav = tmp_path / "u.wav"
    soundfile.write(wav, syllables(count=4), RATE)
    ids = ("a/b/order_energy", "a_b/order_energy", "x" * 260 + "/order_energy")
    results = [sequences.build(job(wav, tmp_path / "audio", id=id_, attribute="energy")) for id_ in ids]
    assert all(result["accepted"] for result in results), results
    assert {result["file"] for result in results} == {path.name for path in (tmp_path / "audio").iterdir()}
    assert len({result["file"] for result in results}) == 3


def test_an_error_nobody_foresaw_is_a_reason_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wav = tmp_path / "u.wav"
    soundfile.write(wav, syllables(count=4), RATE)
    monkeypatch.setattr(variants, "apply", lambda *_: 1 / 0)
    result = sequences.build(job(wav, tmp_path / "audio"))
    assert (result["id"], result["accepted"]) == ("u/order_speed", False)
    assert result["reason"] == "ZeroDivisionError: unexpected ZeroDivisionError('division by zero'); please report it"


def test_a_folder_that_cannot_be_written_to_is_no_fault_of_the_clip(tmp_path: Path) -> None:
    """A rejection would be stored, and the clip never tried again."""
    soundfile.write(tmp_path / "a.wav", syllables(count=4), RATE)
    (tmp_path / "audio").touch()
    with pytest.raises(FileExistsError):
        sequences.build(job(tmp_path / "a.wav", tmp_path / "audio", attribute="energy"))


def test_build_rejects_with_a_reason(tmp_path: Path) -> None:
    wav = tmp_path / "u.wav"
    soundfile.write(wav, syllables(count=4), RATE)
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(RATE), RATE)
    reasons = [
        sequences.build(job(wav, tmp_path / "audio", max_piece_s=0.6))["reason"],
        sequences.build(job(noise, tmp_path / "audio"))["reason"],
        sequences.build(job(silence, tmp_path / "audio"))["reason"],
        sequences.build(job(tmp_path / "gone.wav", tmp_path / "audio"))["reason"],
    ]
    for reason, expected in zip(
        reasons, ("at most 0.6 s", "pitch could not be measured", "at least 0.5 s", "missing"), strict=True
    ):
        assert expected in reason
    assert not (tmp_path / "audio").exists()
