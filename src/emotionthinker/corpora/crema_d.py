"""CREMA-D: 91 actors, twelve sentences, six emotions; sex and age from VideoDemographics.csv."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora.base import Corpus, Item, clip, number, sounds, table, unnamed

_NAME = re.compile(r"(1\d\d\d)_([A-Z]{3})_([A-Z]{3})_([A-Z]{2}|X)")
_EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
_PEOPLE = "VideoDemographics.csv"
_TEXTS = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}


def read(root: Path) -> Iterator[Item]:
    actors = _actors(_people(root))
    for path in sounds(root, "AudioWAV"):
        match = _NAME.fullmatch(path.stem)
        if match is None or match[2] not in _TEXTS or match[3] not in _EMOTIONS or match[4] not in _INTENSITIES:
            yield unnamed(root, path, "a name such as 1001_DFA_ANG_XX: actor, sentence, emotion, level")
            continue
        actor, sentence, emotion, level = match.groups()
        gender, age = actors.get(actor, (None, None))
        yield clip(
            "crema_d",
            f"crema_{path.stem}",
            path,
            emotion,
            speaker=f"crema_{actor}",
            gender=gender,
            age=age,
            text=_TEXTS[sentence],
            extra={"intensity": _INTENSITIES[level]},
        )


def absent(root: Path) -> list[str]:
    """Without it clips come without gender and age."""
    return [] if _people(root).is_file() else [_PEOPLE]


def _people(root: Path) -> Path:
    """The sheet of the actors: in the root, or beside it where the root is `AudioWAV` itself."""
    return root / _PEOPLE if root.name != "AudioWAV" else root.parent / _PEOPLE


def _actors(sheet: Path) -> dict[str, tuple[str | None, float | None]]:
    """ActorID -> (gender, age); empty without the sheet."""
    if not sheet.is_file():
        return {}
    genders = {"male": "male", "female": "female"}
    rows = (row for _, row in table(sheet, "ActorID", "Sex", "Age"))
    return {row["ActorID"]: (genders.get(row["Sex"].lower()), number(row["Age"])) for row in rows}


CORPUS = Corpus(
    "crema_d",
    "CREMA-D",
    ("en",),
    _EMOTIONS,
    "none; actors 1071 to 1078 are test speakers of this project",
    "ODbL 1.0 (database), DbCL 1.0 (contents)",
    "free, with git-lfs",
    "https://github.com/CheyneyComputerScience/CREMA-D",
    "AudioWAV/1001_DFA_ANG_XX.wav and VideoDemographics.csv",
    read,
    absent=absent,
)
