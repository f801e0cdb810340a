from __future__ import annotations

from typing import Any

import pytest

from emotionthinker.errors import RecipeError
from emotionthinker.training.parameters import (
    PARTS,
    assert_trainable,
    format_table,
    part_of,
    set_trainable,
    trainable_table,
)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.audio_tower.layers.0.self_attn.q_proj.weight", "tower"),
        ("model.audio_tower.conv1.bias", "tower"),
        ("model.audio_tower.proj.weight", "projector"),
        ("model.audio_tower.ln_post.bias", "projector"),
        ("model.language_model.layers.1.mlp.up_proj.weight", "llm"),
        ("base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_A.default.weight", "llm"),
        ("thinker.model.language_model.embed_tokens.weight", "llm"),
        ("lm_head.weight", "lm_head"),
        ("model.visual.patch_embed.proj.weight", "visual"),
    ],
)
def test_part_of(name: str, part: str) -> None:
    assert part_of(name) == part


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"talker\.x"):
        part_of("talker.x")


def test_table_counts_every_parameter_once(tiny_thinker: Any) -> None:
    table = trainable_table(tiny_thinker[0])
    assert tuple(table) == PARTS
    assert sum(count.total for count in table.values()) == sum(p.numel() for p in tiny_thinker[0].parameters())
    assert table["lm_head"].total == 0  # tied to the embedding


@pytest.mark.parametrize("parts", [{"llm"}, {"tower", "projector"}, set()])
def test_set_and_assert(fresh_thinker: Any, parts: set[str]) -> None:
    model = fresh_thinker[0]
    set_trainable(model, parts)
    table = assert_trainable(model, parts)
    assert all(count.trainable == (count.total if part in parts else 0) for part, count in table.items())


def test_a_part_too_many_is_shown(fresh_thinker: Any) -> None:
    model = fresh_thinker[0]
    set_trainable(model, {"llm"})
    model.model.audio_tower.proj.weight.requires_grad_(True)
    with pytest.raises(RecipeError, match=r"\['llm', 'projector'\], the stage expects \['llm'\]") as error:
        assert_trainable(model, {"llm"})
    assert format_table(trainable_table(model)) in str(error.value)
    with pytest.raises(ValueError, match="talker"):
        assert_trainable(model, {"talker"})
