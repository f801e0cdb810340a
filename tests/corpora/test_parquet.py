from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from emotionthinker import audio, embedded
from emotionthinker.corpora import parquet
from emotionthinker.errors import RecordError
from emotionthinker.records import Energy, Prosody, Stress, Trace, Utterance, Word


def test_batches_of_different_fillings_share_one_schema(tmp_path: Path) -> None:
    """All-null batches first: a schema guessed from them would refuse what follows."""
    bare = [Utterance(id=f"a{n}") for n in range(parquet._BATCH + 1)]
    word = Word(text="hour", start_s=0.1, end_s=0.5, score=1.2, stressed=True)
    full = Utterance(
        id="full",
        text="an hour",
        age=30,
        prosody=Prosody(duration_s=1.5, energy=Energy(active_dbfs=-20), stress=Stress(words=[word], method="acoustic")),
        trace=Trace(think="It is loud.", answer="angry", writer="me"),
        extra={"any": [1, None, {"x": "y"}]},
    )
    path = tmp_path / "u.parquet"
    assert parquet.write(path, iter([*bare, full])) == len(bare) + 1
    assert list(parquet.read(path)) == [*bare, full]
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_makes_an_empty_table(tmp_path: Path) -> None:
    assert parquet.write(tmp_path / "u.parquet", []) == 0
    assert list(parquet.read(tmp_path / "u.parquet")) == []


def test_long_recordings_make_row_groups_of_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_EMBEDDED_BYTES", 5000)
    rows = [Utterance(id="without")]
    for number, frames in enumerate((2000, 2000, 100, 9000, 100)):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(frames), 16000)
        rows.append(Utterance(id=str(number), audio=str(tmp_path / f"{number}.wav")))
    assert parquet.write(tmp_path / "u.parquet", rows, embed=True) == 6
    file = pq.ParquetFile(tmp_path / "u.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [3, 2, 1]
    for row, found in zip(rows, parquet.read(tmp_path / "u.parquet"), strict=True):
        assert found.id == row.id
        assert not row.audio or embedded.read(found.audio or "")[0] == Path(row.audio).read_bytes()


def test_a_part_of_a_recording_is_embedded_alone(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, (48000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "talk#1.wav", wave, 24000, subtype="FLOAT")
    name = f"{tmp_path}/talk#1.wav#t=0.5,1.25&channel=2"
    parquet.write(tmp_path / "u.parquet", [Utterance(id="a", audio=name)], embed=True)
    (found,) = parquet.read(tmp_path / "u.parquet")
    samples, rate = audio.load(found.audio or "", native=True)
    assert rate == 24000
    np.testing.assert_allclose(samples, wave[12000:30000, 1], atol=1e-6)
    assert embedded.read(found.audio or "")[1] == "talk-1-t=0.5,1.25&channel=2.flac"


@pytest.mark.parametrize(
    ("content", "message"), [(None, r"row 1 is not an Utterance"), (b"no table", r"not a readable Parquet file")]
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"name": ["a"]}), path)
    if content:
        path.write_bytes(content)
    with pytest.raises(RecordError, match=rf"x\.parquet: {message}"):
        list(parquet.read(path))
