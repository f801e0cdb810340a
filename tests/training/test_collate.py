from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionthinker.models.processor import audio_token_count
from emotionthinker.training.collate import IGNORED, Collator, mask_features, weighted
from emotionthinker.training.examples import Source, read


def _batch(corpus: Path, thinker: tuple[Any, Any], **options: Any) -> tuple[list[Any], dict[str, torch.Tensor]]:
    examples = read(Source(path=corpus, kind="traces"))[:4]
    return examples, Collator(thinker[1], weigh=weighted(4.0), **options)(examples)


def test_the_labels_are_the_completion_and_nothing_else(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    examples, batch = _batch(corpus, tiny_thinker)
    tokenizer = tiny_thinker[1].tokenizer
    for example, labels in zip(examples, batch["labels"], strict=True):
        assert tokenizer.decode(labels[labels != IGNORED]) == example.completion + tokenizer.eos_token


def test_the_prompt_is_the_one_generation_meets(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    from emotionthinker import audio
    from emotionthinker.models.processor import encode
    from emotionthinker.models.prompt import conversation

    examples, batch = _batch(corpus, tiny_thinker)
    for example, ids, labels in zip(examples, batch["input_ids"], batch["labels"], strict=True):
        alone = encode(tiny_thinker[1], [conversation(example.question)], [audio.load(example.audio)[0]])
        prompt = ids[: int((labels != IGNORED).nonzero()[0])]
        assert prompt.tolist() == alone["input_ids"][0].tolist()


def test_answers_weigh_more_and_prompts_nothing(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    _, batch = _batch(corpus, tiny_thinker)
    spoken = batch["labels"] != IGNORED
    assert set(batch["label_weights"][spoken].tolist()) == {1.0, 4.0}
    assert (batch["label_weights"][~spoken] == 0).all()
    last = [int(row.nonzero()[-1]) for row in spoken]
    assert all(batch["label_weights"][i, j] == 4.0 for i, j in enumerate(last))


def test_every_audio_token_has_its_features(corpus: Path, tiny_thinker: tuple[Any, Any]) -> None:
    _, batch = _batch(corpus, tiny_thinker)
    for ids, mask in zip(batch["input_ids"], batch["feature_attention_mask"], strict=True):
        assert int((ids == tiny_thinker[1].audio_token_id).sum()) == audio_token_count(int(mask.sum()))


def test_masks_repeat_for_the_same_batch_and_stay_inside_the_clip(
    corpus: Path, tiny_thinker: tuple[Any, Any], speech: Callable[..., np.ndarray]
) -> None:
    _, plain = _batch(corpus, tiny_thinker)
    _, masked = _batch(corpus, tiny_thinker, mask_share=0.3, seed=5)
    _, again = _batch(corpus, tiny_thinker, mask_share=0.3, seed=5)
    assert torch.equal(masked["input_features"], again["input_features"])
    assert not torch.equal(masked["input_features"], plain["input_features"])
    features, mask = torch.randn(2, 80, 50), torch.zeros(2, 50, dtype=torch.long)
    mask[0, :50], mask[1, :20] = 1, 1
    before = features.clone()
    mask_features(features, mask, 0.4, np.random.default_rng(0))
    changed = features != before
    assert changed[0].any()
    # Outside the second clip only whole mel bands were masked, never stretches of time.
    outside = changed[1, :, 20:]
    assert (outside.all(1) | ~outside.any(1)).all()
