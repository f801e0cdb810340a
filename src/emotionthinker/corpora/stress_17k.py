"""Stress-17K: synthesised sentences with marked stress, as Parquet tables that hold the sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Embedded, Item, bad, record, words_of
from emotionthinker.errors import CorpusError

_COLUMNS = ("audio_id", "audio", "transcription")


def read(root: Path) -> Iterator[Item]:
    """Every clip once; those that are in `train_fine` (the filtered subset of `train_full`) say so in `extra.fine`."""
    tables = sorted(files.below(root, "*.parquet"), key=lambda path: ("train_fine" in path.name, path))
    fine = {row["audio_id"] for path in tables if "train_fine" in path.name for row in _rows(path, ["audio_id"])}
    seen: set[Any] = set()
    for path in tables:
        for number, row in enumerate(_rows(path), 1):
            if "train_fine" in path.name and row.get("audio_id") in seen:
                continue
            seen.add(row.get("audio_id"))
            where = f"{path.name}:{number}"
            missing = [name for name in _COLUMNS if row.get(name) in (None, "")]
            sound = (row.get("audio") or {}).get("bytes")
            if missing or not sound:
                yield bad("bad_row", where, f"{where}: no {', '.join(missing) or 'audio.bytes'}")
                continue
            yield _embedded(row, sound, "test" if path.name.startswith("test") else "train", row["audio_id"] in fine)


def _embedded(row: dict[str, Any], sound: bytes, split: str, fine: bool) -> Item:
    settings = _settings(row)
    voice = settings.get("voice_name")
    words = [word[0] for word in words_of(str(row["transcription"]))]
    places = [int(place) for place in _stressed(row)]
    suffix = Path((row["audio"].get("path")) or "clip.wav").suffix or ".wav"
    id_ = f"stress_17k_{row['audio_id']}"
    utterance = record(
        "stress_17k",
        id_,
        Path(f"{id_}{suffix}"),
        None,
        split=split,
        speaker=f"stress_17k_{voice}" if voice else None,
        gender={"male": "male", "female": "female"}.get(str(settings.get("gender", "")).lower()),
        text=row["transcription"],
        extra={
            "stressed_words": [words[place] for place in places if place < len(words)],
            "stressed_places": places,
            "description": row.get("description"),
            "possible_answers": list(row["possible_answers"]) if row.get("possible_answers") is not None else None,
            "answer": row.get("label"),
            "synthesised": True,
            "fine": fine,
        },
    )
    return Embedded(utterance, sound, suffix)


def _settings(row: dict[str, Any]) -> dict[str, Any]:
    """What is known of the synthesised voice: `metadata`, and inside it `tts_metadata`."""
    outer = row.get("metadata") or {}
    return {**outer, **{name: value for name, value in (outer.get("tts_metadata") or {}).items() if value is not None}}


def _stressed(row: dict[str, Any]) -> list[int]:
    """Places of the stressed words, counted from 0 over words split at blanks and hyphens."""
    pattern = row.get("stress_pattern") or {}
    return list(row.get("gt_stress_indices") or pattern.get("indices") or [])


def _rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of a table. Raises `CorpusError` of kind bad_row for a file that is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(64, columns=columns):
            yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise CorpusError(
            "bad_row",
            f"{path}: not a readable Parquet file ({error}); fetch it again (a pointer of Git LFS: `git lfs pull`)",
        ) from error


CORPUS = Corpus(
    "stress_17k",
    "Stress-17K",
    ("en",),
    (),
    "train (train_full); the benchmark StressTest is another set",
    "CC BY-NC 4.0; all speech is synthesised",
    "free download (slprl/Stress-17K-raw)",
    "https://huggingface.co/datasets/slprl/Stress-17K-raw",
    "data/train_full-00000-of-00001.parquet (audio, audio_id, transcription, gt_stress_indices, ...)",
    read,
)
