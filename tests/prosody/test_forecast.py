from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.errors import RecipeError
from emotionthinker.prosody import corpus, forecast
from emotionthinker.prosody.annotate_recipe import AnnotateRecipe
from faulty import manifest_of

RATE = 16000


@pytest.fixture
def clips(tmp_path: Path, speech: Any) -> Path:
    """A manifest of eight clips: three with words, three without, one broken, one missing; a line that is none."""
    rows: list[dict[str, str]] = []
    for number in range(6):
        soundfile.write(tmp_path / f"{number}.wav", speech(seconds=0.8 + 0.1 * number, seed=number), RATE)
        rows.append({"path": f"{number}.wav", **({"text": "eleven o'clock"} if number % 2 else {})})
    return manifest_of(tmp_path, rows)


def recipe(source: Path, **options: Any) -> AnnotateRecipe:
    return AnnotateRecipe(source=[source], **{"workers": 2, "transcribe": False, **options})


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {name: found[name] for name in ("rows", "stored", "unusable", "to_measure", "without_text", "sampled")}


def test_rows_are_counted_a_sample_is_measured_and_nothing_written(clips: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    found = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    assert sorted(tmp_path.iterdir()) == before
    assert counts(found) == {
        "rows": 9, "stored": 0, "unusable": 2, "to_measure": 7, "without_text": 4, "sampled": 7,
    }  # fmt: skip
    assert [problem["reason"] for problem in found["problems"]] == ["missing", "bad_row", "undecodable"]
    seconds = sum(0.8 + 0.1 * number for number in range(6))
    assert found["hours_of_sound"] == [pytest.approx(seconds / 3600, rel=0.05)] * 2, "all were tried: it is exact"
    assert found["failing"] == [1.0, 1.0]
    assert 0 < found["process_hours"][1] / 2 < found["hours"][1]


def test_what_is_stored_is_not_measured_again(clips: Path, tmp_path: Path) -> None:
    corpus.run(recipe(clips, workers=1), tmp_path / "out", progress=False)
    stored = (tmp_path / "out/measured/part-00000.jsonl").read_bytes()
    found = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    assert counts(found) == {
        "rows": 9, "stored": 6, "unusable": 2, "to_measure": 1, "without_text": 1, "sampled": 1,
    }  # fmt: skip
    assert found["megabytes"] == [0.0, 0.0], "of the broken one"
    rows = clips.read_text().splitlines()
    clips.write_text("\n".join(reversed(rows)))
    assert counts(forecast.forecast(recipe(clips), tmp_path / "out", progress=False)) == counts(found)
    changed = clips.read_text().replace("eleven o'clock", "It is eleven o'clock", 1)
    clips.write_text(changed)
    assert forecast.forecast(recipe(clips), tmp_path / "out", progress=False)["stored"] == 5
    assert (tmp_path / "out/measured/part-00000.jsonl").read_bytes() == stored


def test_a_whole_sample_tells_the_sum(clips: Path, tmp_path: Path) -> None:
    lines = clips.read_text().splitlines()[:6]
    clips.write_text("\n".join(lines))
    found = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    seconds = sum(soundfile.info(tmp_path / json.loads(line)["path"]).duration for line in lines)
    assert found["hours_of_sound"] == [pytest.approx(seconds / 3600, rel=0.05)] * 2
    assert found["problems"] == []


def test_nothing_to_measure_takes_no_time(clips: Path, tmp_path: Path) -> None:
    """All is stored, or nothing can be used: what would fail is told nonetheless."""
    lines = clips.read_text().splitlines()
    clips.write_text("\n".join(lines[:6]))
    corpus.run(recipe(clips, workers=1), tmp_path / "out", progress=False)
    found = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    assert (found["stored"], found["to_measure"], found["hours"]) == (6, 0, [0.0, 0.0])
    clips.write_text("\n".join(lines[7:]))
    found = forecast.forecast(recipe(clips), tmp_path / "other", progress=False)
    assert (found["unusable"], found["to_measure"], len(found["problems"])) == (2, 0, 2)


def test_embedded_sound_counts(clips: Path, tmp_path: Path) -> None:
    clips.write_text("\n".join(clips.read_text().splitlines()[:6]))
    plain = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    sound = sum(path.stat().st_size for path in tmp_path.glob("?.wav")) / 1e6
    found = forecast.forecast(recipe(clips, shard_rows=3, embed_audio=True), tmp_path / "out", progress=False)
    assert found["megabytes"][0] - plain["megabytes"][0] == pytest.approx(sound, rel=0.1)


def test_a_long_source_is_sampled(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "SAMPLE", 4)
    found = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    assert found["sampled"] == 4
    assert found["to_measure"] == 7


def test_no_clip_is_begun_when_the_time_is_over(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "ENOUGH_S", -1.0)
    found = forecast.forecast(recipe(clips), tmp_path / "out", progress=False)
    assert found["sampled"] == 0
    assert found["hours"] is None


def test_what_the_run_refuses_is_refused(clips: Path, tmp_path: Path) -> None:
    corpus.run(recipe(clips, workers=1), tmp_path / "out", progress=False)
    with pytest.raises(RecipeError, match=r"utterances\.jsonl"):
        forecast.forecast(recipe(tmp_path / "out" / "utterances.jsonl"), tmp_path / "out", progress=False)


def test_an_empty_source_is_an_error_as_in_the_run(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(RecipeError, match="nothing to annotate"):
        forecast.forecast(recipe(tmp_path / "empty.jsonl"), tmp_path / "out", progress=False)


values = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=20)


@given(worded=values, unworded=values, more=st.integers(0, 1000))
def test_a_total_is_the_means_times_the_counts(worded: list[float], unworded: list[float], more: int) -> None:
    kinds = [
        forecast._Kind(len(worded) + more, [], [forecast._Trial(True, value) for value in worded]),
        forecast._Kind(len(unworded), [], [forecast._Trial(False, value) for value in unworded]),
    ]
    total = forecast._total(kinds, lambda trial: trial.took_s)
    assert total is not None
    expected = (len(worded) + more) * math.fsum(worded) / len(worded) + math.fsum(unworded)
    assert total[0] <= expected * 1.06
    assert total[1] >= expected * 0.94
    if not more:
        assert total[0] == total[1]
    elif min(worded) == max(worded):
        assert total[0] == pytest.approx(total[1], rel=0.1)


def test_a_kind_of_clips_without_a_sample_leaves_the_total_open() -> None:
    assert forecast._total([forecast._Kind(3), forecast._Kind(0)], lambda trial: trial.took_s) is None
