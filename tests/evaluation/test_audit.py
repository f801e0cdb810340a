"""The audit of an annotation set whose errors are known, since they were planted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from emotionthinker.cli import app
from emotionthinker.errors import RecipeError, RecordError, WeightsError
from emotionthinker.evaluation import audit
from emotionthinker.evaluation.audit import AuditRecipe, kappa, render, run
from emotionthinker.evaluation.findings import OVER_FULL_SCALE
from kill import kill_when

RATE = 16000
F0 = {"low": 110.0, "normal": 170.0, "high": 260.0}
GAIN = {"low": 0.02, "normal": 0.1, "high": 0.5}
PLANTED = {"c02": {"pitch": "low"}, "c07": {"energy": "low"}, "c10": {"pitch": "low", "energy": "normal"}}


@pytest.fixture
def annotations(tmp_path: Path, speech: Any) -> Path:
    """Twelve clips, four of each pitch and (in another order) each level, truly annotated but for `PLANTED`."""
    (tmp_path / "sound").mkdir()
    rows = []
    for number in range(12):
        name, pitch, energy = f"c{number:02}", list(F0)[number % 3], list(GAIN)[number // 4]
        clip = speech(seconds=1.0, f0=F0[pitch], gain=GAIN[energy], seed=number)
        soundfile.write(tmp_path / "sound" / f"{name}.wav", clip, RATE)
        rows.append({"audio_path": f"/theirs/{name}.wav", "pitch": pitch, "energy": energy, "intonation": "uncertain"})
        rows[-1] |= PLANTED.get(name, {})
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe(annotations: Path, **changes: Any) -> AuditRecipe:
    settings = {"audio": annotations.parent / "sound", "calibration": "fit", "workers": 1, "transcribe": False}
    return AuditRecipe(annotations=annotations, **{**settings, **changes})


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_planted_errors_are_found_and_nothing_else(annotations: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(recipe(annotations), out, progress=False)
    listed = rows_of(out / "disagreements.jsonl")
    wrong = {(Path(r["audio"]).stem, r["field"]): r["published"] for r in listed if r["outcome"] == "disagrees"}
    assert wrong == {(name, field): word for name, fields in PLANTED.items() for field, word in fields.items()}
    assert {r["outcome"] for r in listed if r["field"] == "intonation"} == {"not_checkable"}
    pitch = next(r for r in listed if r["field"] == "pitch")
    assert (pitch["measured"], pitch["unit"]) == ("high", "Hz")
    assert pitch["value"] == pytest.approx(F0["high"], rel=0.05)
    fields = summary["fields"]
    assert (fields["pitch"]["compared"], fields["pitch"]["agrees"], fields["pitch"]["disagrees"]) == (12, 10, 2)
    assert fields["pitch"]["by_class"]["low"] == {"compared": 6, "agrees": 4}
    assert fields["pitch"]["kappa"] == pytest.approx(1 - (2 / 12) / (1 - (4 * 6 + 4 * 3 + 4 * 3) / 144), abs=1e-3)
    assert fields["intonation"]["not_checkable"] == 12
    assert fields["intonation"]["agreement"] is None
    assert json.loads((out / "summary.json").read_text()) == summary
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["stage"], manifest["status"]) == ("audit", "finished")
    assert not (out / "failures.jsonl").read_text()


def test_a_set_that_was_measured_here_agrees_with_itself(annotations: Path, tmp_path: Path) -> None:
    run(recipe(annotations, calibration="reference"), tmp_path / "out", progress=False)
    again = recipe(tmp_path / "out" / "annotate" / "utterances.parquet", audio=annotations.parent / "sound")
    calibration = str(tmp_path / "out" / "annotate" / "thresholds.json")
    summary = run(again.model_copy(update={"calibration": calibration}), tmp_path / "again", progress=False)
    assert {"pitch", "energy", "rate", "style", "pitch_hz", "energy_dbfs", "rate_pps"} <= set(summary["fields"])
    for field, row in summary["fields"].items():
        assert row["agrees"] == row["compared"] > 0, field


def test_utterances_that_are_parts_of_a_recording_agree_with_themselves(tmp_path: Path, speech: Any) -> None:
    """What `annotate` writes of such clips is a set to audit."""
    sound = tmp_path / "sound"
    sound.mkdir()
    two = np.stack([speech(seconds=2.0, f0=f0, seed=1) for f0 in (110.0, 260.0)], axis=1)
    soundfile.write(sound / "talk.wav", two, RATE)
    rows = [{"path": f"/theirs/talk.wav#t=0.2,1.8&channel={n}", "pitch": "low"} for n in (1, 2)]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first = run(recipe(tmp_path / "set.jsonl", calibration="reference"), tmp_path / "one", progress=False)
    assert (first["audited"], first["failed"]) == (2, 0)
    own = recipe(tmp_path / "one" / "annotate" / "utterances.jsonl", audio=sound, calibration="reference")
    again = run(own, tmp_path / "two", progress=False)
    assert (again["audited"], again["fields"]["pitch_hz"]["agrees"]) == (2, 2)


def test_columns_that_nothing_was_taken_from_are_told(annotations: Path, tmp_path: Path) -> None:
    """`pitch_mean` looks audited, and is not."""
    rows = [row | {"pitch_mean": 201.0, "id": row["audio_path"]} for row in rows_of(annotations)]
    rows[0] |= {"contour": "falling", "pitch_level": "low", "comment": ""}
    annotations.write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = run(recipe(annotations), tmp_path / "out", progress=False)
    assert summary["not_audited"] == {"pitch_mean": 12, "contour": 1, "pitch": 1}
    assert "columns that were not audited: pitch_mean (12), pitch (1), contour (1)" in render(summary)
    own = tmp_path / "out" / "annotate" / "utterances.jsonl"
    again = recipe(annotations).model_copy(update={"annotations": own})
    assert run(again, tmp_path / "own", progress=False)["not_audited"] == {}


def test_failed_rows_are_typed_and_set_the_exit_status(annotations: Path, tmp_path: Path) -> None:
    (tmp_path / "sound" / "broken.wav").write_bytes(b"no sound")
    more = [{"path": "broken.wav", "pitch": "low"}, {"path": "gone.wav", "pitch": "low"}, {"path": "c00.wav"}]
    annotations.write_text(annotations.read_text() + "".join(json.dumps(r) + "\n" for r in more) + "no json\n")
    out = tmp_path / "out"
    command = ["audit", str(annotations), "--audio", str(tmp_path / "sound"), "--out", str(out), "--workers", "1"]
    result = CliRunner().invoke(app, [*command, "--no-transcribe", "--calibration", "fit"])
    assert result.exit_code == 1
    assert "12 of 16 rows audited" in result.output
    assert "4 rows failed" in result.output
    reasons = Counter(row["reason"] for row in rows_of(out / "failures.jsonl"))
    assert reasons == {"bad_row": 2, "undecodable": 1, "missing": 1}
    header = next(line for line in result.output.splitlines() if line.startswith("field"))
    assert header.split()[-1] == "kappa"
    assert any(line.split()[:3] == ["pitch", "12", "10"] for line in result.output.splitlines())


def test_a_killed_audit_goes_on(tmp_path: Path, speech: Any) -> None:
    (tmp_path / "sound").mkdir()
    for number in range(30):
        soundfile.write(tmp_path / "sound" / f"{number:02}.wav", speech(seconds=0.5, seed=number), RATE)
    annotations, out = tmp_path / "set.csv", tmp_path / "out"
    annotations.write_text("path,pitch\n" + "".join(f"{number:02}.wav,high\n" for number in range(30)))
    options = ["--audio", str(tmp_path / "sound"), "--out", str(out), "--no-transcribe", "--workers", "1"]
    kill_when(["audit", str(annotations), *options], out, "annotate/measured/part-00000.jsonl")
    assert not (out / "summary.json").exists()
    done = (out / "annotate" / "measured" / "part-00000.jsonl").read_bytes().count(b"\n")
    settings = recipe(annotations, calibration="reference")
    run(settings, out, progress=False)
    assert json.loads((out / "annotate" / "summary.json").read_text())["resumed"] == done
    run(settings, tmp_path / "fresh", progress=False)
    for name in ("disagreements.jsonl", "summary.json"):
        assert (out / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_published_gender_picks_the_cuts_of_the_pitch(annotations: Path, tmp_path: Path) -> None:
    """A wrong gender is one disagreement, not two: 170 Hz is high for a man, whoever is heard."""
    cuts = tmp_path / "cuts.json"
    cut = {"male": {"low": 100, "high": 140, "count": 1}, "female": {"low": 180, "high": 220, "count": 1}}
    cuts.write_text(json.dumps({"name": "two", "pitch": cut}))
    row = {"path": "c01.wav", "pitch": "high"}
    for gender, outcome in (("Male", "agrees"), ("Female", "disagrees")):
        annotations.write_text(json.dumps({**row, "gender": gender}) + "\n")
        out = tmp_path / gender
        fields = run(recipe(annotations, calibration=str(cuts)), out, progress=False)["fields"]
        assert fields["pitch"][outcome] == 1


def test_an_age_that_nothing_here_hears_is_listed_as_not_checkable(annotations: Path, tmp_path: Path) -> None:
    annotations.write_text(json.dumps({"path": "c01.wav", "pitch": "normal", "age_level": "Elderly"}) + "\n")
    age = run(recipe(annotations, calibration="reference"), tmp_path / "out", progress=False)["fields"]["age"]
    assert (age["compared"], age["not_checkable"]) == (0, 1)
    assert "no_age_model" in next(iter(age["reasons"]))


def test_the_methods_of_annotate_are_passed_on(annotations: Path, tmp_path: Path, monkeypatch: Any) -> None:
    asked: list[Any] = []

    def measured(settings: Any, out: Path, **_: Any) -> None:
        asked.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(audit.corpus, "run", measured)
    monkeypatch.setattr("emotionthinker.prosody.annotate_recipe.AnnotateRecipe.check", lambda _: None)
    command = ["audit", str(annotations), "--audio", str(tmp_path / "sound"), "--out", str(tmp_path / "out")]
    methods = ["--stress", "whistress:head", "--recogniser", "faster-whisper:base", "--speaker-model", "wav2vec2"]
    CliRunner().invoke(app, [*command, *methods, "--accept-non-commercial"])
    (found,) = asked
    assert (found.stress, found.recogniser) == ("whistress:head", "faster-whisper:base")
    assert (found.speaker_model, found.accept_non_commercial) == ("wav2vec2", True)


def test_normalised_sound_is_warned_of(annotations: Path, tmp_path: Path) -> None:
    assert run(recipe(annotations), tmp_path / "plain", progress=False)["warnings"] == []
    for clip in (tmp_path / "sound").glob("*.wav"):
        samples, rate = soundfile.read(clip)
        soundfile.write(clip, 0.9 * samples / np.abs(samples).max(), rate)
    summary = run(recipe(annotations), tmp_path / "normalised", progress=False)
    assert summary["warnings"][0].startswith("energy: 12 of 12")
    assert "warning: energy" in audit.render(summary)


def numbered(folder: Path, speech: Any, **numbers: list[float]) -> Path:
    """Clips of 0.5 s with a number each of every column."""
    (folder / "sound").mkdir()
    count = len(next(iter(numbers.values())))
    for number in range(count):
        soundfile.write(folder / "sound" / f"{number:02}.wav", speech(seconds=0.5, seed=number), RATE)
    rows = [{"path": f"{n:02}.wav", **{name: row[n] for name, row in numbers.items()}} for n in range(count)]
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "set.jsonl"


def test_numbers_of_another_unit_are_warned_of_instead_of_called_wrong(tmp_path: Path, speech: Any) -> None:
    rms, syllables = [0.05 + n / 1000 for n in range(20)], [1.1] * 20
    annotations = numbered(tmp_path, speech, energy=rms, speed=syllables, range_st=[90.0] * 20)
    summary = run(recipe(annotations, calibration="reference"), tmp_path / "out", progress=False)
    energy, rate = summary["fields"]["energy_dbfs"], summary["fields"]["rate_pps"]
    assert (energy["compared"], energy["not_checkable"], list(energy["reasons"])) == (0, 20, [OVER_FULL_SCALE])
    assert (rate["compared"], rate["disagrees"]) == (20, 20)
    assert rate["assumed"] == {"unit": "phones/s", "names": {"speed": 20}}
    warnings = {text.partition(":")[0]: text for text in summary["warnings"]}
    assert "20 of 20 numbers" in warnings["energy_dbfs"]
    assert "`speed` was taken for phones/s" in warnings["rate_pps"]
    assert "compared as st" in warnings["range_st"]
    shown = audit.render(summary)
    assert "rate_pps: `speed` (20) taken for phones/s" in shown
    assert f"energy_dbfs: not checkable: {OVER_FULL_SCALE} (20)" in shown
    listed = rows_of(tmp_path / "out" / "disagreements.jsonl")
    assert {row["assumed"] for row in listed if row["field"] == "rate_pps"} == {"speed"}


def test_numbers_that_are_partly_wrong_or_few_are_no_other_unit(tmp_path: Path, speech: Any) -> None:
    annotations = numbered(tmp_path, speech, pitch_hz=[200.0] * 3 + [400.0] * 17, range_st=[90.0] * 19 + [None])
    summary = run(recipe(annotations, calibration="reference"), tmp_path / "out", progress=False)
    assert summary["fields"]["pitch_hz"]["disagrees"] == 17
    assert summary["fields"]["range_st"]["disagrees"] == 19
    assert not [text for text in summary["warnings"] if "unit" in text]


def test_what_cannot_be_audited_is_refused_before_any_work(annotations: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nope"):
        run(recipe(annotations, calibration="nope"), tmp_path / "out", progress=False)
    with pytest.raises(RecordError, match="no such folder"):
        run(recipe(annotations, audio=tmp_path / "nowhere"), tmp_path / "out", progress=False)
    with pytest.raises(WeightsError, match="lacks"):
        run(recipe(annotations, stress=f"whistress:{tmp_path}"), tmp_path / "out", progress=False)
    with pytest.raises(RecipeError, match="--accept-non-commercial"):
        run(recipe(annotations, speaker_model="wav2vec2"), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(RecordError, match="no rows"):
        run(recipe(empty, audio=tmp_path / "sound"), tmp_path / "out", progress=False)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    found = kappa(Counter(pairs))
    said, heard = zip(*pairs, strict=True)
    if len(set(said) | set(heard)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(said, heard), abs=1e-4)
    assert kappa(Counter()) is None
