from __future__ import annotations

from pathlib import Path

from emotionthinker.corpora import listing, registry

DOCS = Path(__file__).resolve().parents[2] / "docs" / "corpora.md"


def test_the_document_holds_the_tables_of_the_data() -> None:
    """After a change: `emotionthinker corpus list --markdown`, and its output between the marks."""
    text = DOCS.read_text(encoding="utf-8")
    begin, end = text.index(listing.BEGIN), text.index(listing.END) + len(listing.END)
    assert text[begin:end] == listing.markdown()


def test_every_label_stands_in_exactly_one_cell() -> None:
    rows = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in listing.markdown().splitlines()}
    for card in listing.cards():
        if card.labels:
            cells = [cell.strip() for cell in rows[card.title][1:]]
            assert sorted(label for cell in cells for label in cell.split(", ") if label) == sorted(card.labels)


def test_the_list_names_every_corpus_with_its_licence() -> None:
    text = listing.plain()
    assert all(f"{card.name}: {card.title}" in text and card.licence in text for card in listing.cards())
    assert text.count("licence:") == len(registry.NAMES)
