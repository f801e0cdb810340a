from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from emotionthinker.errors import WeightsError
from emotionthinker.models import delta, shipping
from emotionthinker.runs import sha256


def test_what_ships_gives_back_the_trained_model(
    tmp_path: Path, fresh_thinker: tuple[Any, Any], tiny_thinker: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned, processor = fresh_thinker
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "language_model.layers" in name and parameter.ndim == 2:
                parameter += 0.1 * torch.randn(len(parameter), 2) @ torch.randn(2, parameter.shape[1])
            elif "audio_tower" in name and "bos_eos" not in name:
                parameter += 0.01 * torch.randn_like(parameter)
    sources = {"nano-base": tiny_thinker, "tuned": (tuned, processor)}
    monkeypatch.setattr(shipping, "load_thinker", lambda source: sources[str(source)])
    report = shipping.ship("tuned", tmp_path / "nano.safetensors", rank=4)
    assert report.by_part()["language_model"].relative_error < 0.02
    assert report.by_part()["audio_tower"].relative_error < 0.02
    assert "language_model" in shipping.report(report)
    manifest = json.loads((tmp_path / "nano.json").read_text())
    assert manifest["metrics"]["sha256"] == sha256(tmp_path / "nano.safetensors")
    assert manifest["metrics"]["relative_error"]["language_model"] < 0.02
    monkeypatch.setattr(shipping, "LIMIT_BYTES", 1000)
    with pytest.raises(WeightsError, match="rank below 4"):
        shipping.ship("tuned", tmp_path / "nano.safetensors", rank=4)


def test_the_shipped_file_is_small_enough() -> None:
    from emotionthinker.models.loading import SHIPPED

    if SHIPPED.is_file():
        assert SHIPPED.stat().st_size <= shipping.LIMIT_BYTES
    assert delta.NANO_PLAN
