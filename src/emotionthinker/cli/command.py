"""What every command says when its results have no place, or when it is stopped: one line, no traceback."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from emotionthinker.errors import EmotionThinkerError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_PLACE = (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError, FileNotFoundError)
_DESTINATIONS = {"out": "--out", "report": "--report", "write_clean": "--write-clean"}
"""Parameter -> option that names where a command writes."""


class Command(TyperCommand):
    """A command that tells an unusable destination from a bug, and how to go on after Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as error:
            places = {option: ctx.params[name] for name, option in _DESTINATIONS.items() if ctx.params.get(name)}
            if (told := complaint(error, places)) is None:
                raise
            raise EmotionThinkerError(told) from error
        except KeyboardInterrupt:
            typer.echo("stopped; run the same command to go on", err=True)
            raise


def complaint(error: OSError, places: dict[str, Path]) -> str | None:
    """What is wrong with one of the places (option -> path) to write to; None for any other error."""
    if error.errno in _FULL:
        where = error.filename or next(iter(places.values()), "the temporary folder")
        return f"no space left in {where}; free some and run again, it goes on"
    read_only = error.errno == errno.EROFS
    if not (read_only or isinstance(error, _NO_PLACE)):
        return None
    paths = [Path(name) for name in (error.filename, error.filename2) if isinstance(name, str)]
    for option, place in places.items():
        if isinstance(error, FileNotFoundError) and place.exists():
            continue  # what is absent inside a folder that is there is a bug
        if any(_belongs(path, place) for path in paths):
            return f"{option} {place} {_trouble(error, place)}; choose another place"
    return None


def _belongs(path: Path, place: Path) -> bool:
    """Whether a path is `place`, inside it, above it, or the unfinished file beside it."""
    beside = path.parent == place.parent and path.name.startswith(f"{place.name}.")
    return beside or path.is_relative_to(place) or place.is_relative_to(path)


def _trouble(error: OSError, place: Path) -> str:
    if isinstance(error, IsADirectoryError):
        return "is a folder, a file was expected"
    blocking = next((path for path in (place, *place.parents) if path.is_file()), None)
    if blocking == place:
        return "is a file, a folder was expected"
    if blocking is not None:
        return f"cannot be written: {blocking} is a file"
    return f"cannot be written: {error.strerror}"
