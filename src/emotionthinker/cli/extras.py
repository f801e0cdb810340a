"""Which extra of the package brings a module that is not installed."""

from __future__ import annotations

import sys

_BROUGHT_BY = {
    "nano": "torch transformers safetensors gguf tokenizers huggingface_hub",
    "train": "trl peft accelerate datasets openai tenacity sklearn matplotlib",
    "augment": "pyworld python_stretch",
    "ray": "ray",
    "asr": "faster_whisper ctranslate2",
}
_OLDEST = (3, 11)
NOT_FOR_OLDER = ("transformers", "trl", "peft")
"""What has no release for Python before `_OLDEST`."""


def advice(error: ModuleNotFoundError, python: tuple[int, ...] = tuple(sys.version_info[:2])) -> str | None:
    """What to do about the module the error names; `None` when no extra brings it (the error is then a bug)."""
    module = (error.name or "").partition(".")[0]
    extra = next((name for name, modules in _BROUGHT_BY.items() if module in modules.split()), None)
    if extra is None:
        return None
    if module in NOT_FOR_OLDER and python < _OLDEST:
        return (
            f"this needs `{module}`, which has no release for Python {python[0]}.{python[1]}; models need Python 3.11 "
            "to 3.13, where `pip install 'emotionthinker[nano]'` brings it"
        )
    return f"this needs `{module}`, which is not installed: `pip install 'emotionthinker[{extra}]'` brings it"
