from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotionthinker import audio
from emotionthinker.corpora import prepare, registry
from emotionthinker.errors import CorpusError
from emotionthinker.records import read_jsonl


def row(number: int, sound: bytes | None, **more: Any) -> dict[str, Any]:
    return {
        "audio_id": f"a{number}",
        "audio": {"bytes": sound, "path": f"{number}.wav"},
        "transcription": "Leonardo painted a well-known fresco.",
        "intonation": "Leonardo painted a well-**known** fresco.",
        "description": "Known, as opposed to new.",
        "possible_answers": ["It was he.", "It was known."],
        "label": 1,
        "gt_stress_indices": [4],
        "metadata": {"gender": "male", "voice_name": "echo"},
        **more,
    }


def test_sound_comes_out_of_the_tables(tree, speech: Callable[..., np.ndarray], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wav = io.BytesIO()
    soundfile.write(wav, speech(seconds=0.3), 16000, format="WAV")
    sound = wav.getvalue()
    (tree.root / "data").mkdir()
    nested = {"gender": None, "tts_metadata": {"gender": "male", "voice_name": "echo"}}  # as the release has it
    rows = [
        row(1, sound, metadata=nested),
        row(2, sound, metadata=nested),
        row(3, None),
        row(4, sound, transcription=""),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tree.root / "data" / "train_full-00000-of-00001.parquet")
    pq.write_table(
        pa.Table.from_pylist([rows[1], row(5, sound)]), tree.root / "data" / "train_fine-00000-of-00001.parquet"
    )
    (tree.root / "data" / "._train_full-00000-of-00001.parquet").write_bytes(b"\0\5\x16\7")
    counts = prepare.prepare(registry.get("Stress-17K"), tree.root, tmp_path / "s.jsonl")
    assert (counts["clips"], counts["failed"]) == (3, {"bad_row": 2})
    first, second, last = read_jsonl(tmp_path / "s.jsonl")
    assert (first.id, first.speaker, first.gender, first.split) == ("stress_17k_a1", "stress_17k_echo", "male", "train")
    assert (first.extra["stressed_words"], first.extra["answer"]) == (["known"], 1)
    assert [clip.extra["fine"] for clip in (first, second, last)] == [False, True, True]
    assert len(audio.load(str(first.audio))[0]) == 4800


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1\n", b"PAR1 cut off while it was fetched"]
)
def test_a_table_that_did_not_arrive_is_named(tree, content: bytes) -> None:
    (tree.root / "train_full-00000-of-00004.parquet").write_bytes(content)
    with pytest.raises(CorpusError, match=r"train_full-00000-of-00004\.parquet: not a readable Parquet .*git lfs pull"):
        tree.read("stress_17k")
