"""The format reward R_f (section 3.3.1)."""

from __future__ import annotations

import re

_SCHEMA = re.compile(r"\s*<think>(?P<think>.*)</think>\s*<answer>(?P<answer>.*)</answer>\s*", re.S)
_TAG = re.compile(r"</?(?:think|answer)>")


def format_reward(completion: str) -> float:
    """R_f: 1.0 when the completion is one `<think>…</think>`, then one `<answer>…</answer>`, else 0.0.

    Both hold more than whitespace and no further tag; nothing but whitespace stands before, between or after them.
    """
    match = _SCHEMA.fullmatch(completion)
    if not match:
        return 0.0
    return float(all(content.strip() and not _TAG.search(content) for content in match.groups()))
