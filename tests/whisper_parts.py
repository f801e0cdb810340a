"""A Whisper of 60,000 random parameters with a tokenizer that reads any text, as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>")
TEXTS = ("the red clock stopped", "I never said that", "come home now", "don't you dare, not today!")


WINDOW_S = 3


def tiny_whisper(folder: Path, layers: int = 3, positions: int = 448) -> Path:
    """Write model and processor to `folder`: English only, as the backbone of the published head is; windows of 3 s."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperProcessor

    tokenizer = tiny_whisper_tokenizer()
    end, start = tokenizer.convert_tokens_to_ids(list(SPECIAL[:2]))
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=80,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        d_model=16,
        max_source_positions=50 * WINDOW_S,
        max_target_positions=positions,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        init_std=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WhisperForConditionalGeneration(config).eval()
    model.generation_config.max_new_tokens = 8
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80, chunk_length=WINDOW_S), tokenizer).save_pretrained(folder)
    return folder


def tiny_whisper_tokenizer() -> Any:
    """Byte-level BPE of a few merges, with Whisper's special tokens."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import WhisperTokenizer

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(core.to_str())["model"]
    return WhisperTokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        extra_special_tokens=list(SPECIAL[1:]),
    )
