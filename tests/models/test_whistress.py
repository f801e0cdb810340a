from __future__ import annotations

import pickle
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from emotionthinker.errors import WeightsError
from emotionthinker.models import whistress, word_pieces
from whisper_parts import tiny_whisper

LAYER = 2


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_whisper(tmp_path_factory.mktemp("whisper")))


def _build(backbone: str, attention: str | None = None) -> whistress.WhiStress:
    whisper, processor = whistress.load_backbone(backbone)
    if attention:
        whisper.set_attn_implementation(attention)
    torch.manual_seed(1)
    return whistress.WhiStress(whisper, processor, layer=LAYER, backbone=backbone).eval()


@pytest.fixture(scope="module")
def model(backbone: str) -> whistress.WhiStress:
    return _build(backbone)


@pytest.fixture(scope="module")
def sound(speech: Any) -> np.ndarray:
    return np.asarray(speech(seconds=2.0), np.float32)


def _attend(attention: Any, queries: torch.Tensor, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Multi-head attention of one clip written out: queries [t, d], states [s, d]."""
    heads = attention.num_heads
    q, k, v = (
        part.view(len(part), heads, -1).transpose(0, 1)
        for part in (attention.q_proj(queries), attention.k_proj(states), attention.v_proj(states))
    )
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask, -torch.inf)
    return attention.out_proj((scores.softmax(-1) @ v).transpose(0, 1).flatten(1))


@torch.no_grad()
def _by_hand(model: whistress.WhiStress, sound: np.ndarray, tokens: list[int]) -> torch.Tensor:
    """The paper's equations with Whisper's own layers, one clip, no masks but the causal one: logits [tokens, 2]."""
    encoder, decoder = model.whisper.model.encoder, model.whisper.model.decoder
    states = F.gelu(encoder.conv2(F.gelu(encoder.conv1(model.features([sound]))))).permute(0, 2, 1)
    states = states + encoder.embed_positions.weight
    for number, layer in enumerate(encoder.layers, 1):
        out = layer(states, None)
        states = out[0] if isinstance(out, tuple) else out
        if number == LAYER:
            heard = states[0]
    last = encoder.layer_norm(states)[0]
    future = torch.ones(len(tokens), len(tokens), dtype=torch.bool).triu(1)

    def block(layer: Any, x: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        normed = layer.self_attn_layer_norm(x)
        x = x + _attend(layer.self_attn, normed, normed, future)
        x = x + _attend(layer.encoder_attn, layer.encoder_attn_layer_norm(x), keys, None)
        return x + layer.fc2(F.gelu(layer.fc1(layer.final_layer_norm(x))))

    read = decoder.embed_tokens(torch.tensor(tokens)) + decoder.embed_positions.weight[: len(tokens)]
    for layer in decoder.layers[:LAYER]:
        read = block(layer, read, last)
    states = block(model.heads.additional_decoder_block, read, heard)
    classifier = model.heads.classifier
    return classifier.fc2(torch.relu(classifier.fc1(states)))


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_logits_are_those_of_the_equations_under_either_attention(
    backbone: str, sound: np.ndarray, attention: str
) -> None:
    model = _build(backbone, attention)
    tokens = [*model.prefix(), *chain.from_iterable(model.tokenise([" the", " red", " clock"]))]
    with torch.no_grad():
        found = model.logits(model.encode(model.features([sound])), torch.tensor([tokens]))[0]
    assert torch.allclose(found, _by_hand(model, sound, tokens), atol=1e-4)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_later_token_changes_nothing_before_it(backbone: str, sound: np.ndarray, attention: str) -> None:
    model = _build(backbone, attention)
    encoded = model.encode(model.features([sound]))
    tokens = torch.tensor([[*model.prefix(), 220, 5, 6, 7]])
    other = tokens.clone()
    other[0, -1] = 99
    with torch.no_grad():
        one, two = model.logits(encoded, tokens)[0], model.logits(encoded, other)[0]
    assert torch.allclose(one[:-1], two[:-1], atol=1e-6)
    assert not torch.allclose(one[-1], two[-1], atol=1e-4)


def test_the_row_before_a_token_judges_it_and_any_token_makes_a_word_stressed(
    model: whistress.WhiStress, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [[10, 11], [12], [13, 14, 15], []]
    start = len(model.prefix())

    def logits(_: Any, tokens: torch.Tensor) -> torch.Tensor:
        rows = torch.tensor([[4.0, -4.0]]).repeat(tokens.shape[1], 1)
        rows[tokens[0].tolist().index(14) - 1] = torch.tensor([-4.0, 4.0])  # says that token 14 is stressed
        rows[-1] = torch.tensor([-4.0, 4.0])  # judges what would come next
        return rows[None]

    monkeypatch.setattr(model, "logits", logits)
    found = model.judge(model.encode(model.features([sound])), words)
    assert start > 0
    assert [p > 0.5 for p in found] == [False, False, True, False]
    assert found[3] == 0.0


def test_texts_of_more_than_thirty_tokens_are_judged_to_their_end(
    model: whistress.WhiStress, sound: np.ndarray
) -> None:
    words = model.tokenise([" clock"] * 60)
    found = model.judge(model.encode(model.features([sound])), words)
    assert sum(map(len, words)) > 30
    assert len(found) == 60
    assert len({round(p, 6) for p in found[40:]}) > 1


def test_one_encoder_pass_serves_recogniser_and_head(
    model: whistress.WhiStress, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[torch.Size] = []
    encoder = model.whisper.model.encoder
    monkeypatch.setattr(
        encoder, "forward", lambda *a, f=encoder.forward, **k: (calls.append(a[0].shape), f(*a, **k))[1]
    )
    heard = model.hear(sound)
    assert len(calls) == 1
    assert all(0 < p < 1 for _, p in heard)
    words = model.tokenise([f" {word}" for word, _ in heard])
    again = model.judge(model.encode(model.features([sound])), words)
    assert [p for _, p in heard] == pytest.approx(again, abs=1e-5)
    with pytest.raises(ValueError, match=r"4\.0 s of sound; expected up to 3 s"):
        model.hear(np.zeros(4 * 16000, np.float32))


def test_gain_changes_nothing(model: whistress.WhiStress, sound: np.ndarray) -> None:
    assert torch.allclose(model.features([sound]), model.features([0.05 * sound]), atol=1e-4)
    assert torch.isfinite(model.features([np.zeros(1600, np.float32)])).all()


def test_the_files_have_the_published_layout(model: whistress.WhiStress, tmp_path: Path) -> None:
    whistress.save(model, tmp_path)
    block = torch.load(tmp_path / "additional_decoder_block.pt", weights_only=True)
    attention = {f"{kind}_proj.{part}" for kind in "qvo" for part in ("weight", "bias")}
    attention = {name.replace("o_proj", "out_proj") for name in attention} | {"k_proj.weight"}
    expected = {f"{place}.{name}" for place in ("self_attn", "encoder_attn") for name in attention}
    norms = ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm")
    expected |= {f"{place}.{part}" for place in (*norms, "fc1", "fc2") for part in ("weight", "bias")}
    assert set(block) == expected
    classifier = torch.load(tmp_path / "classifier.pt", weights_only=True)
    width = model.whisper.config.d_model
    assert {name: tuple(value.shape) for name, value in classifier.items()} == {
        "fc1.weight": (2 * width, width),
        "fc1.bias": (2 * width,),
        "fc2.weight": (2, 2 * width),
        "fc2.bias": (2,),
    }


def test_the_published_sizes() -> None:
    from transformers import WhisperConfig

    small = WhisperConfig(d_model=768, decoder_attention_heads=12, decoder_ffn_dim=3072)
    with torch.device("meta"):
        head = whistress.StressHead(small)
    assert sum(p.numel() for p in head.parameters()) == 10_634_498


def test_a_published_head_names_no_backbone(
    model: whistress.WhiStress, backbone: str, sound: np.ndarray, tmp_path: Path
) -> None:
    whistress.save(model, tmp_path)
    (tmp_path / "metadata.json").write_text('{"layer_for_head": 2}')
    assert whistress.settings_of(tmp_path) == {"layer_for_head": 2, "backbone": "openai/whisper-small.en"}
    loaded = whistress.load(tmp_path, backbone)
    words = loaded.tokenise([" the", " clock"])
    one, two = (m.judge(m.encode(m.features([sound])), words) for m in (model, loaded))
    assert one == pytest.approx(two, abs=1e-6)


def test_what_to_download_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="hf download slprl/WhiStress"):
        whistress.load(tmp_path)
    for name in ("classifier.pt", "additional_decoder_block.pt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "metadata.json").write_text('{"layers": 2}')
    with pytest.raises(WeightsError, match="layer_for_head"):
        whistress.load(tmp_path)
    with pytest.raises(WeightsError, match="hf download openai"):
        whistress.load_backbone(str(tmp_path / "absent"))


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["pickle", "zip", "torn", "other sizes"])
def test_files_that_are_not_tensors_of_the_head_are_refused_unopened(
    model: whistress.WhiStress, tmp_path: Path, kind: str
) -> None:
    folder, mark = tmp_path / "head", tmp_path / "executed"
    whistress.save(model, folder)
    path = folder / "classifier.pt"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(_Evil(mark)))
    elif kind == "zip":
        torch.save({"fc1.weight": _Evil(mark)}, path)
    elif kind == "torn":
        path.write_bytes(path.read_bytes()[:200])
    else:
        torch.save({"fc1.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(WeightsError, match=r"classifier\.pt"):
        whistress.load(folder, model.backbone)
    assert not mark.exists()


def test_a_layer_the_backbone_lacks(backbone: str) -> None:
    with pytest.raises(WeightsError, match="layers 1 to 3"):
        whistress.WhiStress(*whistress.load_backbone(backbone), layer=9)


def test_only_the_head_trains(model: whistress.WhiStress) -> None:
    trains = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trains
    assert all(name.startswith("heads.") for name in trains)
    model.train()
    assert model.heads.training
    assert not model.whisper.training
    model.eval()


def test_the_loss_is_the_published_one(model: whistress.WhiStress, sound: np.ndarray) -> None:
    features = model.features([sound, sound[:16000]])
    tokens = torch.tensor([[*model.prefix(), 40, 41, 42], [*model.prefix(), 43, 44, 300]])
    skip = whistress.IGNORED
    labels = torch.tensor([[skip, skip, 1, 0, 0], [skip, skip, 0, 1, skip]])
    loss = model(features, tokens, labels)["loss"].detach()
    logits = model.logits(model.encode(features), tokens).detach()
    total, weights = 0.0, 0.0
    for clip in range(2):
        for place in range(1, 5):
            label = int(labels[clip, place])
            if label != skip:
                weight = 0.7 / 0.3 if label else 1.0
                total -= weight * float(logits[clip, place - 1].log_softmax(-1)[label])
                weights += weight
    assert float(loss) == pytest.approx(total / weights, abs=1e-5)


def test_pieces_have_the_tokens_of_the_whole_text(model: whistress.WhiStress) -> None:
    text = 'Don\'t you "dare", not-today!'
    pieces = word_pieces.of(text, ["Don't", "you", "dare", "not", "today"])
    whole = model.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert list(chain.from_iterable(model.tokenise(pieces))) == whole
