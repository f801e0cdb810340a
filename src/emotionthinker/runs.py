"""What every stage shares: a run folder with a manifest, and stores that survive a kill at any moment."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError

from emotionthinker.environment import environment
from emotionthinker.errors import RecipeError, RecordError
from emotionthinker.folder_lock import hold, is_held, is_main_process, release

A = TypeVar("A")
R = TypeVar("R")
P = ParamSpec("P")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON so that a reader never sees half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the file beside `path` to write: it becomes `path` when the block ends, and is gone when it fails."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def put_in_place(part: Path, place: Path) -> Path:
    """Give what was written beside it its place, so that it appears whole or not at all; returns `place`."""
    usual_mode(part)
    if place.is_dir():
        shutil.rmtree(place)
    return part.replace(place)


def usual_mode(part: Path) -> None:
    """Give a file, or those in a folder, the mode new files have here: safetensors makes them their owner's alone."""
    probe = part.with_name(part.name + ".mode")
    probe.touch()
    mode = probe.stat().st_mode & 0o777
    probe.unlink()
    for path in part.rglob("*") if part.is_dir() else [part]:
        if path.is_file():
            path.chmod(mode)


def write_lines(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines so that a reader never sees half a file."""
    with replacing(Path(path)) as part, open(part, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def sha256(path: str | Path) -> str:
    """Hex digest of a file, read in blocks."""
    hashed = hashlib.sha256()
    with open(path, "rb") as source:
        while block := source.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def digest(text: str) -> str:
    """16 hex digits that stand for a text."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]


def stored_lines(path: str | Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """(line, its row) of a file of JSON lines; None for a row that a kill tore, at any byte, or that is no object."""
    with open(path, "rb") as lines:
        for line in lines:
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                row = None
            yield line, row if isinstance(row, dict) else None


def stored_rows(path: str | Path) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """(offset, line, row) of the whole rows of `stored_lines`."""
    offset = 0
    for line, row in stored_lines(path):
        if row is not None:
            yield offset, line, row
        offset += len(line)


def places_of(path: str | Path) -> dict[str, int]:
    """Offset of the last row of each `key` in a file of JSON lines, for rows that stay on the disk."""
    return {row["key"]: offset for offset, _, row in stored_rows(path)}


class JsonlStore:
    """Append-only JSON lines keyed by one field; the work done before a kill is found again.

    A torn last line (the process died while writing) is cut off; a broken line elsewhere raises `RecordError`.
    """

    def __init__(self, path: str | Path, key: str = "id") -> None:
        self.path = Path(path)
        self.key = key
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.done: set[str] = set()
        if self.path.exists():
            self._recover()
        self._out = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 (lives as long as the store)

    def _recover(self) -> None:
        good = 0
        for number, (line, row) in enumerate(stored_lines(self.path), 1):
            if not line.endswith(b"\n"):
                break
            if row is None or not isinstance(row.get(self.key), str):
                raise RecordError(
                    f"{self.path}:{number}: broken line in a results file; expected a JSON object with {self.key!r}: "
                    "delete the line, its work is done again"
                )
            self.done.add(row[self.key])
            good += len(line)
        if good < self.path.stat().st_size:
            os.truncate(self.path, good)

    def __contains__(self, key: str) -> bool:
        return key in self.done

    def __len__(self) -> int:
        return len(self.done)

    def append(self, row: dict[str, Any]) -> None:
        """Add one row and hand it to the operating system at once."""
        self._out.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._out.flush()
        self.done.add(row[self.key])

    def rows(self) -> Iterator[dict[str, Any]]:
        with open(self.path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def close(self) -> None:
        self._out.close()

    def __enter__(self) -> JsonlStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Run:
    """A stage's folder: `manifest.json` says what went in, with which versions, and what came out.

    `status` is `running` until `finish` was called; a finished run of the same recipe and inputs is not done again.
    """

    def __init__(
        self, folder: str | Path, stage: str, recipe: BaseModel | dict[str, Any], inputs: list[str | Path]
    ) -> None:
        self.recipe = recipe
        settings = recipe.model_dump(mode="json") if isinstance(recipe, BaseModel) else recipe
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "manifest.json"
        self._started = time.time()
        self._holds = False
        self.manifest: dict[str, Any] = {
            "stage": stage,
            "status": "running",
            "recipe": settings,
            "inputs": {str(p): sha256(p) for p in inputs if Path(p).is_file()},
            "seed": settings.get("seed"),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **environment(),
        }
        self.previous: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    @property
    def finished(self) -> bool:
        """True when the same recipe over the same inputs has already run to its end in this folder."""
        return self.previous.get("status") == "finished" and not self.other

    @property
    def other(self) -> list[str]:
        """What differs from the run whose manifest lies in the folder, of `recipe` and `inputs`."""
        if not self.previous:
            return []
        recipe = json.loads(json.dumps(self.manifest["recipe"], default=str))
        now = {"recipe": recipe, "inputs": self.manifest["inputs"]}
        before = {**self.previous, "recipe": self.previous_recipe}
        return [key for key, value in now.items() if before.get(key) != value]

    @property
    def previous_recipe(self) -> dict[str, Any]:
        """The recipe of that run; a field that came into recipes later has today's default, which kept what was done
        until then."""
        before: dict[str, Any] = self.previous.get("recipe", {})
        if not isinstance(self.recipe, BaseModel):
            return before
        try:
            return type(self.recipe).model_validate(before).model_dump(mode="json")
        except ValidationError:  # of another stage, or with a field that is no more
            return before

    def refuse_other(self) -> None:
        """Raise `RecipeError` when the folder holds a run with another recipe or other inputs: its checkpoints and
        results must not be mixed with this one's."""
        if self.other:
            raise RecipeError(
                f"{self.folder} holds a run with another {' and other '.join(self.other)}; "
                "use another folder, or start over with --restart"
            )

    def begin(self) -> None:
        """Write the manifest of a run that starts (or goes on), and keep other processes out of the folder until it
        finishes or, in a stage under `frees_folder`, fails.

        Of a distributed run the first process does both. Raises `RecipeError` when another run is in the folder.
        """
        if not is_main_process():
            return
        self._holds = hold(self.folder)
        earlier = self.previous.get("seconds", 0.0) if not self.finished else 0.0
        self.manifest["seconds"] = self.manifest["seconds_before"] = earlier
        write_json(self.path, self.manifest)

    def finish(self, *, counts: dict[str, Any] | None = None, metrics: dict[str, Any] | None = None) -> None:
        """Write the manifest of a run that came to its end; the folder is free again, unless it was held before."""
        if not is_main_process():
            return
        self.manifest.update(
            status="finished",
            seconds=round(self.manifest.get("seconds_before", 0.0) + time.time() - self._started, 1),
            counts=counts or {},
            metrics=metrics or {},
        )
        write_json(self.path, self.manifest)
        if self._holds:
            release(self.folder)


def frees_folder(run: Callable[Concatenate[A, Path, P], R]) -> Callable[Concatenate[A, Path, P], R]:
    """A stage's `run(recipe, out, ...)` after which `out` is free again, however it ended: a process that lives on, as
    a notebook's does, must not lock others out of what failed in it. A folder held before the call stays held.
    """

    @functools.wraps(run)
    def freeing(recipe: A, out: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        held_before = is_held(Path(out))
        try:
            return run(recipe, out, *args, **kwargs)
        finally:
            if not held_before:
                release(Path(out))

    return freeing


def model_files(model: str | Path) -> list[Path]:
    """The files that make a local model what it is: of a folder, or a file itself; the shipped one for `nano`, none
    for another name."""
    if not str(model):
        return []
    if str(model) == "nano":
        return [path for path in [Path(__file__).parent / "models" / "shipped" / "nano.safetensors"] if path.is_file()]
    folder = Path(model)
    if folder.is_file():
        return [folder]
    return [path for path in _inside(folder) if path.suffix in (".safetensors", ".json")]


def _inside(folder: Path) -> list[Path]:
    """The files of a model's folder and of those in it, but for checkpoints; none of what is no folder."""
    found = ((path, path.relative_to(folder).parts) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path, parts in found if not any(part.startswith("checkpoint") for part in parts))


def model_stamp(model: str | Path) -> str:
    """Changes with the name of a model and, of a local one, with its files (names, sizes, times of change).

    All its files, of any kind: nothing is read, and what a model needs beside its weights differs from kind to kind.
    """
    place = Path(model).expanduser()
    inside = [place] if place.is_file() else _inside(place)
    files = [f"{path.relative_to(place)}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in inside]
    return digest("|".join([str(model), *files]))
