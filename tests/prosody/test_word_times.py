from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.prosody import word_times


def brute_force(cost: np.ndarray) -> float:
    """Least cost of a monotone path by trying all of them."""
    rows, columns = cost.shape

    def best(i: int, j: int) -> float:
        if i == rows - 1 and j == columns - 1:
            return float(cost[i, j])
        steps = [(i + a, j + b) for a, b in ((1, 1), (1, 0), (0, 1)) if i + a < rows and j + b < columns]
        return float(cost[i, j]) + min(best(*step) for step in steps)

    return best(0, 0)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1000))
def test_the_path_is_monotone_whole_and_the_cheapest(rows: int, columns: int, seed: int) -> None:
    cost = np.random.default_rng(seed).normal(size=(rows, columns))
    path = word_times.warp(cost)
    cells = [(i, j) for i, line in enumerate(path) for j in line]
    assert (cells[0], cells[-1]) == ((0, 0), (rows - 1, columns - 1))
    assert all((b[0] - a[0], b[1] - a[1]) in {(1, 1), (1, 0), (0, 1)} for a, b in itertools.pairwise(cells))
    assert sum(cost[cell] for cell in cells) == pytest.approx(brute_force(cost))


def test_the_path_follows_a_bright_staircase() -> None:
    bright = np.zeros((4, 40))
    for row, (start, end) in enumerate(((0, 5), (5, 20), (20, 22), (22, 40))):
        bright[row, start:end] = 1.0
    assert [line[0] for line in word_times.warp(-bright)] == [0, 5, 20, 22]


def test_attention_is_that_of_the_model_itself() -> None:
    """The hooks give the weights that transformers returns under eager attention."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = {f"{part}_{what}": 2 for part in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    config = transformers.WhisperConfig(
        vocab_size=64, d_model=16, encoder_ffn_dim=32, decoder_ffn_dim=32, max_target_positions=30,
        pad_token_id=0, bos_token_id=0, eos_token_id=1, decoder_start_token_id=2, **size,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config).eval()
    states, tokens = torch.randn(1, 50, 16), [2, 7, 9, 30]
    model.generation_config.alignment_heads = [(1, 0), (0, 1), (1, 1)]
    with torch.inference_mode(), word_times.watched(model) as asked:
        first = model.model.decoder(torch.tensor([tokens[:2]]), encoder_hidden_states=states, use_cache=True)
        model.model.decoder(
            torch.tensor([tokens[2:]]), encoder_hidden_states=states, past_key_values=first.past_key_values
        )
    ours = word_times.attention(model, states, asked)
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        theirs = model.model.decoder(
            torch.tensor([tokens]), encoder_hidden_states=states, output_attentions=True
        ).cross_attentions
    for got, (layer, head) in zip(ours, [(1, 0), (0, 1), (1, 1)], strict=True):
        np.testing.assert_allclose(got, theirs[layer][0, head].numpy(), atol=1e-5)


def speller(pieces: list[str]) -> Any:
    return SimpleNamespace(
        decode=lambda ids: b"".join(p.encode("latin-1") for p in (pieces[i] for i in ids)).decode(
            "utf-8", errors="replace"
        )
    )


def test_tokens_become_words_at_spaces() -> None:
    tokenizer = speller([" It", "'s", " well", "-", "known", ",", " -", " twenty", "."])
    assert word_times.grouped(tokenizer, range(9), "en") == [("It's", 2), ("well-known,-", 5), ("twenty.", 2)]


def test_letters_split_over_tokens_stay_together() -> None:
    pieces = [piece.decode("latin-1") for piece in (b" f\xc3", b"\xbcr", b" dich")]
    assert word_times.grouped(speller(pieces), range(3), "de") == [("für", 2), ("dich", 1)]
    chinese = [piece.decode("latin-1") for piece in ("你".encode(), "好".encode()[:2], "好".encode()[2:])]
    assert word_times.grouped(speller(chinese), range(3), "zh") == [("你", 1), ("好", 2)]


def test_without_heads_or_words_nothing_is_placed() -> None:
    model = SimpleNamespace(generation_config=SimpleNamespace())
    with word_times.watched(model) as asked:
        assert asked == {}
    assert word_times.place(model, None, np.zeros((1, 100, 4)), asked, [5], [-0.1], "en", 1.0) == []
    assert word_times.place(model, None, np.zeros((1, 100, 4)), {0: [np.zeros((1, 4, 4))]}, [], [], "en", 1.0) == []
