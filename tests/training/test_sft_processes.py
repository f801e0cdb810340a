"""Supervised training in two real gloo processes, started as torchrun starts them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from emotionthinker.errors import RecipeError
from emotionthinker.models.loading import load_thinker
from emotionthinker.training.sft import SftRecipe, run

WORLD = 2
ROOT = Path(__file__).parents[2]
COMMAND = """
import atexit, os, sys
sys.path.insert(0, os.getcwd())
from emotionthinker.cli import main
from tests.training.gloo import come_to
atexit.register(lambda: come_to(False) or os._exit(3))  # they could abort the interpreter's end
main()
"""


def _recipe(corpus: Path, model: Path, **changes: Any) -> SftRecipe:
    settings: dict[str, Any] = {
        "model": str(model),
        "sources": [{"path": str(corpus), "kind": "traces"}],
        "steps": 4,
        "batch_size": 4,
        "learning_rates": {"tower": 1e-3, "projector": 1e-3, "llm": 1e-3},
        "warmup_steps": 0,
        "save_steps": 2,
        "log_steps": 1,
        "bf16": False,
    }
    return SftRecipe.model_validate({**settings, **changes})


def _torchrun(recipe: SftRecipe, out: Path) -> None:
    path = out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", COMMAND, "sft", str(path), "--out", str(out)]
    shared = {"WORLD_SIZE": WORLD, "LOCAL_WORLD_SIZE": WORLD, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = []
    for rank in range(WORLD):
        settings = {name: str(value) for name, value in {**shared, "RANK": rank, "LOCAL_RANK": rank}.items()}
        environment = {**os.environ, **settings, "OMP_NUM_THREADS": "1"}
        processes.append(
            subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        )
    try:
        for process in processes:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()


@pytest.mark.parametrize("sharding", [None, "full_shard auto_wrap"])
@pytest.mark.parametrize("llm", ["full", "lora"])
def test_two_processes_learn_what_one_does(
    corpus: Path, tiny_folder: Path, tmp_path: Path, llm: str, sharding: str | None
) -> None:
    recipe = _recipe(corpus, tiny_folder, train_llm=llm)
    run(recipe, tmp_path / "one")
    _torchrun(recipe.model_copy(update={"fsdp": sharding}), tmp_path / "two")
    manifest = json.loads((tmp_path / "two" / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["metrics"]["loss_last"] < manifest["metrics"]["loss_first"]
    assert (tmp_path / "two" / "checkpoints" / "checkpoint-4" / "whole").exists()
    before, one, two = (
        load_thinker(path)[0].state_dict() for path in (tiny_folder, *(tmp_path / n / "model" for n in ("one", "two")))
    )
    moved = [
        (one[name] - before[name], two[name] - before[name]) for name in before if before[name].is_floating_point()
    ]
    first, second = (torch.cat([pair[side].flatten() for pair in moved]) for side in (0, 1))
    # Each process weighs its own tokens, so the gradients are not the same to the last digit.
    assert torch.nn.functional.cosine_similarity(first, second, dim=0) > 0.9


def test_a_batch_that_cannot_be_shared_is_refused(corpus: Path, tiny_folder: Path) -> None:
    with pytest.raises(RecipeError, match="batch_size is 3; expected a multiple of the 2 processes"):
        _recipe(corpus, tiny_folder, batch_size=3).share(2)
