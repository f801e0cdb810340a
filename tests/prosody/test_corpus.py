from __future__ import annotations

import gc
import importlib.util
import itertools
import json
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
import torch
from filelock import FileLock

from emotionthinker import workers
from emotionthinker.corpora import parquet
from emotionthinker.errors import RecipeError, RecordError, WeightsError
from emotionthinker.prosody import batch, doubts, parts, speaker, speakers, whisper
from emotionthinker.prosody.corpus import AnnotateRecipe, Task, run, tasks
from emotionthinker.prosody.heard import Heard, Listening
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import NO_RECOGNISER, Prosody, Transcript, Utterance, read_jsonl
from faulty import manifest_of
from kill import kill_when

RATE = 16000


@pytest.fixture
def clips(tmp_path: Path, speech: Any) -> Path:
    """A manifest of eight clips: six good, one broken, one missing; plus a line that is not JSON."""
    rows = []
    for number in range(6):
        name = f"s{number % 3}/clip{number}.wav"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, speech(seconds=0.8, f0=120.0 + 30 * number, seed=number), RATE)
        gender = "male" if number < 3 else "female"
        rows.append(
            {"path": name, "label": "calm", "dataset": "ravdess", "speaker": f"ravdess_{number + 9}", "gender": gender}
        )
    return manifest_of(tmp_path, rows)


def recipe(source: Path, **options: Any) -> AnnotateRecipe:
    return AnnotateRecipe(**{"source": [source], "workers": 1, "transcribe": False, **options})


def ids(path: Path) -> list[str]:
    return [utterance.id for utterance in read_jsonl(path)]


def test_a_recogniser_that_cannot_be_had_stops_the_stage(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its first row; where nothing is to be recognised it does not matter."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name, error in (("whisper", RecipeError), ("faster-whisper:small", WeightsError)):
        with pytest.raises(error, match="whisper-base"):
            run(recipe(clips, transcribe=True, recogniser=name), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_another_recogniser_measures_anew(clips: Path) -> None:
    def stamps(**options: Any) -> list[str]:
        return [task.stamp for task in tasks(recipe(clips, **options)) if isinstance(task, Task)]

    assert stamps() == stamps(recogniser="whisper-base")
    assert not set(stamps()) & set(stamps(recogniser="faster-whisper:small"))


@pytest.mark.parametrize(
    "option", [("recogniser", "faster-whisper:{}"), ("stress", "whistress:{}")], ids=["recogniser", "stress"]
)
def test_a_model_whose_files_changed_measures_anew(option: tuple[str, str], clips: Path, tmp_path: Path) -> None:
    def stamps(model: str | Path = tmp_path / "model") -> list[str]:
        options = {option[0]: option[1].format(model)}
        return [task.stamp for task in tasks(recipe(clips, **options)) if isinstance(task, Task)]

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"old")
    before = stamps()
    assert before == stamps()
    assert not set(before) & set(stamps("another"))
    (tmp_path / "model" / "weights").write_bytes(b"other")
    assert not set(before) & set(stamps())


def test_a_corpus_is_annotated_and_failures_are_typed(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    counts = run(recipe(clips), out, progress=False)
    assert {k: counts[k] for k in ("rows", "annotated", "failed", "measured", "resumed")} == {
        "rows": 9, "annotated": 6, "failed": 3, "measured": 6, "resumed": 0,
    }  # fmt: skip
    annotated = list(read_jsonl(out / "utterances.jsonl"))
    assert [u.id for u in annotated] == [f"s{n % 3}/clip{n}" for n in range(6)]
    assert all(u.prosody.calibration == "reference" and u.prosody.energy.level for u in annotated)
    assert {u.emotion for u in annotated} == {"Neutral"}
    assert [u.split for u in annotated] == ["train", "train", "test", "test", "train", "train"]
    assert list(parquet.read(out / "utterances.parquet")) == annotated
    failures = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert {f["reason"] for f in failures} == {"undecodable", "missing", "bad_row"}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["failures"] == {"undecodable": 1, "missing": 1, "bad_row": 1}
    assert sum(summary["words"]["all"]["energy"].values()) == 6
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"


def test_a_second_run_measures_nothing_and_a_changed_row_only_itself(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    before = (out / "utterances.jsonl").read_bytes()
    measured: list[str] = []
    real = batch._measure
    monkeypatch.setattr(batch, "_measure", lambda row, *o: (measured.append(row["id"]), real(row, *o))[1])
    run(recipe(clips), out, progress=False)
    assert measured == ["broken", "missing"]
    assert (out / "utterances.jsonl").read_bytes() == before

    measured.clear()
    clips.write_text(
        clips.read_text().replace('"s1/clip1.wav"', '"s1/clip1.wav", "gt": "angry"').replace("calm", "sad", 1)
    )
    soundfile.write(tmp_path / "s2/clip2.wav", np.zeros(RATE // 2), RATE)
    run(recipe(clips), out, progress=False)
    assert {"s0/clip0", "s2/clip2"} <= set(measured)
    assert "s0/clip3" not in measured
    found = {u.id: u for u in read_jsonl(out / "utterances.jsonl")}
    assert found["s0/clip0"].emotion == "Sad"
    assert found["s2/clip2"].prosody.energy.reason == "silent"
    assert len(found) == 6


def test_other_measurements_go_on_with_nothing(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(recipe(clips), tmp_path / "out", progress=False)
    monkeypatch.setattr(batch, "MEASURES", batch.MEASURES + 1)
    counts = run(recipe(clips), tmp_path / "out", progress=False)
    assert (counts["measured"], counts["resumed"]) == (6, 0)


def test_failed_rows_are_tried_again(clips: Path, tmp_path: Path, speech: Any) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    soundfile.write(tmp_path / "missing.wav", speech(seconds=0.5), RATE)
    counts = run(recipe(clips), out, progress=False)
    assert (counts["annotated"], counts["failed"], counts["resumed"]) == (7, 2, 6)


def test_another_source_is_told_to_take_the_place_of_the_former(clips: Path, tmp_path: Path) -> None:
    lines = clips.read_text().splitlines()
    first, second, out = tmp_path / "first.jsonl", tmp_path / "second.jsonl", tmp_path / "out"
    first.write_text("\n".join(lines[:2]))
    second.write_text("\n".join(lines[2:4]))
    for source in (first, second):
        run(recipe(source), out, progress=False)
    warning, kept = json.loads((out / "summary.json").read_text())["warnings"]
    assert warning == f"{first} is no source any more: its rows are no longer in {out}"
    assert "names no longer: 2; what was measured is kept" in kept
    run(recipe(second), out, progress=False)
    assert json.loads((out / "summary.json").read_text())["warnings"] == []


def test_words_that_no_recogniser_heard_are_tried_again_once_there_is_one(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A row with its own text is not measured again, nor any row while there is no recogniser."""
    from emotionthinker.models import nano

    there = False

    def load() -> None:
        if not there:
            raise WeightsError("no network")

    def measure(row: dict[str, Any], *_: Any) -> dict[str, Any]:
        text = row.get("text") or ("well" if there else None)
        said = Transcript(text=text, reason=None if text else NO_RECOGNISER)
        return {**row, "text": text, "prosody": Prosody(duration_s=1.0, transcript=said).model_dump(mode="json")}

    rows = [json.loads(line) for line in clips.read_text().splitlines()[:3]]
    rows[0]["text"] = "so be it"
    clips.write_text("\n".join(map(json.dumps, rows)))
    settings, out = recipe(clips, transcribe=True), tmp_path / "out"
    monkeypatch.setattr(nano, "load_whisper", load)
    monkeypatch.setattr(whisper, "_load", lambda home: nano.load_whisper())
    monkeypatch.setattr(batch, "_measure", measure)
    for measured in (3, 0):
        assert run(settings, out, progress=False)["measured"] == measured
        (warning,) = json.loads((out / "summary.json").read_text())["warnings"]
        assert "could not be had: 2; run `emotionthinker weights`" in warning
        assert warning in caplog.messages
    there = True
    counts = run(settings, out, progress=False)
    assert (counts["measured"], counts["resumed"]) == (2, 1)
    assert [u.text for u in read_jsonl(out / "utterances.jsonl")] == ["so be it", "well", "well"]
    assert json.loads((out / "summary.json").read_text())["warnings"] == []
    assert run(settings, out, progress=False)["measured"] == 0


def test_a_process_that_had_no_recogniser_hears_once_it_is_there(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run after run in one process; a recogniser whose packages are there but cannot be loaded measures none anew."""
    from emotionthinker.models import nano

    def fail() -> None:
        raise WeightsError("damaged")

    clips.write_text("\n".join(clips.read_text().splitlines()[:2]))
    settings, out = recipe(clips, transcribe=True), tmp_path / "out"
    monkeypatch.setattr(nano, "prepare", lambda: None)
    monkeypatch.setattr(nano, "load_whisper", fail)
    whisper._load.cache_clear()
    for measured in (2, 0):
        with pytest.warns(UserWarning, match="get none: damaged"):
            assert run(settings, out, progress=False)["measured"] == measured
    monkeypatch.setattr(nano, "load_whisper", lambda: ("model", "processor"))
    monkeypatch.setattr(whisper, "_window", lambda *_: Listening(Heard("well", -0.1, "en"), ()))
    assert run(settings, out, progress=False)["measured"] == 2
    assert [u.text for u in read_jsonl(out / "utterances.jsonl")] == ["well", "well"]
    whisper._load.cache_clear()


def test_another_calibration_needs_no_measuring(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    monkeypatch.setattr(batch, "_measure", lambda row, *_: batch.failure(row["id"], None, "tried", ""))
    run(recipe(clips, calibration="fit", name="mine"), out, progress=False)
    thresholds = Calibration.load(out / "thresholds.json")
    assert thresholds.name == "mine"
    assert thresholds.energy.count == 4  # the two clips of test speakers do not shape the cuts
    assert thresholds.about["clips"] == {"ravdess": 4}
    assert {u.prosody.calibration for u in read_jsonl(out / "utterances.jsonl")} == {"mine"}
    (warning,) = json.loads((out / "summary.json").read_text())["warnings"]
    assert "'mine' has cuts from under 50 values (pitch 4, energy 4, rate 4, style 4)" in warning
    assert caplog.messages == [warning]


def test_a_source_that_is_called_a_test_and_counts_as_train_is_told(tmp_path: Path) -> None:
    """The test.tsv of Common Voice names no split in its rows."""
    for name, text in (
        ("test.tsv", "path\na.mp3\n"),
        ("dev-clean.csv", "path,split\na.mp3,dev\n"),
        ("validated.tsv", "path\na.mp3\n"),
        ("evaluation.csv", "wave\nx\n"),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.wav").touch()
    told = list(doubts.open_tests(sorted(tmp_path.iterdir())))
    assert [text.partition(" ")[0] for text in told] == [str(tmp_path / name) for name in ("test", "test.tsv")]


def test_cuts_of_older_measurements_are_told(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(recipe(clips, calibration="fit"), tmp_path / "old", progress=False)
    cuts = tmp_path / "old" / "thresholds.json"
    assert json.loads((tmp_path / "old" / "manifest.json").read_text())["metrics"]["measures"] == batch.MEASURES
    monkeypatch.setattr(doubts, "MEASURES", batch.MEASURES + 1)
    run(recipe(clips, calibration=str(cuts)), tmp_path / "new", progress=False)
    _, warning = json.loads((tmp_path / "new" / "summary.json").read_text())["warnings"]
    assert f"fitted on version {batch.MEASURES} of the measurements" in warning


def test_validation_shapes_no_cut_either(clips: Path, tmp_path: Path) -> None:
    clips.write_text(clips.read_text().replace('"s0/clip0.wav"', '"s0/clip0.wav", "split": "validation"'))
    run(recipe(clips, calibration="fit"), tmp_path / "out", progress=False)
    assert Calibration.load(tmp_path / "out" / "thresholds.json").about["clips"] == {"ravdess": 3}


def test_a_torn_last_line_is_measured_again(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    before = (out / "utterances.jsonl").read_bytes()
    store = out / "measured" / "part-00000.jsonl"
    store.write_bytes(store.read_bytes()[:-40])
    assert run(recipe(clips), out, progress=False)["resumed"] == 5
    assert (out / "utterances.jsonl").read_bytes() == before


JOB = """
import os, signal, sys, time; from pathlib import Path; from emotionthinker.prosody import batch, corpus, parts
parts.ROWS, measure = 16, batch._measure

def deadly(row, *options):
    if row["id"] == os.environ.get("DEADLY"):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(os.environ.get("SLOW", 0)))
    return measure(row, *options)

batch._measure = deadly
if __name__ == "__main__":
    count, rows = int(os.environ.get("WORKERS", "2")), int(sys.argv[3])
    options = {"workers": count, "transcribe": False, "shard_rows": rows, "embed_audio": rows > 0}
    corpus.run(corpus.AnnotateRecipe(source=[sys.argv[1]], **options), Path(sys.argv[2]), progress=False)
"""


def start(tmp_path: Path, folder: Path, out: Path, shard_rows: int) -> subprocess.Popen[bytes]:
    """`run` over parts of 16 rows in another process."""
    script = tmp_path / "job.py"
    script.write_text(JOB)
    return subprocess.Popen([sys.executable, str(script), str(folder), str(out), str(shard_rows)])


def stored(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (out / "measured").glob("*.jsonl"))


@pytest.fixture
def forty(tmp_path: Path, speech: Any) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(40):
        soundfile.write(folder / f"{number:02}.wav", speech(seconds=0.5, seed=number), RATE)
    return folder


@pytest.mark.parametrize(("least", "shard_rows"), [(5, 0), (20, 16)])
def test_kill_and_resume_loses_and_doubles_nothing(
    least: int, shard_rows: int, forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the first part and in the second one."""
    monkeypatch.setattr(parts, "ROWS", 16)
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    options = {"shard_rows": shard_rows, "embed_audio": shard_rows > 0}
    monkeypatch.setenv("SLOW", "0.3")
    process = start(tmp_path, forty, out, shard_rows)
    while process.poll() is None and stored(out) < least:
        time.sleep(0.01)
    workers_of = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers_of, timeout=60)[1] == []  # no orphan is left behind
    done = stored(out)
    assert least <= done < 40
    counts = run(recipe(forty, **options), out, progress=False)
    assert counts["resumed"] == done
    assert counts["annotated"] == 40
    assert ids(out / "utterances.jsonl") == [f"{number:02}.wav" for number in range(40)]
    assert run(recipe(forty, **options), fresh, progress=False)["annotated"] == 40
    assert (out / "utterances.jsonl").read_bytes() == (fresh / "utterances.jsonl").read_bytes()
    assert tables(out) == tables(fresh)


def tables(out: Path) -> dict[str, list[str]]:
    """Ids of every Parquet file of a run."""
    return {str(p.relative_to(out)): [u.id for u in parquet.read(p)] for p in sorted(out.rglob("*.parquet"))}


def test_a_worker_killed_in_flight_loses_and_doubles_nothing(
    forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("SLOW", "0.3")
    process = start(tmp_path, forty, out, 0)
    while process.poll() is None and stored(out) < 5:
        time.sleep(0.01)
    victim = next(c for c in psutil.Process(process.pid).children() if "spawn_main" in " ".join(c.cmdline()))
    victim.kill()
    assert process.wait() == 0
    assert ids(out / "utterances.jsonl") == [f"{number:02}.wav" for number in range(40)]
    assert (out / "failures.jsonl").read_bytes() == b""


def test_a_clip_that_kills_its_process_is_a_failure_and_the_rest_is_done(
    forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("DEADLY", "17.wav")
    assert start(tmp_path, forty, out, 0).wait() == 0
    assert ids(out / "utterances.jsonl") == [f"{number:02}.wav" for number in range(40) if number != 17]
    (failure,) = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert (failure["id"], failure["reason"]) == ("17.wav", "WorkerDied")


def test_with_one_worker_a_clip_that_kills_stops_one_run_alone(
    forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every later one at the same clip; once the clip is mended the work is done in this process again."""
    out = tmp_path / "out"
    monkeypatch.setenv("DEADLY", "17.wav")
    monkeypatch.setenv("WORKERS", "1")
    for path in sorted(forty.iterdir())[20:]:
        path.unlink()
    assert start(tmp_path, forty, out, 0).wait() != 0
    assert stored(out) == 16
    assert start(tmp_path, forty, out, 0).wait() == 0
    assert ids(out / "utterances.jsonl") == [f"{number:02}.wav" for number in range(20) if number != 17]
    (failure,) = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert (failure["id"], failure["reason"]) == ("17.wav", "WorkerDied")
    monkeypatch.delenv("DEADLY")
    assert start(tmp_path, forty, out, 0).wait() == 0
    assert len(ids(out / "utterances.jsonl")) == 20
    assert not (out / "measured" / "at_work").exists()


def test_memory_does_not_grow_with_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python heap early and late in each pass over 2,000 rows: even one id kept for each row would show."""
    heard = Prosody(duration_s=1.0).model_dump(mode="json")
    monkeypatch.setattr(batch, "_measure", lambda row, *_: {**row, "prosody": heard})
    monkeypatch.setattr(parts, "ROWS", 50)
    held: dict[str, list[int]] = {"part": [], "shard": []}

    def watched(kind: str, work: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            gc.collect()
            held[kind].append(tracemalloc.get_traced_memory()[0])
            return work(*arguments, **options)

        return call

    monkeypatch.setattr(parts.Part, "close", watched("part", parts.Part.close))
    monkeypatch.setattr(parquet, "write", watched("shard", parquet.write))
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(f'{{"path": "clip.wav", "id": "a-rather-long-id-{n:06}"}}\n' for n in range(2000)))
    tracemalloc.start()
    run(recipe(source, shard_rows=100), tmp_path / "out", progress=False)
    tracemalloc.stop()
    assert {kind: len(sizes) for kind, sizes in held.items()} == {"part": 40, "shard": 20}
    for sizes in held.values():
        assert sizes[-1] - sizes[len(sizes) // 4] < 40 * 1500  # bytes over the last 1,500 rows; an id alone has 75


@pytest.mark.parametrize("stops", [(0,), (1, 1, 1), (6, 1), (7, 7), (20, 5, 0)])
def test_a_run_stopped_anywhere_any_number_of_times_goes_on(
    stops: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of 7 rows; each run but the last is interrupted after so many rows, the third row fails once."""
    heard, measured, left = Prosody(duration_s=1.0).model_dump(mode="json"), Counter[str](), [0]

    def measure(row: dict[str, Any], *_: Any) -> dict[str, Any]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        measured[row["id"]] += 1
        if row["id"] == "u02" and measured["u02"] == 1:
            return batch.failure("u02", None, "once", "")
        return {**row, "prosody": heard}

    monkeypatch.setattr(batch, "_measure", measure)
    monkeypatch.setattr(parts, "ROWS", 7)
    monkeypatch.setattr(workers, "BATCH", 1)
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(f'{{"path": "clip.wav", "id": "u{n:02}"}}\n' for n in range(30)))
    for left[0] in stops:
        with pytest.raises(KeyboardInterrupt):
            run(recipe(source, shard_rows=8), tmp_path / "out", progress=False)
    left[0] = 1000
    run(recipe(source, shard_rows=8), tmp_path / "out", progress=False)
    counts = run(recipe(source, shard_rows=8), tmp_path / "out", progress=False)
    assert (counts["annotated"], counts["failed"]) == (30, 0)
    expected = [f"u{n:02}" for n in range(30)]
    assert ids(tmp_path / "out" / "utterances.jsonl") == expected
    assert [id for rows in tables(tmp_path / "out").values() for id in rows] == expected
    assert measured == Counter({**dict.fromkeys(expected, 1), "u02": 2})


def test_shards_hold_the_rows_in_order_and_are_a_source_again(forty: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    run(recipe(forty, shard_rows=16, embed_audio=True), out, progress=False)
    found = tables(out)
    assert {name: len(rows) for name, rows in found.items()} == {
        f"shards/part-0000{n}.parquet": 16 - n // 2 * 8 for n in range(3)
    }
    assert [id for rows in found.values() for id in rows] == ids(out / "utterances.jsonl")
    for path in forty.iterdir():
        path.unlink()
    counts = run(recipe(out / "shards"), again, progress=False)
    assert (counts["annotated"], counts["failed"]) == (40, 0)
    before, after = (list(read_jsonl(folder / "utterances.jsonl")) for folder in (out, again))
    assert [u.prosody for u in after] == [u.prosody for u in before]
    assert after[17].audio == f"{out.resolve()}/shards/part-00001.parquet#1"


def test_shards_that_hold_the_sound_are_not_annotated_into_their_own_folder(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(recipe(clips, shard_rows=3, embed_audio=True), out, progress=False)
    for source in (out / "shards", out):
        with pytest.raises(RecipeError, match="use another --out"):
            run(recipe(source), out, progress=False)
    assert len(list((out / "shards").iterdir())) == 2


def test_shards_of_the_corpus_itself_are_left_alone(clips: Path, tmp_path: Path) -> None:
    """A corpus of tables in a folder of this name, annotated beside it."""
    corpus = tmp_path / "shards" / "part-00000.parquet"
    corpus.parent.mkdir()
    parquet.write(corpus, [])
    before = corpus.read_bytes()
    run(recipe(clips), tmp_path, progress=False)
    with pytest.raises(RecipeError, match="use another --out"):
        run(recipe(clips, shard_rows=2), tmp_path, progress=False)
    assert corpus.read_bytes() == before


def test_one_table_or_shards_but_not_both(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    run(recipe(clips, shard_rows=4), out, progress=False)
    assert list(tables(out)) == ["shards/part-00000.parquet", "shards/part-00001.parquet"]
    run(recipe(clips), out, progress=False)
    assert list(tables(out)) == ["utterances.parquet"]
    with pytest.raises(RecipeError, match="shard_rows"):
        run(recipe(clips, embed_audio=True), out, progress=False)


def test_shards_say_of_a_speaker_what_clips_added_later_tell(
    forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Prosody(duration_s=1.0, speaker=speaker.judged(0.97)).model_dump(mode="json")
    monkeypatch.setattr(batch, "_measure", lambda row, *_: {**row, "prosody": told})
    rows = [json.dumps({"path": str(forty / f"{n:02}.wav"), "id": f"u{n}", "speaker": "ann"}) for n in range(8)]
    source, out = tmp_path / "rows.jsonl", tmp_path / "out"
    for count in (4, 8):
        source.write_text("\n".join(rows[:count]))
        run(recipe(source, shard_rows=4), out, progress=False)
        sharded = [u for path in sorted((out / "shards").iterdir()) for u in parquet.read(path)]
        assert sharded == list(read_jsonl(out / "utterances.jsonl"))
        assert {u.prosody.speaker.clips for u in sharded} == {count}


def test_a_source_that_shrank_leaves_no_row_behind(
    forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROWS", 8)
    out = tmp_path / "out"
    run(recipe(forty), out, progress=False)
    for number in (*range(3), *range(20, 40)):
        (forty / f"{number:02}.wav").unlink()
    counts = run(recipe(forty), out, progress=False)
    assert ids(out / "utterances.jsonl") == [f"{number:02}.wav" for number in range(3, 20)]
    assert (counts["resumed"], counts["measured"]) == (17, 0)  # three clips moved into each earlier part
    assert sum(path.read_bytes().count(b"\n") for path in (out / "measured").glob("part-*.jsonl")) == 17
    assert not list((out / "measured").glob("part-00003.*"))


def test_a_manifest_that_was_cut_off_costs_no_measurement(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROWS", 2)
    out, whole = tmp_path / "out", clips.read_text()
    run(recipe(clips), out, progress=False)
    before = (out / "utterances.jsonl").read_bytes()
    for told in (1, 0):
        clips.write_text(whole[: len(whole) // 3])
        assert run(recipe(clips), out, progress=False)["annotated"] == 2
        warnings = json.loads((out / "summary.json").read_text())["warnings"]
        assert [warning.partition(";")[0] for warning in warnings] == told * [
            "measured clips that the source names no longer: 4"
        ]
    clips.write_text(whole)
    counts = run(recipe(clips), out, progress=False)
    assert (counts["measured"], counts["resumed"]) == (0, 6)
    assert (out / "utterances.jsonl").read_bytes() == before
    assert not (out / "measured" / "spare.jsonl").exists()


def test_what_was_measured_outlives_a_run_without_the_disk(
    clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    before = (out / "utterances.jsonl").read_bytes()
    for folders in (("s0", "s1", "s2"), ("s1",)):
        for name in folders:
            (tmp_path / name).rename(tmp_path / f"{name}-off")
        counts = run(recipe(clips), out, progress=False)
        assert (counts["annotated"], counts["failed"]) == (6 - 2 * len(folders), 3 + 2 * len(folders))
        reasons = [json.loads(line)["reason"] for line in (out / "failures.jsonl").read_text().splitlines()]
        assert reasons.count("missing") == 1 + 2 * len(folders)
        assert f"sound is not there now: {2 * len(folders)}; they stand in failures.jsonl" in caplog.messages[-1]
        for name in folders:
            (tmp_path / f"{name}-off").rename(tmp_path / name)
        counts = run(recipe(clips), out, progress=False)
        assert (counts["measured"], counts["resumed"]) == (0, 6)
        assert (out / "utterances.jsonl").read_bytes() == before
        assert json.loads((out / "summary.json").read_text())["warnings"] == []


def test_what_was_not_measured_as_it_may_be_meant_is_told(clips: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) | {"start": 1000, "end": 2000} for line in clips.read_text().splitlines()[:2]]
    clips.write_text("\n".join(map(json.dumps, rows)))
    for name in ("x.m4a", "y.wma", "z.m4a"):
        (tmp_path / "s2" / name).touch()
    out = tmp_path / "out"
    settings = recipe(clips).model_copy(update={"source": [clips, tmp_path / "s2"]})
    assert run(settings, out, progress=False)["annotated"] == 4
    unread, times = json.loads((out / "summary.json").read_text())["warnings"]
    assert "not read: 2 .m4a, 1 .wma" in unread
    assert "ffmpeg -i IN.m4a" in unread
    assert "in no named unit: 2" in times


def test_an_empty_manifest_deletes_no_measurement(clips: Path, tmp_path: Path) -> None:
    out, text = tmp_path / "out", clips.read_text()
    run(recipe(clips), out, progress=False)
    clips.write_text("")
    with pytest.raises(RecipeError, match="nothing to annotate"):
        run(recipe(clips), out, progress=False)
    clips.write_text(text)
    assert run(recipe(clips), out, progress=False)["resumed"] == 6


def test_a_finished_part_is_not_read_again(forty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS", 16)
    out = tmp_path / "out"
    run(recipe(forty), out, progress=False)
    monkeypatch.setattr(parts.Part, "open", None)
    assert run(recipe(forty), out, progress=False)["resumed"] == 40


def test_sources_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        run(recipe(tmp_path / "nowhere"), tmp_path / "out", progress=False)
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(RecipeError, match="nothing to annotate"):
        run(recipe(tmp_path / "empty.jsonl"), tmp_path / "out", progress=False)
    with FileLock(tmp_path / "out" / ".lock").acquire(timeout=0):  # the folder is free for another process
        assert {path.name for path in (tmp_path / "out").iterdir()} == {".lock", "manifest.json", "measured"}


def test_an_unknown_calibration_is_refused_before_any_work(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nope"):
        run(recipe(clips, calibration="nope"), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_an_unexpected_error_names_the_clip_and_the_rest_goes_on(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotionthinker.prosody import annotator

    real = annotator.annotate
    monkeypatch.setattr(
        annotator, "annotate", lambda path, **o: 1 / 0 if "clip2" in str(path) else real(path, **o)
    )  # fmt: skip
    counts = run(recipe(clips), tmp_path / "out", progress=False)
    assert (counts["annotated"], counts["failed"]) == (5, 4)
    assert "ZeroDivisionError" in (tmp_path / "out" / "failures.jsonl").read_text()


def test_rows_keep_what_the_manifest_says(clips: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in clips.read_text().splitlines()[:1]]
    rows[0] |= {"licence": "CC0", "age": 31, "transcript": "so be it"}
    clips.write_text(json.dumps(rows[0]) + "\n")
    run(recipe(clips), tmp_path / "out", progress=False)
    found: Utterance = next(read_jsonl(tmp_path / "out" / "utterances.jsonl"))
    assert (found.extra["licence"], found.age, found.text) == ("CC0", 31.0, "so be it")
    assert found.prosody.transcript.source == "given"


@pytest.fixture
def unnamed(clips: Path) -> Path:
    """The six good clips with speakers, two each, and no gender."""
    rows = [json.loads(line) for line in clips.read_text().splitlines()[:6]]
    for number, row in enumerate(rows):
        del row["gender"]
        row["speaker"] = f"s{number // 2}"
    clips.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return clips


def test_each_speaker_gets_one_gender(unnamed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.99, 0.95, 0.01, 0.02, 0.99, 0.3])
    monkeypatch.setattr("emotionthinker.prosody.speaker.probability_female", lambda vector, model: next(shares))
    run(recipe(unnamed), tmp_path / "out", progress=False)
    found = [u.prosody for u in read_jsonl(tmp_path / "out" / "utterances.jsonl")]
    assert [p.speaker.gender for p in found] == ["female", "female", "male", "male", None, None]
    assert {(p.speaker.gender_method, p.speaker.clips, p.speaker.licence) for p in found} == {
        (speakers.POOLED, 2, speaker.LICENCE)
    }
    groups = ["all/female", "all/female", "all/male", "all/male", "all/any", "all/any"]
    assert [p.pitch.group for p in found] == groups
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["words"]["all"]["licence"] == {speaker.LICENCE: 6}


def alike(clips: Path, share: int) -> list[Path]:
    """The six good clips in manifests of `share` rows each, all of one speaker, without gender and dataset."""
    paths = [json.loads(line)["path"] for line in clips.read_text().splitlines()[:6]]
    sheets = []
    for start in range(0, 6, share):
        sheets.append(clips.parent / f"day{start}" / "talk.csv")
        sheets[-1].parent.mkdir()
        sheets[-1].write_text("audio,speaker\n" + "".join(f"../{path},01\n" for path in paths[start : start + share]))
    return sheets


@pytest.mark.parametrize("shard_rows", [0, 2])
def test_speakers_of_one_name_in_two_sources_are_two(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_rows: int
) -> None:
    shares = itertools.cycle([0.99, 0.95, 0.96, 0.01, 0.3, 0.02])
    monkeypatch.setattr("emotionthinker.prosody.speaker.probability_female", lambda vector, model: next(shares))
    sheets, out = alike(clips, 3), tmp_path / "out"
    settings = AnnotateRecipe(source=sheets, workers=1, transcribe=False, shard_rows=shard_rows)
    for resumed in (0, 6):
        assert run(settings, out, progress=False)["resumed"] == resumed
        found = list(read_jsonl(out / "utterances.jsonl"))
        assert [u.prosody.speaker.gender for u in found] == ["female"] * 3 + ["male"] * 3
        assert {u.extra["speaker_source"] for u in found} == set(map(str, sheets))
        assert json.loads((out / "summary.json").read_text())["warnings"] == []
    written = out / "shards" if shard_rows else out / "utterances.parquet"
    again = run(recipe(written), tmp_path / "again", progress=False)  # its names stay apart
    assert again["annotated"] == 6
    assert len({speakers.key_of(u) for u in read_jsonl(tmp_path / "again" / "utterances.jsonl")}) == 2


@pytest.mark.parametrize("shard_rows", [0, 2])
def test_two_people_of_one_name_in_one_source_are_told_clip_by_clip_with_a_warning(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_rows: int
) -> None:
    shares = iter([0.99, 0.95, 0.96, 0.01, 0.03, 0.02])
    monkeypatch.setattr("emotionthinker.prosody.speaker.probability_female", lambda vector, model: next(shares))
    settings, out = recipe(alike(clips, 6)[0], shard_rows=shard_rows), tmp_path / "out"
    for _ in range(2):  # measured, then from what is stored
        run(settings, out, progress=False)
        found = [u.prosody for u in read_jsonl(out / "utterances.jsonl")]
        assert [p.pitch.group for p in found] == ["all/female"] * 3 + ["all/male"] * 3
        (warning,) = json.loads((out / "summary.json").read_text())["warnings"]
        assert "1 (01)" in warning


def test_weights_under_other_terms_need_consent_before_any_work(unnamed: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"CC-BY-NC-SA-4\.0.*--accept-non-commercial"):
        run(recipe(unnamed, speaker_model="some/model"), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def age_gender(tmp_path: Path) -> Path:
    """A random model of age and gender, as a folder with a model card."""
    from transformers import Wav2Vec2Config

    from emotionthinker.models.age_gender import AgeGenderNetwork

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    kind = {"conv_dim": (8,) * 7, "conv_bias": True, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
    config = Wav2Vec2Config(**sizes, **kind, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2)
    folder = tmp_path / "model"
    config.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(AgeGenderNetwork(config).state_dict(), folder / "pytorch_model.bin")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n")
    return folder


def test_a_speaker_model_that_is_not_there_is_found_before_the_first_clip(
    unnamed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    empty = tmp_path / "model"
    empty.mkdir()
    for model in ("no/such/thing", str(empty)):
        with pytest.raises(WeightsError, match=model):
            run(recipe(unnamed, speaker_model=model, accept_non_commercial=True), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_a_speaker_model_costs_no_measuring_and_hears_a_few_clips(
    unnamed: Path, age_gender: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotionthinker.models.age_gender import AgeGender

    folder, out = age_gender, tmp_path / "out"
    run(recipe(unnamed), out, progress=False)
    monkeypatch.setattr(batch, "_measure", None)  # called, it would fail: measured clips are not measured again
    settings = recipe(unnamed, speaker_model=str(folder), accept_non_commercial=True, speaker_clips=1)
    run(settings, out, progress=False)
    found = [u.prosody.speaker for u in read_jsonl(out / "utterances.jsonl")]
    assert [found[n] == found[n + 1] for n in (0, 2, 4)] == [True] * 3
    assert {(s.licence, s.clips, s.age_group) for s in found} == {("CC-BY-NC-SA-4.0", 1, "Child")}
    assert {s.age_method for s in found} == {f"wav2vec2 age and gender heads (1 layers), {folder}"}
    assert (out / "voices.jsonl").read_bytes().count(b"\n") == 3
    monkeypatch.setattr(AgeGender, "hear", lambda self, clips: [] if not clips else 1 / 0)
    before = (out / "utterances.jsonl").read_bytes()
    run(settings, out, progress=False)
    assert (out / "utterances.jsonl").read_bytes() == before
    monkeypatch.setattr(batch, "_measure", lambda row, *_: batch.failure(row["id"], None, "missing", ""))
    for name in ("s0", "s1", "s2"):  # what was heard is not heard again for a run without the disk
        (tmp_path / name).rename(tmp_path / f"{name}-off")
    run(settings, out, progress=False)
    for name in ("s0", "s1", "s2"):
        (tmp_path / f"{name}-off").rename(tmp_path / name)
    run(settings, out, progress=False)
    assert (out / "utterances.jsonl").read_bytes() == before


def test_killed_while_the_model_hears_nothing_is_lost_or_doubled(age_gender: Path, tmp_path: Path, speech: Any) -> None:
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    for number in range(40):
        soundfile.write(folder / f"{number:02}.wav", speech(seconds=0.5, seed=number), RATE)
    options = ["--no-transcribe", "--workers", "1", "--speaker-model", str(age_gender), "--accept-non-commercial"]
    kill_when(["annotate", str(folder), "--out", str(out), *options], out, "voices.jsonl")
    settings = recipe(folder, speaker_model=str(age_gender), accept_non_commercial=True)
    counts = run(settings, out, progress=False)
    assert (counts["resumed"], counts["annotated"]) == (40, 40)
    heard = [json.loads(line)["id"] for line in (out / "voices.jsonl").read_text().splitlines()]
    assert sorted(heard) == sorted(set(heard)) == [f"{number:02}.wav" for number in range(40)]
    run(settings, tmp_path / "fresh", progress=False)
    ages = [
        [u.prosody.speaker.age_years for u in read_jsonl(f / "utterances.jsonl")] for f in (out, tmp_path / "fresh")
    ]
    assert None not in ages[0]
    assert np.allclose(*ages, atol=0.1)
