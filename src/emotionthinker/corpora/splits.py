"""Speaker-disjoint splits as data: who is heard in training is never heard in a test."""

from __future__ import annotations

from emotionthinker.records import Utterance

NANO_TEST_SPEAKERS = frozenset(
    {"ravdess_11", "ravdess_12", "emodb_15", "emodb_16", *(f"crema_{number}" for number in range(1071, 1079))}
)
"""Test speakers of the nano corpora: RAVDESS actors 11 and 12, EmoDB 15 and 16, CREMA-D 1071 to 1078."""


def assign(utterance: Utterance) -> str:
    """`test` for a test speaker, else `train`. A split the record already carries is kept."""
    if utterance.split:
        return utterance.split
    return "test" if utterance.speaker in NANO_TEST_SPEAKERS else "train"
