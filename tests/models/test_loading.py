"""Every layout a thinker can lie in is read to the same weights, and what is wrong is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from emotionthinker.errors import WeightsError
from emotionthinker.models import loading, prompt
from emotionthinker.models.processor import encode

Speech = Callable[..., np.ndarray]


@pytest.fixture
def logits(speech: Speech) -> Callable[[Any, Any], torch.Tensor]:
    def run(model: Any, processor: Any) -> torch.Tensor:
        inputs = encode(processor, [prompt.conversation("Which emotion?")], [speech(0.6)])
        with torch.no_grad():
            return model(**inputs).logits.float()

    return run


@pytest.fixture
def omni(tiny_thinker: tuple[Any, Any], tmp_path: Path) -> Path:
    """A whole Qwen2.5-Omni checkpoint in shards: the talker shares one with the thinker and has one of its own, which
    is rubbish that nobody can read; `spk_dict.pt` is the voice file of the released checkpoints."""
    folder = loading.save_full_layout(*tiny_thinker, tmp_path / "omni")
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(state)
    first = {name: state[name] for name in names[: len(names) // 2]}
    second = {name: state[name] for name in names[len(names) // 2 :]}
    second |= {"talker.thinker_to_talker_proj.weight": torch.ones(4, 4)}
    shards = {"model-00001-of-00003.safetensors": first, "model-00002-of-00003.safetensors": second}
    weight_map = {name: shard for shard, tensors in shards.items() for name in tensors}
    for shard, tensors in shards.items():
        save_file(tensors, folder / shard, metadata={"format": "pt"})
    weight_map |= {
        "talker.model.norm.weight": "model-00003-of-00003.safetensors",
        "token2wav.code2wav_dit_model.proj_out.weight": "model-00003-of-00003.safetensors",
    }
    (folder / "model-00003-of-00003.safetensors").write_bytes(b"not a safetensors file")
    (folder / "spk_dict.pt").write_bytes(b"not a pickle")
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def test_a_thinker_folder_is_read(
    tiny_thinker: tuple[Any, Any], tmp_path: Path, logits: Callable[[Any, Any], torch.Tensor]
) -> None:
    for part in tiny_thinker:
        part.save_pretrained(tmp_path / "stage")
    model, processor = loading.load_thinker(tmp_path / "stage")
    assert not model.training
    assert model.name_or_path == str(tmp_path / "stage")
    assert model.generation_config.eos_token_id == tiny_thinker[0].generation_config.eos_token_id
    assert torch.equal(logits(model, processor), logits(*tiny_thinker))


def test_a_whole_checkpoint_gives_its_thinker_and_the_talker_is_never_read(
    tiny_thinker: tuple[Any, Any],
    omni: Path,
    logits: Callable[[Any, Any], torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    class Spy:
        def __init__(self, path: Path, framework: str) -> None:
            self.file = safe_open(path, framework=framework)

        def __enter__(self) -> Spy:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def get_tensor(self, name: str) -> torch.Tensor:
            read.append(name)
            return self.file.get_tensor(name)

    monkeypatch.setattr(loading, "safe_open", Spy)
    model, processor = loading.load_thinker(omni)
    assert read
    assert all(name.startswith("thinker.") for name in read)
    assert torch.equal(logits(model, processor), logits(*tiny_thinker))
    assert not any("talker" in name for name, _ in model.named_modules())


def test_talker_tensors_in_an_only_file_are_left_out(
    tiny_thinker: tuple[Any, Any], tmp_path: Path, logits: Callable[[Any, Any], torch.Tensor]
) -> None:
    folder = loading.save_full_layout(*tiny_thinker, tmp_path / "single")
    state = load_file(folder / "model.safetensors") | {"talker.x": torch.ones(3), "token2wav.y": torch.ones(3)}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert torch.equal(logits(*loading.load_thinker(folder)), logits(*tiny_thinker))


def test_full_layout_has_the_names_of_the_released_checkpoints(tiny_thinker: tuple[Any, Any], tmp_path: Path) -> None:
    from transformers import Qwen2_5OmniConfig

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale.txt").write_text("from an earlier export")
    folder = loading.save_full_layout(*tiny_thinker, tmp_path / "out")
    names = set(load_file(folder / "model.safetensors"))
    assert {
        "thinker.model.embed_tokens.weight",
        "thinker.model.layers.0.self_attn.q_proj.bias",
        "thinker.model.norm.weight",
        "thinker.audio_tower.layers.1.fc1.weight",
        "thinker.audio_tower.proj.weight",
        "thinker.visual.blocks.0.norm1.weight",
    } <= names
    assert all(name.startswith("thinker.") for name in names)
    config = Qwen2_5OmniConfig.from_pretrained(folder)
    assert config.architectures == ["Qwen2_5OmniForConditionalGeneration"]
    assert config.thinker_config.audio_token_id == tiny_thinker[1].audio_token_id
    assert (folder / "preprocessor_config.json").is_file()
    assert not (folder / "stale.txt").exists()
    assert not (tmp_path / "out.part").exists()


def test_full_layout_round_trip_of_untied_weights_in_bfloat16(fresh_thinker: tuple[Any, Any], tmp_path: Path) -> None:
    model, processor = fresh_thinker
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    for config in (model.config, model.config.text_config):
        config.tie_word_embeddings = False
    model.to(torch.bfloat16)
    folder = loading.save_full_layout(model, processor, tmp_path / "out")
    again, _ = loading.load_thinker(folder, dtype=torch.bfloat16)
    state = again.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert state.keys() == model.state_dict().keys()


@pytest.mark.parametrize("beside", [True, False])
def test_an_adapter_is_merged_into_its_base(
    fresh_thinker: tuple[Any, Any], tmp_path: Path, logits: Callable[[Any, Any], torch.Tensor], beside: bool
) -> None:
    peft = pytest.importorskip("peft")
    model, processor = fresh_thinker
    base = tmp_path / "base"
    for part in (model, processor):
        part.save_pretrained(base)
    before = logits(model, processor)
    target = r".*language_model\.layers\.\d+\.self_attn\.[qv]_proj"
    policy = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=target))
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    policy.eval()
    folder = base if beside else tmp_path / "adapter"
    policy.peft_config["default"].base_model_name_or_path = None if beside else str(base)
    policy.save_pretrained(folder)
    expected = logits(policy, processor)
    merged, its_processor = loading.load_thinker(folder)
    found = logits(merged, its_processor)
    assert (expected - before).abs().max() > 0.01
    assert torch.allclose(found, expected, atol=1e-4)
    assert not any("lora" in name for name, _ in merged.named_parameters())


def test_an_adapter_without_a_base_says_so(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match="base_model_name_or_path"):
        loading.load_thinker(tmp_path)


def test_a_checkpoint_that_lacks_a_weight_is_refused(omni: Path) -> None:
    """transformers would draw the missing tensor at random and go on."""
    index = json.loads((omni / "model.safetensors.index.json").read_text())
    del index["weight_map"]["thinker.model.layers.0.mlp.up_proj.weight"]
    (omni / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match="up_proj"):
        loading.load_thinker(omni)


def test_a_weight_of_another_shape_is_refused(tiny_thinker: tuple[Any, Any], tmp_path: Path) -> None:
    folder = loading.save_full_layout(*tiny_thinker, tmp_path / "out")
    state = load_file(folder / "model.safetensors")
    state["thinker.model.norm.weight"] = torch.ones(5)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"norm\.weight"):
        loading.load_thinker(folder)


def test_a_damaged_weight_file_is_refused(omni: Path) -> None:
    (omni / "model-00001-of-00003.safetensors").write_bytes(b"torn")
    with pytest.raises(WeightsError, match="model-00001"):
        loading.load_thinker(omni)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(WeightsError, match=r"llama.*LlamaForCausalLM.*expected a Qwen2.5-Omni"):
        loading.load_thinker(tmp_path)


def test_a_folder_without_safetensors_is_refused(omni: Path) -> None:
    (omni / "model.safetensors.index.json").unlink()
    with pytest.raises(WeightsError, match=r"neither model\.safetensors nor"):
        loading.load_thinker(omni)


def test_a_hub_id_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("no network and nothing cached")

    monkeypatch.setattr(loading, "snapshot_download", offline)
    with pytest.raises(WeightsError, match=r"hf download ddwang2000/EmotionThinker.*give its path"):
        loading.load_thinker("ddwang2000/EmotionThinker")


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(WeightsError, match="runs/no/such/folder"):
        loading.load_thinker("runs/no/such/folder")


def test_only_the_thinkers_shards_are_downloaded(
    omni: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_thinker: tuple[Any, Any]
) -> None:
    """A hub that hands out what is asked for: neither the talker's shard nor the voice file is."""
    local = tmp_path / "local"

    def hub(repo: str, *, allow_patterns: list[str]) -> str:
        assert repo == "ddwang2000/EmotionThinker"
        local.mkdir(exist_ok=True)
        for pattern in allow_patterns:
            for file in omni.glob(pattern):
                shutil.copy(file, local)
        return str(local)

    monkeypatch.setattr(loading, "snapshot_download", hub)
    model, _ = loading.load_thinker("ddwang2000/EmotionThinker")
    fetched = {file.name for file in local.glob("*.safetensors")}
    assert fetched == {"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"}
    assert not (local / "spk_dict.pt").exists()
    expected = tiny_thinker[0].state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("shipped", [True, False])
def test_nano_is_the_base_with_the_shipped_difference(
    fresh_thinker: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: bool
) -> None:
    from copy import deepcopy

    from emotionthinker.models import delta

    base, processor = fresh_thinker
    tuned = deepcopy(base)
    with torch.no_grad():
        tuned.model.audio_tower.proj.weight.add_(0.5)
    file = tmp_path / "nano.safetensors"
    if shipped:
        delta.compress(base.state_dict(), tuned.state_dict(), [delta.Rule(".*", "exact")], file)
    monkeypatch.setattr(loading, "SHIPPED", file)
    monkeypatch.setenv("EMOTIONTHINKER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(loading.nano, "load_base", lambda *_: (deepcopy(base), processor))
    model, _ = loading.load_thinker("nano", dtype=torch.bfloat16)
    expected = (tuned if shipped else base).model.audio_tower.proj.weight.bfloat16()
    assert torch.equal(model.model.audio_tower.proj.weight, expected)
    assert loading.describe("nano") == ("nano" if shipped else "nano-base (untrained)")
    monkeypatch.setattr(delta, "apply", None)  # it is applied once: from now on the result is read from the cache
    again, _ = loading.load_thinker("nano")
    assert torch.equal(again.model.audio_tower.proj.weight.bfloat16(), expected)
    untrained, _ = loading.load_thinker("nano-base")
    assert torch.equal(untrained.model.audio_tower.proj.weight, base.model.audio_tower.proj.weight)
    assert loading.describe("nano-base") == "nano-base (untrained)"
