"""MSP-Podcast: turns of podcasts with crowd labels; one sheet of consensus labels, one text file a turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Item, bad, clip, number, table

_CLASSES = ("A", "S", "H", "U", "F", "D", "C", "N", "O", "X")
_SPLITS = {
    "train": "train",
    "development": "validation",
    "validation": "validation",
    "test": "test",
    "test1": "test",
    "test2": "test2",
    "test3": "test3",
}
_GENDERS = {"male": "male", "female": "female"}


def read(root: Path) -> Iterator[Item]:
    sheet = next(files.below(root, "labels_consensus.csv"), None)
    if sheet is None:
        return
    for where, row in table(sheet):
        name = row.get("FileName", "")
        stem = Path(name).stem
        label, split = row.get("EmoClass", ""), _SPLITS.get(row.get("Split_Set", "").lower())
        sound = root / "Audios" / name
        if not name or split is None:
            yield bad("bad_row", where, f"{where}: expected FileName and a Split_Set of {tuple(_SPLITS)}; got {row}")
        elif label not in _CLASSES:
            yield bad("bad_label", stem, f"{where}: EmoClass {label!r}; expected one of {_CLASSES}")
        elif not sound.is_file():
            yield bad("missing_sound", stem, f"{where}: no {sound}; unpack Audios.tar.gz there")
        else:
            yield _utterance(row, stem, sound, label, split, root / "Transcripts" / f"{stem}.txt")


def _utterance(row: dict[str, str], stem: str, sound: Path, label: str, split: str, words: Path) -> Item:
    speaker = row.get("SpkrID", "")
    text = words.read_text(encoding="utf-8", errors="replace").strip() if words.is_file() else ""
    return clip(
        "msp_podcast",
        stem.lower().replace("-", "_"),
        sound,
        label,
        split=split,
        speaker=f"msp_podcast_{speaker}" if speaker.lower() not in ("", "unknown") else None,
        gender=_GENDERS.get(row.get("Gender", "").lower()),
        text=text or None,
        extra={
            "arousal": number(row.get("EmoAct")),
            "valence": number(row.get("EmoVal")),
            "dominance": number(row.get("EmoDom")),
            "official_split": row.get("Split_Set"),
        },
    )


CORPUS = Corpus(
    "msp_podcast",
    "MSP-Podcast",
    ("en",),
    _CLASSES,
    "official: Train, Development (here `validation`), Test1 (here `test`), Test2, Test3",
    "academic or commercial licence, signed by the institution",
    "by agreement with the MSP lab",
    "https://www.lab-msp.com/MSP/MSP-Podcast.html",
    "Labels/labels_consensus.csv, Audios/MSP-PODCAST_0001_0008.wav, Transcripts/MSP-PODCAST_0001_0008.txt",
    read,
)
