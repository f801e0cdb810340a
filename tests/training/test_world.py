from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from emotionthinker.training import world

from .gloo import come_to


def test_a_group_held_by_a_cycle_ends_with_its_threads() -> None:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    trainer = SimpleNamespace(group=torch.distributed.group.WORLD)
    trainer.itself = trainer
    del trainer
    assert come_to(True)
    world.leave()
    assert come_to(False)
    assert not torch.distributed.is_initialized()


def test_who_is_in_no_group_has_nothing_to_leave() -> None:
    world.leave()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("size", "expected"), [(None, 1), ("4", 4)])
def test_the_number_of_processes_is_what_the_launcher_set(
    monkeypatch: pytest.MonkeyPatch, size: str | None, expected: int
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size:
        monkeypatch.setenv("WORLD_SIZE", size)
    assert world.processes() == expected
