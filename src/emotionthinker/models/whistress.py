"""WhiStress: which words a speaker stresses, read off a frozen Whisper by one more decoder layer and a classifier.

After "WhiStress: Enriching Transcriptions with Sentence Stress Detection" (Interspeech 2025); the files of a head are
those of the published weights: `classifier.pt`, `additional_decoder_block.pt`, `metadata.json`. Where the published
code leaves the mask of the added layer to the attention implementation, here it is always causal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from torch import nn
from torch.nn import functional as F
from transformers import WhisperForConditionalGeneration, WhisperProcessor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.modeling_whisper import WhisperDecoderLayer

from emotionthinker.errors import WeightsError
from emotionthinker.models import nano
from emotionthinker.models.pickled import tensors_of

Samples = npt.NDArray[np.float32]

BACKBONE, LAYER = "openai/whisper-small.en", 9
"""What the published head listens to: the states behind the ninth layer of encoder and decoder."""
BLOCK, CLASSIFIER, METADATA = "additional_decoder_block.pt", "classifier.pt", "metadata.json"
POSITIVE_WEIGHT = 0.7 / 0.3
"""Weight of a stressed token in the loss, against 1."""
IGNORED = -100
SAMPLE_RATE = 16_000


class Encoded(NamedTuple):
    """Encoder states of clips, [clips, positions, d]: those the decoder reads (`last`), those the head does."""

    last: torch.Tensor
    heard: torch.Tensor


class StressClassifier(nn.Module):
    """[..., d] -> logits [..., 2] of unstressed and stressed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, 2)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc2(F.relu(self.fc1(states)))
        return logits


class StressHead(nn.Module):
    """What trains: a Whisper decoder layer, drawn anew, and the classifier behind it."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.additional_decoder_block = WhisperDecoderLayer(config, layer_idx=0)
        self.classifier = StressClassifier(config.d_model)

    def forward(self, read: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        """Logits [clips, tokens, 2] from decoder states `read` [clips, tokens, d] and encoder states `heard`."""
        tokens = read.shape[1]
        future = torch.ones(tokens, tokens, dtype=torch.bool, device=read.device).triu(1)
        mask = torch.zeros(1, 1, tokens, tokens, dtype=read.dtype, device=read.device)
        mask = mask.masked_fill(future, torch.finfo(read.dtype).min)
        out = self.additional_decoder_block(read, attention_mask=mask, encoder_hidden_states=heard)
        logits: torch.Tensor = self.classifier(out[0] if isinstance(out, tuple) else out)
        return logits


class WhiStress(nn.Module):
    """A frozen Whisper with the head on `layer` of its encoder and decoder."""

    def __init__(self, whisper: Any, processor: Any, layer: int = LAYER, backbone: str = BACKBONE) -> None:
        super().__init__()
        deepest = min(whisper.config.encoder_layers, whisper.config.decoder_layers)
        if not 0 < layer <= deepest:
            raise WeightsError(f"layer_for_head is {layer}; {backbone} has layers 1 to {deepest}: choose one (`layer`)")
        self.whisper = whisper.eval().requires_grad_(False)
        self.heads = StressHead(whisper.config)
        self.processor, self.layer, self.backbone = processor, layer, backbone
        self.loss_weight: torch.Tensor
        self.register_buffer("loss_weight", torch.tensor([1.0, POSITIVE_WEIGHT]), persistent=False)

    def train(self, mode: bool = True) -> WhiStress:
        """Whisper stays in eval mode."""
        super().train(mode)
        self.whisper.eval()
        return self

    @property
    def max_tokens(self) -> int:
        """Decoder positions: 448 in every released Whisper."""
        return int(self.whisper.config.max_target_positions)

    @property
    def window_s(self) -> float:
        """Seconds of sound that the encoder hears at once: 30 in every released Whisper."""
        return float(self.processor.feature_extractor.chunk_length)

    def supports(self, language: str) -> bool:
        """Whether the backbone knows the language (a primary subtag); a monolingual one knows English."""
        known = getattr(self.whisper.generation_config, "lang_to_id", None)
        return f"<|{language}|>" in known if known else language == "en"

    def features(self, clips: Sequence[Samples]) -> torch.Tensor:
        """Log-mel features [clips, mels, frames] of 16 kHz clips up to the window, at full scale and padded to it.

        The head was trained on whole windows, so a shorter one is not made for short clips.
        """
        scaled = [full_scale(clip) for clip in clips]
        found = self.processor.feature_extractor(scaled, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        features: torch.Tensor = found.input_features.to(self.whisper.device, self.whisper.dtype)
        return features

    @torch.no_grad()
    def encode(self, features: torch.Tensor) -> Encoded:
        """One pass of the encoder, which serves the recogniser (`last`) and the head (`heard`)."""
        out = self.whisper.model.encoder(features, output_hidden_states=True)
        return Encoded(out.last_hidden_state, out.hidden_states[self.layer])

    def logits(self, encoded: Encoded, tokens: torch.Tensor) -> torch.Tensor:
        """Logits [clips, tokens, 2] of `tokens` [clips, tokens] (right-padded): row i judges token i + 1."""
        with torch.no_grad():
            out = self.whisper.model.decoder(
                input_ids=tokens, encoder_hidden_states=encoded.last, output_hidden_states=True, use_cache=False
            )
        found: torch.Tensor = self.heads(out.hidden_states[self.layer], encoded.heard)
        return found

    def forward(
        self, input_features: torch.Tensor, tokens: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The published loss; `labels` [clips, tokens] is 1 on stressed tokens, 0 on others, `IGNORED` on the rest."""
        logits = self.logits(self.encode(input_features.to(self.whisper.dtype)), tokens)[:, :-1]
        loss = F.cross_entropy(
            logits.flatten(0, 1).float(), labels[:, 1:].flatten(), weight=self.loss_weight, ignore_index=IGNORED
        )
        return {"loss": loss}

    def prefix(self, language: str = "en") -> list[int]:
        """The tokens before the text."""
        tokenizer = self.processor.tokenizer
        names = ["<|startoftranscript|>", "<|notimestamps|>"]
        if getattr(self.whisper.generation_config, "lang_to_id", None):
            names[1:1] = [f"<|{language}|>", "<|transcribe|>"]
        return [int(token) for token in tokenizer.convert_tokens_to_ids(names)]

    def tokenise(self, pieces: Sequence[str]) -> list[list[int]]:
        """Tokens of each word as `word_pieces.of` cut them: together they are the tokens of the whole text."""
        if not pieces:
            return []
        found: list[list[int]] = self.processor.tokenizer(list(pieces), add_special_tokens=False)["input_ids"]
        return found

    @torch.inference_mode()
    def judge(self, encoded: Encoded, words: Sequence[Sequence[int]], language: str = "en") -> list[float]:
        """Probability that each word (its tokens) is stressed: that of its likeliest token; 0 for one without tokens.

        `encoded` is one clip's, from `encode` or from a recogniser that is the same Whisper.
        """
        start = self.prefix(language)
        ids = [*start, *(token for word in words for token in word)]
        tokens = torch.tensor([ids], device=encoded.last.device)
        likely = self.logits(encoded, tokens)[0].float().softmax(-1)[:, 1].tolist()
        found, place = [], len(start) - 1  # the row before a token judges it
        for word in words:
            found.append(max(likely[place : place + len(word)], default=0.0))
            place += len(word)
        return found

    @torch.inference_mode()
    def hear(self, samples: Samples, language: str = "en") -> list[tuple[str, float]]:
        """Words of a 16 kHz clip up to the window and how likely each is stressed, from one pass of the encoder."""
        seconds = len(samples) / SAMPLE_RATE
        if seconds > self.window_s:
            raise ValueError(f"{seconds:.1f} s of sound; expected up to {self.window_s:g} s: `stress_words` takes more")
        encoded = self.encode(self.features([samples]))
        several = getattr(self.whisper.generation_config, "lang_to_id", None)
        chosen = {"language": language, "task": "transcribe"} if several else {}
        said = self.whisper.generate(encoder_outputs=BaseModelOutput(last_hidden_state=encoded.last), **chosen)
        words = self.processor.tokenizer.decode(said[0], skip_special_tokens=True).split()
        found = self.judge(encoded, self.tokenise([f" {word}" for word in words]), language)
        return list(zip(words, found, strict=True))


def full_scale(samples: Samples) -> Samples:
    """The samples with a peak of 1, as the head hears them; silence stays silent."""
    return np.asarray(samples / max(float(np.abs(samples).max(initial=0.0)), 1e-6), np.float32)


def load_backbone(source: str) -> tuple[Any, Any]:
    """A Whisper in eval mode and its processor: `nano` (the embedded Whisper base), a folder, or an id of the hub.

    Raises `WeightsError` where it cannot be had.
    """
    if source == "nano":
        return nano.load_whisper()
    try:
        whisper = WhisperForConditionalGeneration.from_pretrained(source)
        return whisper.eval(), WhisperProcessor.from_pretrained(source)
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(
            f"Whisper {source!r} cannot be loaded: {error}. Expected a folder or an id of the Hugging Face hub: "
            f"`hf download {BACKBONE}`, or copy such a folder here"
        ) from error


def settings_of(folder: str | Path) -> dict[str, Any]:
    """`metadata.json` of a head's folder, whose other files are there too. Raises `WeightsError`."""
    folder = Path(folder)
    absent = [name for name in (BLOCK, CLASSIFIER, METADATA) if not (folder / name).is_file()]
    if absent:
        raise WeightsError(
            f"{folder} lacks {', '.join(absent)}; expected the head of a WhiStress: "
            f"`hf download slprl/WhiStress --local-dir {folder}`, or train one with `emotionthinker whistress-train`"
        )
    try:
        settings = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        return {"layer_for_head": int(settings["layer_for_head"]), "backbone": str(settings.get("backbone", BACKBONE))}
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f'{folder / METADATA} is not {{"layer_for_head": 9}} or alike: {error!r}') from error


def load(folder: str | Path, backbone: str | None = None) -> WhiStress:
    """The head in `folder` on the Whisper it names (the published one names none: `openai/whisper-small.en`).

    The files are read as tensors only (`weights_only`), never as code. Raises `WeightsError`.
    """
    settings = settings_of(folder)
    source = backbone or settings["backbone"]
    model = WhiStress(*load_backbone(source), layer=settings["layer_for_head"], backbone=source)
    _read(model.heads.additional_decoder_block, Path(folder) / BLOCK)
    _read(model.heads.classifier, Path(folder) / CLASSIFIER)
    return model.eval()


def save(model: WhiStress, folder: str | Path) -> None:
    """Write the head as it is published, with the name of its Whisper."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for module, name in ((model.heads.additional_decoder_block, BLOCK), (model.heads.classifier, CLASSIFIER)):
        torch.save({key: value.detach().cpu() for key, value in module.state_dict().items()}, folder / name)
    settings = {"layer_for_head": model.layer, "backbone": model.backbone}
    (folder / METADATA).write_text(json.dumps(settings) + "\n", encoding="utf-8")


def _read(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(tensors_of(path))
    except RuntimeError as error:
        raise WeightsError(
            f"{path} does not hold the tensors of this head: {str(error).splitlines()[0]}. Download it again, or check "
            "that it belongs to this Whisper"
        ) from error
