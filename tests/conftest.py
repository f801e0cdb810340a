"""Sound and a small model for every test: synthesised, seeded, made on the spot."""

from __future__ import annotations

import copy
import importlib.util
import os
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# Each of these makes rich and typer take a pipe for a terminal, or a terminal for a narrow one.
for _name in ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "NO_COLOR", "TTY_COMPATIBLE", "TERMINAL_WIDTH", "COLUMNS"):
    os.environ.pop(_name, None)

from emotionthinker.cli.extras import NOT_FOR_OLDER  # noqa: E402

SAMPLE_RATE = 16000

# transformers, trl and peft have no release for Python 3.10: there models and their tests are left out, nothing else.
if importlib.util.find_spec("transformers") is None:
    collect_ignore_glob = ["models/*", "training/*"]
    collect_ignore = ["prosody/test_hearing.py", "test_recipes_shipped.py"]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, ModuleNotFoundError) and error.name in NOT_FOR_OLDER:
            report.outcome = "skipped"
            report.longrepr = (report.location[0], report.location[1] or 0, f"{error.name} is not installed")
        return report


# Times are never asserted: a busy machine must not fail a test. Examples are the same in every run, so that a change
# is judged, not a draw; `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))


def _syllables(seconds: float = 1.0, f0: float = 200.0, gain: float = 0.3, seed: int = 0) -> np.ndarray:
    """Voiced harmonic syllables (four a second) with short pauses, over a faint noise floor; peak `gain`."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = f0 * (1.05 - 0.1 * time / max(seconds, 1e-9)) * (1 + 0.01 * np.sin(2 * np.pi * 5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    harmonics = np.arange(1, min(20, int(3800 / f0)) + 1)
    weights = 1 / harmonics + 0.6 * np.exp(-(((harmonics * f0 - 700) / 200) ** 2))
    voice = weights @ np.sin(harmonics[:, None] * phase[None, :])
    place = (time * 4) % 1
    envelope = np.where(place < 0.75, np.sin(np.pi * np.minimum(place / 0.75, 1)) ** 0.5, 0.0)
    loudness = rng.uniform(0.7, 1.0, int(seconds * 4) + 1)[(time * 4).astype(int)]
    signal = voice * envelope * loudness
    signal = signal / max(np.abs(signal).max(initial=0.0), 1e-9) + 1e-3 * rng.standard_normal(time.size)
    return np.asarray(gain * signal / max(np.abs(signal).max(initial=0.0), 1e-9), dtype=np.float32)


@pytest.fixture(scope="session")
def speech() -> Callable[..., np.ndarray]:
    """`speech(seconds=1.0, f0=200.0, gain=0.3, seed=0)` -> float32 samples at 16 kHz."""
    return _syllables


def _project_texts() -> list[str]:
    """What the thinker is asked and answers: the corpus of the tiny tokenizer."""
    from emotionthinker.emotions import EMOTIONS
    from emotionthinker.models import prompt

    heard = (
        "The pitch is high and the voice is loud, with a rising contour. The energy is low and the speech is slow, "
        "with stress on a word. A woman speaks fast; the intonation is flat, expressive, falling. This sounds "
    )
    asked = [prompt.SYSTEM, prompt.QUESTION, prompt.emotion_question("It is eleven o'clock."), "system user assistant"]
    return asked + [prompt.completion(heard + emotion.lower(), emotion) for emotion in EMOTIONS]


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """Byte-level BPE of 600 tokens trained on the project's texts, with the thinker's placeholders."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from emotionthinker.models.processor import PLACEHOLDERS

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *PLACEHOLDERS.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_project_texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens=dict(PLACEHOLDERS),
    )


TINY_TEXT = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e5, "mrope_section": [4, 6, 6]},
}
TINY_AUDIO = {
    "num_mel_bins": 80,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "d_model": 64,
    "max_source_positions": 1500,
}


@pytest.fixture(scope="session")
def tiny_thinker(tiny_tokenizer: Any) -> tuple[Any, Any]:
    """(model, processor): a random Qwen2.5-Omni thinker of 0.7M parameters, laid out as the nano model.

    Shared by all tests: take `fresh_thinker` to train or change it.
    """
    import torch
    from transformers import Qwen2_5OmniThinkerForConditionalGeneration

    from emotionthinker.models import nano
    from emotionthinker.models.processor import make_processor

    config = nano.thinker_config(tiny_tokenizer, {**TINY_TEXT, "vocab_size": len(tiny_tokenizer)}, TINY_AUDIO)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Qwen2_5OmniThinkerForConditionalGeneration(config)
    model.generation_config = nano.generation_config(tiny_tokenizer)
    return model.eval(), make_processor(tiny_tokenizer)


@pytest.fixture
def fresh_thinker(tiny_thinker: tuple[Any, Any]) -> tuple[Any, Any]:
    """A copy of `tiny_thinker` that the test may change."""
    model, processor = tiny_thinker
    return copy.deepcopy(model), processor
