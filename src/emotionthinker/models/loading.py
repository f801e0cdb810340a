"""Any thinker by name: the nano model, a folder (with or without a LoRA adapter), or a Qwen2.5-Omni checkpoint.

Released Qwen2.5-Omni checkpoints (and `ddwang2000/EmotionThinker`) hold a thinker that reads and hears and a talker
that speaks. Only the thinker's tensors are fetched and read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from transformers import (
    GenerationConfig,
    Qwen2_5OmniConfig,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
)
from transformers.utils import logging as hf_logging

from emotionthinker.errors import WeightsError
from emotionthinker.models import delta, nano
from emotionthinker.models.processor import AudioProcessor, load_processor
from emotionthinker.runs import put_in_place

SHIPPED = Path(__file__).parent / "shipped" / "nano.safetensors"
"""What training changed in the nano base; absent from a source tree before the first `reproduce nano`."""

_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_SMALL_FILES = ["*.json", "*.txt", "*.jinja"]
_OTHER_PARTS = ("talker.", "token2wav.")
_RELEASED = "e.g. Qwen/Qwen2.5-Omni-7B or ddwang2000/EmotionThinker"

Loaded = tuple[Qwen2_5OmniThinkerForConditionalGeneration, AudioProcessor]


def load_thinker(
    source: str | Path = "nano", *, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu"
) -> Loaded:
    """The thinker, in eval mode, and its processor, from any of

    - `nano`, the shipped model (the untrained base where none is shipped), or `nano-base`;
    - a file of `emotionthinker ship`: the nano base with that difference applied;
    - a folder: a thinker (`save_pretrained`), a whole Qwen2.5-Omni checkpoint, or a LoRA adapter of either;
    - the id of such a checkpoint on the Hugging Face hub.

    Raises `WeightsError` for a source that is not there, is another kind of model, or lacks weights.
    """
    if str(source) in ("nano", "nano-base"):
        model, processor = _load_nano(trained=str(source) == "nano", dtype=dtype)
        return model.to(device), processor
    folder = Path(source).expanduser()
    if folder.is_file() and folder.suffix == ".safetensors":
        model, processor = nano.load_base()
        delta.apply(model, folder)
        return model.to(dtype).to(device), processor
    if not folder.is_dir():
        folder = _snapshot(str(source))
    if (folder / "adapter_config.json").is_file():
        return _load_adapter(folder, dtype, device)
    return _load_checkpoint(folder, dtype, device), load_processor(folder)


def prepare_nano() -> list[Path]:
    """Fetch, assemble and train-patch the nano model once, so that later loads only map files; the cache folders."""
    folders = [nano.prepare()]
    return [*folders, nano.prepare_changed(SHIPPED)] if SHIPPED.is_file() else folders


def describe(source: str | Path = "nano") -> str:
    """The name of what `load_thinker(source)` gives, for outputs; says so when nothing has been trained."""
    if str(source) == "nano-base" or (str(source) == "nano" and not SHIPPED.is_file()):
        return "nano-base (untrained)"
    return str(source)


def _load_nano(*, trained: bool, dtype: torch.dtype) -> Loaded:
    model, processor = nano.load_changed(SHIPPED) if trained and SHIPPED.is_file() else nano.load_base()
    return model.to(dtype), processor


def _load_checkpoint(
    folder: Path, dtype: torch.dtype, device: str | torch.device
) -> Qwen2_5OmniThinkerForConditionalGeneration:
    config = thinker_config(folder)
    state = _thinker_state(folder)
    with _quiet():
        model, info = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
            None,
            config=config,
            state_dict=state,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they raise below, with the file's name
        )
    wrong = {kind: sorted(info[kind])[:5] for kind in ("missing_keys", "unexpected_keys") if info[kind]}
    if info["mismatched_keys"] or wrong:
        raise WeightsError(
            f"the weights in {folder} do not fit its config.json: {wrong or sorted(info['mismatched_keys'])[:5]}; "
            "expected every tensor of a Qwen2.5-Omni thinker: copy or download the checkpoint again"
        )
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    # transformers could not know it, and TRL reads its reference model from there.
    model.name_or_path = model.config.name_or_path = str(folder)
    return model.to(device).eval()


def thinker_config(folder: Path) -> Qwen2_5OmniThinkerConfig:
    """The thinker's configuration out of a thinker-only or a whole Qwen2.5-Omni `config.json`."""
    settings = _read_json(folder / "config.json")
    kind = settings.get("model_type")
    if "thinker_config" in settings:
        settings = settings["thinker_config"]
    elif kind != "qwen2_5_omni_thinker":
        raise WeightsError(
            f"{folder} holds a {kind or 'nameless'} model (architectures {settings.get('architectures')}); "
            f"expected a Qwen2.5-Omni checkpoint or its thinker, {_RELEASED}"
        )
    return Qwen2_5OmniThinkerConfig.from_dict(settings)


def _thinker_state(folder: Path) -> dict[str, torch.Tensor]:
    """The thinker's tensors (mapped from disk, not copied); the talker's are neither read nor need they exist."""
    state = {}
    for name, files in _weight_files(folder).items():
        try:
            with safe_open(folder / name, framework="pt") as file:
                wanted = files or [key for key in file.keys() if _is_thinkers(key)]  # noqa: SIM118 (not a mapping)
                state.update({key: file.get_tensor(key) for key in wanted})
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"cannot read {folder / name}: {error}; copy or download the file again") from error
    return state


def _weight_files(folder: Path) -> dict[str, list[str]]:
    """Weight file -> the thinker's tensors in it; an empty list where there is one file and no index."""
    if (folder / _INDEX).is_file():
        files: dict[str, list[str]] = {}
        for key, name in _read_json(folder / _INDEX)["weight_map"].items():
            if _is_thinkers(key):
                files.setdefault(name, []).append(key)
        return files
    if (folder / _SINGLE).is_file():
        return {_SINGLE: []}
    raise WeightsError(
        f"{folder} has neither {_SINGLE} nor {_INDEX}; expected a checkpoint in safetensors format: "
        "convert others with transformers' `save_pretrained`"
    )


def _is_thinkers(key: str) -> bool:
    return not key.startswith(_OTHER_PARTS)


def _load_adapter(folder: Path, dtype: torch.dtype, device: str | torch.device) -> Loaded:
    """A LoRA adapter, merged into the thinker in the same folder or the one that `adapter_config.json` names."""
    try:
        from peft import PeftModel
    except ImportError as error:
        raise WeightsError(
            f"{folder} holds a LoRA adapter, which needs peft: pip install 'emotionthinker[train]'"
        ) from error
    base: str | Path | None = _read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    if (folder / "config.json").is_file():
        model, processor = _load_checkpoint(folder, dtype, device), load_processor(folder)
    elif base:
        beside = folder / base
        model, processor = load_thinker(beside if beside.is_dir() else base, dtype=dtype, device=device)
    else:
        raise WeightsError(
            f"{folder} holds an adapter whose adapter_config.json names no base model; "
            "set its base_model_name_or_path to a folder, a hub id or `nano`"
        )
    merged: Any = PeftModel.from_pretrained(model, folder).merge_and_unload()
    return merged.eval(), processor


def _snapshot(repo: str) -> Path:
    """The local copy of a hub checkpoint, with the files that hold a part of the thinker only."""
    try:
        folder = Path(snapshot_download(repo, allow_patterns=_SMALL_FILES))
        names = ["adapter_model.safetensors", _SINGLE]
        if (folder / _INDEX).is_file():
            names = list(_weight_files(folder))
        return Path(snapshot_download(repo, allow_patterns=[*_SMALL_FILES, *names]))
    except HFValidationError as error:
        raise WeightsError(
            f"{repo} is neither a folder nor a hub id; expected `nano`, a folder or {_RELEASED}"
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise WeightsError(
            f"{repo} is not a folder, and it could not be had from the Hugging Face hub ({_first_line(error)}). "
            f"With a network, check the id and run `hf download {repo}`; without one, copy the checkpoint's folder "
            "here and give its path"
        ) from error


def save_full_layout(
    model: Qwen2_5OmniThinkerForConditionalGeneration, processor: AudioProcessor, folder: str | Path
) -> Path:
    """Write the thinker as a Qwen2.5-Omni checkpoint without a talker: what vLLM and `load_thinker` read.

    vLLM knows no thinker-only layout: it wants the architecture `Qwen2_5OmniForConditionalGeneration`, the settings
    under `thinker_config` and every tensor under `thinker.`. The folder appears whole or not at all.
    """
    folder = Path(folder)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    state = {_released_name(name): tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    if model.lm_head.weight is model.get_input_embeddings().weight:
        del state["thinker.lm_head.weight"]  # tied: readers expect the embeddings alone
    save_torch_state_dict(state, part)
    config = Qwen2_5OmniConfig(thinker_config=model.config.to_dict(), enable_audio_output=False)
    config.architectures = ["Qwen2_5OmniForConditionalGeneration"]
    config.save_pretrained(part)
    model.generation_config.save_pretrained(part)
    processor.save_pretrained(part)
    # Released checkpoints keep the extractor's settings in a file of their own, and that is where vLLM looks.
    processor.feature_extractor.save_pretrained(part)
    return put_in_place(part, folder)


def save_thinker(thinker: Any, processor: AudioProcessor | None, folder: Path) -> Path:
    """Write a thinker folder that `load_thinker` reads (with a processor); it appears whole or not at all."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    thinker.save_pretrained(part)
    if processor is not None:
        processor.save_pretrained(part)
    return put_in_place(part, folder)


def _released_name(name: str) -> str:
    """`model.language_model.norm.weight` -> `thinker.model.norm.weight`, `model.visual.x` -> `thinker.visual.x`."""
    for tower in ("audio_tower.", "visual."):
        if name.startswith(f"model.{tower}"):
            return f"thinker.{name.removeprefix('model.')}"
    return f"thinker.{name.replace('model.language_model.', 'model.', 1)}"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); expected the folder of a checkpoint") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}; expected a JSON object")
    return content


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar and no report of tied weights while transformers loads; what is missing raises here."""
    shown, level = hf_logging.is_progress_bar_enabled(), hf_logging.get_verbosity()
    hf_logging.disable_progress_bar()
    hf_logging.set_verbosity_error()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if shown:
            hf_logging.enable_progress_bar()
