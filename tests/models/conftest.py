"""Small random parts, and the real ones where they are cached."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def nano_home() -> Path:
    """The cache with the real nano parts; skips where they are not there."""
    from emotionthinker.models import nano, weights

    home = weights.home()
    ready = (home / nano.FORMAT).is_dir() and not weights.missing(home)
    if not ready and os.environ.get("EMOTIONTHINKER_FETCH") != "1":
        pytest.skip(f"no nano parts in {home}: run `emotionthinker weights`, or set EMOTIONTHINKER_FETCH=1")
    nano.prepare(home)
    weights.fetch(home)
    return home


@pytest.fixture(scope="session")
def tiny_whisper() -> Any:
    """A random `WhisperForConditionalGeneration` whose weights float16 holds exactly."""
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=120,
        num_mel_bins=80,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=64,
        d_model=64,
        max_target_positions=32,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=1,
        init_std=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WhisperForConditionalGeneration(config).half().float().eval()


@pytest.fixture(scope="session")
def tiny_llama(tiny_tokenizer: Any) -> Any:
    """A random `LlamaForCausalLM` on the tiny tokenizer's vocabulary."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tiny_tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e5},
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LlamaForCausalLM(config).eval()
