from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotionthinker.corpora import base, files, manifest
from emotionthinker.errors import RecordError


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path, *patterns: str) -> list[str]:
    return [path.relative_to(root).as_posix() for path in files.below(root, *patterns)]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "a.wav", "._a.wav", ".Trash/z.wav", "b/.c/d.wav", "b/E.WAV", "b/notes.txt")
    assert names(tmp_path, "*.wav") == ["a.wav", "b/E.WAV"]
    assert names(tmp_path, "*.wav", "notes.*") == ["a.wav", "b/E.WAV", "b/notes.txt"]
    assert [path.name for path in files.folders(tmp_path)] == ["b"]


def test_links_are_followed_once_and_never_in_circles(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    make(root, "run/a.wav", ".cache/k.wav")
    make(disk, "b.wav")
    (root / "first").symlink_to(disk)
    (root / "again").symlink_to(disk)
    (root / "latest").symlink_to(root / "run")
    (root / "kept").symlink_to(root / ".cache")
    (disk / "back").symlink_to(root)
    (root / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    assert names(root, "*.wav") == ["again/b.wav", "gone.wav", "kept/k.wav", "run/a.wav"]


def test_a_link_that_leads_above_the_root_brings_the_root_in_no_second_time(tmp_path: Path) -> None:
    make(tmp_path, "root/sub/y.wav", "beside.wav")
    (tmp_path / "root" / "again").symlink_to(tmp_path)
    assert names(tmp_path / "root", "*.wav") == ["again/beside.wav", "sub/y.wav"]


def test_links_inside_and_above_linked_folders_double_nothing(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    make(disk, "A/sub/y.wav", "A/.hidden/k.wav", "z.wav")
    root.mkdir()
    (disk / "A" / "lnk").symlink_to(disk / "A" / "sub")
    (disk / "A" / "seen").symlink_to(disk / "A" / ".hidden")
    (root / "one").symlink_to(disk / "A")
    (root / "two").symlink_to(disk)
    assert names(root, "*.wav") == ["one/seen/k.wav", "one/sub/y.wav", "two/z.wav"]
    (root / "one").rename(root / "zero")
    assert names(root, "*.wav") == ["two/A/seen/k.wav", "two/A/sub/y.wav", "two/z.wav"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """A run would wait for ever for what comes out of it."""
    make(tmp_path, "a.wav")
    os.mkfifo(tmp_path / "b.wav")
    assert names(tmp_path, "*.wav") == ["a.wav"]


def test_every_reader_walks_alike(tmp_path: Path) -> None:
    """What the doctor examines is what `annotate` measures."""
    make(tmp_path / "disk", "b.wav")
    make(tmp_path / "root", "a.wav", "._a.wav", ".Trash/z.wav")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "disk")
    root = tmp_path / "root"
    assert [item.id for item in manifest.utterances([root])] == ["a.wav", "linked/b.wav"]
    assert [path.relative_to(root).as_posix() for path in base.sounds(root)] == ["a.wav", "linked/b.wav"]
    assert manifest.size([root]) == 2


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="gone: cannot be read: No such file"):
        names(tmp_path / "gone", "*.wav")


def test_names_that_are_no_utf8() -> None:
    name = os.fsdecode(b"\xfcber.flac")
    assert files.is_utf8("über.flac")
    assert not files.is_utf8(Path(name))
    assert files.printable(Path(name)) == r"\xfcber.flac"
