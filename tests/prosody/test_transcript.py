from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emotionthinker import audio
from emotionthinker.errors import WeightsError
from emotionthinker.prosody import activity, rate, transcript
from emotionthinker.prosody.heard import HeardWord

RATE = 16000


def measured(samples: np.ndarray, **options: Any) -> Any:
    return transcript.measure(samples, RATE, activity.speech_mask(samples, RATE), **options)


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
    monkeypatch.setattr(transcript, "_load", lambda home: (model, processor))
    return model


def test_given_text_wins(speech: Any) -> None:
    found = measured(speech(), text="  It is eleven. ")
    assert (found.text, found.source, found.reason) == ("It is eleven.", "given", None)
    assert found.language is None


def test_reasons_without_words(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(speech(), transcribe=False).reason == "no_transcript"
    assert measured(np.zeros(RATE, np.float32)).reason == "silent"

    monkeypatch.setattr(transcript, "_load", lambda home: WeightsError("run `emotionthinker weights`"))
    assert measured(speech()).reason == "no_recogniser"


def test_a_missing_recogniser_is_looked_for_once_and_warned_of(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nano = pytest.importorskip("emotionthinker.models.nano")
    tried = []

    def missing() -> Any:
        tried.append(1)
        raise WeightsError("run `emotionthinker weights`")

    monkeypatch.setattr(nano, "load_whisper", missing)
    transcript._load.cache_clear()
    with pytest.warns(UserWarning, match="emotionthinker weights"):
        assert measured(speech()).reason == "no_recogniser"
    assert measured(speech()).reason == "no_recogniser"
    assert len(tried) == 1
    transcript._load.cache_clear()


@pytest.mark.parametrize(
    ("heard", "refused"),
    [
        (transcript.Heard("it is eleven", -0.2, "en"), False),
        (transcript.Heard("it is eleven", -1.5, "en"), True),
        (transcript.Heard("no " * 20, -0.1, "en"), True),
        (transcript.Heard("", -0.1, "en"), True),
    ],
)
def test_made_up_words_are_refused(heard: transcript.Heard, refused: bool) -> None:
    assert transcript.unintelligible(heard) is refused


def test_refused_words_leave_a_reason(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "recognise", lambda *_: transcript.Heard("la " * 30, -0.1, "en"))
    assert measured(speech()).reason == "unintelligible"


def test_encoder_of_any_length_is_whispers_own_at_30_s(tiny_whisper: Any) -> None:
    import torch

    torch.manual_seed(1)
    features = torch.randn(1, 80, 3000)
    with torch.inference_mode():
        ours = transcript._encode(tiny_whisper, features)[-1]
        theirs = tiny_whisper.model.encoder(features).last_hidden_state
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert transcript._encode(tiny_whisper, features[..., :1000])[-1].shape == (1, 500, 16)


def test_listening_hands_over_the_states_of_all_layers(tiny_whisper: Any, speech: Any) -> None:
    """As transformers gives them for the padded 30 s window, with the words that recognition finds there."""
    import torch

    samples = speech(seconds=2.0)
    heard, states = transcript.listen(samples, RATE)
    assert heard == transcript.recognise(samples, RATE, window_s=30.0)
    _, processor = transcript.embedded()
    features = processor.feature_extractor(samples, sampling_rate=RATE, return_tensors="pt").input_features
    with torch.inference_mode():
        theirs = tiny_whisper.model.encoder(features, output_hidden_states=True).hidden_states
    assert len(states) == len(theirs) == 3
    assert all(state.shape == (1, 1500, 16) for state in states)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(states, theirs, strict=True))


def test_an_english_only_model_can_listen(tiny_whisper: Any, speech: Any) -> None:
    _, processor = transcript.embedded()
    del tiny_whisper.generation_config.lang_to_id
    opened = []
    forward = tiny_whisper.forward
    tiny_whisper.forward = lambda **k: opened.append(k["decoder_input_ids"].tolist()) or forward(**k)
    heard, _ = transcript.listen(speech(seconds=1.0), RATE, "de", whisper=(tiny_whisper, processor))
    assert heard.language == "en"
    assert opened[0] == [[2, 55]]


def test_words_get_places_where_the_model_names_its_heads(tiny_whisper: Any, speech: Any) -> None:
    tiny_whisper.generation_config.alignment_heads = [[0, 1], [1, 0]]
    transcript.embedded()[1].tokenizer.decode = lambda ids, **_: "".join(f" w{i}" for i in ids)
    heard = transcript.recognise(speech(seconds=2.0), RATE, window_s=10.0)
    assert [word.text for word in heard.words] == heard.text.split()
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(heard.words))
    assert heard.words[-1].end_s <= 2.0
    assert np.mean([np.log(word.confidence) for word in heard.words]) == pytest.approx(heard.logprob, abs=0.3)


def test_greedy_decoding_equals_full_recomputation(tiny_whisper: Any) -> None:
    """The cached loop gives the tokens that argmax over whole prefixes gives; suppressed ones never appear."""
    import torch

    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    heard = transcript.recognise(samples, RATE, "de", window_s=10.0)
    assert heard.language == "de"
    _, processor = transcript.embedded()
    padded = np.zeros(10 * RATE, np.float32)
    padded[:RATE] = samples
    features = processor.feature_extractor(
        padded, sampling_rate=RATE, padding=False, return_tensors="pt"
    ).input_features
    prefix = [2, 52, 53, 55]
    with torch.inference_mode():
        states = transcript._encode(tiny_whisper, features)[-1]
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

    def listen(samples: np.ndarray, language: str | None, window_s: float) -> transcript.Heard:
        seen.append(window_s)
        return transcript.Heard("some words", logprob, "en")

    monkeypatch.setattr(transcript, "_listen", listen)
    transcript.recognise(np.zeros(seconds * RATE, np.float32), RATE)
    assert seen == windows


def test_unknown_language_is_left_to_the_model(tiny_whisper: Any, speech: Any) -> None:
    assert transcript.recognise(speech(), RATE, None).language in {"en", "de"}
    assert transcript.recognise(speech(), RATE, "tlh").language in {"en", "de"}


def test_long_sound_is_cut_at_pauses() -> None:
    mask = np.zeros(9000, bool)
    mask[100:2000] = mask[2100:3500] = mask[4000:8900] = True
    pieces = transcript._chunks(np.arange(90 * RATE, dtype=np.float32), RATE, mask)
    lengths = [len(piece) / RATE for _, piece in pieces]
    assert max(lengths) <= transcript.MAX_CHUNK_S + 0.41
    assert sum(lengths) >= (1900 + 1400 + 4900) / 100
    assert all(piece[0] == pytest.approx(start_s * RATE) for start_s, piece in pieces)
    assert pieces[0][0] == pytest.approx(0.8)


def test_the_pieces_of_long_sound_make_one_transcript(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word times count from the start of the clip."""
    word = transcript.Heard("so", -0.1, "en", (HeardWord("so", 0.5, 0.7, 0.9),))
    monkeypatch.setattr(transcript, "recognise", lambda *_: word)
    sound = np.concatenate([speech(seconds=20.0), np.zeros(RATE, np.float32), speech(seconds=20.0)])
    found = measured(sound)
    assert found.text == "so so"
    starts = [place.start_s for place in found.words]
    assert starts == pytest.approx([0.5, 21.3], abs=0.1)
    assert found.confidence == pytest.approx(np.exp(-0.1), abs=1e-3)


def test_the_first_words_of_long_sound_tell_its_language(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answers = [
        transcript.Heard("", -0.1, "la"),  # a piece without words tells nothing
        transcript.Heard("ja so", -0.1, "de"),
        transcript.Heard("nein", -0.1, "de"),
    ]

    def recognise(samples: np.ndarray, sample_rate: int, language: str | None) -> transcript.Heard:
        asked.append(language)
        return answers[len(asked) - 1]

    monkeypatch.setattr(transcript, "recognise", recognise)
    pause = np.zeros(RATE, np.float32)
    sound = np.concatenate([speech(seconds=20.0), pause, speech(seconds=20.0), pause, speech(seconds=20.0)])
    found = measured(sound, language=None)
    assert asked == [None, None, "de"]
    assert (found.text, found.language) == ("ja so nein", "de")


def test_an_ear_hears_the_whole_sound_once(speech: Any) -> None:
    lengths = []

    def ear(samples: np.ndarray, language: str | None) -> transcript.Heard:
        lengths.append(len(samples))
        return transcript.Heard("so", -0.1, language or "de")

    sound = np.concatenate([np.zeros(RATE, np.float32), speech(seconds=2.0)])
    found = measured(sound, language=None, ear=ear)
    assert (found.text, found.source, found.language) == ("so", "whisper-base", "de")
    assert lengths == [3 * RATE]


@pytest.mark.weights
def test_whisper_hears_the_example_clip(spoken: Any) -> None:
    samples, _rate = audio.load(spoken("neutral"))
    try:
        transcript.embedded()
    except (WeightsError, ImportError) as error:
        pytest.skip(f"Whisper base is not to be had: {error}")
    found = measured(samples)
    assert found.source == "whisper-base"
    assert found.text.rstrip(".!").lower() == "they are coming home tomorrow evening"
    speaking = activity.speech_mask(samples, RATE)
    _, spans = rate.measure(samples, RATE, speaking, found.text)
    apart = [abs(word.start_s - span.start_s) for word, span in zip(found.words, spans, strict=True)]
    assert max(apart) < 0.2  # the aligner agrees on where the words begin
    assert 0.5 < found.confidence <= 1.0
