"""The one walk over a tree of files: without hidden files and folders, links followed, in the order of sorted paths."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from emotionthinker.errors import RecordError


def below(root: Path, *patterns: str) -> Iterator[Path]:
    """Files below `root` whose name fits one of `patterns` (`*.wav`), letter case aside.

    What is hidden (`._a.wav`, `.Trash/a.wav`) is no part of a corpus. Links are followed, so that one may be put
    together from several disks; no folder is walked twice. A link to a file that is gone is named, not passed over. A
    pipe or a socket is: reading it would never end. One folder's names at a time are in memory. Raises `RecordError`
    for a folder that cannot be read.
    """
    fits = re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns)).match
    return (path for path, is_folder in _entries(root) if not is_folder and fits(path.name.lower()))


def ending(suffixes: Collection[str]) -> list[str]:
    """Patterns for `below` of files with these suffixes."""
    return [f"*{suffix}" for suffix in sorted(suffixes)]


def folders(root: Path) -> Iterator[Path]:
    """Folders below `root`, by the rules of `below`."""
    return (path for path, is_folder in _entries(root) if is_folder)


def _entries(root: Path) -> Iterator[tuple[Path, bool]]:
    home = os.path.realpath(root)
    return _walk(root, home, {home})


def _walk(folder: Path, real: str, homes: set[str]) -> Iterator[tuple[Path, bool]]:
    """(path, is it a folder); `real` is the folder without links, `homes` holds the root and the targets of the links
    that were followed: no folder below one of them may come by another way.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (e.name, e.is_dir(), e.is_symlink())
                for e in entries
                if not e.name.startswith(".") and (e.is_dir() or e.is_file() or e.is_symlink())
            )
    except OSError as error:
        raise RecordError(f"{folder}: cannot be read: {error.strerror}; check the folder and its rights") from error
    for name, is_folder, is_link in found:
        path = folder / name
        if not is_folder:
            yield path, False
            continue
        target = os.path.realpath(path) if is_link else os.path.join(real, name)
        if target in homes or (is_link and _comes_anyway(target, homes)):
            continue
        if is_link:
            homes.add(target)
        yield path, True
        yield from _walk(path, target, homes)


def _comes_anyway(target: str, homes: Collection[str]) -> bool:
    """Whether the walk below one of `homes` meets the target of a link under its own name."""
    path = Path(target)
    return any(
        str(home) in homes and not any(part.startswith(".") for part in path.relative_to(home).parts)
        for home in path.parents
    )


def is_utf8(path: str | os.PathLike[str]) -> bool:
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(path: str | os.PathLike[str]) -> str:
    r"""The path as text that can be written; bytes that are no UTF-8 as `\xfc`."""
    return os.fsencode(path).decode(errors="backslashreplace")
