"""EMOVO: six Italian actors, fourteen sentences, seven emotions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.corpora.base import Corpus, Item, clip, sounds, unnamed

_EMOTIONS = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")
_NAME = re.compile(r"([a-z]{3})-([fm][123])-([a-z]\d)", re.I)
_TEXTS = {
    "b1": "Gli operai si alzano presto.",
    "b2": "I vigili sono muniti di pistola.",
    "b3": "La cascata fa molto rumore.",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
    "l3": "Un attimo dopo s'è incamminato ed è inciampato.",
    "l4": "Vorrei il numero telefonico del Signor Piatti.",
    "n1": "La casa forte vuole col pane.",
    "n2": "La forza trova il passo e l'aglio rosso.",
    "n3": "Il gatto sta scorrendo nella pera.",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
    "n5": "Uno quarantatré dieci mille cinquantasette venti.",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
}


def read(root: Path) -> Iterator[Item]:
    for path in sounds(root):
        match = _NAME.fullmatch(path.stem)
        emotion, speaker, sentence = (part.lower() for part in match.groups()) if match else ("", "", "")
        if emotion not in _EMOTIONS or sentence not in _TEXTS:
            yield unnamed(root, path, f"a name such as gio-f1-b1, emotion of {_EMOTIONS}")
            continue
        yield clip(
            "emovo",
            f"emovo_{path.stem}",
            path,
            emotion,
            speaker=f"emovo_{speaker}",
            gender="female" if speaker.startswith("f") else "male",
            language="it",
            text=_TEXTS[sentence],
            extra={"sentence": sentence},
        )


CORPUS = Corpus(
    "emovo",
    "EMOVO",
    ("it",),
    _EMOTIONS,
    "none",
    "free for research; the archive holds no licence text",
    "free download",
    "http://voice.fub.it/activities/corpora/emovo/index.html",
    "f1/dis-f1-b1.wav",
    read,
)
