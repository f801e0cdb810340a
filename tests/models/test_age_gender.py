from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor

from emotionthinker.errors import WeightsError
from emotionthinker.models.age_gender import MAX_SECONDS, AgeGender, AgeGenderNetwork

RATE = 16_000


def config(**options: Any) -> Wav2Vec2Config:
    """The published configuration but for its sizes."""
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "conv_dim": (16,) * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
    }
    kind = {"conv_bias": True, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
    return Wav2Vec2Config(**{**sizes, **kind, **options})


@pytest.fixture(scope="module")
def network() -> AgeGenderNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = AgeGenderNetwork(config()).eval()
        for head in (made.age, made.gender):  # else every clip is given nearly the same
            torch.nn.init.normal_(head.dense.weight, std=0.5)
            torch.nn.init.normal_(head.out_proj.weight, std=0.02 if head is made.age else 0.5)
        torch.nn.init.constant_(made.age.out_proj.bias, 0.4)
    return made


@pytest.fixture
def folder(network: AgeGenderNetwork, tmp_path: Path) -> Path:
    """Weights as they were published: old names of the weight norm, a model card."""
    network.config.save_pretrained(tmp_path)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        name = f"wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.{new}"
        state[f"wav2vec2.encoder.pos_conv_embed.conv.{old}"] = state.pop(name)
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n# Age and gender\n")
    return tmp_path


def sounds(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(0.1 + rng.normal(0, 0.05, n)).astype(np.float32) for n in lengths]


def load(folder: Path) -> AgeGender:
    return AgeGender.load(folder, accept_non_commercial=True, device="cpu")


@pytest.mark.parametrize("layers", [24, 6])
def test_the_published_layout(layers: int) -> None:
    with torch.device("meta"):
        made = AgeGenderNetwork(
            config(hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=layers)
        )
    names = {name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}
    assert {name: shape for name, shape in names.items() if not name.startswith("wav2vec2.")} == {
        **{f"{head}.dense.weight": (1024, 1024) for head in ("age", "gender")},
        **{f"{head}.dense.bias": (1024,) for head in ("age", "gender")},
        "age.out_proj.weight": (1, 1024), "age.out_proj.bias": (1,),
        "gender.out_proj.weight": (3, 1024), "gender.out_proj.bias": (3,),
    }  # fmt: skip
    assert (
        len({name for name in names if re.match(r"wav2vec2\.encoder\.layers\.\d+\.layer_norm\.bias", name)}) == layers
    )


@torch.inference_mode()
def test_one_clip_is_the_plain_forward(folder: Path, network: AgeGenderNetwork) -> None:
    sound = sounds(9000)[0]
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    values = extractor(sound, sampling_rate=RATE, return_tensors="pt")["input_values"]
    assert torch.allclose(values, torch.tensor((sound - sound.mean()) / sound.std())[None], atol=1e-3)
    mean = network.wav2vec2(values)[0].mean(dim=1)
    age = network.age.out_proj(torch.tanh(network.age.dense(mean)))
    gender = network.gender.out_proj(torch.tanh(network.gender.dense(mean))).softmax(-1)
    heard = load(folder).hear([sound])[0]
    assert heard.years == pytest.approx(100 * age.item(), abs=1e-3)
    assert [heard.female, heard.male, heard.child] == pytest.approx(gender[0].tolist(), abs=1e-5)


@pytest.mark.parametrize(("age", "years"), [(-0.06, 0.0), (1.2, 100.0), (0.25, 25.0)])
def test_nobody_is_younger_than_nothing(network: AgeGenderNetwork, age: float, years: float) -> None:
    aged = copy.deepcopy(network)
    torch.nn.init.zeros_(aged.age.out_proj.weight)
    torch.nn.init.constant_(aged.age.out_proj.bias, age)
    assert AgeGender(aged, "it", "none").hear(sounds(RATE))[0].years == pytest.approx(years)


def test_padding_in_a_batch_changes_nothing(folder: Path) -> None:
    model = load(folder)
    clips = sounds(4000, 16_000, 9037, 400)
    together, alone = model.hear(clips, batch_size=4), [model.hear([clip])[0] for clip in clips]
    assert np.allclose(together, alone, atol=1e-4)
    assert max(heard.years for heard in alone) - min(heard.years for heard in alone) > 0.1


def test_gain_changes_nothing(folder: Path) -> None:
    model, (clip,) = load(folder), sounds(8000)
    assert np.allclose(model.hear([clip]), model.hear([0.3 * clip]), atol=0.02)


def test_a_network_that_normalises_over_time_hears_one_clip_at_a_time(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AgeGender(AgeGenderNetwork(config(feat_extract_norm="group")), "x", "y")
    clips = sounds(4000, 16_000)
    assert np.allclose(model.hear(clips), [model.hear([clip])[0] for clip in clips], atol=1e-5)


def test_what_lies_beyond_fifteen_seconds_is_not_heard(folder: Path) -> None:
    (clip,) = sounds(round(MAX_SECONDS * RATE))
    model = load(folder)
    longer = np.concatenate([clip, sounds(5000)[0] * 4])
    assert model.hear([clip]) == model.hear([longer])


def test_a_clip_shorter_than_a_frame_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="399 samples; expected at least 400"):
        load(folder).hear(sounds(399))


def test_terms_must_be_accepted_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"CC-BY-NC-SA-4\.0.*--accept-non-commercial"):
        AgeGender.load(tmp_path / "not even there")


def test_name_and_terms_are_known(folder: Path) -> None:
    model = load(folder)
    assert model.licence == "CC-BY-NC-SA-4.0"
    assert model.method == f"wav2vec2 age and gender heads (2 layers), {folder}"
    (folder / "README.md").unlink()
    assert "not named by its folder" in load(folder).licence


def test_pickled_weights_are_read_as_weights_only(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    torch.save(state, folder / "pytorch_model.bin")
    expected = load(folder).hear(sounds(4000))
    (folder / "model.safetensors").unlink()
    assert load(folder).hear(sounds(4000)) == expected
    torch.save({"wav2vec2": print}, folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="damaged"):
        load(folder)


def test_weights_that_lack_something_are_refused(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state.pop("wav2vec2.masked_spec_embed")
    save_file(state, folder / "model.safetensors")
    load(folder)
    head = state.pop("age.dense.bias")
    save_file(state, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=r"missing \['age\.dense\.bias'\]"):
        load(folder)
    save_file({**state, "age.dense.bias": head[:3].clone()}, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=r"do not fit its config\.json"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "config.json").unlink(), r"config\.json"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json"),
        (lambda f: (f / "config.json").write_text("[]"), r"config\.json"),
        (lambda f: (f / "config.json").write_text('{"hidden_size": "x"}'), r"config\.json"),
        (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"no"), "damaged"),
    ],
)
def test_folders_that_cannot_be_read_say_so(change: Any, message: str, folder: Path) -> None:
    change(folder)
    with pytest.raises(WeightsError, match=message):
        load(folder)


def test_a_name_that_is_nothing_is_refused() -> None:
    with pytest.raises(WeightsError, match="neither a folder nor a hub id"):
        AgeGender.load("no/such/thing", accept_non_commercial=True)
