from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from emotionthinker.errors import WeightsError
from emotionthinker.models import delta
from emotionthinker.models.delta import Rule

EXACT = (Rule(".*", "exact"),)


def tuned_copy(model: Any, scale: float = 0.01, seed: int = 1) -> Any:
    """Every parameter moved by noise of `scale`."""
    tuned = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return tuned


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        out: torch.Tensor = model(
            input_ids=torch.arange(20, 60)[None], attention_mask=torch.ones(1, 40, dtype=torch.long)
        ).logits
    return out


def test_exact_gives_the_tuned_model_bit_for_bit(fresh_thinker: Any, tmp_path: Path) -> None:
    base = fresh_thinker[0]
    tuned = tuned_copy(base)
    report = delta.compress(base.state_dict(), tuned.state_dict(), EXACT, tmp_path / "d.safetensors")
    assert report.relative_error == 0
    delta.apply(base, tmp_path / "d.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(base.parameters(), tuned.parameters(), strict=True))
    assert torch.equal(logits(base), logits(tuned))


def test_unchanged_tensors_are_left_out_and_tied_ones_stored_once(fresh_thinker: Any, tmp_path: Path) -> None:
    base = fresh_thinker[0]
    tuned = copy.deepcopy(base)
    with torch.no_grad():
        tuned.lm_head.weight.add_(0.5)
    report = delta.compress(base.state_dict(), tuned.state_dict(), EXACT, tmp_path / "d.safetensors")
    assert len(report.entries) == 1
    assert report.bytes == tuned.lm_head.weight.numel() * 4
    delta.apply(base, tmp_path / "d.safetensors")
    assert torch.equal(base.get_input_embeddings().weight, tuned.lm_head.weight)


def test_a_tied_tensor_named_twice_is_changed_once(fresh_thinker: Any, tmp_path: Path) -> None:
    base = fresh_thinker[0]
    tuned = {name: tensor.clone() for name, tensor in tuned_copy(base).state_dict().items()}
    delta.compress(base.state_dict(), tuned, (Rule(".*", "float16"),), tmp_path / "d.safetensors")
    delta.apply(base, tmp_path / "d.safetensors")
    torch.testing.assert_close(base.lm_head.weight, tuned["lm_head.weight"], atol=1e-4, rtol=0)


def test_the_nano_plan_is_small_and_reports_its_true_error(fresh_thinker: Any, tmp_path: Path) -> None:
    base = fresh_thinker[0]
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    tuned = tuned_copy(base)
    path = tmp_path / "d.safetensors"
    report = delta.compress(before, tuned.state_dict(), delta.NANO_PLAN, path)
    delta.apply(base, path)
    missed = changed = 0.0
    after, goal = base.state_dict(), tuned.state_dict()
    for entry in report.entries:
        missed += float((after[entry.name] - goal[entry.name]).double().norm()) ** 2
        changed += float((goal[entry.name] - before[entry.name]).double().norm()) ** 2
    assert report.relative_error == pytest.approx((missed / changed) ** 0.5, rel=1e-3)
    parts = report.by_part()
    kept = delta.Report(tuple(entry for entry in parts["audio_tower"].entries if entry.method != "drop"))
    assert kept.relative_error < 0.02
    assert parts["visual"].relative_error == 1  # dropped, and said so
    assert report.bytes < path.stat().st_size < report.bytes + 60_000


@settings(max_examples=25)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    rank=st.integers(1, 45),
    scale=st.floats(1e-6, 1e3),
    seed=st.integers(0, 99),
)
def test_low_rank_is_the_best_of_its_rank(rows: int, columns: int, rank: int, scale: float, seed: int) -> None:
    matrix = scale * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    left, right = delta.low_rank(matrix, rank)
    kept = min(rank, rows, columns)
    assert left.shape == (rows, kept)
    assert right.shape == (kept, columns)
    tail = torch.linalg.svdvals(matrix.double())[kept:].norm()
    norm = float(matrix.norm())
    assert float((left @ right - matrix).norm()) == pytest.approx(float(tail), abs=1e-5 * norm)


def test_a_change_of_low_rank_survives_its_rank(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    base = {"w": torch.randn(96, 64, generator=generator)}
    change = torch.randn(96, 4, generator=generator) @ torch.randn(4, 64, generator=generator) * 1e-3
    report = delta.compress(base, {"w": base["w"] + change}, (Rule("w", "low_rank", rank=4),), tmp_path / "d")
    assert report.relative_error < 0.02  # int8 factors
    assert report.bytes == 4 * (96 + 64) + 2 * 4 * 4


def test_a_difference_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, tuned = {"w": torch.zeros(2, 2)}, {"w": torch.ones(2, 2)}
    (tmp_path / "other").touch()
    delta.compress(base, tuned, EXACT, tmp_path / "d")
    assert (tmp_path / "d").stat().st_mode == (tmp_path / "other").stat().st_mode

    def full(pieces: Any, path: Path, **_: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(delta, "save_file", full)
    with pytest.raises(OSError, match="no space"):
        delta.compress(base, tuned, EXACT, tmp_path / "d")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "other"]
    assert (tmp_path / "d").read_bytes() != b"half"


@settings(max_examples=30)
@given(
    shape=st.lists(st.integers(1, 12), min_size=0, max_size=3),
    method=st.sampled_from(["exact", "float16", "int8"]),
    size=st.floats(1e-12, 1e4),
    seed=st.integers(0, 99),
)
def test_round_trip_on_any_shape_and_scale(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], method: Any, size: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.ParameterDict({"w": torch.nn.Parameter(torch.zeros(shape))})
    tuned = {"w": size * torch.randn(shape, generator=generator)}
    path = tmp_path_factory.mktemp("delta") / "d.safetensors"
    report = delta.compress(model.state_dict(), tuned, (Rule("w", method),), path)
    delta.apply(model, path)
    bound = {"exact": 0.0, "float16": 1e-3, "int8": 0.5 / 127 + 1e-4}[method]
    largest = float(tuned["w"].abs().max())
    assert float((model["w"] - tuned["w"]).detach().abs().max()) <= bound * largest
    assert report.entries[0].method == ("float16" if len(shape) < 2 and method == "int8" else method)


def test_another_base_is_refused_untouched(fresh_thinker: Any, tmp_path: Path) -> None:
    base = fresh_thinker[0]
    path = tmp_path / "d.safetensors"
    delta.compress(base.state_dict(), tuned_copy(base).state_dict(), EXACT, path)
    other = tuned_copy(base, seed=2)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(WeightsError, match="other weights than this model's"):
        delta.apply(other, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())
    with pytest.raises(WeightsError, match="float32"):
        delta.apply(copy.deepcopy(base).to(torch.bfloat16), path)
    with pytest.raises(WeightsError, match="which the model has not"):
        delta.apply(torch.nn.Linear(2, 2), path)


def test_broken_files_are_named(tmp_path: Path) -> None:
    model, path = torch.nn.Linear(2, 2), tmp_path / "d.safetensors"
    with pytest.raises(WeightsError, match="cannot read"):
        delta.apply(model, path)
    path.write_bytes(b"not a safetensors file")
    with pytest.raises(WeightsError, match="cannot read"):
        delta.apply(model, path)
    save_file({"weight": torch.zeros(2, 2)}, path)
    with pytest.raises(WeightsError, match="has the format None"):
        delta.apply(model, path)
    save_file({"weight:int8:scale": torch.zeros(2, 1)}, path, metadata={"format": delta.FORMAT, "base": ""})
    with pytest.raises(WeightsError, match="incompletely"):
        delta.apply(model, path)


def test_wrong_plans_and_states_are_refused(tmp_path: Path) -> None:
    base, tuned = {"a.w": torch.zeros(2, 2)}, {"a.w": torch.ones(2, 2)}
    with pytest.raises(ValueError, match=r"a\.w changed and no rule"):
        delta.compress(base, tuned, (Rule("b.*", "exact"),), tmp_path / "d")
    with pytest.raises(ValueError, match="same names"):
        delta.compress(base, {}, EXACT, tmp_path / "d")
    with pytest.raises(ValueError, match="shape"):
        delta.compress(base, {"a.w": torch.ones(3)}, EXACT, tmp_path / "d")
    with pytest.raises(ValueError, match="not finite"):
        delta.compress(base, {"a.w": torch.full((2, 2), torch.nan)}, EXACT, tmp_path / "d")
    with pytest.raises(ValueError, match="positive rank"):
        Rule(".*", "low_rank")
    assert not (tmp_path / "d").exists()
