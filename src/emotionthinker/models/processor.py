"""From conversations and sound to the thinker's tensors: chat text, audio placeholders, log-mel features.

The stock `Qwen2_5OmniProcessor` wants image and video processors (and with them torchvision) and pads every clip to
the feature extractor's whole window, 300 s for the released checkpoints. This one hears only, and cuts the features to
the longest clip of the batch; what the encoder sees of a clip does not depend on the clips beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen2_5OmniProcessor,
    WhisperFeatureExtractor,
)
from transformers.processing_utils import ProcessorMixin

from emotionthinker.errors import AudioError, DeafForwardError, WeightsError
from emotionthinker.prosody.activity import trim

SAMPLE_RATE = 16000

PLACEHOLDERS = {
    "audio_token": "<|AUDIO|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
    "image_token": "<|IMAGE|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
}
"""Attribute of the tokenizer -> the name the token has in Qwen2.5-Omni's vocabulary."""

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] }}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] in ('audio', 'audio_url', 'input_audio') -%}{{ '<|audio_bos|><|AUDIO|><|audio_eos|>' }}"
    "{%- elif part['type'] == 'text' -%}{{ part['text'] }}"
    "{%- else -%}{{ raise_exception('only audio and text parts are understood, not ' + part['type']) }}"
    "{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
"""ChatML with an audio slot, the layout both SmolLM2 and Qwen2.5 were trained on."""


class AudioProcessor(Qwen2_5OmniProcessor):  # type: ignore[misc]
    """Qwen2.5-Omni's processor without eyes: a Whisper feature extractor, a tokenizer and a chat template.

    It can be given to transformers and TRL wherever they take a processor; `encode` is the direct way.
    """

    def __init__(self, feature_extractor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        ProcessorMixin.__init__(self, feature_extractor, tokenizer, chat_template=chat_template)
        name_placeholders(tokenizer)
        for attribute in PLACEHOLDERS:
            setattr(self, attribute, getattr(tokenizer, attribute))
        for kind in ("audio", "image", "video"):
            setattr(self, f"{kind}_token_id", getattr(tokenizer, f"{kind}_token_id"))

    @property
    def max_seconds(self) -> float:
        """The longest clip one audio slot takes, seconds."""
        return float(self.feature_extractor.n_samples / self.feature_extractor.sampling_rate)

    @property
    def trims_silence(self) -> bool:
        """Whether silence before and after the speech is left out: an attribute of the feature extractor's settings."""
        return bool(getattr(self.feature_extractor, "trims_silence", False))

    @property
    def model_input_names(self) -> list[str]:
        names = [*self.tokenizer.model_input_names, *self.feature_extractor.model_input_names]
        return list(dict.fromkeys([*names, "feature_attention_mask"]))

    def _process_audio(self, audio: Any, **kwargs: Any) -> tuple[dict[str, Any], list[str]]:
        """Called by the base class for every batch with audio: features and the text that replaces each slot."""
        features, mask = self.features(audio)
        counts = [audio_token_count(int(frames)) for frames in mask.sum(-1)]
        tensors = {"input_features": features, "feature_attention_mask": mask, "num_audio_tokens": counts}
        return tensors, [self.audio_token * count for count in counts]

    def features(self, clips: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Log-mel features of clips (each float [n] at 16 kHz): float32 [clips, mels, frames] and their mask
        int64 [clips, frames], 100 frames a second, as many frames as the longest clip has.

        Raises `AudioError` for a clip that is not mono, not finite, under 21 ms or longer than `max_seconds`.
        """
        extractor = self.feature_extractor
        arrays = [self._checked(clip, index) for index, clip in enumerate(clips)]
        if self.trims_silence:
            arrays = [trim(array, extractor.sampling_rate) for array in arrays]
        frames = [math.ceil(array.size / extractor.hop_length) for array in arrays]
        # The last frame's window reaches half an FFT past the end: silence there, as in the full-window features.
        reach = max(frames) + math.ceil(extractor.n_fft / 2 / extractor.hop_length)
        raw = extractor(
            arrays,
            sampling_rate=extractor.sampling_rate,
            padding="max_length",
            max_length=reach * extractor.hop_length,
            truncation=False,
            return_tensors="np",
        )["input_features"]
        mask = np.arange(max(frames))[None, :] < np.array(frames)[:, None]
        return np.ascontiguousarray(raw[:, :, : max(frames)], dtype=np.float32), mask.astype(np.int64)

    def _checked(self, clip: np.ndarray, index: int) -> np.ndarray:
        array = np.asarray(clip, dtype=np.float32)
        extractor = self.feature_extractor
        if array.ndim != 1:
            raise AudioError("wrong_shape", f"audio {index} has shape {array.shape}; expected mono samples [n]")
        if audio_token_count(math.ceil(array.size / extractor.hop_length)) < 1:
            raise AudioError(
                "empty", f"audio {index} has {array.size} samples; the encoder needs over {2 * extractor.hop_length}"
            )
        if array.size > extractor.n_samples:
            raise AudioError(
                "too_long",
                f"audio {index} lasts {array.size / extractor.sampling_rate:.1f} s; "
                f"this model hears {self.max_seconds:g} s at once: cut the clip",
            )
        if not np.isfinite(array).all():
            raise AudioError("not_finite", f"audio {index} holds NaN or infinite samples; expected finite floats")
        return array


def audio_token_count(frames: int) -> int:
    """Placeholders (25 a second) that `frames` mel frames (100 a second) become: stride-2 convolution, then pairs."""
    return ((frames - 1) // 2 + 1) // 2 if frames > 0 else 0


def name_placeholders(tokenizer: Any) -> None:
    """Give the tokenizer the attributes `audio_token`, `audio_token_id`, ... where its files do not name them.

    Checkpoints saved by early transformers versions carry the tokens in the vocabulary only.
    Raises `WeightsError` when a token is not in the vocabulary.
    """
    named = {a: getattr(tokenizer, a, None) or name for a, name in PLACEHOLDERS.items()}
    vocabulary = tokenizer.get_vocab()
    absent = sorted(name for name in named.values() if name not in vocabulary)
    if absent:
        raise WeightsError(
            f"the tokenizer has no {', '.join(absent)}; expected a Qwen2.5-Omni vocabulary "
            "(its audio and vision placeholders): point to a Qwen2.5-Omni checkpoint or to the nano model"
        )
    for attribute, name in named.items():
        if getattr(tokenizer, attribute, None) is None:
            setattr(tokenizer, attribute, name)
        if getattr(tokenizer, f"{attribute}_id", None) is None:
            setattr(tokenizer, f"{attribute}_id", vocabulary[name])


def make_processor(
    tokenizer: PreTrainedTokenizerFast,
    *,
    mel_bins: int = 80,
    window_s: int = 30,
    chat_template: str = CHAT_TEMPLATE,
    trims_silence: bool = False,
) -> AudioProcessor:
    """A processor around a tokenizer, for audio of at most `window_s` seconds a slot.

    `trims_silence` is stored with the feature extractor and so goes wherever the model goes.
    """
    extractor = WhisperFeatureExtractor(
        feature_size=mel_bins,
        sampling_rate=SAMPLE_RATE,
        hop_length=160,
        n_fft=400,
        chunk_length=window_s,
        trims_silence=trims_silence,
    )
    return AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer, chat_template=chat_template)


def load_processor(source: str | Path, **hub: Any) -> AudioProcessor:
    """The audio-only processor of a checkpoint folder or hub id, the released Qwen2.5-Omni layout included.

    `hub` goes to `from_pretrained` (`revision`, `token`, `local_files_only`, ...). Raises `WeightsError`
    when the tokenizer, the feature extractor's settings or the placeholders are missing.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(source), **hub)
        extractor = WhisperFeatureExtractor.from_pretrained(str(source), **hub)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"no usable tokenizer and feature extractor at {source}: {error}; expected the files of a "
            "Qwen2.5-Omni checkpoint (tokenizer, preprocessor_config.json)"
        ) from error
    template = _stored_template(source, hub) or tokenizer.chat_template or CHAT_TEMPLATE
    return AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer, chat_template=template)


def _stored_template(source: str | Path, hub: Mapping[str, Any]) -> str | None:
    """The chat template beside the checkpoint (`chat_template.jinja` or `.json`), `None` without one."""
    settings, _ = AudioProcessor.get_processor_dict(str(source), **hub)
    template = settings.get("chat_template")
    return template if isinstance(template, str) else None


def encode(
    processor: AudioProcessor,
    conversations: Sequence[Sequence[Mapping[str, Any]]],
    audios: Sequence[np.ndarray | Sequence[np.ndarray] | None],
    *,
    add_generation_prompt: bool = True,
    padding_side: str = "left",
) -> dict[str, torch.Tensor]:
    """Tensors of a batch of conversations (chat messages with `{"type": "audio"}` slots), ready for the thinker.

    `audios[i]` belongs to `conversations[i]`: float samples [n] at 16 kHz, a list of such for several slots, or
    `None`. Returns `input_ids`, `attention_mask` [batch, tokens] and, where there is audio, `input_features`
    [clips, mels, frames] and `feature_attention_mask` [clips, frames], clips in reading order.
    Raises `ValueError` when slots and clips differ in number, `AudioError` for unusable samples.
    """
    if len(conversations) != len(audios):
        raise ValueError(f"{len(conversations)} conversations came with {len(audios)} audio entries; expected one each")
    texts: list[str] = []
    clips: list[np.ndarray] = []
    for index, (conversation, audio) in enumerate(zip(conversations, audios, strict=True)):
        text = render(processor, conversation, add_generation_prompt=add_generation_prompt)
        own = _clips(audio)
        slots = text.count(processor.audio_token)
        if slots != len(own):
            raise ValueError(f"conversation {index} has {slots} audio slots and {len(own)} clips; expected one each")
        texts.append(text)
        clips.extend(own)
    batch = processor(text=texts, audio=clips or None, padding=True, padding_side=padding_side, return_tensors="pt")
    inputs = {name: batch[name] for name in processor.model_input_names if name in batch}
    check_agreement(inputs, processor.audio_token_id)
    return inputs


def render(processor: AudioProcessor, conversation: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
    """The chat text of one conversation, one audio token a slot (the processor repeats it to the clip's length)."""
    return str(
        processor.tokenizer.apply_chat_template(
            [dict(message) for message in conversation],
            chat_template=processor.chat_template,
            add_generation_prompt=add_generation_prompt,
            tokenize=False,
        )
    )


def _clips(audio: np.ndarray | Sequence[np.ndarray] | None) -> list[np.ndarray]:
    if audio is None:
        return []
    return [audio] if isinstance(audio, np.ndarray) else list(audio)


def check_agreement(inputs: Mapping[str, Any], audio_token_id: int) -> None:
    """Raise `DeafForwardError` unless the audio tokens in `input_ids` are as many as the features will fill."""
    promised = int((inputs["input_ids"] == audio_token_id).sum())
    mask = inputs.get("feature_attention_mask")
    if inputs.get("input_features") is None or mask is None:
        if promised:
            raise DeafForwardError(
                f"{promised} audio tokens came without features; pass input_features and feature_attention_mask"
            )
        return
    delivered = sum(audio_token_count(int(frames)) for frames in mask.sum(-1))
    if promised != delivered:
        raise DeafForwardError(
            f"{promised} audio tokens came with features for {delivered}; "
            "expected equal numbers: encode text and audio together and never truncate prompts"
        )
