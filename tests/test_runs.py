from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from emotionthinker.errors import RecipeError, RecordError
from emotionthinker.recipes import Recipe
from emotionthinker.runs import (
    JsonlStore,
    Run,
    frees_folder,
    model_stamp,
    put_in_place,
    replacing,
    sha256,
    write_json,
    write_lines,
)


def test_what_was_appended_is_found_again(tmp_path: Path) -> None:
    with JsonlStore(tmp_path / "a.jsonl") as store:
        store.append({"id": "x", "value": 1})
    with JsonlStore(tmp_path / "a.jsonl") as store:
        assert "x" in store
        assert "y" not in store
        store.append({"id": "y", "value": 2})
        assert [row["value"] for row in store.rows()] == [1, 2]


def test_lines_appear_all_at_once_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_lines(path, ({"x": text} for text in ("é", "2")))
    assert path.read_text(encoding="utf-8") == '{"x": "é"}\n{"x": "2"}\n'
    with pytest.raises(TypeError):
        write_lines(path, [{"x": 1}, {"x": object()}])
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "x"}\n{"id": "y", "val')
    with JsonlStore(path) as store:
        assert store.done == {"x"}
        store.append({"id": "y"})
    assert path.read_text() == '{"id": "x"}\n{"id": "y"}\n'


def test_a_line_torn_inside_a_character_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"id": "x"}\n{"id": "ö'.encode()[:-1])
    with JsonlStore(path) as store:
        assert store.done == {"x"}
    assert path.read_bytes() == b'{"id": "x"}\n'


@pytest.mark.parametrize("line", [b"nonsense", b"3", b'{"no": "id"}', b'{"id": []}', b"\xc3"])
def test_a_broken_line_elsewhere_is_an_error_that_names_it(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "x"}\n' + line + b'\n{"id": "y"}\n')
    with pytest.raises(RecordError, match=r"a\.jsonl:2.*'id'"):
        JsonlStore(path)


def test_rows_survive_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    program = textwrap.dedent(
        f"""
        import itertools
        from emotionthinker.runs import JsonlStore
        store = JsonlStore({str(path)!r})
        for i in itertools.count():
            store.append({{"id": str(i), "text": "x" * 500}})
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    until = time.monotonic() + 60
    while (not path.exists() or path.stat().st_size < 100_000) and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with JsonlStore(path) as store:
        assert len(store) >= 100
        assert [row["id"] for row in store.rows()] == [str(i) for i in range(len(store))]


def test_a_run_is_finished_only_for_the_same_recipe_and_inputs(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("one")
    run = Run(tmp_path / "out", "stage", {"seed": 1, "steps": 2}, [source])
    assert not run.finished
    run.begin()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "running"
    run.finish(counts={"rows": 3}, metrics={"loss": 0.5})
    again = Run(tmp_path / "out", "stage", {"seed": 1, "steps": 2}, [source])
    assert again.finished
    assert again.previous["metrics"] == {"loss": 0.5}
    assert again.previous["inputs"] == {str(source): sha256(source)}
    assert not Run(tmp_path / "out", "stage", {"seed": 1, "steps": 3}, [source]).finished
    source.write_text("two")
    assert not Run(tmp_path / "out", "stage", {"seed": 1, "steps": 2}, [source]).finished


class _Inner(Recipe):
    rank: int = 1


class _Old(Recipe):
    steps: int
    inner: _Inner = _Inner()


class _InnerNow(_Inner):
    alpha: float = 2.0


class _Now(_Old):
    inner: _InnerNow = _InnerNow()
    source: Path | None = None


def test_a_field_that_is_new_makes_no_other_run_of_an_old_one(tmp_path: Path) -> None:
    run = Run(tmp_path, "stage", _Old(steps=2), [])
    run.begin()
    run.finish()
    again = Run(tmp_path, "stage", _Now(steps=2), [])
    again.refuse_other()
    assert again.finished
    for changed in (_Now(steps=3), _Now(steps=2, source=tmp_path), _Now(steps=2, inner=_InnerNow(alpha=3))):
        assert Run(tmp_path, "stage", changed, []).other == ["recipe"]
    Run(tmp_path, "stage", _Now(steps=2), []).begin()
    assert Run(tmp_path, "stage", _Old(steps=2), []).other == ["recipe"]  # what the new field did is not known here


def test_a_folder_takes_one_process_at_a_time(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import time
        from emotionthinker.runs import Run
        Run({str(tmp_path)!r}, "stage", {{"seed": 1}}, []).begin()
        print("in", flush=True)
        time.sleep(120)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    run = Run(tmp_path, "stage", {"seed": 1}, [])
    with pytest.raises(RecipeError, match="another process is at work"):
        run.begin()
    process.kill()
    process.wait()
    process.stdout.close()
    run.begin()  # the system frees the lock of a process that died
    Run(tmp_path, "stage", {"seed": 1}, []).begin()  # and the same process goes on as it likes
    run.finish()


def test_a_folder_is_free_when_its_stage_is_over(tmp_path: Path) -> None:
    """However it ended: another process finds the lock open while this one lives on."""

    @frees_folder
    def stage(recipe: int, out: Path, *, more: int = 0) -> float:
        Run(out, "stage", {}, []).begin()
        with pytest.raises(Timeout):
            FileLock(out / ".lock").acquire(timeout=0)
        return (1 + more) / recipe

    assert stage(2, tmp_path, more=1) == 1
    with pytest.raises(ZeroDivisionError):
        stage(0, tmp_path)
    with FileLock(tmp_path / ".lock").acquire(timeout=0):
        assert stage.__name__ == "stage"


def test_a_call_that_is_refused_leaves_the_folder_to_the_run_in_it(tmp_path: Path) -> None:
    """Two calls in one process, as from two threads: neither the refused nor the finished one lets others in."""

    @frees_folder
    def stage(recipe: int, out: Path) -> None:
        run = Run(out, "stage", {"seed": recipe}, [])
        run.refuse_other()
        run.begin()
        run.finish()

    first = Run(tmp_path, "stage", {"seed": 1}, [])
    first.begin()
    for seed in (2, 1):
        with pytest.raises(RecipeError, match="another recipe") if seed == 2 else contextlib.nullcontext():
            stage(seed, tmp_path)
        with pytest.raises(Timeout):
            FileLock(tmp_path / ".lock").acquire(timeout=0)
    first.finish()
    with FileLock(tmp_path / ".lock").acquire(timeout=0):
        pass


def test_of_a_distributed_run_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    run = Run(tmp_path, "stage", {"seed": 1}, [])
    run.begin()
    run.finish()
    assert not (tmp_path / "manifest.json").exists()


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"x": "é"})
    assert json.loads((tmp_path / "deep" / "a.json").read_text()) == {"x": "é"}
    assert not list((tmp_path / "deep").glob("*.part"))


def test_a_file_is_replaced_by_a_whole_one_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as part:
        part.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as part, open(part, "w", encoding="ascii") as out:
        out.write("half" * 9999 + "é")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.txt": "old"}


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_put_in_place_is_whole_and_readable(folder: bool, tmp_path: Path) -> None:
    part, place, other = tmp_path / "a.part", tmp_path / "a", tmp_path / "other"
    other.touch()
    inside = part / "deep" / "w" if folder else part
    inside.parent.mkdir(parents=True, exist_ok=True)
    inside.write_text("new")
    inside.chmod(0o600)
    if folder:
        place.mkdir()
        (place / "old").touch()
    assert put_in_place(part, place) == place
    written = place / "deep" / "w" if folder else place
    assert written.read_text() == "new"
    assert written.stat().st_mode == other.stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "other"]
    assert not (place / "old").exists()


def test_a_model_stamp_changes_with_its_name_and_files(tmp_path: Path) -> None:
    first = model_stamp(tmp_path)
    assert first == model_stamp(str(tmp_path)) != model_stamp("hub/id")
    (tmp_path / "model.bin").write_bytes(b"weights")
    second = model_stamp(tmp_path)
    os.utime(tmp_path / "model.bin", ns=(0, 0))
    third = model_stamp(tmp_path)
    for folder in ("adapter", "checkpoint-3"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights.pt").write_bytes(b"w")
    fourth = model_stamp(tmp_path)
    (tmp_path / "checkpoint-3" / "weights.pt").write_bytes(b"other")
    assert model_stamp(tmp_path) == fourth
    (tmp_path / "adapter" / "weights.pt").write_bytes(b"other")
    assert len({first, second, third, fourth, model_stamp(tmp_path), model_stamp(tmp_path / "model.bin")}) == 6
