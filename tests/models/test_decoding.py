"""The decoding loop: int8 layers, choosing tokens, and agreement with transformers' own generate."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emotionthinker.errors import DeafForwardError
from emotionthinker.models import prompt
from emotionthinker.models.decoding import Decoder, Int8Linear, Sampling, int8_copy, prefill
from emotionthinker.models.processor import encode

Speech = Callable[..., np.ndarray]


@pytest.fixture
def lively_thinker(fresh_thinker: tuple[Any, Any]) -> tuple[Any, Any]:
    """A random thinker that does not just repeat its last token: a head of its own and strong layers."""
    model, processor = fresh_thinker
    generator = torch.Generator().manual_seed(1)
    model.lm_head.weight = nn.Parameter(torch.randn(model.lm_head.weight.shape, generator=generator) * 0.3)
    with torch.no_grad():
        for name, parameter in model.model.language_model.named_parameters():
            if "proj.weight" in name:
                parameter.mul_(6)
    return model, processor


def batch(processor: Any, speech: Speech, seconds: tuple[float, ...]) -> dict[str, torch.Tensor]:
    clips = [speech(length, f0=120.0 + 60 * i, seed=i) for i, length in enumerate(seconds)]
    return encode(processor, [prompt.conversation("Which emotion?")] * len(clips), clips)


def continuations(decoder: Decoder, inputs: dict[str, torch.Tensor], tokens: int, **options: Any) -> list[list[int]]:
    steps = list(decoder.tokens(inputs, max_new_tokens=tokens, **options))
    return [[token for token in row if token is not None] for row in zip(*steps, strict=True)]


def full_precision(model: Any, *, stop: list[int], suppressed: list[int]) -> Decoder:
    """A decoder whose steps run in the model's own precision, as on a GPU."""
    decoder = Decoder(model, stop=stop, suppressed=suppressed)
    decoder._language_model, decoder._head = model.model.language_model, model.lm_head
    return decoder


def test_int8_layer_is_near_the_exact_one_and_its_rows_are_independent() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(128, 75)
    x = torch.randn(9, 128)
    exact, rounded = linear(x), Int8Linear(linear)(x)
    assert (rounded - exact).norm() / exact.norm() < 0.01
    for row in range(9):
        assert torch.equal(Int8Linear(linear)(x[row : row + 1]), rounded[row : row + 1])
    assert Int8Linear(linear)(x.view(3, 3, 128)).shape == (3, 3, 75)


def test_layers_the_int8_kernel_would_overrun_are_left_alone() -> None:
    """Inputs that are not a multiple of the vector width crash the kernel; they must never reach it."""
    narrow = nn.Linear(20, 7)
    with pytest.raises(ValueError, match="multiple of 32"):
        Int8Linear(narrow)
    copied = int8_copy(nn.Sequential(narrow, nn.ReLU(), nn.Linear(64, 4)))
    assert isinstance(copied[0], nn.Linear)
    assert isinstance(copied[2], Int8Linear)


def test_int8_copy_shares_all_but_the_linear_layers(tiny_thinker: tuple[Any, Any]) -> None:
    language_model = tiny_thinker[0].model.language_model
    before = {name: tensor.clone() for name, tensor in language_model.state_dict().items()}
    copied = int8_copy(language_model)
    assert not any(isinstance(part, nn.Linear) for part in copied.modules())
    assert copied.embed_tokens.weight is language_model.embed_tokens.weight
    assert copied.norm.weight is language_model.norm.weight
    assert all(torch.equal(before[name], tensor) for name, tensor in language_model.state_dict().items())


def test_greedy_loop_equals_generate_on_a_padded_batch(lively_thinker: tuple[Any, Any], speech: Speech) -> None:
    model, processor = lively_thinker
    inputs = batch(processor, speech, (0.5, 1.2, 0.8))
    hidden = [processor.audio_token_id]
    expected = model.generate(**inputs, max_new_tokens=20, min_new_tokens=20, do_sample=False, suppress_tokens=hidden)
    decoder = full_precision(model, stop=[], suppressed=[*hidden, processor.tokenizer.eos_token_id])
    found = continuations(decoder, inputs, 20)
    assert found == expected[:, inputs["input_ids"].shape[1] :].tolist()
    assert len({token for row in found for token in row}) > 10


def test_int8_steps_change_little(lively_thinker: tuple[Any, Any], speech: Speech) -> None:
    model, processor = lively_thinker
    prefixes = [prefill(model, batch(processor, speech, (0.6, 0.9))) for _ in range(2)]
    token = torch.tensor([[40], [41]])
    position = prefixes[0].attention_mask.sum(-1, keepdim=True).expand(3, -1, -1)
    mask = nn.functional.pad(prefixes[0].attention_mask, (0, 1), value=1)
    logits = []
    for language_model, head, prefix in (
        (model.model.language_model, model.lm_head, prefixes[0]),
        (int8_copy(model.model.language_model), int8_copy(model.lm_head), prefixes[1]),
    ):
        out = language_model(
            input_ids=token, attention_mask=mask, position_ids=position, past_key_values=prefix.cache, use_cache=True
        )
        logits.append(head(out.last_hidden_state[:, -1]))
    assert (logits[0] - logits[1]).norm() / logits[0].norm() < 0.03


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_p=0.9, seed=5)])
def test_a_row_does_not_depend_on_its_batch(
    lively_thinker: tuple[Any, Any], speech: Speech, sampling: Sampling
) -> None:
    """In full precision: rounding to int8 blows the last bits, which do depend on it, up to other tokens."""
    model, processor = lively_thinker
    decoder = full_precision(model, stop=[], suppressed=[processor.audio_token_id])
    together = continuations(decoder, batch(processor, speech, (0.5, 1.2, 0.8)), 16, sampling=sampling)
    for row, (length, f0) in enumerate(((0.5, 120.0), (1.2, 180.0), (0.8, 240.0))):
        alone = encode(processor, [prompt.conversation("Which emotion?")], [speech(length, f0=f0, seed=row)])
        assert continuations(decoder, alone, 16, sampling=sampling, first_row=row) == [together[row]]


def test_rows_stop_one_by_one_and_the_loop_when_all_have(lively_thinker: tuple[Any, Any], speech: Speech) -> None:
    model, processor = lively_thinker
    inputs = batch(processor, speech, (0.5, 1.2))
    free = continuations(Decoder(model, stop=[], suppressed=[]), inputs, 24)
    stop = [free[0][3], free[1][9]]
    expected = [list(itertools.takewhile(lambda token: token not in stop, row)) for row in free]
    assert continuations(Decoder(model, stop=stop, suppressed=[]), inputs, 24) == expected
    assert len(expected[0]) != len(expected[1])


def test_suppressed_tokens_are_never_chosen(lively_thinker: tuple[Any, Any], speech: Speech) -> None:
    """The head is rigged so that only placeholders would ever be chosen."""
    model, processor = lively_thinker
    hidden = [processor.audio_token_id, processor.image_token_id, processor.video_token_id]
    with torch.no_grad():
        model.lm_head.weight[hidden] = model.lm_head.weight.sum(0) * 0
        rigged = nn.Linear(model.lm_head.in_features, model.lm_head.out_features)
        rigged.weight.copy_(model.lm_head.weight)
        rigged.bias.zero_()
        rigged.bias[hidden] = 1e4
    model.lm_head = rigged
    inputs = batch(processor, speech, (0.5,))
    assert set(continuations(Decoder(model, stop=[], suppressed=[]), inputs, 3)[0]) <= set(hidden)
    for sampling in (Sampling(), Sampling(temperature=5.0, seed=1)):
        found = continuations(Decoder(model, stop=[], suppressed=hidden), inputs, 12, sampling=sampling)
        assert not set(found[0]) & set(hidden)


def test_a_deaf_prompt_is_refused(tiny_thinker: tuple[Any, Any], speech: Speech) -> None:
    model, processor = tiny_thinker
    inputs = batch(processor, speech, (0.5,))
    deaf = {name: tensor for name, tensor in inputs.items() if name in ("input_ids", "attention_mask")}
    with pytest.raises(DeafForwardError, match="without features"):
        prefill(model, deaf)
    with pytest.raises(DeafForwardError):
        next(Decoder(model, stop=[], suppressed=[]).tokens(deaf, max_new_tokens=2))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=12),
    st.floats(0.1, 5.0),
    st.floats(0.05, 1.0),
    st.integers(0, 2**40),
)
def test_draws_come_from_the_smallest_set_that_reaches_top_p(
    scores: list[float], temperature: float, top_p: float, seed: int
) -> None:
    sampling = Sampling(temperature, top_p, seed)
    logits = torch.tensor([scores])
    token = int(sampling.choose(logits, [sampling.generator(0)]))
    probabilities = (logits[0] / temperature).softmax(-1)
    likelier = probabilities[probabilities > probabilities[token]].sum()
    assert float(likelier) < top_p + 1e-5
    assert token == int(sampling.choose(logits, [sampling.generator(0)]))


def test_draws_follow_the_distribution() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05])).expand(4000, -1)
    sampling = Sampling(temperature=1.0, seed=3)
    generators = [sampling.generator(row) for row in range(4000)]
    shares = sampling.choose(logits, generators).bincount(minlength=4) / 4000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.03)


@pytest.mark.parametrize(
    "wrong", [{"temperature": -0.1}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_p": 1.5}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Sampling(**wrong)  # type: ignore[arg-type]
