"""EmoDB (Berlin Database of Emotional Speech): ten actors, ten German sentences, seven emotions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora.base import Corpus, Item, clip, sounds, unnamed

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "anxiety/fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_SPEAKERS: dict[str, tuple[str, int]] = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Blatt Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


def read(root: Path) -> Iterator[Item]:
    for path in sounds(root):
        match = _NAME.fullmatch(path.stem)
        if match is None or match[1] not in _SPEAKERS or match[3] not in _EMOTIONS:
            yield unnamed(root, path, "a name such as 03a01Fa: speaker, sentence, emotion (W L E A F T N), take")
            continue
        speaker, sentence, code, version = match.groups()
        gender, age = _SPEAKERS[speaker]
        yield clip(
            "emodb",
            f"emodb_{path.stem}",
            path,
            _EMOTIONS[code],
            speaker=f"emodb_{speaker}",
            gender=gender,
            age=age,
            language="de",
            text=_TEXTS.get(sentence),
            extra={"take": version},
        )


CORPUS = Corpus(
    "emodb",
    "EmoDB",
    ("de",),
    tuple(_EMOTIONS.values()),
    "none; speakers 15 and 16 are test speakers of this project",
    "CC BY 4.0 (EmoDB 2.0 on Zenodo); the release of 2005 had no licence text",
    "free download",
    "http://emodb.bilderbar.info",
    "wav/03a01Fa.wav",
    read,
)
