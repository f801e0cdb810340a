from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from emotionthinker import audio, embedded
from emotionthinker.corpora import parquet
from emotionthinker.corpora.manifest import utterances
from emotionthinker.errors import AudioError
from emotionthinker.records import Utterance


@pytest.fixture
def clips(tmp_path: Path, speech: Any) -> list[Path]:
    paths = [tmp_path / f"{n}.flac" for n in range(5)]
    for number, path in enumerate(paths):
        soundfile.write(path, speech(seconds=0.3, seed=number), 16000)
    return paths


@pytest.fixture
def shard(tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five clips in row groups of two."""
    monkeypatch.setattr(parquet, "_EMBEDDED_BATCH", 2)
    path = tmp_path / "in" / "part-00000.parquet"
    path.parent.mkdir()
    rows = [
        Utterance(id=p.stem, audio=str(p), emotion="Sad", original_label="grief", split="train", extra={"n": 1})
        for p in clips
    ]
    parquet.write(path, rows, embed=True)
    return path


def test_the_sound_of_a_row_is_that_of_its_file(shard: Path, clips: list[Path]) -> None:
    found = list(parquet.read(shard))
    assert [u.audio for u in found] == [f"{shard}#{n}" for n in range(5)]
    for number in (3, 0, 4, 1, 2):
        assert np.array_equal(audio.load(f"{shard}#{number}")[0], audio.load(clips[number])[0])


def test_a_shard_is_a_source_again_alone_and_as_a_folder(shard: Path) -> None:
    found = list(utterances([shard]))
    assert found == list(utterances([shard.parent])) == list(parquet.read(shard))


def test_a_shard_of_a_shard_holds_the_same_bytes(shard: Path, tmp_path: Path, clips: list[Path]) -> None:
    again = tmp_path / "again.parquet"
    parquet.write(again, parquet.read(shard), embed=True)
    assert embedded.read(f"{again}#3") == (clips[3].read_bytes(), "3.flac")


def test_datasets_reads_shards_as_audio(shard: Path, clips: list[Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_dataset("parquet", data_files=str(shard), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(rows.features["audio"], datasets.Audio)
    raw = rows.cast_column("audio", datasets.Audio(decode=False))[2]["audio"]
    assert (raw["bytes"], raw["path"]) == (clips[2].read_bytes(), "2.flac")


def test_what_datasets_writes_is_read(tmp_path: Path, clips: list[Path]) -> None:
    datasets = pytest.importorskip("datasets")
    table = {"audio": [{"bytes": p.read_bytes(), "path": p.name} for p in clips], "path": ["gone.wav"] * 5}
    made = datasets.Dataset.from_dict(table).cast_column("audio", datasets.Audio(decode=False))
    made.to_parquet(tmp_path / "hf.parquet")
    found = list(utterances([tmp_path / "hf.parquet"]))
    assert [u.id for u in found] == [f"hf.parquet#{n}" for n in range(5)]
    assert np.array_equal(audio.load(found[4].audio)[0], audio.load(clips[4])[0])


def test_bytes_may_be_left_out_where_the_file_lies_beside(tmp_path: Path, clips: list[Path]) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": None, "path": "1.flac"}, {"bytes": None, "path": "gone.flac"}, None], kind)
    pq.write_table(pa.table({"speech": rows}), tmp_path / "x.parquet")
    assert np.array_equal(audio.load(tmp_path / "x.parquet#0")[0], audio.load(clips[1])[0])
    for row in (1, 2):
        with pytest.raises(AudioError, match=f"x.parquet#{row}"):
            audio.load(tmp_path / f"x.parquet#{row}")


@pytest.mark.parametrize(("name", "kind"), [("no.parquet#0", "missing"), ("bad.parquet#0", "undecodable")])
def test_references_that_lead_nowhere(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(AudioError) as error:
        audio.load(tmp_path / name)
    assert error.value.kind == kind


def test_a_row_beyond_the_end_and_sound_that_is_none(shard: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as error:
        audio.load(f"{shard}#5")
    assert error.value.kind == "missing"
    pq.write_table(pa.table({"audio": [{"bytes": b"no sound", "path": "a.wav"}]}), tmp_path / "x.parquet")
    with pytest.raises(AudioError) as error:
        audio.load(f"{tmp_path}/x.parquet#0")
    assert error.value.kind == "undecodable"


def test_only_such_names_are_references() -> None:
    assert embedded.is_reference("a/b.parquet#12")
    assert not any(map(embedded.is_reference, ("b.parquet", "b.parquet#", "b.parquet#x", "b#1.wav", "b.flac#1")))
    assert embedded.file_of("a/b.parquet#12") == "a/b.parquet"
    assert embedded.file_of("a/b#12.wav") == "a/b#12.wav"


def test_a_file_whose_name_looks_like_a_reference_is_a_file(tmp_path: Path, speech: Any) -> None:
    sound = io.BytesIO()
    soundfile.write(sound, speech(seconds=0.2), 16000, format="WAV")
    (tmp_path / "x.parquet#0").write_bytes(sound.getvalue())
    assert len(audio.load(tmp_path / "x.parquet#0")[0]) == 3200


def test_sound_that_is_gone_cannot_be_embedded(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav"):
        parquet.write(tmp_path / "x.parquet", [Utterance(id="a", audio=str(tmp_path / "gone.wav"))], embed=True)
