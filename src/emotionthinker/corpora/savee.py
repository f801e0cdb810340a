"""SAVEE: four men, 15 TIMIT sentences an emotion (30 neutral). No transcripts lie beside the sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora.base import Corpus, Item, clip, sounds, unnamed

_SPEAKERS = ("DC", "JE", "JK", "KL")
_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_NAME = re.compile(r"(?:(DC|JE|JK|KL)_)?(sa|su|[a-z])(\d\d)")


def read(root: Path) -> Iterator[Item]:
    """Both layouts: a folder a speaker, and the flat one of the audio-only copies (DC_a01.wav)."""
    for path in sounds(root, "AudioData"):
        match = _NAME.fullmatch(path.stem)
        speaker = (match[1] or path.parent.name) if match else ""
        if match is None or speaker not in _SPEAKERS or match[2] not in _EMOTIONS:
            yield unnamed(root, path, f"DC/a01.wav or DC_a01.wav: speaker of {_SPEAKERS}, code of {tuple(_EMOTIONS)}")
            continue
        yield clip(
            "savee",
            f"savee_{speaker}_{match[2]}{match[3]}",
            path,
            _EMOTIONS[match[2]],
            speaker=f"savee_{speaker}",
            gender="male",
            extra={"sentence": match[3]},
        )


CORPUS = Corpus(
    "savee",
    "SAVEE",
    ("en",),
    tuple(_EMOTIONS.values()),
    "none; the paper tests on all of it",
    "free for research",
    "registration by form",
    "http://kahlan.eps.surrey.ac.uk/savee/",
    "AudioData/DC/a01.wav, or DC_a01.wav side by side",
    read,
)
