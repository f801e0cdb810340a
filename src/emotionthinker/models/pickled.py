"""Weights in PyTorch's own file format, read as tensors only: whatever else a file holds is never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from emotionthinker.errors import WeightsError


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a saved state dict by name. Raises `WeightsError` for a damaged file, or one of anything else."""
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes fail wherever they lead the unpickler
        cause = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(f"{path} is damaged, or holds more than weights ({cause}); download it again") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds a {type(state).__name__}; expected the tensors of a model by their names")
    return state
