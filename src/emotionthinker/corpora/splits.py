"""Speaker-disjoint splits as data: who is heard in training is never heard in a test."""

from __future__ import annotations

import re

from emotionthinker.records import Utterance

NANO_TEST_SPEAKERS = frozenset(
    {"ravdess_11", "ravdess_12", "emodb_15", "emodb_16", *(f"crema_{number}" for number in range(1071, 1079))}
)
"""Test speakers of the nano corpora: RAVDESS actors 11 and 12, EmoDB 15 and 16, CREMA-D 1071 to 1078."""
TRAIN = "train"
"""The split that every training stage reads."""
_NAME = r"(test|testing|tst|val|valid|validation|dev|devel|development|eval|evaluation|unseen|held[-_ ]?out)"
_HELD_OUT = re.compile(rf"{_NAME}(set)?(?![a-z])", re.I)
"""`test`, `test2`, `test-clean`, `devset`, `Development`, ...; not `fold1`, not `developers`."""
_TRAINING = re.compile(rf"(train|training|trn)(set)?(?![a-z])(?!.*{_NAME})", re.I)
"""`training`, `train-clean-100`, ...; not `train-dev`, `train+val`: what may be tested on is not trained on."""


def assign(utterance: Utterance) -> str:
    """The split the record carries, by the name the stages use; without one `test` for a test speaker, else `train`."""
    return named(utterance.split) or ("test" if utterance.speaker in NANO_TEST_SPEAKERS else TRAIN)


def named(split: str | None) -> str | None:
    """`train` for a training split in any spelling, since training reads that name alone; others as they are.

    >>> [named(split) for split in ("Training", "train-clean-100", "test2", "fold1", "train-dev", " ")]
    ['train', 'train', 'test2', 'fold1', 'train-dev', None]
    """
    split = (split or "").strip()
    return TRAIN if _TRAINING.match(split) else split or None


def is_held_out(split: str | None) -> bool:
    """Whether clips of this split must shape nothing that is tested on them: tests and validation, in any spelling.

    An open split and one of a foreign name (`fold1`) are not held out.

    >>> [is_held_out(split) for split in ("test", "test2", "dev-clean", "validation", "train", None)]
    [True, True, True, True, False, False]
    """
    return bool(split and _HELD_OUT.match(split.strip()))
