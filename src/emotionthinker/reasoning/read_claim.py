"""One acoustic claim as it was written, before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadClaim:
    """One claim as it was written; `accepts` holds the measured words that make it true.

    `accepts` is `None` for open features (`stress`, `quote`, where `claimed` is the wording) and for comparisons.
    `quoted` is False for a stressed word without quotation marks, which may be a paraphrase.
    """

    text: str
    feature: str
    claimed: str
    start: int
    end: int
    accepts: frozenset[str] | None = None
    comparative: bool = False
    quoted: bool = True
