from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionthinker.errors import RecipeError, RecordError
from emotionthinker.training.stress_clips import StressClip, chosen, read_clips


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"audio": "a.wav", "transcription": "no", "stressed": [1]}', r"0\.\.0"),
        ('{"audio": "a.wav", "transcription": "no", "stressed": [-1]}', r"0\.\.0"),
        ('{"audio": "a.wav", "transcription": " ", "stressed": []}', "stressed is"),
        ('{"audio": "a.wav", "transcription": "no"}', "stressed"),
        ("not json", "Invalid JSON"),
        ('{"id": "u", "audio": "a.wav", "text": "no", "extra": {"stressed_places": [1]}}', r"0\.\.0"),
        ('{"id": "u", "audio": "a.wav", "text": "no", "extra": {}}', "extra.stressed_places"),
        ("", "no clips"),
    ],
)
def test_lines_that_cannot_be_used_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "clips.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(RecordError, match=message):
        read_clips(path)
    with pytest.raises(RecordError, match="cannot be read"):
        read_clips(tmp_path / "absent.jsonl")


def test_own_rows_count_words_at_blanks_alone() -> None:
    clip = StressClip(audio=Path("a.wav"), transcription="a well-known state-of-the-art fresco", stressed=[3])
    assert [clip.words[place] for place in clip.stressed] == ["fresco"]


def test_no_clip_is_tested_that_is_trained_on(tmp_path: Path) -> None:
    rows = [{"audio": f"{i}.wav", "transcription": "come home", "stressed": [1]} for i in range(12)]
    named = [{**row, "split": "test" if i < 3 else "train"} for i, row in enumerate(rows)]
    for name, content in (("open", rows), ("split", named), ("train", named[3:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))

    def pair(one: str, two: str) -> tuple[list[StressClip], list[StressClip]]:
        return chosen(tmp_path / f"{one}.jsonl", tmp_path / f"{two}.jsonl")

    training, tests = pair("split", "split")
    assert (len(training), [clip.split for clip in tests]) == (9, ["test"] * 3)
    assert chosen(tmp_path / "split.jsonl", None) == (training, [])
    with pytest.raises(RecipeError, match="3 of 3 test clips are trained on too"):
        pair("open", "split")
    with pytest.raises(RecipeError, match="12 of 12"):
        pair("open", "open")
    with pytest.raises(RecordError, match="no clip of a held-out split"):
        pair("split", "train")
