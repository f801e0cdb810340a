"""MSP-Podcast: turns of podcasts with crowd labels; one sheet of consensus labels, one text file a turn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from emotionthinker import audio
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
_SHEETS = ("labels_consensus.csv", "labels_concensus.csv")
"""As newer and older releases spell it."""
_AUDIOS, _TEXTS = ("Audios", "Audio"), "Transcripts"
_GENDERS = {"male": "male", "female": "female"}


def read(root: Path) -> Iterator[Item]:
    """`Audios` and `Transcripts` lie beside the sheet or its folder (`Labels`), or nearer to the root."""
    sheet = _sheet(root)
    if sheet is None:
        return
    audios = _beside(sheet, root, *_AUDIOS) or sheet.parent.parent / _AUDIOS[0]
    texts = _beside(sheet, root, _TEXTS)
    for where, row in table(sheet, "FileName", "EmoClass", "Split_Set"):
        name = row.get("FileName", "")
        stem = Path(name).stem
        label = row.get("EmoClass", "")
        sound = audios / name
        if not name or _split(row) is None:
            yield bad("bad_row", where, f"{where}: expected FileName and a Split_Set of {tuple(_SPLITS)}; got {row}")
        elif label not in _CLASSES:
            yield bad("bad_label", stem, f"{where}: EmoClass {label!r}; expected one of {_CLASSES}")
        elif not sound.is_file():
            yield bad("missing_sound", stem, f"{where}: no {sound}; unpack Audios.tar.gz there")
        else:
            yield _utterance(row, stem, sound, label, texts / f"{stem}.txt" if texts else None)


def absent(root: Path) -> list[str]:
    """Without its transcripts the words are recognised; older releases have none."""
    sheet = _sheet(root)
    return [_TEXTS] if sheet and not _beside(sheet, root, _TEXTS) else []


def _sheet(root: Path) -> Path | None:
    return next(files.below(root, *_SHEETS), None)


def _beside(sheet: Path, root: Path, *names: str) -> Path | None:
    """The folder of one of these names nearest to the sheet; unpacked into another of its name, that inner one."""
    homes = [*(home for home in sheet.parents if home.is_relative_to(root)), sheet.parent.parent]
    folder = next((folder for home in homes for name in names if (folder := home / name).is_dir()), None)
    inner = folder / folder.name if folder else None
    return inner if inner and inner.is_dir() else folder


def _utterance(row: dict[str, str], stem: str, sound: Path, label: str, words: Path | None) -> Item:
    text = words.read_text(encoding="utf-8", errors="replace").strip() if words and words.is_file() else ""
    return clip(
        "msp_podcast",
        stem.lower().replace("-", "_"),
        sound,
        label,
        **_known(row),
        text=text or None,
        extra={
            "arousal": number(row.get("EmoAct")),
            "valence": number(row.get("EmoVal")),
            "dominance": number(row.get("EmoDom")),
            "official_split": row.get("Split_Set"),
        },
    )


def sheets(sound: Path, root: Path) -> dict[str, Any]:
    """Split, speaker and gender by the sheet of the MSP-Podcast the sound lies in; names alone tell nothing."""
    homes = (home for home in sound.parents if home.is_relative_to(root))
    places = (home / folder / name for home in homes for folder in ("Labels", "Labels/Labels") for name in _SHEETS)
    sheet = next((place for place in places if place.is_file()), None)
    return _by_name(sheet, audio.stamp(sheet)).get(sound.stem, {}) if sheet else {}


@lru_cache(maxsize=1)
def _by_name(sheet: Path, stamp: str) -> dict[str, dict[str, Any]]:
    return {Path(row.get("FileName", "")).stem: _known(row) for _, row in table(sheet)}


def _known(row: dict[str, str]) -> dict[str, Any]:
    speaker = row.get("SpkrID", "")
    return {
        "split": _split(row),
        "speaker": f"msp_podcast_{speaker}" if speaker.lower() not in ("", "unknown") else None,
        "gender": _GENDERS.get(row.get("Gender", "").lower()),
    }


def _split(row: dict[str, str]) -> str | None:
    return _SPLITS.get(row.get("Split_Set", "").lower())


CORPUS = Corpus(
    "msp_podcast",
    "MSP-Podcast",
    ("en",),
    _CLASSES,
    "official: Train, Development (here `validation`), Test1 (here `test`), Test2, Test3",
    "academic or commercial licence, signed by the institution",
    "by agreement with the MSP lab",
    "https://www.lab-msp.com/MSP/MSP-Podcast.html",
    "Labels/labels_consensus.csv (or labels_concensus.csv), Audios/MSP-PODCAST_0001_0008.wav, "
    "Transcripts/MSP-PODCAST_0001_0008.txt",
    read,
    absent=absent,
    sheets=sheets,
)
