"""The corpora by name. Importing this loads none of them; `get` imports the one file a corpus lives in."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

from emotionthinker.errors import CorpusError

if TYPE_CHECKING:
    from emotionthinker.corpora.base import Corpus

NAMES = (
    "iemocap",
    "meld",
    "expresso",
    "mead",
    "ears",
    "msp_podcast",
    "ravdess",
    "savee",
    "crema_d",
    "emodb",
    "emovo",
    "tess",
    "gigaspeech",
    "librispeech",
    "stress_17k",
    "emotioncot",
)
"""Each is a module of this package and the `dataset` of its records (`emotioncot` names the corpus it annotates)."""


def spelled(name: str) -> str | None:
    """The registered name for any spelling (`CREMA-D`, `Stress-17K`), None for an unknown corpus."""
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    return next((known for known in NAMES if known.replace("_", "") == plain), None)


def get(name: str) -> Corpus:
    """The corpus of that name. Raises `CorpusError` for an unknown one."""
    known = spelled(name)
    if known is None:
        raise CorpusError("wrong_layout", f"no corpus named {name!r}; expected one of {', '.join(NAMES)}")
    corpus: Corpus = importlib.import_module(f"emotionthinker.corpora.{known}").CORPUS
    return corpus
