"""The prosody-centric corpus of section 3.2, and the verified variants of clips that it compares.

>>> from emotionthinker.perception import augment
>>> [variant.measured.pitch_st for variant in augment("clip.wav", pitch=[4])]  # doctest: +SKIP
[4.02]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotionthinker.perception.augmenter import augment as augment

__all__ = ["augment"]


def __getattr__(name: str) -> Any:
    """Looked up on first use: importing this package stays cheap."""
    if name == "augment":
        from emotionthinker.perception.augmenter import augment

        return augment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
