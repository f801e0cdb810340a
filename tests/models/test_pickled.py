from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emotionthinker.errors import WeightsError
from emotionthinker.models.pickled import tensors_of


def test_a_state_dict_comes_back(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt")
    assert tensors_of(tmp_path / "x.pt")["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "content", [b"", bytes(100), b"<html>404</html>", b"g5\n", b"\x80\x02h\xf6.", b"X\x01\0\0\0\xff."]
)
def test_damaged_files_are_no_weights(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.pt is damaged.*download it again"):
        tensors_of(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"state_dict": {"a": torch.zeros(1)}}])
def test_other_content_is_no_weights(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=r"x\.pt holds a (list|Tensor|dict); expected the tensors"):
        tensors_of(tmp_path / "x.pt")
