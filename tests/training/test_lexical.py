from __future__ import annotations

from typing import Any

import torch

from emotionthinker.training.lexical import WORDS, LexicalHeads
from emotionthinker.training.tower import TASKS


def test_every_class_has_a_word_of_its_own() -> None:
    assert {task: len(words) for task, words in WORDS.items()} == {task: len(names) for task, names in TASKS.items()}
    every = [word for words in WORDS.values() for word in words]
    assert len(set(every)) == len(every)


def test_a_sound_that_is_the_word_is_named_by_it(tiny_thinker: tuple[Any, Any]) -> None:
    model, processor = tiny_thinker
    heads = LexicalHeads(model, processor.tokenizer)
    ids = processor.tokenizer(" loud", add_special_tokens=False)["input_ids"]
    loud = model.get_input_embeddings().weight.detach()[ids].mean(0)
    scores = heads([loud.expand(5, -1), -loud.expand(3, -1)])
    assert scores["energy"].shape == (2, 3)
    assert WORDS["energy"][int(scores["energy"][0].argmax())] == "loud"
    assert WORDS["energy"][int(scores["energy"][1].argmax())] != "loud"
    louder = heads([7 * loud.expand(5, -1)])
    assert torch.allclose(louder["energy"][0], scores["energy"][0], atol=1e-5)  # the direction counts, not the size


def test_only_the_scales_are_learned(tiny_thinker: tuple[Any, Any]) -> None:
    heads = LexicalHeads(*(tiny_thinker[0], tiny_thinker[1].tokenizer))
    assert {name.split(".")[0] for name, _ in heads.named_parameters()} == {"scales"}
