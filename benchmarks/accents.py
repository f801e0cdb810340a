"""Words of spontaneous speech with the accents people heard: labels for `stress.py --labels`.

    git clone https://github.com/AndrewRosenberg/AuToBI
    python benchmarks/accents.py AuToBI/test_data accents.jsonl

Reads the sample of the NXT Switchboard annotation that AuToBI is tested with: one speaker of telephone speech, five
minutes. Each line of the output is a stretch without pause: path, start_s and end_s, `spans` of its words in seconds
from `start_s`, and `human`: 1 for an accent, 0.5 for a weak one, 0 for none. The sound is the Linguistic Data
Consortium's; nothing of it is copied.
"""

from __future__ import annotations

import argparse
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

PAUSE_S = 0.15
MARGIN_S = 0.1
_NITE = "{http://nite.sourceforge.net/}"


def _target(element: ET.Element) -> str | None:
    """The id that an element's pointer names."""
    pointer = element.find(f"{_NITE}pointer")
    found = re.search(r"id\((.*)\)", pointer.get("href", "")) if pointer is not None else None
    return found[1] if found else None


def _accents(path: Path) -> dict[str, float]:
    """Phonological word -> its strongest accent."""
    strongest: dict[str, float] = {}
    for accent in ET.parse(path).getroot().iter("accent"):
        if (word := _target(accent)) is not None:
            strength = 0.5 if accent.get("strength") == "weak" else 1.0
            strongest[word] = max(strongest.get(word, 0.0), strength)
    return strongest


def _words(path: Path) -> list[tuple[str, float, float]]:
    """Phonological words in order of time; what is written as several terminals ("it" "'s") is one word."""
    times: dict[str, list[float]] = {}
    for terminal in ET.parse(path).getroot().iter("word"):
        word = _target(terminal)
        edges = [terminal.get(f"{_NITE}{name}", "n/a") for name in ("start", "end")]
        if word is not None:
            times.setdefault(word, []).extend(float(edge) for edge in edges if edge != "n/a")
    spans = [(word, min(edges), max(edges)) for word, edges in times.items() if edges]
    return sorted((span for span in spans if span[2] > span[1]), key=lambda span: span[1])


def stretches(words: list[tuple[str, float, float]]) -> list[list[tuple[str, float, float]]]:
    """Words that follow each other without a pause."""
    found: list[list[tuple[str, float, float]]] = []
    for word in words:
        if found and word[1] - found[-1][-1][2] <= PAUSE_S:
            found[-1].append(word)
        else:
            found.append([word])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="AuToBI's test_data")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    accents = _accents(options.folder / "test.swb.accents.xml")
    words = _words(options.folder / "test.swb.terminals.xml")
    with options.out.open("w", encoding="utf-8") as lines:
        for stretch in stretches(words):
            start = max(0.0, stretch[0][1] - MARGIN_S)
            row = {
                "path": str((options.folder / "test.swb.terminals.wav").resolve()),
                "start_s": round(start, 4),
                "end_s": round(stretch[-1][2] + MARGIN_S, 4),
                "spans": [[round(a - start, 4), round(b - start, 4)] for _, a, b in stretch],
                "human": [accents.get(word, 0.0) for word, _, _ in stretch],
            }
            lines.write(json.dumps(row) + "\n")
    print(f"{len(words)} words, {sum(word in accents for word, _, _ in words)} with an accent")


if __name__ == "__main__":
    main()
