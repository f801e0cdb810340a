"""How long and how varied a set of texts is."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from statistics import fmean
from typing import Any


def diversity(texts: list[str]) -> dict[str, Any]:
    """Word counts (mean, 5th and 95th percentile, range), distinct-1 and distinct-2, and repeated texts and sentences.

    distinct-n is the number of different n-grams over the number of n-grams (Li et al. 2016); it falls with the size
    of the set, so `distinct_2_per_1000` gives the mean over blocks of 1000 words, which does not.
    Sentences are compared with their quotes blanked, so that the transcript's variety does not count as the writer's.
    """
    if not texts:
        return {"texts": 0}
    lengths = sorted(len(text.split()) for text in texts)
    words = [re.findall(r"[\w'-]+", text.lower()) for text in texts]
    plain = [re.sub(r'"[^"]*"', '"…"', text) for text in texts]
    sentences = [s for text in plain for s in re.split(r"(?<=[.!?])\s+", text) if s]
    pairs = [pair for text in words for pair in pairwise(text)]
    flat = [word for text in words for word in text]
    blocks = [flat[i : i + 1000] for i in range(0, len(flat) - 999, 1000)]
    return {
        "texts": len(texts),
        "unique_texts": len(set(texts)),
        "words_mean": round(fmean(lengths), 1),
        "words_p5": lengths[len(lengths) // 20],
        "words_p95": lengths[-1 - len(lengths) // 20],
        "words_range": [lengths[0], lengths[-1]],
        "vocabulary": len(set(flat)),
        "distinct_1": round(len(set(flat)) / max(1, len(flat)), 4),
        "distinct_2": round(len(set(pairs)) / max(1, len(pairs)), 4),
        "distinct_2_per_1000": round(fmean(len(set(pairwise(b))) / 999 for b in blocks), 4) if blocks else None,
        "sentences": len(sentences),
        "unique_sentences": len(set(sentences)),
        "most_common_sentences": Counter(sentences).most_common(5),
    }
