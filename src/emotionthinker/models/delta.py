"""What training changed, small enough to ship: the compressed difference between a base thinker and a tuned one.

A plan says by name how each tensor travels: bit for bit, as a float16 or int8 difference, or as the low-rank factors
of its difference (truncated singular value decomposition). Tensors that did not change are left out.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from emotionthinker.errors import WeightsError
from emotionthinker.runs import replacing, usual_mode

FORMAT = "emotionthinker-delta-1"

Method = Literal["exact", "float16", "int8", "low_rank", "drop"]
State = Mapping[str, torch.Tensor]
Pieces = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Rule:
    """How tensors whose whole name matches the regular expression `pattern` are stored.

    `exact`: the tuned values; `float16`, `int8`: the difference, int8 with one scale a row; `low_rank`: the best
    approximation of the difference of at most `rank`, its factors in int8; `drop`: the base's values stay.
    Vectors hold little: under `int8` and `low_rank` they travel as float16 differences.
    """

    pattern: str
    method: Method
    rank: int = 0

    def __post_init__(self) -> None:
        if (self.method == "low_rank") != (self.rank > 0):
            raise ValueError(f"{self}: a positive rank goes with low_rank, and only with it")


NANO_PLAN = (
    Rule(r".*audio_bos_eos_token.*|.*\.visual\..*", "drop"),
    Rule(r".*audio_tower\.proj\..*", "float16"),
    Rule(r".*audio_tower\..*", "int8"),
    Rule(r".*language_model\..*", "low_rank", rank=48),
)
"""38 MB for a nano thinker with every weight of tower, projector and LLM changed."""


@dataclass(frozen=True)
class Entry:
    """One changed tensor: how it was stored, bytes, and the error over the change (Frobenius norms, 0 is exact)."""

    name: str
    method: Method
    bytes: int
    change: float
    error: float

    @property
    def relative_error(self) -> float:
        return self.error / self.change


@dataclass(frozen=True)
class Report:
    """All changed tensors, in the order of the state."""

    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.entries)

    @property
    def relative_error(self) -> float:
        """Norm of what the file misses over the norm of the whole change; 0 when nothing changed."""
        change = sum(entry.change**2 for entry in self.entries)
        return float((sum(entry.error**2 for entry in self.entries) / change) ** 0.5) if change else 0.0

    def by_part(self) -> dict[str, Report]:
        """The same per module of the thinker (`audio_tower`, `language_model`, ...)."""
        parts: dict[str, list[Entry]] = {}
        for entry in self.entries:
            parts.setdefault(entry.name.removeprefix("model.").split(".")[0], []).append(entry)
        return {part: Report(tuple(entries)) for part, entries in parts.items()}


def compress(base: State, tuned: State, plan: Sequence[Rule], path: str | Path) -> Report:
    """Write the difference of two state dicts (names as `model.state_dict()`, base in fp32) to a safetensors file.

    The first rule that matches a name counts. Raises `ValueError` when the states do not hold the same tensors, a
    changed tensor matches no rule, or a value is not finite.
    """
    if base.keys() != tuned.keys():
        raise ValueError(f"base and tuned differ in {sorted(base.keys() ^ tuned.keys())[:5]}; expected the same names")
    entries: list[Entry] = []
    pieces: Pieces = {}
    touched: dict[str, torch.Tensor] = {}
    for name, old, new in _changed(base, tuned):
        rule = next((rule for rule in plan if re.fullmatch(rule.pattern, name)), None)
        if rule is None:
            raise ValueError(f"{name} changed and no rule of the plan matches it; add one (or a `drop`)")
        difference = new.float() - old.float()
        method, stored = _store(rule, new, difference)
        error = 0.0
        if method != "exact":
            error = float((_restore(method, stored, difference) - difference).double().norm())
        size = sum(piece.numel() * piece.element_size() for piece in stored.values())
        entries.append(Entry(name, method, size, float(difference.double().norm()), error))
        if method != "drop":
            touched[name] = old
            pieces |= {f"{name}:{method}:{part}": piece.contiguous() for part, piece in stored.items()}
    rules = json.dumps([asdict(rule) for rule in plan])
    metadata = {"format": FORMAT, "base": fingerprint(touched), "plan": rules}
    with replacing(Path(path)) as part:
        save_file(pieces, part, metadata=metadata)
        usual_mode(part)
    return Report(tuple(entries))


def apply(model: nn.Module, path: str | Path) -> list[str]:
    """Turn the base model into the tuned one, in place; returns the names of the tensors that changed.

    Nothing is touched unless everything fits. Raises `WeightsError` when the file is not such a difference, or the
    model is not the one it was taken from (other weights, or loaded in another dtype than fp32).
    """
    stored, metadata = _read(Path(path))
    state = model.state_dict()
    absent = [name for name in stored if name not in state]
    if absent:
        raise WeightsError(f"{path} changes {absent[:3]}, which the model has not; expected the base it was made from")
    if fingerprint({name: state[name] for name in stored}) != metadata["base"]:
        raise WeightsError(
            f"{path} was made from other weights than this model's; apply it to the untouched base model in float32 "
            "and convert to another dtype afterwards"
        )
    done: set[int] = set()
    with torch.no_grad():
        for name, (method, pieces) in stored.items():
            target = state[name]
            if target.data_ptr() in done:
                continue  # tied to one that is already changed
            done.add(target.data_ptr())
            if method == "exact":
                target.copy_(pieces["value"])
            else:
                target.add_(_restore(method, pieces, target))
    return list(stored)


def fingerprint(state: State) -> str:
    """Sha256 over names, shapes and up to 4096 evenly spaced elements of each tensor: tells bases apart quickly."""
    digest = hashlib.sha256()
    for name in sorted(state):
        flat = state[name].detach().cpu().flatten()
        sample = flat[:: max(1, math.ceil(flat.numel() / 4096))].contiguous()
        digest.update(f"{name}{tuple(state[name].shape)}{sample.dtype}".encode())
        digest.update(sample.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _changed(base: State, tuned: State) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Name, old and new value of the tensors that differ; of tied tensors the first name only."""
    seen: set[tuple[int, torch.Size]] = set()
    for name, new in tuned.items():
        old, new = base[name].detach().cpu(), new.detach().cpu()
        if old.shape != new.shape:
            raise ValueError(f"{name} has shape {tuple(new.shape)}; the base's is {tuple(old.shape)}")
        place = (new.data_ptr(), new.shape)
        if place in seen or torch.equal(old.float(), new.float()):
            continue
        if not torch.isfinite(new).all():
            raise ValueError(f"{name} holds values that are not finite; expected a sound checkpoint")
        seen.add(place)
        yield name, old, new


def _store(rule: Rule, new: torch.Tensor, difference: torch.Tensor) -> tuple[Method, Pieces]:
    """The method used in the end and the tensors that go into the file."""
    method = "float16" if difference.ndim < 2 and rule.method in ("int8", "low_rank") else rule.method
    if method == "exact":
        return method, {"value": new}
    if method == "float16":
        # One scale keeps small differences out of float16's subnormal range.
        scale = difference.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
        return method, {"value": (difference / scale).half(), "scale": scale.reshape(1)}
    if method == "int8":
        return method, _quantise(difference.flatten(1), "")
    if method == "low_rank":
        left, right = low_rank(difference.flatten(1), rule.rank)
        return method, _quantise(left.T, "left_") | _quantise(right, "right_")
    return method, {}


def _restore(method: Method, pieces: Pieces, like: torch.Tensor) -> torch.Tensor:
    """The difference that stored pieces stand for, fp32, in the shape and place of `like`."""
    pieces = {part: piece.to(like.device) for part, piece in pieces.items()}
    if method == "float16":
        return (pieces["value"].float() * pieces["scale"]).reshape(like.shape)
    if method == "int8":
        return _dequantise(pieces, "").reshape(like.shape)
    if method == "low_rank":
        return (_dequantise(pieces, "left_").T @ _dequantise(pieces, "right_")).reshape(like.shape)
    return torch.zeros(like.shape, device=like.device)


def low_rank(matrix: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors [rows, r] and [r, columns], r <= `rank`, of the nearest matrix of that rank (Eckart-Young).

    The singular vectors of the shorter side come from its Gram matrix in double precision, so a vocabulary's worth
    of rows costs no more than its width.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    wide = tall.double()
    _, vectors = torch.linalg.eigh(wide.T @ wide)
    basis = vectors[:, -min(rank, vectors.shape[1]) :].flip(1)
    factors = ((wide @ basis).float(), basis.T.float())
    return factors if tall is matrix else (factors[1].T, factors[0].T)


def _quantise(matrix: torch.Tensor, prefix: str) -> Pieces:
    """Symmetric int8 with one fp32 scale a row."""
    scale = matrix.abs().amax(1, keepdim=True) / 127
    steps = (matrix / scale.clamp_min(torch.finfo(torch.float32).tiny)).round().clamp(-127, 127)
    return {f"{prefix}int8": steps.to(torch.int8), f"{prefix}scale": scale}


def _dequantise(pieces: Pieces, prefix: str) -> torch.Tensor:
    return pieces[f"{prefix}int8"].float() * pieces[f"{prefix}scale"]


_PIECES: dict[str, set[str]] = {
    "exact": {"value"},
    "float16": {"value", "scale"},
    "int8": {"int8", "scale"},
    "low_rank": {"left_int8", "left_scale", "right_int8", "right_scale"},
}


def _read(path: Path) -> tuple[dict[str, tuple[Method, Pieces]], dict[str, str]]:
    """Tensor name -> (method, pieces), and the metadata."""
    expected = f"expected a file of the format {FORMAT}: fetch or build it again"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            raw = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read {path}: {error}; {expected}") from error
    if metadata.get("format") != FORMAT or "base" not in metadata:
        raise WeightsError(f"{path} has the format {metadata.get('format')!r}; {expected}")
    stored: dict[str, tuple[Method, Pieces]] = {}
    for key, piece in raw.items():
        name, method, part = key.rsplit(":", 2)
        stored.setdefault(name, (method, {}))[1][part] = piece  # type: ignore[arg-type]
    broken = [name for name, (method, pieces) in stored.items() if pieces.keys() != _PIECES.get(method)]
    if broken:
        raise WeightsError(f"{path} holds {broken[0]} incompletely; {expected}")
    return stored, metadata
