from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from emotionthinker.cli.extras import advice

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch", "nano"),
        ("transformers.models", "nano"),
        ("trl", "train"),
        ("pyworld", "augment"),
        ("python_stretch", "augment"),
        ("ray.data", "ray"),
        ("faster_whisper", "asr"),
    ],
)
def test_a_missing_module_is_told_with_its_extra(module: str, extra: str) -> None:
    told = advice(ModuleNotFoundError(name=module), (3, 12))
    assert told is not None
    assert f"emotionthinker[{extra}]" in told
    assert re.search(rf"^{extra} = \[.*{module.partition('.')[0].replace('_', '-')}", PYPROJECT.read_text(), re.M)


def test_python_3_10_is_told_to_take_a_newer_one() -> None:
    told = advice(ModuleNotFoundError(name="transformers"), (3, 10))
    assert told is not None
    assert "no release for Python 3.10" in told
    assert "3.10" not in str(advice(ModuleNotFoundError(name="torch"), (3, 10)))


def test_other_modules_are_no_business_of_extras() -> None:
    assert advice(ModuleNotFoundError(name="emotionthinker.nowhere")) is None
    assert advice(ModuleNotFoundError("no name")) is None


def test_the_command_line_says_it_without_a_traceback(tmp_path: Path) -> None:
    """`explain` where torch cannot be found: one line, exit status 2."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    clip = PYPROJECT.parent / "examples" / "happy.flac"
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from emotionthinker.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "explain", str(clip)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "emotionthinker[nano]" in done.stderr
