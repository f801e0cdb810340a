"""Real processes: groups split over two ranks, and a run killed in the middle of a step."""

from __future__ import annotations

import json
import multiprocessing
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotionthinker.models.loading import load_thinker
from emotionthinker.rewards import ProgressiveSchedule, trust_weight
from emotionthinker.training import grpo, ptr
from emotionthinker.training.grpo_log import read_log
from emotionthinker.training.world import leave

from .gloo import come_to
from .grpo_helpers import GROUP, coin_reasoning, earnable, lora_norm, recipe_of, rows_of, trainer_of, write_records

WORLD = 2
BATCHES = [["a", "b", "e", "f"], ["bb", "a", "gd", "i"], ["c", "ae", "i", "hhh"], ["s", "h", "k", "x"]]


@pytest.fixture
def world(tiny_thinker: Any, tmp_path: Path, speech: Callable[..., np.ndarray]) -> tuple[Path, Path]:
    model, processor = tiny_thinker
    model.save_pretrained(tmp_path / "thinker")
    processor.save_pretrained(tmp_path / "thinker")
    return tmp_path / "thinker", write_records(tmp_path, speech)


def start(target: Callable[..., None], *arguments: Any) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    return process


def scored(thinker: Path, records: Path, folder: Path, rank: int = 0, world: int = 1) -> dict[str, Any]:
    """What one process of `world` sees of the rewards of `BATCHES`, its share being K / world of each group."""
    torch.set_num_threads(1)
    earnable()
    share, rows = GROUP // world, rows_of(records)
    schedule = ProgressiveSchedule(0.4, window=2, patience=1)
    trainer = trainer_of(*load_thinker(thinker), rows, folder, schedule=schedule, per_device_train_batch_size=share)
    row = rows[0]
    seen: dict[str, Any] = {"rewards": [], "taus": [], "states": [], "local_taus": []}
    for batch in BATCHES:
        mine = batch[rank * share : (rank + 1) * share]
        rewards = trainer._calculate_rewards([row] * share, [row["prompt"]] * share, mine, [[1]] * share)
        seen["rewards"].append([[None if v != v else v for v in values] for values in rewards.tolist()])
        seen["states"].append(schedule.state_dict())
        correct = [ptr.accuracy_reward(text, "Sad") == 1.0 for text in mine]
        seen["local_taus"].append(trust_weight(coin_reasoning(None, mine), correct))
    seen["taus"] = list(trainer._metrics["train"]["ptr/tau"])
    trainer.train()
    seen["trained"] = [schedule.state_dict(), lora_norm(trainer.model), trainer.state.global_step]
    return seen


def rank_main(rank: int, thinker: Path, records: Path, folder: Path) -> None:
    seen = scored(thinker, records, folder, rank, WORLD)
    assert torch.distributed.get_backend() == "gloo"
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))
    assert come_to(True)
    leave()
    assert come_to(False)


def test_tau_and_schedule_are_the_same_on_one_and_two_processes(
    world: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(WORLD):
        with monkeypatch.context() as torchrun:  # what torchrun sets for each process
            settings = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": WORLD, "LOCAL_WORLD_SIZE": WORLD}
            for name, value in {**settings, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
                torchrun.setenv(name, str(value))
            processes.append(start(rank_main, rank, *world, tmp_path))
    try:
        for process in processes:
            process.join()
            assert process.exitcode == 0
    finally:
        for process in processes:
            process.kill()
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(WORLD)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:  # its own process too: accelerate keeps one world a process
        alone = json.loads(json.dumps(pool.apply(scored, (*world, tmp_path))))
    assert alone["states"][-1]["active"]
    assert len(alone["taus"]) >= 2
    assert min(alone["taus"]) < 1
    for key in ("rewards", "taus", "states"):
        assert ranks[0][key] == ranks[1][key] == alone[key]
    first_rated = len(BATCHES) - len(alone["taus"])
    assert any(rank["local_taus"][first_rated:] != alone["taus"] for rank in ranks)  # a local tau would be another
    assert ranks[0]["trained"] == ranks[1]["trained"]  # two real steps, models in step
    assert ranks[0]["trained"][1] > 0


def run_until_stuck(recipe: dict[str, Any], out: Path) -> None:
    """A run that hangs in the middle of its third step, rollouts done, nothing learned from them yet."""
    earnable()
    coin, calls = ptr.accuracy_reward, []

    def stuck(completion: str, emotion: str) -> float:
        calls.append(completion)
        if len(calls) > 2 * GROUP:
            (out / "stuck").touch()
            time.sleep(600)
        return coin(completion, emotion)

    ptr.accuracy_reward = stuck
    grpo.run(grpo.GrpoRecipe.model_validate(recipe), out)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    world: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(*world, steps=4)
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    process = start(run_until_stuck, recipe.model_dump(mode="json"), killed)
    while process.is_alive() and not (killed / "stuck").exists():
        time.sleep(0.1)
    process.kill()
    process.join()
    assert process.exitcode == -9
    finished = (killed / "metrics.jsonl").read_bytes()
    assert [json.loads(line)["step"] for line in finished.splitlines()] == [1, 2]
    torn = killed / "checkpoints" / "checkpoint-3"  # as if the kill had come while saving
    torn.mkdir()
    (torn / "trainer_state.json").write_text('{"global_')

    earnable(monkeypatch)
    resumed, undisturbed = grpo.run(recipe, killed), grpo.run(recipe, calm)
    assert (killed / "metrics.jsonl").read_bytes().startswith(finished)
    rows, expected = read_log(killed / "metrics.jsonl"), read_log(calm / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    for row, other in zip(rows, expected, strict=True):
        for name in ("reward", "format", "accuracy", "kl", "loss", "tokens"):
            assert row[name] == pytest.approx(other[name], rel=1e-3, abs=1e-6), (row["step"], name)
    said = [(row["step"], row["id"], row["completion"]) for row in read_log(killed / "completions.jsonl")]
    assert said == [(row["step"], row["id"], row["completion"]) for row in read_log(calm / "completions.jsonl")]
    numbers = {name: value for name, value in undisturbed.items() if value is not None}
    assert {name: value for name, value in resumed.items() if value is not None} == pytest.approx(numbers, rel=1e-3)
    last = [ptr.last_checkpoint(folder / "checkpoints") for folder in (killed, calm)]
    states = [(path / ptr.STATE_FILE).read_text() for path in last if path]
    assert len(states) == 2
    assert states[0] == states[1]
