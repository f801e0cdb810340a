"""The thinker's public face on a tiny random model: texts, pieces, probabilities, and what it hears."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import AudioError, DeafForwardError
from emotionthinker.models import prompt
from emotionthinker.models.processor import encode
from emotionthinker.models.thinker import Thinker

Speech = Callable[..., np.ndarray]
QUESTION = "Which emotion does the speaker express?"


@pytest.fixture
def thinker(fresh_thinker: tuple[Any, Any]) -> Thinker:
    """A random thinker whose answers vary: a head of its own and strong layers."""
    model, processor = fresh_thinker
    generator = torch.Generator().manual_seed(2)
    model.lm_head.weight = nn.Parameter(torch.randn(model.lm_head.weight.shape, generator=generator) * 0.3)
    with torch.no_grad():
        for name, parameter in model.model.language_model.named_parameters():
            if "proj.weight" in name:
                parameter.mul_(6)
    return Thinker(model, processor, "tiny")


@pytest.fixture
def clips(speech: Speech) -> list[np.ndarray]:
    return [speech(seconds, f0=f0, seed=i) for i, (seconds, f0) in enumerate(((0.5, 120), (1.1, 220), (0.7, 300)))]


def test_answers_do_not_depend_on_the_batch(thinker: Thinker, clips: list[np.ndarray]) -> None:
    questions = ["Which emotion?", QUESTION, prompt.emotion_question("It is eleven o'clock.")]
    for options in ({}, {"temperature": 0.8, "top_p": 0.9, "seed": 4}):
        at_once = thinker.generate(clips, questions, max_new_tokens=14, **options)  # type: ignore[arg-type]
        for size in (1, 2):
            assert thinker.generate(clips, questions, max_new_tokens=14, batch_size=size, **options) == at_once  # type: ignore[arg-type]
        assert len(set(at_once)) == 3


def test_seeds_repeat_and_differ(thinker: Thinker, clips: list[np.ndarray]) -> None:
    def sample(seed: int) -> list[str]:
        return thinker.generate(clips[:1], [QUESTION], max_new_tokens=14, temperature=1.0, seed=seed)

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "seed": 9}])
def test_streamed_pieces_join_to_the_answer(
    thinker: Thinker, clips: list[np.ndarray], options: dict[str, float]
) -> None:
    whole = thinker.generate(clips[1:2], [QUESTION], max_new_tokens=40, **options)[0]  # type: ignore[arg-type]
    pieces = list(thinker.stream(clips[1], QUESTION, max_new_tokens=40, **options))  # type: ignore[arg-type]
    assert "".join(pieces) == whole
    assert len(pieces) > 5
    assert all(pieces)


def test_a_character_of_several_tokens_comes_in_one_piece(thinker: Thinker) -> None:
    text = "Ärger 🙂 – ja"
    tokens = thinker._tokens(text)
    assert len(tokens) > len(text)
    pieces = list(thinker._pieces(iter([[token] for token in tokens])))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_an_answer_cut_inside_a_character_still_ends(thinker: Thinker) -> None:
    tokens = thinker._tokens("ja 🙂")[:-1]
    assert "".join(thinker._pieces(iter([[token] for token in tokens]))) == thinker._text(tokens)


def test_label_probabilities_are_those_of_whole_forward_passes(thinker: Thinker, clips: list[np.ndarray]) -> None:
    """Shared prefix, cache and padding against nine separate passes over the whole text."""
    thinks = ["The pitch is high.", "A quiet, slow voice. It falls."]
    found = thinker.label_probabilities(clips[:2], [QUESTION, "Which emotion?"], thinks)
    for clip, question, think, probabilities in zip(clips, [QUESTION, "Which emotion?"], thinks, found, strict=False):
        whole = [prompt.completion(think, emotion) for emotion in EMOTIONS]
        scores = thinker.completion_logprobs([clip] * 9, [question] * 9, whole)
        expected = torch.stack([score.sum() for score in scores]).double().softmax(0)
        assert list(probabilities) == list(EMOTIONS)
        assert list(probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-7)
        assert math.isclose(sum(probabilities.values()), 1.0, rel_tol=1e-6)
        assert max(probabilities.values()) - min(probabilities.values()) > 1e-4


def test_label_probabilities_without_reasoning_are_those_of_the_short_answer(
    thinker: Thinker, clips: list[np.ndarray]
) -> None:
    (found,) = thinker.label_probabilities(clips[:1], [QUESTION])
    whole = [prompt.short_answer(emotion) for emotion in EMOTIONS]
    scores = thinker.completion_logprobs(clips[:1] * 9, [QUESTION] * 9, whole, prompt.ANSWER_SYSTEM)
    expected = torch.stack([score.sum() for score in scores]).double().softmax(0)
    assert list(found.values()) == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-7)


def test_completion_logprobs_equal_a_direct_forward_that_hears(thinker: Thinker, clips: list[np.ndarray]) -> None:
    completion = prompt.completion("The pitch is high.", "Happy")
    inputs = encode(thinker.processor, [prompt.conversation(QUESTION)], clips[:1])
    tokens = torch.tensor([thinker._tokens(completion)])
    ids = torch.cat([inputs["input_ids"], tokens], 1)
    sound = {name: inputs[name] for name in ("input_features", "feature_attention_mask")}
    with torch.no_grad():
        logits = thinker.model(input_ids=ids, attention_mask=torch.ones_like(ids), **sound).logits
    start = inputs["input_ids"].shape[1]
    expected = [float(logits[0, start + i - 1].log_softmax(-1)[token]) for i, token in enumerate(tokens[0])]
    found = thinker.completion_logprobs(clips[:1], [QUESTION], [completion])[0]
    assert found.tolist() == pytest.approx(expected, abs=1e-4)


def test_other_sound_changes_everything_that_is_said(thinker: Thinker, clips: list[np.ndarray]) -> None:
    completion = prompt.completion("The pitch is high.", "Happy")
    first, second = thinker.completion_logprobs([clips[1], clips[1][::-1].copy()], [QUESTION] * 2, [completion] * 2)
    assert (first - second).abs().max() > 1e-3
    one, two = thinker.label_probabilities([clips[1], clips[1][::-1].copy()], [QUESTION] * 2, ["High."] * 2)
    assert any(abs(one[emotion] - two[emotion]) > 1e-5 for emotion in EMOTIONS)


def test_placeholders_and_the_end_token_never_reach_the_text(thinker: Thinker, clips: list[np.ndarray]) -> None:
    """At a high temperature a random model would sample each of the 600 tokens, placeholders included."""
    tokenizer = thinker.processor.tokenizer
    ids = {tokenizer.audio_token_id, tokenizer.image_token_id, tokenizer.video_token_id}
    assert ids <= set(thinker._decoder.suppressed.tolist())
    assert tokenizer.eos_token_id in thinker._decoder.stop.tolist()
    inputs = thinker._encode(clips, [QUESTION] * 3)
    from emotionthinker.models.decoding import Sampling

    drawn = [
        token
        for step in thinker._decoder.tokens(inputs, max_new_tokens=200, sampling=Sampling(50.0, seed=1))
        for token in step
        if token is not None
    ]
    assert len(drawn) > 100
    assert not ids & set(drawn)


def test_a_text_that_promises_sound_it_does_not_bring_is_refused(
    thinker: Thinker, clips: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotionthinker.models import thinker as module

    def deaf(*arguments: Any, **options: Any) -> dict[str, torch.Tensor]:
        inputs = encode(*arguments, **options)
        return {name: inputs[name] for name in ("input_ids", "attention_mask")}

    monkeypatch.setattr(module, "encode", deaf)
    for call in (
        lambda: thinker.generate(clips[:1], [QUESTION]),
        lambda: list(thinker.stream(clips[0], QUESTION)),
        lambda: thinker.label_probabilities(clips[:1], [QUESTION], ["High."]),
        lambda: thinker.completion_logprobs(clips[:1], [QUESTION], ["High."]),
    ):
        with pytest.raises(DeafForwardError, match="without features"):
            call()


def test_wrong_calls_are_refused(thinker: Thinker, clips: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="'audios': 2, 'questions': 1"):
        thinker.generate(clips[:2], [QUESTION])
    with pytest.raises(ValueError, match="batch_size is 0"):
        thinker.generate(clips[:1], [QUESTION], batch_size=0)
    with pytest.raises(ValueError, match="temperature -1"):
        thinker.stream(clips[0], QUESTION, temperature=-1)
    with pytest.raises(AudioError, match="NaN"):
        thinker.stream(np.full(16000, np.nan, np.float32), QUESTION)
    assert thinker.generate([], []) == []


def test_load_names_the_source_and_says_what_the_steps_run_in(
    tiny_thinker: tuple[Any, Any], tmp_path: Path, clips: list[np.ndarray]
) -> None:
    for part in tiny_thinker:
        part.save_pretrained(tmp_path / "stage")
    loaded = Thinker.load(tmp_path / "stage", device="cpu")
    assert loaded.name == str(tmp_path / "stage")
    assert loaded.precision in ("int8", "float32")
    assert loaded.generate(clips, [QUESTION] * 3, max_new_tokens=5) == Thinker(*tiny_thinker).generate(
        clips, [QUESTION] * 3, max_new_tokens=5
    )
