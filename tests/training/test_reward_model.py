from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emotionthinker import audio
from emotionthinker.models.processor import encode
from emotionthinker.models.prompt import conversation
from emotionthinker.records import CRITERIA, Rating, Utterance, read_jsonl, write_jsonl
from emotionthinker.rewards import reasoning_reward
from emotionthinker.training.examples import Example
from emotionthinker.training.reward_model import (
    SYSTEM,
    RewardModel,
    RewardModelRecipe,
    agreement,
    digits_only,
    expected,
    most_likely,
    rating_json,
    rating_question,
    read_rating,
    run,
)
from emotionthinker.training.sft import Lora
from kill import kill_at

ratings = st.builds(Rating, **{name: st.integers(1, 5) for name in CRITERIA})


@given(ratings)
def test_what_is_written_is_read(rating: Rating) -> None:
    assert read_rating(rating_json(rating)) == rating
    assert read_rating(f"Sure:\n{rating_json(rating)}\n") == rating


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4, 4, 4, 4",
        '{"factual_alignment": 4}',
        rating_json(Rating(**dict.fromkeys(CRITERIA, 5))).replace("5", "6"),
        "{]",
    ],
)
def test_what_is_no_rating_is_none(text: str) -> None:
    assert read_rating(text) is None


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    read_rating(text)


def test_ratings_follow_the_model_and_see_the_digits_before(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    """The cached, batched, forced decoding gives what a plain forward pass over the whole text gives."""
    model, processor = tiny_thinker
    utterances = list(read_jsonl(corpus))[:3]
    thinks = ["The pitch is high.", "The pitch is low, so low.", "Nothing."]
    judge = RewardModel(model, processor, batch_size=2)
    found = judge.distributions(utterances, thinks)
    for utterance, think, rows in zip(utterances, thinks, found, strict=True):
        assert rows is not None
        assert rows.shape == (4, 5)
        np.testing.assert_allclose(rows.sum(1), 1, atol=1e-5)
        question = conversation(rating_question(think, utterance.text), system=SYSTEM)
        inputs = encode(processor, [question], [audio.load(str(utterance.audio))[0]])
        for piece, row in zip(judge._pieces, rows, strict=True):
            ids = torch.cat([inputs["input_ids"], torch.tensor([piece])], 1)
            inputs = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
            with torch.no_grad():
                expected = model(**inputs).logits[0, -1, judge._digits].float().softmax(-1).numpy()
            np.testing.assert_allclose(row, expected, atol=1e-4)
            ids = torch.cat([ids, torch.tensor([[judge._digits[int(row.argmax())]]])], 1)
            inputs = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}


def test_an_utterance_without_sound_is_not_rated(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    heard = next(iter(read_jsonl(corpus)))
    rated = RewardModel(*tiny_thinker).rate([Utterance(id="x"), heard], ["why", "why"])
    assert rated[0] is None
    assert isinstance(rated[1], Rating)


def test_only_digits_weigh() -> None:
    weigh = digits_only(0.1)
    example = Example(id="a", audio="a.wav", question="?", completion='{"a": 4}', stratum="", corpus="", seconds=1.0)
    assert weigh(example, 6, 7) == 1.0
    assert weigh(example, 0, 3) == 0.1


def test_the_expected_rating_moves_where_the_most_likely_one_stays() -> None:
    sure = np.tile([0.0, 0.0, 0.0, 0.0, 1.0], (4, 1))
    torn = np.tile([0.3, 0.0, 0.0, 0.3, 0.4], (4, 1))
    assert most_likely(sure) == most_likely(torn)
    assert expected(sure) == [5.0] * 4
    np.testing.assert_allclose(expected(torn), 0.3 + 4 * 0.3 + 5 * 0.4)


@given(arrays(np.float64, (4, 5), elements=st.floats(1e-6, 1)))
def test_expected_ratings_are_ratings(weights: np.ndarray) -> None:
    assert 0.2 <= reasoning_reward(expected(weights / weights.sum(1, keepdims=True))) <= 1


def test_agreement_counts() -> None:
    def row(gold: int, rated: int, mean: float) -> dict[str, Any]:
        values = {"gold": gold, "rated": rated, "expected": mean}
        return {kind: dict.fromkeys(CRITERIA, value) for kind, value in values.items()}

    metrics = agreement([row(1, 1, 1.5), row(2, 3, 2.5), row(5, 5, 4.0), row(4, 4, 3.0)])
    assert metrics["count"] == 4
    assert metrics["factual_alignment"] == {
        "exact": 0.75,
        "mae": 0.25,
        "mae_expected": 0.75,
        "mae_constant": 1.5,
        "spearman": 1.0,
    }
    assert metrics["reward"] == {"mae": 0.15, "spearman": 1.0}
    assert agreement([row(3, 3, 3.0)])["factual_alignment"]["spearman"] is None


def test_training_learns_ratings_and_measures_them_on_other_speakers(
    corpus: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    rated = [
        u.model_copy(update={"rating": Rating(**dict.fromkeys(CRITERIA, 1 + i % 2)), "extra": {"think": "It is low."}})
        for i, u in enumerate(read_jsonl(corpus))
    ]
    write_jsonl(tmp_path / "ratings.jsonl", rated)
    recipe = RewardModelRecipe(
        model=str(tiny_folder),
        ratings=tmp_path / "ratings.jsonl",
        train_llm="lora",
        train_tower=False,
        lora=Lora(rank=4, alpha=8),
        steps=10,
        batch_size=4,
        learning_rates={"llm": 2e-2},
        warmup_steps=0,
        log_steps=1,
        bf16=False,
    )
    # Killed among the held-out ratings: the model and the ratings that were made stay.
    kill_at("reward-train", recipe, tmp_path / "out", "held_out.jsonl")
    trained = (tmp_path / "out" / "model" / "model.safetensors").stat().st_mtime_ns
    metrics = run(recipe, tmp_path / "out")
    assert (tmp_path / "out" / "model" / "model.safetensors").stat().st_mtime_ns == trained
    assert metrics["count"] == 4
    lines = [json.loads(line) for line in (tmp_path / "out" / "held_out.jsonl").read_text().splitlines()]
    # Digits it never saw as gold lose against those it did.
    assert all(value in (1, 2) for line in lines for value in line["rated"].values())
    assert run(recipe, tmp_path / "out") == metrics
