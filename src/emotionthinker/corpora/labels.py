"""From what a corpus wrote to one of the nine emotions, or to none.

The maps themselves are data in `emotions`; this is the policy: the row's own emotion decides, the corpus' original
label where the row names none; classes outside the nine (boredom, frustration, `xxx`) are kept as original label only.
"""

from __future__ import annotations

from emotionthinker.emotions import canonical


def resolve(
    label: str | None, original: str | None = None, dataset: str | None = None
) -> tuple[str | None, str | None]:
    """(emotion of the nine or None, original label as written or None).

    >>> resolve(None, "boredom", "emodb"), resolve("calm", None, "ravdess")
    ((None, 'boredom'), ('Neutral', 'calm'))
    """
    return canonical(label or original, dataset), original or label
