from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.rewards import ProgressiveSchedule, ptr_rewards
from emotionthinker.training.ptr import STATE_FILE, PTRTrainer, discard_torn, last_checkpoint, trusted

from .grpo_helpers import GROUP, coin_reasoning, earnable, rows_of, trainer_of, write_records

WEIGHTS = (0.3, 1.0, 0.5)
rows = st.tuples(
    st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0]), st.just(float("nan")) | st.floats(0.25, 1, width=32)
)


@given(st.lists(rows, min_size=GROUP, max_size=3 * GROUP).filter(lambda r: len(r) % GROUP == 0), st.booleans())
def test_weighted_columns_sum_to_the_equation(table: list[tuple[float, float, float]], trust: bool) -> None:
    rewards = torch.tensor(table)
    weighted, taus = trusted(rewards, GROUP, trust=trust)
    totals = (weighted * torch.tensor(WEIGHTS)).nansum(dim=1)  # as TRL aggregates
    for start, tau in zip(range(0, len(table), GROUP), taus, strict=True):
        group = table[start : start + GROUP]
        expected = ptr_rewards(
            [f for f, _, _ in group],
            [o for _, o, _ in group],
            [None if t != t else t for _, _, t in group],
            weights=WEIGHTS,
            trust=trust,
        )
        assert totals[start : start + GROUP].tolist() == pytest.approx(expected, abs=1e-6)
        assert tau == 1.0 or trust


def test_empty_side_reaches_the_group() -> None:
    rewards = torch.tensor([[1.0, 1.0, 0.5]] * GROUP)
    assert trusted(rewards, GROUP, empty_side=0.25)[1] == [0.25]


@pytest.fixture
def make(
    tiny_thinker: Any, tmp_path: Path, speech: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., PTRTrainer]:
    """Trainers on the same data, each from the same start."""
    earnable(monkeypatch)
    model, processor = tiny_thinker
    records = write_records(tmp_path, speech)

    def build(schedule: ProgressiveSchedule | None, **config: Any) -> PTRTrainer:
        torch.manual_seed(0)
        start = copy.deepcopy(model)
        return trainer_of(start, processor, rows_of(records), tmp_path / "out", schedule=schedule, **config)

    return build


def test_reasoning_joins_after_the_schedule_and_is_rated_only_then(make: Callable[..., PTRTrainer]) -> None:
    trainer = make(ProgressiveSchedule(0.0, window=2, patience=1), max_steps=3)
    rated: list[int] = []
    trainer._reasoning = lambda u, c: rated.append(len(c)) or coin_reasoning(u, c)
    trainer.train()
    history = [entry for entry in trainer.state.log_history if "reward" in entry]
    assert [entry["ptr/reasoning_active"] for entry in history] == [0.0, 0.0, 1.0]
    assert rated == [GROUP]
    early, late = history[0], history[-1]
    assert early["reward"] == pytest.approx(0.3 * early["rewards/format/mean"] + early["ptr/accuracy"], abs=1e-5)
    assert 0 < late["ptr/tau"] <= 1
    assert late["rewards/reasoning/mean"] == pytest.approx(late["ptr/tau"] * late["ptr/reasoning"], abs=1e-5)


def test_variants(make: Callable[..., PTRTrainer]) -> None:
    at_once, never = make(None), make(None)
    never._reasoning = None
    assert at_once.reasoning_active
    assert not never.reasoning_active
    assert never.reasoning_rewards(["x"], ["not read"]) == [None]


def test_the_schedule_survives_a_resume(make: Callable[..., PTRTrainer], tmp_path: Path) -> None:
    saving = {"save_strategy": "steps", "save_steps": 1}
    first = make(ProgressiveSchedule(0.0, window=3, patience=2), max_steps=2, **saving)
    first.train()
    assert first.schedule is not None
    saved = first.schedule.state_dict()
    assert len(saved["history"]) == 2
    checkpoint = last_checkpoint(tmp_path / "out")
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-2"

    second = make(ProgressiveSchedule(0.0, window=3, patience=2), max_steps=4, **saving)
    second.train(resume_from_checkpoint=str(checkpoint))
    assert second.schedule is not None
    assert second.schedule.state_dict()["history"][0] == saved["history"][1]
    assert second.schedule.active  # the third and fourth batch filled a window that began before the resume


def test_a_checkpoint_cut_off_while_saving_does_not_count(tmp_path: Path) -> None:
    for step, whole in ((2, True), (10, True), (11, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(b"...")
        if whole:
            (folder / STATE_FILE).write_text('{"schedule": null}')
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    discard_torn(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2"]
    assert last_checkpoint(tmp_path / "nowhere") is None
