from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from emotionthinker.corpora import parquet
from emotionthinker.errors import RecipeError, RecordError, WeightsError
from emotionthinker.prosody import corpus, workers
from emotionthinker.prosody.corpus import AnnotateRecipe, run
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import Utterance, read_jsonl

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
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    rows += [{"path": "broken.wav"}, {"path": "missing.wav"}]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)) + "\nno json\n", encoding="utf-8")
    return manifest


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
        return [task.stamp for task in corpus.tasks(recipe(clips, **options)) if isinstance(task, corpus.Task)]

    assert stamps() == stamps(recogniser="whisper-base")
    assert not set(stamps()) & set(stamps(recogniser="faster-whisper:small"))


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
    assert {f["reason"] for f in failures} == {"undecodable", "missing", "RecordError"}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["failures"] == {"undecodable": 1, "missing": 1, "RecordError": 1}
    assert sum(summary["words"]["all"]["energy"].values()) == 6
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"


def test_a_second_run_measures_nothing_and_a_changed_row_only_itself(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    before = (out / "utterances.jsonl").read_bytes()
    measured: list[str] = []
    real = corpus.measure
    monkeypatch.setattr(corpus, "measure", lambda task: (measured.append(task.id), real(task))[1])
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


def test_failed_rows_are_tried_again(clips: Path, tmp_path: Path, speech: Any) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    soundfile.write(tmp_path / "missing.wav", speech(seconds=0.5), RATE)
    counts = run(recipe(clips), out, progress=False)
    assert (counts["annotated"], counts["failed"], counts["resumed"]) == (7, 2, 6)


def test_another_calibration_needs_no_measuring(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    monkeypatch.setattr(corpus, "measure", lambda task: corpus.failure(task.id, None, "tried", ""))
    run(recipe(clips, calibration="fit", name="mine"), out, progress=False)
    thresholds = Calibration.load(out / "thresholds.json")
    assert thresholds.name == "mine"
    assert thresholds.energy.count == 4  # the two clips of test speakers do not shape the cuts
    assert thresholds.about["clips"] == {"ravdess": 4}
    assert {u.prosody.calibration for u in read_jsonl(out / "utterances.jsonl")} == {"mine"}


def test_a_torn_last_line_is_measured_again(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    before = (out / "utterances.jsonl").read_bytes()
    store = out / "measured.jsonl"
    store.write_bytes(store.read_bytes()[:-40])
    assert run(recipe(clips), out, progress=False)["resumed"] == 5
    assert (out / "utterances.jsonl").read_bytes() == before


def test_kill_and_resume_loses_and_doubles_nothing(tmp_path: Path, speech: Any) -> None:
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    for number in range(40):
        soundfile.write(folder / f"{number:02}.wav", speech(seconds=0.5, seed=number), RATE)
    code = (
        "import sys; from pathlib import Path; from emotionthinker.prosody.corpus import AnnotateRecipe, run\n"
        "if __name__ == '__main__':\n"
        "    recipe = AnnotateRecipe(source=[sys.argv[1]], workers=2, transcribe=False)\n"
        "    run(recipe, Path(sys.argv[2]), progress=False)\n"
    )
    script = tmp_path / "job.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(folder), str(out)]
    process = subprocess.Popen(command)
    store = out / "measured.jsonl"
    while process.poll() is None and not (store.exists() and store.read_bytes().count(b"\n") >= 5):
        time.sleep(0.01)
    workers_of = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers_of, timeout=60)[1] == []  # no orphan is left behind
    done = store.read_bytes().count(b"\n")
    assert done >= 5
    counts = run(recipe(folder), out, progress=False)
    assert counts["resumed"] == done
    assert counts["annotated"] == 40
    assert ids(out / "utterances.jsonl") == [f"{number:02}.wav" for number in range(40)]
    assert run(recipe(folder), tmp_path / "fresh", progress=False)["annotated"] == 40
    assert (out / "utterances.jsonl").read_bytes() == (tmp_path / "fresh" / "utterances.jsonl").read_bytes()


def test_sources_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        run(recipe(tmp_path / "nowhere"), tmp_path / "out", progress=False)
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(RecipeError, match="nothing to annotate"):
        run(recipe(tmp_path / "empty.jsonl"), tmp_path / "out", progress=False)


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


def deadly(number: int) -> int:
    """Work whose process dies at 3, as under a crash in native code."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_a_task_that_kills_its_process_is_named_and_the_rest_is_done() -> None:
    results = dict(workers.run(deadly, range(12), 2))
    assert results == {n: None if n == 3 else n * n for n in range(12)}


def test_tasks_are_drawn_as_they_are_needed() -> None:
    drawn = []

    def source() -> Any:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = workers.run(abs, source(), 2)
    next(results)
    assert len(drawn) < 50
    results.close()


def test_rows_keep_what_the_manifest_says(clips: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in clips.read_text().splitlines()[:1]]
    rows[0] |= {"licence": "CC0", "age": 31, "transcript": "so be it"}
    clips.write_text(json.dumps(rows[0]) + "\n")
    run(recipe(clips), tmp_path / "out", progress=False)
    found: Utterance = next(read_jsonl(tmp_path / "out" / "utterances.jsonl"))
    assert (found.extra["licence"], found.age, found.text) == ("CC0", 31.0, "so be it")
    assert found.prosody.transcript.source == "given"
