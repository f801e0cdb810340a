"""TESS: two women say 200 words in the carrier "Say the word ..." with seven emotions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora.base import Corpus, Item, clip, sounds, unnamed

_SPEAKERS = {"OAF": 64, "YAF": 26}
_EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
_NAME = re.compile(r"(OAF|OA|YAF)_([a-z']+)_([a-z]+)", re.I)


def read(root: Path) -> Iterator[Item]:
    """The release holds one name without its F (`OA_bite_neutral.wav`); it is read as OAF."""
    for path in sounds(root):
        match = _NAME.fullmatch(path.stem)
        if match is None or match[3].lower() not in _EMOTIONS:
            yield unnamed(root, path, f"a name such as OAF_back_angry, emotion of {_EMOTIONS}")
            continue
        speaker = "YAF" if match[1].upper() == "YAF" else "OAF"
        word, emotion = match[2].lower(), match[3].lower()
        yield clip(
            "tess",
            f"tess_{speaker}_{word}_{emotion}",
            path,
            emotion,
            speaker=f"tess_{speaker}",
            gender="female",
            age=_SPEAKERS[speaker],
            text=f"Say the word {word}",
            extra={"word": word},
        )


CORPUS = Corpus(
    "tess",
    "TESS",
    ("en",),
    _EMOTIONS,
    "none; two speakers, so a split by speaker leaves one on each side",
    "CC BY-NC-ND 4.0",
    "free download",
    "https://doi.org/10.5683/SP2/E8H2MF",
    "OAF_angry/OAF_back_angry.wav",
    read,
)
