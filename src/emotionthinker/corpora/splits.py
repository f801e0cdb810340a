"""Speaker-disjoint splits as data: who is heard in training is never heard in a test."""

from __future__ import annotations

import re

from emotionthinker.records import Utterance

NANO_TEST_SPEAKERS = frozenset(
    {"ravdess_11", "ravdess_12", "emodb_15", "emodb_16", *(f"crema_{number}" for number in range(1071, 1079))}
)
"""Test speakers of the nano corpora: RAVDESS actors 11 and 12, EmoDB 15 and 16, CREMA-D 1071 to 1078."""
_HELD_OUT = re.compile(r"(test|testing|val|valid|validation|dev|development|eval|evaluation)(?![a-z])", re.I)
"""`test`, `test2`, `test-clean`, `Development`, ...; not `fold1`, not `developers`."""


def assign(utterance: Utterance) -> str:
    """`test` for a test speaker, else `train`. A split the record already carries is kept."""
    if utterance.split:
        return utterance.split
    return "test" if utterance.speaker in NANO_TEST_SPEAKERS else "train"


def is_held_out(split: str | None) -> bool:
    """Whether clips of this split must shape nothing that is tested on them: tests and validation, in any spelling.

    An open split and one of a foreign name (`fold1`) are not held out.

    >>> [is_held_out(split) for split in ("test", "test2", "dev-clean", "validation", "train", None)]
    [True, True, True, True, False, False]
    """
    return bool(split and _HELD_OUT.match(split.strip()))
