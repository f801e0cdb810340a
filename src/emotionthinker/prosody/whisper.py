"""Whisper base from the embedded packages, decoding greedily.

Its encoder sees 15 s instead of the padded 30 s where the clip is short, and 30 s again when the words are doubtful: on
100 English clips 0.85 instead of 1.53 CPU-seconds each, word error rate 0.046 against 0.043, 94 texts the same. Shorter
windows make the decoder run on (10 s: 0.19).
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emotionthinker.audio import resampled
from emotionthinker.errors import WeightsError
from emotionthinker.languages import WHISPER
from emotionthinker.prosody import word_times
from emotionthinker.prosody.heard import Heard, Listening, unintelligible
from emotionthinker.prosody.words import primary

if TYPE_CHECKING:
    import torch

Samples = npt.NDArray[np.float32]

WINDOW_S = 30.0
SHORT_WINDOW_S = 15.0
PAD_S = 3.0
"""Silence that the window holds at least after the sound."""
DOUBTFUL_LOGPROB = -0.5
"""Under this a short window is not trusted and the whole one is taken."""
MAX_TOKENS = 224
_RATE = 16_000
_failures: dict[str | None, Exception] = {}
"""Why the recogniser could not be had, by the folder of its packages."""


def recognise(
    samples: Samples, sample_rate: int, language: str | None = "en", *, window_s: float | None = None
) -> Heard:
    """Words of mono samples up to 30 s, decoded greedily. `language` None lets Whisper tell.

    `window_s` is the stretch the encoder sees; by default 15 s where the sound fits, 30 s where it does not or
    the short window leaves doubt. Raises `WeightsError` without the packages, `ImportError` without torch.
    """
    samples = resampled(samples, sample_rate, _RATE)
    if window_s is not None:
        return _listen(samples, language, window_s)
    if len(samples) / _RATE + PAD_S <= SHORT_WINDOW_S:
        heard = _listen(samples, language, SHORT_WINDOW_S)
        if heard.logprob >= DOUBTFUL_LOGPROB and not unintelligible(heard):
            return heard
    return _listen(samples, language, WINDOW_S)


def listen(
    samples: Samples, sample_rate: int, language: str | None = "en", *, loaded: tuple[Any, Any] | None = None
) -> Listening:
    """Words of mono samples up to 30 s together with the encoder's states: one pass for all who read them.

    `loaded` is a Whisper model of transformers and its processor, multilingual or English only; by default the
    embedded one. Raises `WeightsError` without its packages, `ImportError` without torch.
    """
    model, processor = loaded or embedded()
    return _window(model, processor, resampled(samples, sample_rate, _RATE), language, WINDOW_S)


def embedded() -> tuple[Any, Any]:
    """The Whisper model and its processor, loaded once a process. Raises `WeightsError` or `ImportError`.

    Failure is kept until `try_again`: a corpus must not try the same download once a clip.
    """
    home = os.environ.get("EMOTIONTHINKER_HOME")
    if home in _failures:
        raise _failures[home]
    try:
        return _load(home)
    except (WeightsError, ImportError) as error:
        warnings.warn(f"clips without a transcript get none: {error}", stacklevel=3)
        _failures[home] = error
        raise


def try_again() -> None:
    """Forget that the recogniser could not be had: each run looks for it anew."""
    _failures.clear()


def _listen(samples: Samples, language: str | None, window_s: float) -> Heard:
    """Words of 16 kHz samples in a window of `window_s`."""
    return _window(*embedded(), samples, language, window_s).heard


def _window(model: Any, processor: Any, samples: Samples, language: str | None, window_s: float) -> Listening:
    """Encode and decode 16 kHz samples, padded or cut to `window_s`."""
    import torch

    padded = np.zeros(round(min(window_s, WINDOW_S) * 50) * 320, np.float32)
    padded[: len(samples)] = samples[: len(padded)]
    features = processor.feature_extractor(
        padded, sampling_rate=_RATE, padding=False, return_tensors="pt"
    ).input_features
    with torch.inference_mode():
        states = _encode(model, features.to(model.dtype))
        heard = _decode(model, processor.tokenizer, states[-1], language, len(samples) / _RATE)
    return Listening(heard, states)


@functools.lru_cache(maxsize=1)
def _load(home: str | None) -> tuple[Any, Any]:
    from emotionthinker.models import nano

    return nano.load_whisper()


def _encode(model: Any, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Encoder states of log-mel features [1, mels, frames] of any length up to 3000: before the first layer and after
    each, the last one normalised; each [1, frames/2, d].
    """
    from torch.nn import functional as F

    encoder = model.model.encoder
    hidden = F.gelu(encoder.conv1(features))
    hidden = F.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    states = [hidden]
    for layer in encoder.layers:
        out = layer(hidden, None)
        hidden = out[0] if isinstance(out, tuple) else out
        states.append(hidden)
    return (*states[:-1], encoder.layer_norm(states[-1]))


def _decode(model: Any, tokenizer: Any, states: torch.Tensor, language: str | None, seconds: float) -> Heard:
    """Greedy decoding without timestamps; the words are placed afterwards (`word_times`)."""
    from transformers.modeling_outputs import BaseModelOutput

    encoded = BaseModelOutput(last_hidden_state=states)
    prompt, code = _prompt(model, encoded, language)
    with word_times.watched(model) as asked:
        said, logprobs = _greedy(model, encoded, prompt)
    text = tokenizer.decode(said, skip_special_tokens=True).strip()
    words = word_times.place(model, tokenizer, states, asked, said, logprobs, code, seconds)
    return Heard(text, sum(logprobs) / (len(said) + 1), code, tuple(words))


def _greedy(model: Any, encoded: Any, prompt: list[int]) -> tuple[list[int], list[float]]:
    """The likeliest token at each step up to the end, and all log-probabilities, that of the end included.

    The last token is always shown to the model, whether or not the end follows.
    """
    import torch

    settings = model.generation_config
    suppressed = torch.tensor(settings.suppress_tokens or [], dtype=torch.long)
    tokens = torch.tensor([prompt])
    cache = None
    said: list[int] = []
    logprobs: list[float] = []
    while True:
        out = model(encoder_outputs=encoded, decoder_input_ids=tokens, past_key_values=cache, use_cache=True)
        cache, logits = out.past_key_values, out.logits[0, -1].float()
        logits[suppressed] = -math.inf
        logits[settings.no_timestamps_token_id + 1 :] = -math.inf
        if not said:
            logits[settings.begin_suppress_tokens] = -math.inf
        best = int(logits.argmax())
        logprobs.append(float(logits.log_softmax(-1)[best]))
        if best == settings.eos_token_id or len(said) == MAX_TOKENS:
            break
        said.append(best)
        tokens = torch.tensor([[best]])
    return said, logprobs


def _prompt(model: Any, encoded: Any, language: str | None) -> tuple[list[int], str]:
    """The tokens that open a transcript without timestamps, and the language: as asked, else as Whisper hears it."""
    import torch

    settings = model.generation_config
    start, last = settings.decoder_start_token_id, settings.no_timestamps_token_id
    known = getattr(settings, "lang_to_id", None)
    if not known:  # an English-only model
        return [start, last], "en"
    code = primary(language) if language else ""
    spoken = f"<|{WHISPER.get(code, code)}|>"
    if spoken not in known:
        first = model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([[start]])).logits[0, -1]
        spoken = max(known, key=lambda code: float(first[known[code]]))
    return [start, known[spoken], settings.task_to_id["transcribe"], last], spoken.strip("<|>")
