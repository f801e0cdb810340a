"""What is measured on a clip: pitch, energy, rate, stress, intonation, speaker, transcript, and the words for it.

>>> from emotionthinker.prosody import annotate
>>> annotate("clip.wav").prosody.pitch.level  # doctest: +SKIP
'high'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotionthinker.prosody.annotator import annotate as annotate
    from emotionthinker.prosody.levels import Calibration as Calibration

__all__ = ["Calibration", "annotate"]


def __getattr__(name: str) -> Any:
    """Looked up on first use: importing this package stays cheap."""
    if name == "annotate":
        from emotionthinker.prosody.annotator import annotate

        return annotate
    if name == "Calibration":
        from emotionthinker.prosody.levels import Calibration

        return Calibration
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
