"""Where the sound lies that a published table names by a path of somebody else's disk."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

from emotionthinker.corpora.base import sounds


class Places:
    """Sound files below a root, found by the end of a written path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, written: str) -> Path | None:
        """The file whose path shares the longest end with `written`, whatever its suffix; of several, the one that
        lies so right below the root. `None` when there is none, or several fit equally well."""
        path = PurePosixPath(written.replace("\\", "/"))
        parts = path.parts[1:] if path.is_absolute() else path.parts
        if not parts or (near := self.root.joinpath(*parts)).is_file():
            return near if parts else None
        wanted = (*parts[:-1], path.stem)
        fits: dict[tuple[int, bool], list[Path]] = defaultdict(list)
        for known in self._by_stem.get(path.stem, []):
            below = known.relative_to(self.root).with_suffix("").parts
            shared = _common_end(wanted, below)
            fits[shared, shared == len(below)].append(known)
        best = fits[max(fits)] if fits else []
        return best[0] if len(best) == 1 else None

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        stems: dict[str, list[Path]] = defaultdict(list)
        for path in sounds(self.root):
            stems[path.stem].append(path)
        return dict(stems)


def _common_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = list(zip(reversed(one), reversed(other), strict=False))
    return next((count for count, (a, b) in enumerate(pairs) if a != b), len(pairs))
