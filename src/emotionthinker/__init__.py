"""EmotionThinker: speech emotion with reasons that are checked against the sound.

>>> from emotionthinker import explain
>>> explain("clip.wav").emotion  # doctest: +SKIP
'Happy'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from emotionthinker.explaining import explain as explain

__all__ = ["__version__", "explain"]


def __getattr__(name: str) -> Any:
    """`explain` is looked up on first use, so that importing the package loads no torch."""
    if name == "explain":
        from emotionthinker.explaining import explain

        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
