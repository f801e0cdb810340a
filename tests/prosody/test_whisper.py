from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emotionthinker.errors import WeightsError
from emotionthinker.prosody import whisper
from emotionthinker.prosody.heard import Heard

RATE = 16000


@pytest.fixture
def tiny_whisper(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A random Whisper of two small layers in place of the recogniser."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = {f"{part}_{what}": 2 for part in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    config = transformers.WhisperConfig(
        vocab_size=64, num_mel_bins=80, d_model=16, encoder_ffn_dim=32, decoder_ffn_dim=32, max_target_positions=300,
        pad_token_id=0, bos_token_id=0, eos_token_id=1, decoder_start_token_id=2, **size,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config).eval()
    facts = {
        "decoder_start_token_id": 2, "eos_token_id": 1, "suppress_tokens": [3, 4], "begin_suppress_tokens": [1],
        "no_timestamps_token_id": 55, "lang_to_id": {"<|en|>": 51, "<|de|>": 52}, "task_to_id": {"transcribe": 53},
    }  # fmt: skip
    for name, value in facts.items():
        setattr(model.generation_config, name, value)
    tokenizer = SimpleNamespace(decode=lambda ids, **_: " ".join(f"w{i}" for i in ids))
    processor = SimpleNamespace(feature_extractor=transformers.WhisperFeatureExtractor(), tokenizer=tokenizer)
    monkeypatch.setattr(whisper, "_load", lambda home: (model, processor))
    return model


def test_a_missing_recogniser_is_looked_for_once_and_warned_of(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nano = pytest.importorskip("emotionthinker.models.nano")
    tried = []

    def missing() -> Any:
        tried.append(1)
        raise WeightsError("run `emotionthinker weights`")

    monkeypatch.setattr(nano, "load_whisper", missing)
    whisper._load.cache_clear()
    with pytest.warns(UserWarning, match="emotionthinker weights"), pytest.raises(WeightsError):
        whisper.embedded()
    with pytest.raises(WeightsError):
        whisper.embedded()
    assert len(tried) == 1
    whisper.try_again()
    monkeypatch.setattr(nano, "load_whisper", lambda: "there")
    assert whisper.embedded() == "there"
    whisper._load.cache_clear()


def test_encoder_of_any_length_is_whispers_own_at_30_s(tiny_whisper: Any) -> None:
    import torch

    torch.manual_seed(1)
    features = torch.randn(1, 80, 3000)
    with torch.inference_mode():
        ours = whisper._encode(tiny_whisper, features)[-1]
        theirs = tiny_whisper.model.encoder(features).last_hidden_state
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert whisper._encode(tiny_whisper, features[..., :1000])[-1].shape == (1, 500, 16)


def test_listening_hands_over_the_states_of_all_layers(tiny_whisper: Any, speech: Any) -> None:
    """As transformers gives them for the padded 30 s window, with the words that recognition finds there."""
    import torch

    samples = speech(seconds=2.0)
    heard, states = whisper.listen(samples, RATE)
    assert heard == whisper.recognise(samples, RATE, window_s=30.0)
    _, processor = whisper.embedded()
    features = processor.feature_extractor(samples, sampling_rate=RATE, return_tensors="pt").input_features
    with torch.inference_mode():
        theirs = tiny_whisper.model.encoder(features, output_hidden_states=True).hidden_states
    assert len(states) == len(theirs) == 3
    assert all(state.shape == (1, 1500, 16) for state in states)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(states, theirs, strict=True))


def test_an_english_only_model_can_listen(tiny_whisper: Any, speech: Any) -> None:
    _, processor = whisper.embedded()
    del tiny_whisper.generation_config.lang_to_id
    opened = []
    forward = tiny_whisper.forward
    tiny_whisper.forward = lambda **k: opened.append(k["decoder_input_ids"].tolist()) or forward(**k)
    heard, _ = whisper.listen(speech(seconds=1.0), RATE, "de", loaded=(tiny_whisper, processor))
    assert heard.language == "en"
    assert opened[0] == [[2, 55]]


def test_words_get_places_where_the_model_names_its_heads(tiny_whisper: Any, speech: Any) -> None:
    tiny_whisper.generation_config.alignment_heads = [[0, 1], [1, 0]]
    whisper.embedded()[1].tokenizer.decode = lambda ids, **_: "".join(f" w{i}" for i in ids)
    heard = whisper.recognise(speech(seconds=2.0), RATE, window_s=10.0)
    assert [word.text for word in heard.words] == heard.text.split()
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(heard.words))
    assert heard.words[-1].end_s <= 2.0
    assert np.mean([np.log(word.confidence) for word in heard.words]) == pytest.approx(heard.logprob, abs=0.3)


def test_greedy_decoding_equals_full_recomputation(tiny_whisper: Any) -> None:
    """The cached loop gives the tokens that argmax over whole prefixes gives; suppressed ones never appear."""
    import torch

    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    heard = whisper.recognise(samples, RATE, "de", window_s=10.0)
    assert heard.language == "de"
    _, processor = whisper.embedded()
    padded = np.zeros(10 * RATE, np.float32)
    padded[:RATE] = samples
    features = processor.feature_extractor(
        padded, sampling_rate=RATE, padding=False, return_tensors="pt"
    ).input_features
    prefix = [2, 52, 53, 55]
    with torch.inference_mode():
        states = whisper._encode(tiny_whisper, features)[-1]
        for said in range(6):
            hidden = tiny_whisper.model.decoder(torch.tensor([prefix]), encoder_hidden_states=states).last_hidden_state
            logits = tiny_whisper.proj_out(hidden)[0, -1]
            logits[[3, 4, *range(56, 64), *([1] if not said else [])]] = -np.inf
            prefix.append(int(logits.argmax()))
    assert heard.text.split()[:6] == [f"w{i}" for i in prefix[4:]][: len(heard.text.split())]


@pytest.mark.parametrize(
    ("seconds", "logprob", "windows"),
    [(3, -0.2, [15.0]), (3, -0.7, [15.0, 30.0]), (12, -0.2, [15.0]), (13, -0.2, [30.0])],
)
def test_the_whole_window_is_for_long_or_doubtful_sound(
    seconds: int, logprob: float, windows: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def listen(samples: np.ndarray, language: str | None, window_s: float) -> Heard:
        seen.append(window_s)
        return Heard("some words", logprob, "en")

    monkeypatch.setattr(whisper, "_listen", listen)
    whisper.recognise(np.zeros(seconds * RATE, np.float32), RATE)
    assert seen == windows


def test_unknown_language_is_left_to_the_model(tiny_whisper: Any, speech: Any) -> None:
    assert whisper.recognise(speech(), RATE, None).language in {"en", "de"}
    assert whisper.recognise(speech(), RATE, "tlh").language in {"en", "de"}


def test_a_language_that_whisper_writes_otherwise_is_asked_for(tiny_whisper: Any, speech: Any) -> None:
    tiny_whisper.generation_config.lang_to_id = {"<|en|>": 51, "<|jw|>": 52}
    assert {whisper.recognise(speech(), RATE, name).language for name in ("jv", "jw", "Javanese")} == {"jw"}
