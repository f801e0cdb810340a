from __future__ import annotations

from pathlib import Path

import pytest

from emotionthinker.corpora.places import Places


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("a/x.wav", "a/x.wav"),
        ("/disk/of/others/a/x.wav", "a/x.wav"),
        ("C:\\corpus\\a\\x.wav", "a/x.wav"),
        ("x.wav", "x.wav"),
        ("other/x.wav", "x.wav"),
        ("deep/b/y.mp3", "a/b/y.wav"),
        ("c/z.wav", None),
        ("nowhere.wav", None),
        ("", None),
        (".wav", None),
    ],
)
def test_the_longest_end_decides(written: str, found: str | None, tmp_path: Path) -> None:
    for name in ("x.wav", "a/x.wav", "a/b/y.wav", "c/y.wav", "d/z.wav", "e/z.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert Places(tmp_path).find(written) == (tmp_path / found if found else None)
