"""The processes that train together: how many, when all have come to a point, and how one leaves them."""

from __future__ import annotations

import gc
import os

import torch


def processes() -> int:
    """How many processes train together (`WORLD_SIZE`, as torchrun and accelerate set it)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wait_for_all() -> None:
    """Until every process has come here."""
    from accelerate import PartialState

    PartialState().wait_for_everyone()


def leave() -> None:
    """Take this process out of its group, and end the group's threads; nothing where there is none.

    A thread of gloo that lets go of a tensor asks for Python's lock; while the interpreter ends that kills the whole
    process (pytorch issue 190489), and a run whose results are all written would be told as failed.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        gc.collect()  # trainers are cycles, and theirs are the last references to the group that owns the threads
