"""The words that tie cues to affect, read from `affect.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from emotionthinker.emotions import EMOTIONS


class Affect(BaseModel):
    """What the grammar writer knows of one emotion; see the head of `affect.yaml` for the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fits: dict[str, list[str]]
    cues: dict[str, list[str]]
    manner: list[str]
    state: list[str]
    words: list[str]
    close: list[str]

    def speaks_for(self, feature: str, level: str) -> bool | None:
        """True when the level fits, False when it is the opposite of what fits, None when it says little."""
        if level in self.fits.get(feature, []):
            return True
        return None if level in ("normal", "moderate") or feature == "shape" else False


@cache
def affects() -> dict[str, Affect]:
    """All nine, by emotion."""
    text = resources.files(__package__).joinpath("affect.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    return {emotion: Affect.model_validate(raw[emotion]) for emotion in EMOTIONS}
