"""Age and gender of a voice by a wav2vec2 with two heads, in the layout audEERING published (24 and 6 layers).

Sound [n] at 16 kHz, zero mean and unit variance -> wav2vec2 -> mean over time -> age (x 100 years) and gender logits of
female, male, child. The published weights are CC-BY-NC-SA-4.0, for research only: they are used when that is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from huggingface_hub import ModelCard, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, StrictDataclassError
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import WeightsError
from emotionthinker.models.pickled import tensors_of
from emotionthinker.prosody.speakers import refusal

Samples = npt.NDArray[np.float32]

RELEASED = tuple(f"audeering/wav2vec2-large-robust-{layers}-ft-age-gender" for layers in (24, 6))
MAX_SECONDS = 15.0
"""What lies beyond in a clip is not heard."""
LEAST_SAMPLES = 400
"""One frame of wav2vec2 (25 ms)."""
_FILES = ("model.safetensors", "pytorch_model.bin")
_UNNAMED = "not named by its folder; the published weights are CC-BY-NC-SA-4.0"
_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
"""Names of the positional convolution's two parts before and since PyTorch 2.0."""


class Heard(NamedTuple):
    """One clip: age in years (0..100), and the probabilities of its gender."""

    years: float
    female: float
    male: float
    child: float


class Head(nn.Module):
    """Pooled states [batch, hidden] -> [batch, outputs]."""

    def __init__(self, config: Wav2Vec2Config, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.final_dropout)
        self.out_proj = nn.Linear(config.hidden_size, outputs)

    def forward(self, states: Tensor) -> Tensor:
        hidden = torch.tanh(self.dense(self.dropout(states)))
        out: Tensor = self.out_proj(self.dropout(hidden))
        return out


class AgeGenderNetwork(nn.Module):
    """The published layout: `wav2vec2.*`, `age.*`, `gender.*`."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.config = config
        self.wav2vec2 = Wav2Vec2Model(config)
        self.age = Head(config, 1)
        self.gender = Head(config, 3)

    def forward(self, sound: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised `sound` [batch, n] and `mask` [batch, n] (1: sound) -> age [batch], P(gender) [batch, 3]."""
        states = self.wav2vec2(sound, attention_mask=mask).last_hidden_state
        frames = self.wav2vec2._get_feature_vector_attention_mask(states.shape[1], mask.long()).to(states.dtype)
        mean = (states * frames[..., None]).sum(1) / frames.sum(1, keepdim=True)
        return self.age(mean)[:, 0], self.gender(mean).softmax(-1)


class AgeGender:
    """A loaded network with its name and terms."""

    def __init__(self, network: AgeGenderNetwork, name: str, licence: str) -> None:
        self.network = network.eval()
        self.licence = licence
        self.method = f"wav2vec2 age and gender heads ({network.config.num_hidden_layers} layers), {name}"
        self._extractor = Wav2Vec2FeatureExtractor(
            sampling_rate=SAMPLE_RATE, do_normalize=True, return_attention_mask=True
        )

    @classmethod
    def load(
        cls, source: str | Path, *, accept_non_commercial: bool = False, device: str | torch.device | None = None
    ) -> AgeGender:
        """A folder with config.json and weights, or a hub id (`RELEASED`).

        Raises `WeightsError` when the terms are not accepted, or for a source that is not there or does not fit.
        """
        if not accept_non_commercial:
            raise WeightsError(refusal(source))
        folder = folder_of(source)
        network = AgeGenderNetwork(_config(folder))
        _fill(network, _state(folder), folder)
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        return cls(network.to(place), str(source), _licence(folder))

    @torch.inference_mode()
    def hear(self, clips: Sequence[Samples], batch_size: int = 8) -> list[Heard]:
        """Age and gender of each clip: samples [n] at 16 kHz, at least 25 ms, of which the first 15 s are heard."""
        short = [len(clip) for clip in clips if len(clip) < LEAST_SAMPLES]
        if short:
            raise ValueError(f"a clip of {short[0]} samples; expected at least {LEAST_SAMPLES} (25 ms at 16 kHz)")
        if self.network.config.feat_extract_norm == "group":
            batch_size = 1  # its first normalisation runs over time, and padding would count
        heard = []
        for start in range(0, len(clips), batch_size):
            heard += self._batch(
                [clip[: round(MAX_SECONDS * SAMPLE_RATE)] for clip in clips[start : start + batch_size]]
            )
        return heard

    def _batch(self, clips: Sequence[Samples]) -> list[Heard]:
        place = next(self.network.parameters()).device
        batch = self._extractor(list(clips), sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt").to(place)
        age, gender = self.network(batch["input_values"], batch["attention_mask"])
        years = 100 * age.clamp(0, 1)  # a regression runs a little over its ends, and nobody is -3 years old
        rows = torch.cat([years[:, None], gender], dim=1).float().cpu().tolist()
        return [Heard(*row) for row in rows]


def folder_of(source: str | Path) -> Path:
    """The folder of a model, fetched from the hub unless it is there.

    Raises `WeightsError` for one that cannot be had, or that holds no settings or no weights.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _snapshot(str(source))
    _config(folder)
    _weights(folder)
    return folder


def _snapshot(repo: str) -> Path:
    try:
        return Path(snapshot_download(repo, allow_patterns=["config.json", "README.md", _FILES[0]]))
    except HFValidationError as error:
        raise WeightsError(f"{repo} is neither a folder nor a hub id; expected e.g. {RELEASED[0]}") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise WeightsError(
            f"{repo} is not a folder, and it could not be had from the Hugging Face hub ({type(error).__name__}). "
            f"With a network, run `hf download {repo}`; without one, copy its folder here and give the path"
        ) from error


def _config(folder: Path) -> Wav2Vec2Config:
    try:
        return Wav2Vec2Config.from_json_file(folder / "config.json")
    except (OSError, ValueError, TypeError, StrictDataclassError) as error:
        raise WeightsError(f"{folder / 'config.json'} cannot be read ({error}); expected a wav2vec2 folder") from error


def _weights(folder: Path) -> Path:
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        raise WeightsError(f"{folder} holds no weights; expected {' or '.join(_FILES)}")
    return path


def _state(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = _weights(folder)
    if path.suffix != ".safetensors":
        return tensors_of(path)
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({error}); download it again") from error


def _fill(network: AgeGenderNetwork, state: dict[str, Tensor], folder: Path) -> None:
    """Put the weights into the network; every tensor but the masking vector of training must be there and fit."""
    expected = set(network.state_dict())
    for old, new in _WEIGHT_NORM.items():
        for there, wanted in ((old, new), (new, old)):
            for name in [n for n in state if n.endswith(f".conv.{there}")]:
                renamed = name.removesuffix(there) + wanted
                if renamed in expected and name not in expected:
                    state[renamed] = state.pop(name)
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"the weights in {folder} do not fit its config.json: {error}") from error
    missing = [name for name in missing if name != "wav2vec2.masked_spec_embed"]
    if missing or unexpected:
        raise WeightsError(
            f"the weights in {folder} are not of the age and gender layout: missing {missing[:5]}, unexpected "
            f"{unexpected[:5]}; expected wav2vec2.*, age.* and gender.* as in {RELEASED[0]}"
        )


def _licence(folder: Path) -> str:
    """As the model card names it."""
    card = folder / "README.md"
    named = ModelCard.load(card).data.license if card.is_file() else None
    return str(named).upper() if named else _UNNAMED
