"""Where the sound lies that a published table names by a path of somebody else's disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from emotionthinker import audio, embedded
from emotionthinker.corpora import files
from emotionthinker.corpora.base import sounds


class Places:
    """Sound files below a root, found by the end of a written path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fits(self, written: str) -> list[Path]:
        """The files whose path shares the longest end with `written`, whatever their suffix; of several, the one that
        lies so right below the root.

        What names a part of a recording (`#t=1.5,4.25&channel=2`), or the row of a Parquet file (`#7`), stays on them.
        """
        file = audio.file_of(written)
        stems = self._tables if embedded.is_reference(written) else self._sounds
        return [Path(f"{path}{written[len(file) :]}") for path in self._files(file, stems)]

    def ambiguous(self, written: str, best: list[Path]) -> str:
        """What to tell of a path that several files fit equally well."""
        named = ", ".join(path.relative_to(self.root).as_posix() for path in best[:3])
        return (
            f"{written} fits {len(best)} files: {named}{', …' if len(best) > 3 else ''}; expected one: name more of "
            "its path, or give the folder of one of them"
        )

    def _files(self, written: str, stems: dict[str, list[Path]]) -> list[Path]:
        path = PurePosixPath(written.replace("\\", "/"))
        parts = path.parts[1:] if path.is_absolute() else path.parts
        if not parts or (near := self.root.joinpath(*parts)).is_file():
            return [near] if parts else []
        wanted = (*parts[:-1], path.stem)
        fits: dict[tuple[int, bool], list[Path]] = defaultdict(list)
        for known in stems.get(path.stem, []):
            below = known.relative_to(self.root).with_suffix("").parts
            shared = _common_end(wanted, below)
            fits[shared, shared == len(below)].append(known)
        return fits[max(fits)] if fits else []

    @cached_property
    def _sounds(self) -> dict[str, list[Path]]:
        return _by_stem(sounds(self.root))

    @cached_property
    def _tables(self) -> dict[str, list[Path]]:
        return _by_stem(files.below(self.root, "*.parquet"))


def _by_stem(paths: Iterable[Path]) -> dict[str, list[Path]]:
    stems: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        stems[path.stem].append(path)
    return dict(stems)


def _common_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = list(zip(reversed(one), reversed(other), strict=False))
    return next((count for count, (a, b) in enumerate(pairs) if a != b), len(pairs))
