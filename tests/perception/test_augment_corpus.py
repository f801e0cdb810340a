from __future__ import annotations

import errno
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotionthinker.cli import app
from emotionthinker.corpora import manifest
from emotionthinker.errors import RecipeError
from emotionthinker.perception import augment_corpus, variants
from emotionthinker.perception.augment_corpus import AugmentRecipe, run
from emotionthinker.prosody import batch
from kill import kill_when, run_with_deadly

from .conftest import RATE, syllables, whispered


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A manifest of two good clips, one of them near full scale, and a broken one."""
    soundfile.write(tmp_path / "soft.wav", syllables(count=3), RATE)
    loud = syllables(f0=200, count=3, seed=1)
    soundfile.write(tmp_path / "loud.wav", 0.75 * loud / np.abs(loud).max(), RATE)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    rows = [{"path": f"{name}.wav", "speaker": "s", "label": "sad"} for name in ("soft", "loud", "broken")]
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def recipe(source: Path, **options: Any) -> AugmentRecipe:
    return AugmentRecipe(**{"source": [source], "energy": [6, -6], "workers": 1, **options})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_variants_are_listed_with_parent_asked_and_measured(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    counts = run(recipe(clips, speed=[1.25]), out, progress=False)
    assert {k: counts[k] for k in ("clips", "variants", "accepted", "rejected", "failed", "made", "resumed")} == {
        "clips": 3, "variants": 6, "accepted": 5, "rejected": 1, "failed": 1, "made": 6, "resumed": 0,
    }  # fmt: skip
    accepted = lines(out / "manifest.jsonl")
    assert [row["id"] for row in accepted] == [
        "soft/speed1.25", "soft/energy+6", "soft/energy-6", "loud/speed1.25", "loud/energy-6",
    ]  # fmt: skip
    assert {row["parent"] for row in accepted} == {"soft", "loud"}
    assert accepted[1]["asked"] == {"energy_db": 6}
    assert accepted[1]["measured"]["energy_db"] == pytest.approx(6, abs=0.05)
    for row in accepted:
        info = soundfile.info(out / row["path"])
        assert (info.samplerate, info.subtype) == (RATE, "PCM_16")
        assert info.duration == pytest.approx(row["seconds"], abs=0.001)
    (rejected,) = lines(out / "rejected.jsonl")
    assert rejected["id"] == "loud/energy+6"
    assert "energy off by" in rejected["reason"]
    assert rejected["guard_db"] < -3
    assert [(f["id"], f["reason"]) for f in lines(out / "failures.jsonl")] == [("broken", "undecodable")]
    assert counts["by_kind"]["energy+6"] | {"median_error": 0} == {
        "accepted": 1, "rejected": 1, "missed": {"energy": 1}, "median_error": 0,
    }  # fmt: skip
    assert len(list((out / "audio").iterdir())) == 5
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"


def test_the_manifest_is_a_source_with_the_parents_labels(clips: Path, tmp_path: Path) -> None:
    run(recipe(clips, energy=[-6]), tmp_path / "out", progress=False)
    first, second = manifest.utterances([tmp_path / "out" / "manifest.jsonl"])
    assert (first.id, first.emotion, first.speaker) == ("soft/energy-6", "Sad", "s")
    assert first.extra["parent"] == "soft"
    assert Path(second.audio).is_file()


def test_memory_does_not_hold_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = {"accepted": False, "reasons": ["pitch off by " + 2000 * "9"], "measured": {}, "unchecked": []}
    monkeypatch.setattr(augment_corpus, "vary", lambda task: {"key": task.key, "guard_db": 0.0, **result})
    peaks = []
    for count in (50, 350):
        source = tmp_path / f"{count}.jsonl"
        source.write_text("".join(f'{{"id": "clip{n}", "path": "x.wav"}}\n' for n in range(count)))
        tracemalloc.start()
        run(recipe(source, energy=[-6]), tmp_path / f"out{count}", progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(lines(tmp_path / f"out{count}" / "rejected.jsonl")) == count
    assert (peaks[1] - peaks[0]) / 300 < 1000  # bytes a row; a row has over 2,000


def test_the_row_of_a_whisper_says_what_was_not_checked(clips: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "soft.wav", whispered(count=3), RATE)
    run(recipe(clips, energy=[-6]), tmp_path / "out", progress=False)
    rows = lines(tmp_path / "out" / "manifest.jsonl")
    assert [(row["parent"], row["unchecked"]) for row in rows] == [("soft", ["pitch", "formants"]), ("loud", [])]


def test_headroom_lets_loud_clips_pass_and_keeps_the_softer_original(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wanted = run(recipe(clips, energy=[6]), tmp_path / "without", progress=False)["headroom_wanted_db"]
    assert wanted == pytest.approx(20 * np.log10(0.75 / variants.PEAK) + 6, abs=0.1)
    counts = run(recipe(clips, energy=[6], headroom_db=wanted), out, progress=False)
    assert (counts["accepted"], counts["rejected"], counts["headroom_wanted_db"]) == (4, 0, 0)
    reference, louder = lines(out / "manifest.jsonl")[2:]
    assert reference["kind"] == "reference"
    soft, loud = (np.abs(soundfile.read(out / row["path"])[0]).max() for row in (reference, louder))
    assert soft == pytest.approx(0.75 * 10 ** (-wanted / 20), abs=1e-3)
    assert 20 * np.log10(loud / soft) == pytest.approx(6, abs=0.01)


def test_a_second_run_makes_only_what_is_new_changed_or_lost(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    before = (out / "manifest.jsonl").read_bytes()
    done: list[str] = []
    vary = augment_corpus.vary
    monkeypatch.setattr(augment_corpus, "vary", lambda task: (done.append(task.id), vary(task))[1])
    broken = ["broken/energy+6", "broken/energy-6"]
    counts = run(recipe(clips), out, progress=False)
    assert (done, counts["made"], counts["resumed"]) == (broken, 0, 4)
    assert (out / "manifest.jsonl").read_bytes() == before
    done.clear()
    run(recipe(clips, energy=[6, -6, -3]), out, progress=False)
    assert done == ["soft/energy-3", "loud/energy-3", *broken, "broken/energy-3"]
    done.clear()
    soundfile.write(tmp_path / "soft.wav", syllables(count=2), RATE)
    (out / "audio" / "loud_energy-6.flac").unlink()
    run(recipe(clips), out, progress=False)
    assert done == ["soft/energy+6", "soft/energy-6", "loud/energy-6", *broken]
    assert (out / "audio" / "loud_energy-6.flac").is_file()
    soundfile.write(tmp_path / "soft.wav", 3 * syllables(count=3), RATE)
    run(recipe(clips), out, progress=False)
    assert "soft/energy+6" in {row["id"] for row in lines(out / "rejected.jsonl")}
    assert not (out / "audio" / "soft_energy+6.flac").exists()  # what a rejected variant once was is no longer there


def test_settings_there_and_back_leave_the_sound_that_the_manifest_tells(clips: Path, tmp_path: Path) -> None:
    """Variants with headroom take the places of those without, and the other way round."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    for folder, headroom in ((out, 0.0), (out, 9.0), (out, 0.0), (fresh, 0.0)):
        run(recipe(clips, headroom_db=headroom), folder, progress=False)
    rows = lines(out / "manifest.jsonl")
    assert rows == lines(fresh / "manifest.jsonl")
    for row in rows:
        assert (out / row["path"]).read_bytes() == (fresh / row["path"]).read_bytes()


def test_a_file_that_was_damaged_is_made_again(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(recipe(clips), out, progress=False)
    place = out / "audio" / "soft_energy-6.flac"
    whole = place.read_bytes()
    place.write_bytes(b"")
    run(recipe(clips), out, progress=False)
    assert place.read_bytes() == whole


def test_a_full_disk_stops_the_run_and_is_no_fault_of_the_clips(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def full(path: Path, data: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            run(recipe(clips), out, progress=False)
    assert not list((out / "audio").iterdir())
    assert run(recipe(clips), out, progress=False)["failed"] == 1


def test_variants_never_become_clips_of_the_next_run(clips: Path, tmp_path: Path) -> None:
    for source in (clips.parent, tmp_path / "out" / "manifest.jsonl"):
        with pytest.raises(RecipeError, match="use another --out"):
            run(recipe(source), tmp_path / "out", progress=False)


def test_the_manifest_of_a_corpus_is_not_overwritten(clips: Path, tmp_path: Path) -> None:
    own = tmp_path / "corpus" / "manifest.jsonl"
    own.parent.mkdir()
    own.write_text("{}")
    with pytest.raises(RecipeError, match="`augment` did not write"):
        run(recipe(clips), own.parent, progress=False)
    assert own.read_text() == "{}"


def test_other_measurements_go_on_with_no_variant(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [getattr(task, "key", None) for task in augment_corpus.tasks(recipe(clips), tmp_path)]
    monkeypatch.setattr(batch, "MEASURES", batch.MEASURES + 1)
    after = [getattr(task, "key", None) for task in augment_corpus.tasks(recipe(clips), tmp_path)]
    assert len(before) == len(after) == 6
    assert not set(before) & set(after)


def test_changed_sound_is_noticed_behind_a_part_of_it_too(tmp_path: Path) -> None:
    rows = [{"id": "part", "path": "a.wav#t=0.1,0.5"}, {"id": "whole", "path": "a.wav"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def keys() -> list[str]:
        return [task.key for task in augment_corpus.tasks(recipe(tmp_path / "m.jsonl", energy=[6]), tmp_path)]

    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    before = keys()
    assert keys() == before
    soundfile.write(tmp_path / "a.wav", np.ones(2 * RATE) * 0.1, RATE)
    assert not set(keys()) & set(before)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    for number in range(12):
        soundfile.write(folder / f"{number:02}.wav", syllables(count=3, seed=number), RATE)
    command = ["augment", str(folder), "--out", str(out), "--energy", "-6", "--pitch", "+3", "--workers", "1"]
    kill_when(command, out, "results.jsonl")
    stored = len((out / "results.jsonl").read_text().splitlines())
    assert 0 < stored < 24
    counts = run(AugmentRecipe(source=[folder], energy=[-6], pitch=[3], workers=1), out, progress=False)
    assert counts["resumed"] >= stored - 1  # a torn last line is made again
    assert counts["variants"] == 24
    assert len({row["id"] for row in lines(out / "manifest.jsonl") + lines(out / "rejected.jsonl")}) == 24
    assert not list((out / "audio").glob("*.part"))


def test_with_one_worker_a_clip_that_kills_stops_one_run_alone(tmp_path: Path) -> None:
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "deadly", "z"):
        soundfile.write(folder / f"{name}.wav", syllables(count=3), RATE)
    command = ["augment", str(folder), "--out", str(out), "--energy", "-6", "--workers", "1"]
    assert run_with_deadly(command, tmp_path) < 0
    assert run_with_deadly(command, tmp_path) == 1
    assert [row["parent"] for row in lines(out / "manifest.jsonl")] == ["a.wav", "z.wav"]
    assert [(row["id"], row["reason"]) for row in lines(out / "failures.jsonl")] == [("deadly.wav", "crashed")]
    counts = run(AugmentRecipe(source=[folder], energy=[-6], workers=1), out, progress=False)
    assert (counts["made"], counts["failed"]) == (1, 0)
    assert not (out / "at_work").exists()


def test_two_processes_give_the_same(clips: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        run(recipe(clips, workers=workers), tmp_path / f"out{workers}", progress=False)
    one, two = ((tmp_path / f"out{n}" / "manifest.jsonl").read_bytes() for n in (1, 2))
    assert one == two


def test_odd_ids_get_file_names_of_their_own(tmp_path: Path) -> None:
    names = []
    for id in ("a/b", "a_b", "ä", "../x", "y" * 300):
        utterance = manifest.to_utterance({"id": id, "path": "x.wav"}, tmp_path, "en", "here")
        names.append(augment_corpus.Task(utterance, "pitch", 4.0, "k", 0.0, 60.0, "f").file)
    assert len(set(names)) == 5
    assert names[1] == "a_b_pitch+4.flac"
    assert all("/" not in name and len(name) < 120 for name in names)


def test_the_command_says_what_failed_and_exits_with_one(clips: Path, tmp_path: Path) -> None:
    command = ["augment", str(clips), "--out", str(tmp_path / "out"), "--energy", "-6", "--workers", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "1 clips failed" in result.output
    clips.write_text("".join(clips.read_text().splitlines(keepends=True)[1:2]))
    result = CliRunner().invoke(app, [*command, "--energy", "6"])  # a rejected variant is no failure
    assert result.exit_code == 0, result.output
    assert len(lines(tmp_path / "out" / "rejected.jsonl")) == 1


def test_nothing_asked_and_nothing_there_are_refused(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="at least one of pitch, speed or energy"):
        run(recipe(clips, energy=[]), tmp_path / "out", progress=False)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(RecipeError, match="nothing to augment"):
        run(recipe(tmp_path / "empty.jsonl"), tmp_path / "out2", progress=False)
