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
        ("/theirs/a/x.wav#t=0.2,3.0&channel=2", "a/x.wav#t=0.2,3.0&channel=2"),
        ("a/x.wav#channel=1", "a/x.wav#channel=1"),
        ("/theirs/a/set.parquet#7", "a/set.parquet#7"),
        ("x.parquet#7", None),
        ("c/z.wav", None),
        ("nowhere.wav", None),
        ("", None),
        (".wav", None),
    ],
)
def test_the_longest_end_decides(written: str, found: str | None, tmp_path: Path) -> None:
    for name in ("x.wav", "a/x.wav", "a/b/y.wav", "c/y.wav", "d/z.wav", "e/z.wav", "a/set.parquet"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    best = Places(tmp_path).fits(written)
    assert (best[0] if len(best) == 1 else None) == (tmp_path / found if found else None)
    if written == "c/z.wav":
        assert Places(tmp_path).fits(written) == [tmp_path / "d/z.wav", tmp_path / "e/z.wav"]
