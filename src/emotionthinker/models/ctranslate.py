"""Reader of CTranslate2's `model.bin` (binary version 6) and its Whisper layout as Hugging Face names."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionthinker.errors import WeightsError

Array = npt.NDArray[Any]

BINARY_VERSION = 6
_DTYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_MAX_RANK = 8


@dataclass(frozen=True)
class CTranslateModel:
    """A parsed file: the specification's name and revision, the variables, and names that stand for others."""

    spec: str
    revision: int
    variables: dict[str, Array]
    aliases: dict[str, str]


class _Cursor:
    """Little-endian reads that never go past the end."""

    def __init__(self, data: memoryview, where: str) -> None:
        self.data, self.where, self.position = data, where, 0

    def take(self, count: int) -> memoryview:
        end = self.position + count
        if end > len(self.data):
            raise self.error(f"ends at byte {len(self.data)} where {count} bytes from {self.position} were expected")
        piece, self.position = self.data[self.position : end], end
        return piece

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0])

    def text(self) -> str:
        """A string with its length in front (uint16, the closing NUL counted)."""
        raw = bytes(self.take(self.number("H")))
        if not raw.endswith(b"\0"):
            raise self.error(f"has a name without its closing NUL before byte {self.position}")
        try:
            return raw[:-1].decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.error(f"has a name that is not UTF-8 before byte {self.position}") from error

    def error(self, what: str) -> WeightsError:
        return WeightsError(f"{self.where} {what}; expected a whole CTranslate2 model.bin: fetch it again")


def read(path: str | Path) -> CTranslateModel:
    """Parse a CTranslate2 model file; every byte is accounted for.

    Raises `WeightsError` for another binary version, an unknown dtype, sizes that disagree, a truncated file or
    bytes left over.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error}; expected a CTranslate2 model.bin") from error
    return parse(data, str(path))


def parse(data: bytes, where: str = "model.bin") -> CTranslateModel:
    """As `read`, from bytes; `where` goes into the errors."""
    cursor = _Cursor(memoryview(data), where)
    version = cursor.number("I")
    if version != BINARY_VERSION:
        raise cursor.error(f"has binary version {version}, not {BINARY_VERSION}")
    spec, revision = cursor.text(), cursor.number("I")
    variables: dict[str, Array] = {}
    for _ in range(cursor.number("I")):
        name, array = _variable(cursor)
        if name in variables:
            raise cursor.error(f"holds {name!r} twice")
        variables[name] = array
    aliases: dict[str, str] = {}
    for _ in range(cursor.number("I")):
        alias, target = cursor.text(), cursor.text()
        if target not in variables:
            raise cursor.error(f"has the alias {alias!r} for {target!r}, which is not in it")
        aliases[alias] = target
    if cursor.position != len(data):
        raise cursor.error(f"has {len(data) - cursor.position} bytes left over")
    return CTranslateModel(spec, revision, variables, aliases)


def _variable(cursor: _Cursor) -> tuple[str, Array]:
    name, rank = cursor.text(), cursor.number("B")
    if rank > _MAX_RANK:
        raise cursor.error(f"gives {name!r} {rank} dimensions")
    shape = [cursor.number("I") for _ in range(rank)]
    code, size = cursor.number("B"), cursor.number("I")
    if code not in _DTYPES:
        raise cursor.error(f"gives {name!r} the unknown dtype {code}")
    dtype = np.dtype(_DTYPES[code])
    if size != math.prod(shape) * dtype.itemsize:
        raise cursor.error(f"gives {name!r} shape {shape} of {dtype} but {size} bytes")
    return name, np.frombuffer(cursor.take(size), dtype=dtype).reshape(shape)


@dataclass
class _Whisper:
    """Moves variables of CTranslate2's Whisper layout to Hugging Face names and keeps count of what was used."""

    model: CTranslateModel
    state: dict[str, Array] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def get(self, name: str) -> Array:
        variables = self.model.variables
        if name not in variables:
            raise WeightsError(f"the Whisper model has no variable {name!r}; expected spec WhisperSpec of CTranslate2")
        self.used.add(name)
        array = variables[name]
        if array.dtype == np.int8:
            self.used.add(f"{name}_scale")
            scale = variables[f"{name}_scale"].astype(np.float32)
            return array.astype(np.float32) / scale.reshape(-1, *[1] * (array.ndim - 1))
        return array

    def linear(self, source: str, target: str) -> None:
        self.state[f"{target}.weight"] = self.get(f"{source}/weight")
        self.state[f"{target}.bias"] = self.get(f"{source}/bias")

    def norm(self, source: str, target: str) -> None:
        self.state[f"{target}.weight"] = self.get(f"{source}/gamma")
        self.state[f"{target}.bias"] = self.get(f"{source}/beta")

    def fused(self, source: str, target: str, names: str) -> None:
        """Projections stacked in one matrix. Whisper's keys have no bias; the fused file stores zeros for them."""
        parts = names.split()
        weights = np.split(self.get(f"{source}/weight"), len(parts))
        biases = np.split(self.get(f"{source}/bias"), len(parts))
        for part, weight, bias in zip(parts, weights, biases, strict=True):
            self.state[f"{target}.{part}_proj.weight"] = weight
            if part != "k":
                self.state[f"{target}.{part}_proj.bias"] = bias
            elif bias.any():
                raise WeightsError(f"{source} has a key bias other than zero; expected a Whisper model")

    def side(self, side: str) -> None:
        """All layers of `encoder` or `decoder`."""
        for index in range(self.layers(side)):
            source, target = f"{side}/layer_{index}", f"model.{side}.layers.{index}"
            self.norm(f"{source}/self_attention/layer_norm", f"{target}.self_attn_layer_norm")
            self.fused(f"{source}/self_attention/linear_0", f"{target}.self_attn", "q k v")
            self.linear(f"{source}/self_attention/linear_1", f"{target}.self_attn.out_proj")
            if side == "decoder":
                self.norm(f"{source}/attention/layer_norm", f"{target}.encoder_attn_layer_norm")
                self.linear(f"{source}/attention/linear_0", f"{target}.encoder_attn.q_proj")
                self.fused(f"{source}/attention/linear_1", f"{target}.encoder_attn", "k v")
                self.linear(f"{source}/attention/linear_2", f"{target}.encoder_attn.out_proj")
            self.norm(f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
            self.linear(f"{source}/ffn/linear_0", f"{target}.fc1")
            self.linear(f"{source}/ffn/linear_1", f"{target}.fc2")
        self.norm(f"{side}/layer_norm", f"model.{side}.layer_norm")
        self.state[f"model.{side}.embed_positions.weight"] = self.get(f"{side}/position_encodings/encodings")

    def layers(self, side: str) -> int:
        pattern = re.compile(rf"{side}/layer_(\d+)/")
        return len({found[1] for name in self.model.variables if (found := pattern.match(name))})


def whisper_state(model: CTranslateModel) -> tuple[dict[str, Array], dict[str, int]]:
    """Weights of a Whisper model under the names of `WhisperForConditionalGeneration`, and the sizes of its config.

    The output projection is the decoder's embedding and is left out. Arrays keep the file's float type.
    Raises `WeightsError` when the layout is not Whisper's or a matrix would be left unused.
    """
    whisper = _Whisper(model)
    whisper.linear("encoder/conv1", "model.encoder.conv1")
    whisper.linear("encoder/conv2", "model.encoder.conv2")
    whisper.side("encoder")
    whisper.side("decoder")
    whisper.state["model.decoder.embed_tokens.weight"] = whisper.get("decoder/embeddings/weight")
    unused = {name for name, array in model.variables.items() if array.ndim} - whisper.used
    if unused - set(model.aliases):
        raise WeightsError(f"variables that a Whisper model does not have: {sorted(unused)}; expected Whisper only")
    state = whisper.state
    sizes = {
        "vocab_size": state["model.decoder.embed_tokens.weight"].shape[0],
        "num_mel_bins": state["model.encoder.conv1.weight"].shape[1],
        "d_model": state["model.encoder.layer_norm.weight"].shape[0],
        "encoder_layers": whisper.layers("encoder"),
        "decoder_layers": whisper.layers("decoder"),
        "encoder_attention_heads": int(whisper.get("encoder/num_heads")),
        "decoder_attention_heads": int(whisper.get("decoder/num_heads")),
        "encoder_ffn_dim": state["model.encoder.layers.0.fc1.weight"].shape[0],
        "decoder_ffn_dim": state["model.decoder.layers.0.fc1.weight"].shape[0],
        "max_source_positions": state["model.encoder.embed_positions.weight"].shape[0],
        "max_target_positions": state["model.decoder.embed_positions.weight"].shape[0],
    }
    return state, sizes
