"""How well words that no dictionary holds get their phones: each word is taken out of CMUdict and guessed.

    python benchmarks/letters.py [--words 6000] [--seed 1]

Names and inflections are in CMUdict too; relatives of a word stay there, as they would for a word really unknown.
"""

from __future__ import annotations

import argparse
import random

import numpy as np

from emotionthinker.prosody import derived, letters, words


def distance(a: list[str], b: list[str]) -> int:
    """Insertions, deletions and substitutions between two phone strings."""
    row = np.arange(len(b) + 1)
    for i, phone in enumerate(a, 1):
        before, row = row, np.full(len(b) + 1, i)
        for j, other in enumerate(b, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (phone != other))
    return int(row[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    known = dict(words.dictionary())
    sample = random.Random(options.seed).sample([w for w in known if w.isalpha() and len(w) > 1], options.words)
    found: dict[str, list[tuple[int, int, int]]] = {"letter rules": [], "relatives, else letter rules": []}
    alone = 0
    for word in sample:
        entry = known.pop(word)
        truth = entry.split()
        related = derived.english(word, known)
        known[word] = entry
        alone += not related
        rules = letters.english(word)
        for name, guess in zip(found, (rules, related or rules), strict=True):
            found[name].append((distance(list(guess), truth), len(guess), len(truth)))
    print(f"{options.words} words, {100 * alone / options.words:.1f} % without a relative")
    print(f"{'method':30} {'phone error %':>13} {'count right %':>13} {'count bias %':>12}")
    for name, rows in found.items():
        wrong, guessed, true = np.asarray(rows).T
        right, error = 100 * float((guessed == true).mean()), 100 * wrong.sum() / true.sum()
        bias = 100 * (guessed.sum() / true.sum() - 1)
        print(f"{name:30} {error:13.1f} {right:13.1f} {bias:+12.1f}")


if __name__ == "__main__":
    main()
