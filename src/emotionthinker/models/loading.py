"""Any thinker by name: the nano base, a folder of a training stage."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration

from emotionthinker.models import nano
from emotionthinker.models.processor import AudioProcessor, load_processor


def load_thinker(
    source: str | Path, *, dtype: torch.dtype = torch.float32
) -> tuple[Qwen2_5OmniThinkerForConditionalGeneration, AudioProcessor]:
    """The thinker and its processor from `nano-base` or a folder."""
    if source == "nano-base":
        return nano.load_base(dtype=dtype)
    model = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(str(source), dtype=dtype)
    return model.eval(), load_processor(source)
