from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker.errors import WeightsError
from emotionthinker.models import age_gender
from emotionthinker.prosody import hearing
from emotionthinker.prosody.speakers import Voice
from emotionthinker.records import Energy, Prosody, Utterance


def clip(number: int, who: str | None, seconds: float = 1.0, db: float | None = -20.0) -> Utterance:
    prosody = Prosody(duration_s=seconds, energy=Energy(active_dbfs=db))
    return Utterance(id=f"c{number}", audio=f"/c{number}.wav", speaker=who, prosody=prosody)


def test_some_clips_of_each_speaker_are_chosen_in_every_order_the_same() -> None:
    clips = [clip(n, "abc"[n % 3], 1 + n / 10) for n in range(30)]
    found = hearing.chosen(clips, 4)
    assert len(found) == 12
    assert [c.duration_s for c in found] == sorted(c.duration_s for c in found)
    assert {c.id for c in hearing.chosen(clips[:9], 4)} == {f"c{n}" for n in range(9)}
    assert hearing.chosen(random.Random(0).sample(clips, 30), 4) == found


def test_unknown_speakers_are_all_heard_and_silence_is_not() -> None:
    clips = [clip(0, None), clip(1, None), clip(2, "a", db=None), clip(3, "a", seconds=0.05), clip(4, "a")]
    found = hearing.chosen([*clips, Utterance(id="bare"), clips[0].model_copy(update={"audio": None, "id": "x"})], 1)
    assert [c.id for c in found] == ["c0", "c1", "c4"]


class Model:
    """Stands in for the network: tells the length of what it hears."""

    method, licence = "network", "CC"
    heard: list[int]

    def hear(self, clips: list[np.ndarray]) -> list[Voice]:
        self.heard += [len(clip) for clip in clips]
        return [Voice(len(clip) / 1000, 0.9, 0.1, 0.0) for clip in clips]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    made.heard = []
    monkeypatch.setattr(age_gender.AgeGender, "load", lambda source, **options: made)
    return made


@pytest.fixture
def clips(tmp_path: Path) -> list[hearing.Clip]:
    made = []
    for n in range(20):
        samples = 1000 * (n + 1)
        soundfile.write(tmp_path / f"c{n}.wav", np.full(samples, 0.1), 16_000)
        made.append(hearing.Clip(samples / 16_000, f"c{n}", str(tmp_path / f"c{n}.wav")))
    return made


def hear(clips: list[hearing.Clip], folder: Path) -> hearing.Hearing:
    stamps = {clip.id: "s" for clip in clips}
    path = folder / "voices.jsonl"
    return hearing.run(clips, "m", path, stamps, accept_non_commercial=True, progress=False)


def test_what_was_heard_is_not_heard_again(model: Model, clips: list[hearing.Clip], tmp_path: Path) -> None:
    hear(clips[:5], tmp_path)
    with open(tmp_path / "voices.jsonl", "a") as torn:
        torn.write('{"id": "c5", "ye')
    found = hear(clips, tmp_path)
    assert model.heard == [1000 * (n + 1) for n in range(20)]
    assert found.voices == {f"c{n}": Voice(float(n + 1), 0.9, 0.1, 0.0) for n in range(20)}
    assert (found.method, found.licence) == ("network", "CC")
    assert set(hear(clips[3:5], tmp_path).voices) == {"c3", "c4"}


def test_a_file_that_is_gone_is_passed_over(model: Model, clips: list[hearing.Clip], tmp_path: Path) -> None:
    Path(clips[3].path).unlink()
    assert set(hear(clips, tmp_path).voices) == {f"c{n}" for n in range(20) if n != 3}
    rows = [json.loads(line) for line in (tmp_path / "voices.jsonl").read_text().splitlines()]
    assert rows[0] == {"id": "c0", "stamp": "s", "years": 1.0, "female": 0.9, "male": 0.1, "child": 0.0}


def test_terms_are_asked_for(clips: list[hearing.Clip], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="accept-non-commercial"):
        hearing.run(clips, "m", tmp_path / "v.jsonl", {}, accept_non_commercial=False)


def test_stamps_change_with_the_clip_and_the_files_of_the_model(tmp_path: Path) -> None:
    clips = [hearing.Clip(1.0, "a", "a.wav")]

    def stamp(measured: str, source: Any = tmp_path) -> str:
        return hearing.stamps_of(clips, str(source), {"a": measured})["a"]

    first = stamp("1")
    assert first == stamp("1") != stamp("2")
    assert stamp("1", "hub/id") != first
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    assert stamp("1") != first
