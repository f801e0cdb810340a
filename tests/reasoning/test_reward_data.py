"""The stage `reward-data`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from emotionthinker import recipes
from emotionthinker.emotions import parse_answer
from emotionthinker.errors import EndpointError, RecipeError
from emotionthinker.reasoning import cot
from emotionthinker.reasoning.reward_data import RewardDataRecipe, run
from emotionthinker.records import CRITERIA
from kill import kill_at

from .conftest import FakeEndpoint, Reply, chat

BAD = "A man talks. The pitch is high. The energy is low."


@pytest.fixture
def traces(annotated: Path, tmp_path: Path) -> Path:
    cot.run(cot.CotRecipe(utterances=str(annotated)), tmp_path / "cot")
    return tmp_path / "cot/traces.jsonl"


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "ratings.jsonl").read_text().splitlines()]


def test_one_gold_and_four_degraded_tuples_a_trace(traces: Path, tmp_path: Path) -> None:
    out = tmp_path / "rd"
    result = run(RewardDataRecipe(traces=str(traces)), out)
    made = rows(out)
    assert result["counts"] == {"rows": 60, "gold": 12, "degraded": 48}
    assert Counter(row["source"] for row in made) == Counter({f"u{i}": 5 for i in range(12)})
    for row in made:
        assert set(row["rating"]) == set(CRITERIA)
        assert all(1 <= value <= 5 for value in row["rating"].values())
        gold = row["variant"] == "gold"
        assert gold == (row["target"] == dict.fromkeys(CRITERIA, 5))
        assert not gold or row["rating"] == row["target"]
        assert parse_answer(row["completion"]).label == row["emotion"]
        assert row["think"] in row["completion"]
        assert row["prosody"]["duration_s"] == 2.0
    seen = {name: {row["rating"][name] for row in made} for name in CRITERIA}
    assert all(values == {1, 2, 3, 4, 5} for values in seen.values()), seen
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"


def test_a_killed_run_goes_on_and_ends_with_the_same_file(traces: Path, tmp_path: Path) -> None:
    job = RewardDataRecipe(traces=str(traces), limit=4, variants=2)
    run(job, tmp_path / "whole")
    whole = (tmp_path / "whole/ratings.jsonl").read_bytes()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/ratings.jsonl").write_bytes(whole[: len(whole) // 2])
    run(job, tmp_path / "torn")
    assert (tmp_path / "torn/ratings.jsonl").read_bytes() == whole
    assert len(rows(tmp_path / "whole")) == 12


def test_kill_9_ends_with_the_same_file(traces: Path, tmp_path: Path) -> None:
    job = RewardDataRecipe(traces=str(traces))
    run(job, tmp_path / "whole")
    kill_at("reward-data", job, tmp_path / "killed", "ratings.jsonl")
    run(job, tmp_path / "killed")
    whole, killed = (tmp_path / name / "ratings.jsonl" for name in ("whole", "killed"))
    assert killed.read_bytes() == whole.read_bytes()


def test_an_endpoint_writes_and_the_checker_rates_what_it_can(
    traces: Path, tmp_path: Path, endpoint: FakeEndpoint
) -> None:
    broken = [True]

    def reply(number: int, request: dict[str, Any]) -> Reply:
        assert "deserves 5 on all four criteria" in request["messages"][1]["content"]
        return (500, {}, "x") if broken[0] and number == 3 else chat(BAD)

    endpoint.reply = reply
    job = RewardDataRecipe.model_validate(
        {
            "traces": str(traces),
            "writer": "endpoint",
            "endpoint": {"base_url": endpoint.url, "model": "fake", "transport_retries": 1, "first_wait_s": 0},
            "limit": 3,
            "variants": 2,
        }
    )
    with pytest.raises(EndpointError, match="1 of 9 variants"):
        run(job, tmp_path / "rd")
    broken[0] = False
    assert run(job, tmp_path / "rd")["counts"] == {"rows": 9, "gold": 3, "degraded": 6}
    assert len(endpoint.requests) == 7
    for row in rows(tmp_path / "rd"):
        if row["variant"] == "gold":
            continue
        assert row["variant"].startswith("endpoint-")
        assert row["think"] == BAD
        assert row["rating"]["factual_alignment"] == (1 if row["shares"]["supported"] < 0.25 else 2)
        assert row["rating"]["caption_completeness"] in (2, 3)
        asked = {name: row["target"][name] for name in ("interpretative_quality", "fluency_and_structural_clarity")}
        assert asked.items() <= row["rating"].items()


def test_dry_run_estimates(traces: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    job = RewardDataRecipe.model_validate({"traces": str(traces), "writer": "endpoint", "dry_run": True})
    assert run(job, tmp_path / "rd")["calls"] == 48
    assert endpoint.requests == []


def test_missing_input_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="emotionthinker cot"):
        run(RewardDataRecipe(traces=str(tmp_path / "no.jsonl")), tmp_path / "out")


@pytest.mark.parametrize("scale", ["nano", "paper"])
def test_shipped_recipes_are_valid(scale: str) -> None:
    root = Path(__file__).resolve().parents[2] / "recipes" / scale
    assert recipes.load(root / "reward_data.yaml", RewardDataRecipe).variants == 4
