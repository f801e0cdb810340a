from __future__ import annotations

import gc
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionthinker.corpora import parquet
from emotionthinker.errors import RecipeError, RecordError
from emotionthinker.prosody.calibrate import CalibrateRecipe, _with_words, gather, run
from emotionthinker.prosody.levels import Calibration
from emotionthinker.prosody.sketch import GRIDS, Sketches
from emotionthinker.records import Utterance, read_jsonl, write_jsonl


@pytest.fixture
def clips(utterance: Any) -> list[Utterance]:
    """120 clips of two datasets, of both genders and of different levels; ten more of held-out splits."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(120):
        woman, loud = number % 2 == 0, number < 60
        made.append(
            utterance(
                number,
                f0=float(rng.normal(220 if woman else 120, 20)),
                level=float(rng.normal(-20 if loud else -45, 3)),
                rate=float(rng.normal(12, 2)),
                range_st=float(rng.uniform(3, 15)),
                gender="female" if woman else "male",
                dataset="loud" if loud else "quiet",
                split="train",
            )
        )
    splits = ("test", "test2", "test3", "validation", "dev") * 2
    return made + [utterance(1000 + n, level=-90.0, dataset="quiet", split=split) for n, split in enumerate(splits)]


@pytest.fixture
def file(clips: list[Utterance], tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "utterances.jsonl", clips)
    return tmp_path / "utterances.jsonl"


def fit(out: Path, *utterances: Path, **fields: Any) -> Calibration:
    run(CalibrateRecipe(utterances=list(utterances), **fields), out)
    return Calibration.load(out / "thresholds.json")


def test_cuts_are_fitted_drawn_and_say_where_they_come_from(file: Path, clips: list[Utterance], tmp_path: Path) -> None:
    out = tmp_path / "cuts"
    counts = run(CalibrateRecipe(utterances=[file], name="two", by_dataset=True), out)
    found = Calibration.load(out / "thresholds.json")
    assert (counts["clips"], counts["left_out"], counts["datasets"]) == (120, 10, 2)
    assert (found.name, found.digest) == ("two", counts["digest"])
    assert found.about["clips"] == {"loud": 60, "quiet": 60}
    assert found.about["source"] == ["utterances.jsonl"]
    values = [u.prosody.energy.active_dbfs for u in clips if u.split == "train" and u.prosody]
    assert np.allclose([found.energy.low, found.energy.high], np.percentile(values, [100 / 3, 200 / 3]), atol=0.1)
    assert found.datasets["quiet"].energy.high < found.datasets["loud"].energy.low
    assert Sketches.load(out / "sketches.json").clips == {"loud": 60, "quiet": 60}
    assert "Calibration “two”" in (out / "report.html").read_text(encoding="utf-8")
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"


def test_cuts_of_few_clips_are_made_with_a_warning(
    file: Path, clips: list[Utterance], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(CalibrateRecipe(utterances=[file]), tmp_path / "many")["warnings"] == []
    write_jsonl(tmp_path / "few.jsonl", clips[:2])
    few = CalibrateRecipe(utterances=[tmp_path / "few.jsonl"], name="few")
    (warning,) = run(few, tmp_path / "few")["warnings"]
    assert "'few' has cuts from under 50 values (pitch 2, energy 2, rate 2, style 2)" in warning
    assert json.loads((tmp_path / "few" / "manifest.json").read_text())["metrics"]["warnings"] == [warning]
    run(CalibrateRecipe(utterances=[file], apply=str(tmp_path / "few" / "thresholds.json")), tmp_path / "new")
    assert json.loads((tmp_path / "new" / "summary.json").read_text())["warnings"] == [warning]
    assert caplog.messages == [warning] * 2


def test_shards_and_their_sketches_give_the_cuts_of_the_whole(
    file: Path, clips: list[Utterance], tmp_path: Path
) -> None:
    parquet.write(tmp_path / "b.parquet", clips[50:])
    write_jsonl(tmp_path / "a.jsonl", clips[:50])
    whole = fit(tmp_path / "whole", file, by_dataset=True)
    both = fit(tmp_path / "both", tmp_path / "a.jsonl", tmp_path / "b.parquet", by_dataset=True)
    fit(tmp_path / "one", tmp_path / "a.jsonl")
    merged = fit(
        tmp_path / "merged", tmp_path / "b.parquet", by_dataset=True, sketches=[tmp_path / "one" / "sketches.json"]
    )
    assert whole.digest == both.digest == merged.digest
    fit(tmp_path / "two", tmp_path / "b.parquet")
    saved = [tmp_path / name / "sketches.json" for name in ("two", "one")]
    assert fit(tmp_path / "sketches", by_dataset=True, sketches=saved).digest == whole.digest


def test_a_shard_given_twice_is_refused(file: Path, tmp_path: Path) -> None:
    fit(tmp_path / "one", file)
    with pytest.raises(RecipeError, match=r"utterances\.jsonl; give each shard once"):
        fit(tmp_path / "two", file, sketches=[tmp_path / "one" / "sketches.json"])


def test_a_clip_that_is_in_two_files_is_refused(file: Path, clips: list[Utterance], tmp_path: Path) -> None:
    """What cuts were applied to is another file with the same clips: they would count twice."""
    run(CalibrateRecipe(utterances=[file], apply="reference"), tmp_path / "applied")
    with pytest.raises(
        RecipeError, match=r"applied.utterances\.jsonl: clip '.*' was counted before; give each clip once"
    ):
        fit(tmp_path / "two", file, tmp_path / "applied")
    assert not (tmp_path / "two").exists()
    fit(tmp_path / "one", file)
    with pytest.raises(RecipeError, match=r"both hold the clips of utterances\.jsonl"):
        fit(tmp_path / "two", tmp_path / "applied", sketches=[tmp_path / "one" / "sketches.json"])
    other = [clip.model_copy(update={"audio": f"/elsewhere/{clip.id}.wav"}) for clip in clips]
    write_jsonl(tmp_path / "other.jsonl", other)  # another sound under the same id is another clip
    assert gather([file, tmp_path / "other.jsonl"], [])[0].clips == {"loud": 120, "quiet": 120}


def test_cuts_of_older_measurements_are_told_and_never_mixed(clips: list[Utterance], tmp_path: Path) -> None:
    """When a measurement changed, cuts of the old one put other words on the same voice."""
    for version, some in ((1, clips[:60]), (2, clips[60:])):
        (tmp_path / f"v{version}").mkdir()
        write_jsonl(tmp_path / f"v{version}" / "utterances.jsonl", some)
        (tmp_path / f"v{version}" / "manifest.json").write_text(json.dumps({"metrics": {"measures": version}}))
    old, new = tmp_path / "v1", tmp_path / "v2"
    cuts = tmp_path / "cuts"
    assert fit(cuts, old).about["measures"] == Sketches.load(cuts / "sketches.json").measures == 1
    warnings = run(CalibrateRecipe(utterances=[new], apply=str(cuts / "thresholds.json")), tmp_path / "a")["warnings"]
    (warning,) = [text for text in warnings if "version 1" in text]
    assert "was fitted on version 1 of the measurements, these clips are of version 2" in warning
    same = run(CalibrateRecipe(utterances=[old], apply=str(cuts / "thresholds.json")), tmp_path / "b")["warnings"]
    assert not any("version" in text for text in same)
    for recipe in ({"utterances": [old, new]}, {"utterances": [new], "sketches": [cuts / "sketches.json"]}):
        with pytest.raises(RecipeError, match="versions 1 and 2 of the measurements do not go into one "):
            run(CalibrateRecipe(**recipe), tmp_path / "mixed")


def test_cuts_that_do_not_fit_the_clips_are_told(file: Path, clips: list[Utterance], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "more.jsonl", [*clips, Utterance(id="bare")])
    cuts = fit(tmp_path / "cuts", file, by_dataset=True, name="mine")
    renamed = {f"{name}-corpus": own.model_copy(update={"rate": None}) for name, own in cuts.datasets.items()}
    cuts.model_copy(update={"rate": None, "datasets": renamed, "digest": None}).save(tmp_path / "mine.json")
    apply = CalibrateRecipe(utterances=[tmp_path / "more.jsonl"], apply=str(tmp_path / "mine.json"))
    run(CalibrateRecipe(utterances=[tmp_path / "more.jsonl"], apply="reference"), tmp_path / "with")
    unmeasured, gone, elsewhere = run(
        apply.model_copy(update={"utterances": [tmp_path / "with" / "utterances.jsonl"]}), tmp_path / "new"
    )["warnings"]
    assert "never measured and have no words: 1;" in unmeasured
    assert "calibration 'mine' has no cut for them: rate 130;" in gone
    assert "the cuts of loud-corpus, quiet-corpus alone were put on no clip" in elsewhere
    fitting = CalibrateRecipe(utterances=[file], apply=str(tmp_path / "cuts" / "thresholds.json"))
    assert run(fitting, tmp_path / "fitting")["warnings"] == []


def test_applied_cuts_change_words_and_nothing_that_was_measured(
    file: Path, clips: list[Utterance], tmp_path: Path
) -> None:
    fit(tmp_path / "cuts", file, name="two", by_dataset=True)
    thresholds = tmp_path / "cuts" / "thresholds.json"
    counts = run(CalibrateRecipe(utterances=[file], apply=str(thresholds)), tmp_path / "new")
    found = list(read_jsonl(tmp_path / "new" / "utterances.jsonl"))
    assert list(parquet.read(tmp_path / "new" / "utterances.parquet")) == found
    assert [u.id for u in found] == [u.id for u in clips]
    assert counts["rows"] == counts["changed_records"] == counts["changed_energy"] == 130
    assert {u.prosody.calibration for u in found if u.prosody} == {"two"}
    assert {u.prosody.energy.group for u in found if u.prosody} == {"loud", "quiet"}
    bare = Calibration(name="none")
    for before, after in zip(clips, found, strict=True):
        stripped = bare.apply(after.prosody).model_copy(update={"calibration": None})
        assert after.model_copy(update={"prosody": stripped}) == before
    assert Calibration.load(tmp_path / "new" / "thresholds.json").digest == Calibration.load(thresholds).digest
    again = run(CalibrateRecipe(utterances=[tmp_path / "new"], apply=str(thresholds)), tmp_path / "again")
    assert again["changed_records"] == 0
    assert (tmp_path / "again" / "utterances.jsonl").read_bytes() == (
        tmp_path / "new" / "utterances.jsonl"
    ).read_bytes()


def test_fitted_cuts_are_not_overwritten_by_others(file: Path, clips: list[Utterance], tmp_path: Path) -> None:
    first = fit(tmp_path / "cuts", file)
    assert fit(tmp_path / "cuts", file).digest == first.digest
    write_jsonl(file, clips[:70])
    with pytest.raises(RecipeError, match="frozen"):
        fit(tmp_path / "cuts", file)
    assert Calibration.load(tmp_path / "cuts" / "thresholds.json").digest == first.digest


def test_applied_cuts_do_not_overwrite_fitted_ones(file: Path, tmp_path: Path) -> None:
    first = fit(tmp_path / "cuts", file)
    with pytest.raises(RecipeError, match="frozen"):
        run(CalibrateRecipe(utterances=[file], apply="reference"), tmp_path / "cuts")
    assert Calibration.load(tmp_path / "cuts" / "thresholds.json").digest == first.digest


def test_the_sketches_of_the_shipped_cuts_ship_too(tmp_path: Path) -> None:
    found = fit(tmp_path / "cuts", sketches=[Path("reference")], name="redrawn")
    shipped = Calibration.load("reference")
    assert found.about["counts"] == shipped.about["counts"]
    for gender, cut in shipped.pitch.items():
        again = found.pitch[gender]
        assert np.allclose(12 * np.log2([again.low / cut.low, again.high / cut.high]), 0, atol=GRIDS["any"].step)
    for feature in ("energy", "rate", "style"):
        cut, again = getattr(shipped, feature), getattr(found, feature)
        assert np.allclose([again.low, again.high], [cut.low, cut.high], rtol=0, atol=GRIDS[feature].step)
    assert "crema_d/<wbr>female" in (tmp_path / "cuts" / "report.html").read_text(encoding="utf-8")


def test_the_tables_of_a_run_do_not_count_beside_its_lines(clips: list[Utterance], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        (place / "shards").mkdir(parents=True)
        parquet.write(place / "shards" / "part-00000.parquet", clips[:60])
        parquet.write(place / "utterances.parquet", clips[:60])
    write_jsonl(one / "utterances.jsonl", clips[:60])
    whole, shard = one / "utterances.jsonl", "shards/part-00000.parquet"
    assert fit(tmp_path / "a", one, one / shard, one / "utterances.parquet", whole.parent / "shards").energy.count == 60
    assert fit(tmp_path / "b", one / shard).energy.count == 60
    assert gather([whole, one / shard], [])[0].clips == {"loud": 60}
    counts = run(CalibrateRecipe(utterances=[one, one / "shards"], apply="reference"), tmp_path / "new")
    assert counts["rows"] == 60
    parquet.write(two / shard, clips[60:120])
    assert fit(tmp_path / "c", one, two / shard).energy.count == 120


def test_folders_of_annotate_and_of_shards_are_read(clips: list[Utterance], tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for part in range(2):
        parquet.write(tmp_path / "shards" / f"{part}.parquet", clips[part * 60 : part * 60 + 60])
    (tmp_path / "shards" / "._0.parquet").write_bytes(b"what macOS leaves beside a copy")
    assert fit(tmp_path / "cuts", tmp_path / "shards").energy.count == 120


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to calibrate on"),
        ({"utterances": ["nowhere.jsonl"]}, "no such file"),
        ({"utterances": ["empty"]}, "neither utterances.jsonl nor a Parquet"),
        ({"utterances": ["bare.jsonl"]}, "run `annotate` first"),
        ({"apply": "reference"}, "give those, and no sketches"),
    ],
)
def test_unusable_input_is_refused(
    fields: dict[str, Any], message: str, utterance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_jsonl("bare.jsonl", [Utterance(id="a")])
    with pytest.raises(RecipeError, match=message):
        run(CalibrateRecipe(**fields), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_applying_refuses_doubled_ids_and_its_own_folder(file: Path, clips: list[Utterance], tmp_path: Path) -> None:
    fit(tmp_path / "cuts", file)
    thresholds = tmp_path / "cuts" / "thresholds.json"
    write_jsonl(tmp_path / "copy.jsonl", clips[:3])
    with pytest.raises(RecordError, match="comes a second time"):
        run(CalibrateRecipe(utterances=[file, tmp_path / "copy.jsonl"], apply=str(thresholds)), tmp_path / "new")
    with pytest.raises(RecipeError, match="overwritten by its own result"):
        run(CalibrateRecipe(utterances=[file], apply=str(thresholds)), tmp_path)


def test_applying_keeps_no_ids_in_memory(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "many.jsonl", (Utterance(id=f"{'a-long-id' * 20}{n}") for n in range(2000)))
    held = []
    tracemalloc.start()
    for number, _ in enumerate(_with_words([tmp_path / "many.jsonl"], Calibration(name="none"), Counter())):
        if number in (500, 1999):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[1] - held[0] < 1500 * 20


def test_the_shipped_cuts_can_be_applied(file: Path, tmp_path: Path) -> None:
    counts = run(CalibrateRecipe(utterances=[file], apply="reference"), tmp_path / "new")
    assert (counts["name"], counts["changed_records"]) == ("reference", 130)
    assert counts["digest"] == Calibration.load("reference").fingerprint()
