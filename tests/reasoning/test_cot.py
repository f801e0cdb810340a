"""The stage `cot` with the grammar writer: files, counts, resuming."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionthinker import recipes
from emotionthinker.corpora import parquet
from emotionthinker.errors import RecipeError
from emotionthinker.reasoning.cot import CotRecipe, run, utterances
from emotionthinker.records import read_jsonl


def test_run_writes_traces_summary_and_manifest(annotated: Path, tmp_path: Path) -> None:
    out = tmp_path / "cot"
    result = run(CotRecipe(utterances=str(annotated)), out)
    rows = list(read_jsonl(out / "traces.jsonl"))
    assert [row.id for row in rows] == [f"u{i}" for i in range(12)]
    for row in rows:
        assert row.trace is not None
        assert (row.trace.answer, row.trace.writer) == (row.emotion, "grammar-1")
        assert {claim.verdict for claim in row.trace.claims} == {"supported"}
    assert result["skipped"] == {"no_emotion": 1, "no_prosody": 1, "unknown_emotion": 1, "repeated_id": 1}
    assert result["claims"]["precision"] == 1.0
    assert json.loads((out / "summary.json").read_text()) == json.loads(json.dumps(result))
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["status"], manifest["counts"]["traces"]) == ("finished", 12)
    assert (out / "rejected.jsonl").read_text() == ""


def test_a_killed_run_goes_on_and_ends_with_the_same_file(annotated: Path, tmp_path: Path) -> None:
    recipe = CotRecipe(utterances=str(annotated))
    run(recipe, tmp_path / "whole")
    whole = (tmp_path / "whole/traces.jsonl").read_bytes()
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "traces.jsonl").write_bytes(whole[: len(whole) * 2 // 3])  # killed inside a line
    run(recipe, torn)
    assert (torn / "traces.jsonl").read_bytes() == whole


def test_a_finished_run_is_not_done_again(annotated: Path, tmp_path: Path) -> None:
    recipe = CotRecipe(utterances=str(annotated))
    first = run(recipe, tmp_path / "cot")
    before = (tmp_path / "cot/traces.jsonl").stat().st_mtime_ns
    assert run(recipe, tmp_path / "cot") == json.loads(json.dumps(first))
    assert (tmp_path / "cot/traces.jsonl").stat().st_mtime_ns == before


def test_rows_of_two_different_runs_do_not_mix(annotated: Path, tmp_path: Path) -> None:
    run(CotRecipe(utterances=str(annotated)), tmp_path / "cot")
    with pytest.raises(RecipeError, match="other seed"):
        run(CotRecipe(utterances=str(annotated), seed=1), tmp_path / "cot")
    annotated.write_text(annotated.read_text().splitlines()[0] + "\n")
    with pytest.raises(RecipeError, match="other inputs"):
        run(CotRecipe(utterances=str(annotated)), tmp_path / "cot")


def test_rules_reject_into_a_side_file(annotated: Path, tmp_path: Path) -> None:
    recipe = CotRecipe.model_validate({"utterances": str(annotated), "rules": {"max_words": 41}})
    result = run(recipe, tmp_path)
    rejected = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert result["counts"]["traces"] + len(rejected) == 12
    assert rejected
    assert all(row["problems"][0].startswith("too_long") and row["think"] for row in rejected)
    assert result["rejected"] == {"too_long": len(rejected)}


def test_parquet_input_and_limit(annotated: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write(path, [row for row in read_jsonl(annotated) if row.id.startswith("u")][:5])
    assert len(list(utterances(path))) == 5
    assert run(CotRecipe(utterances=str(path), limit=3), tmp_path / "out")["counts"]["traces"] == 3


def test_missing_input_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="emotionthinker annotate"):
        run(CotRecipe(utterances=str(tmp_path / "no.jsonl")), tmp_path / "out")


@pytest.mark.parametrize("scale", ["nano", "paper"])
def test_shipped_recipes_are_valid(scale: str) -> None:
    root = Path(__file__).resolve().parents[2] / "recipes" / scale
    recipe = recipes.load(root / "cot.yaml", CotRecipe)
    assert recipe.writer == ("grammar" if scale == "nano" else "endpoint")
