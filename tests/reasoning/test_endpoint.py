"""The endpoint writer against a local server that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.errors import EndpointError
from emotionthinker.reasoning.cot import CotRecipe, run
from emotionthinker.reasoning.endpoint import Endpoint, EndpointRecipe, prompt
from emotionthinker.reasoning.endpoint_writer import clean, facts
from emotionthinker.records import read_jsonl

from .conftest import FakeEndpoint, Reply, chat
from .strategies import prosody

GOOD = (
    'A woman says "Kids are talking by the door". The energy is normal and the pace is fast, which hints at inner '
    'unrest. The delivery is flat, and the contour falls, a sign of giving in. The stress falls on "door", so that '
    "word matters. Taken together, these cues leave the impression of a heavy burden that the speaker carries alone."
)


def recipe(annotated: Path, endpoint: FakeEndpoint, **settings: Any) -> CotRecipe:
    fields = {"base_url": endpoint.url, "model": "fake", "first_wait_s": 0.01, "concurrency": 3, **settings}
    return CotRecipe.model_validate({"utterances": str(annotated), "writer": "endpoint", "endpoint": fields})


def test_good_answers_become_traces(annotated: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    endpoint.reply = lambda number, request: chat(f"<think>\n{GOOD}</think><answer>sad</answer>")
    result = run(recipe(annotated, endpoint), tmp_path / "out")
    rows = list(read_jsonl(tmp_path / "out/traces.jsonl"))
    assert len(rows) == 12 == len(endpoint.requests)
    assert all(row.trace and row.trace.think == GOOD and row.trace.writer == "fake" for row in rows)
    assert result["writers"] == {"fake": 12}
    system, user = (message["content"] for message in endpoint.requests[0]["messages"])
    assert "reasoning text only" in system
    assert '- transcript: "Kids are talking by the door"' in user
    assert "Between 40 and 90 words" in user
    assert "{" not in user
    assert endpoint.requests[0]["max_tokens"] == 512


def test_rule_breakers_are_asked_again_with_the_reason_and_then_put_aside(
    annotated: Path, tmp_path: Path, endpoint: FakeEndpoint
) -> None:
    def reply(number: int, request: dict[str, Any]) -> Reply:
        user = request["messages"][1]["content"]
        stubborn = "arrive at: Sad" in user
        return chat("This speaker is angry." if stubborn or "broke these rules" not in user else GOOD)

    endpoint.reply = reply
    result = run(recipe(annotated, endpoint, attempts=3), tmp_path / "out")
    rejected = [json.loads(line) for line in (tmp_path / "out/rejected.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rejected} == {"u2", "u11"}
    kinds = [problem.split(":")[0] for problem in rejected[0]["problems"]]
    assert kinds == ["too_short", "names_emotion", "too_few_claims"]
    assert result["counts"]["traces"] == 10
    assert len(endpoint.requests) == 10 * 2 + 2 * 3
    assert any("names_emotion: angry" in request["messages"][1]["content"] for request in endpoint.requests)


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {"Retry-After": "0"}, '{"error": {"message": "slow down"}}'),
        (500, {}, "oops"),
        (503, {}, ""),
        (200, {}, "<html>not json</html>"),
        (200, {}, '{"choices": []}'),
        (200, {}, '{"choices": [{"message": {"role": "assistant", "content": null}}]}'),
        (200, {}, "[1, 2]"),
    ],
    ids=["429", "500", "503", "html", "no-choices", "no-text", "list"],
)
def test_passing_trouble_is_waited_out(endpoint: FakeEndpoint, trouble: Reply) -> None:
    endpoint.reply = lambda number, request: trouble if number < 3 else chat("fine")
    client = Endpoint(EndpointRecipe(base_url=endpoint.url, model="fake", first_wait_s=0.01))
    assert client.complete("s", "u") == "fine"
    assert len(endpoint.requests) == 3


def test_lasting_trouble_ends_in_an_error_that_names_it(endpoint: FakeEndpoint) -> None:
    endpoint.reply = lambda number, request: (500, {}, "out of memory")
    client = Endpoint(EndpointRecipe(base_url=endpoint.url, model="fake", first_wait_s=0.0, transport_retries=2))
    with pytest.raises(EndpointError, match=r"fake: no usable answer in 2 tries.*out of memory"):
        client.complete("s", "u")


def test_a_refusal_is_not_retried(endpoint: FakeEndpoint) -> None:
    endpoint.reply = lambda number, request: (401, {}, '{"error": {"message": "bad key"}}')
    with pytest.raises(EndpointError, match="HTTP 401"):
        Endpoint(EndpointRecipe(base_url=endpoint.url, model="fake")).complete("s", "u")
    assert len(endpoint.requests) == 1


def test_unanswered_rows_are_asked_for_by_the_next_run(annotated: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    broken = [True]

    def reply(number: int, request: dict[str, Any]) -> Reply:
        bad = broken[0] and "arrive at: Fear" in request["messages"][1]["content"]
        return (500, {}, "x") if bad else chat(GOOD)

    endpoint.reply = reply
    job = recipe(annotated, endpoint, transport_retries=1)
    with pytest.raises(EndpointError, match="1 of 12 rows got no answer"):
        run(job, tmp_path / "out")
    broken[0] = False
    assert run(job, tmp_path / "out")["counts"]["traces"] == 12
    assert len(endpoint.requests) == 13


def test_a_dead_endpoint_stops_the_run(annotated: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    endpoint.reply = lambda number, request: (500, {}, "x")
    with pytest.raises(EndpointError):
        run(recipe(annotated, endpoint, transport_retries=1, concurrency=1), tmp_path / "out")
    assert len(endpoint.requests) < 12
    assert json.loads((tmp_path / "out/manifest.json").read_text())["status"] == "running"


def test_kill_9_repeats_no_finished_call(annotated: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    def slow_after_five(number: int, request: dict[str, Any]) -> Reply:
        if number > 5:
            time.sleep(0.2 if finished else 30)
        return chat(GOOD)

    finished: list[bool] = []
    endpoint.reply = slow_after_five
    job, out = recipe(annotated, endpoint, concurrency=1), tmp_path / "out"
    code = (
        "import sys; from pathlib import Path; from emotionthinker.reasoning.cot import CotRecipe, run;"
        "run(CotRecipe.model_validate_json(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, job.model_dump_json(), str(out)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(endpoint.requests) < 6:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    stored = len((out / "calls.jsonl").read_text().splitlines())
    assert stored == 5
    asked = len(endpoint.requests)
    finished.append(True)
    assert run(job, out)["counts"]["traces"] == 12
    assert len(endpoint.requests) - asked == 12 - stored


def test_stored_answers_are_used_before_new_calls(annotated: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "calls.jsonl").write_text("".join(json.dumps({"call": f"u{i}#0", "answer": GOOD}) + "\n" for i in range(12)))
    assert run(recipe(annotated, endpoint), out)["counts"]["traces"] == 12
    assert endpoint.requests == []


def test_dry_run_counts_and_calls_nothing(annotated: Path, tmp_path: Path, endpoint: FakeEndpoint) -> None:
    job = recipe(annotated, endpoint, usd_per_million_in=2.5, usd_per_million_out=10.0).model_copy(
        update={"dry_run": True}
    )
    result = run(job, tmp_path / "out")
    assert endpoint.requests == []
    assert result["calls"] == 12
    assert 12 * 200 < result["tokens_in"] < 12 * 1000
    assert 0 < result["usd"] < result["usd_if_every_attempt_is_needed"]
    assert not (tmp_path / "out/traces.jsonl").exists()


def test_settings_from_the_environment(endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EndpointError, match="EMOTIONTHINKER_ENDPOINT_MODEL"):
        Endpoint(EndpointRecipe())
    monkeypatch.setenv("EMOTIONTHINKER_ENDPOINT_MODEL", "other")
    with pytest.raises(EndpointError, match="OPENAI_API_KEY"):
        Endpoint(EndpointRecipe())
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    endpoint.reply = lambda number, request: chat("yes")
    assert Endpoint(EndpointRecipe()).complete("s", "u") == "yes"
    assert endpoint.requests[0]["model"] == "other"


def test_facts_leave_out_what_was_not_measured() -> None:
    text = facts(prosody(pitch=None, shape=None, gender=None))
    assert "pitch" not in text
    assert "shape" not in text
    assert "None" not in text
    assert text.splitlines()[-1] == '- stressed words: "door"'


def test_clean_drops_markup() -> None:
    assert clean("```text\n<think> a\n b</think>\n```<answer>sad</answer>") == "a b"


@pytest.mark.parametrize("name", ["cot", "degrade"])
def test_prompts_have_two_parts_and_a_digest(name: str) -> None:
    read = prompt(name)
    assert read.system
    assert read.user
    assert len(read.digest) == 12
    assert read.fill(facts="{emotion}", emotion="x").count("{emotion}") == 1  # braces in a value are not filled
