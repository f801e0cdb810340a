"""The cards of all corpora as text: for the terminal, and as the tables of docs/corpora.md."""

from __future__ import annotations

from collections.abc import Iterable

from emotionthinker.corpora import registry
from emotionthinker.corpora.base import Corpus
from emotionthinker.emotions import EMOTIONS, canonical

BEGIN, END = "<!-- made by `emotionthinker corpus list --markdown` -->", "<!-- end -->"


def cards() -> list[Corpus]:
    return [registry.get(name) for name in registry.NAMES]


def plain() -> str:
    """A paragraph a corpus."""
    return "\n\n".join(
        f"{card.name}: {card.title} ({', '.join(card.languages)})\n"
        f"  licence: {card.licence}\n  access:  {card.access}; {card.url}\n"
        f"  splits:  {card.splits}\n  layout:  {card.layout}"
        for card in cards()
    )


def markdown() -> str:
    """The two tables of docs/corpora.md, between their marks."""
    access = _table(
        ("corpus", "language", "licence", "access", "splits", "layout below ROOT"),
        (
            (
                f"[{card.title}]({card.url}): `{card.name}`",
                ", ".join(card.languages),
                card.licence,
                card.access,
                card.splits,
                card.layout,
            )
            for card in cards()
        ),
    )
    header = ("corpus", *EMOTIONS, "no emotion")
    return f"{BEGIN}\n{access}\n\n{_table(header, (_labels(card) for card in cards() if card.labels))}\n{END}"


def _labels(card: Corpus) -> list[str]:
    """The corpus' labels by what becomes of them."""
    mapped = {label: canonical(label, card.name) for label in card.labels}
    return [card.title] + [", ".join(label for label, to in mapped.items() if to == goal) for goal in (*EMOTIONS, None)]


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("*", r"\*") for cell in line) + " |" for line in lines)
