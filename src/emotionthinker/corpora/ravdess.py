"""RAVDESS: 24 actors, two sentences, eight emotions at two intensities; everything stands in the file name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora.base import Corpus, Item, clip, sounds, unnamed

_NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")


def read(root: Path) -> Iterator[Item]:
    """Audio-only and audio-video clips of speech and song; video without sound (modality 02) is left out."""
    for path in sounds(root):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            yield unnamed(root, path, "a name of seven codes such as 03-01-05-02-01-01-12")
            continue
        modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
        if modality == "02":
            continue
        yield clip(
            "ravdess",
            f"ravdess_{path.stem}",
            path,
            _EMOTIONS[int(emotion) - 1],
            speaker=f"ravdess_{actor}",
            gender="male" if int(actor) % 2 else "female",
            text=_STATEMENTS[int(statement) - 1],
            extra={
                "intensity": "strong" if intensity == "02" else "normal",
                "repetition": int(repetition),
                "vocal_channel": "song" if channel == "02" else "speech",
            },
        )


CORPUS = Corpus(
    "ravdess",
    "RAVDESS",
    ("en",),
    _EMOTIONS,
    "none; actors 11 and 12 are test speakers of this project",
    "CC BY-NC-SA 4.0",
    "free download (Audio_Speech_Actors_01-24.zip)",
    "https://zenodo.org/records/1188976",
    "Actor_NN/03-01-EE-II-SS-RR-NN.wav",
    read,
)
