"""Accents of an NXT annotation, read from a sample of three words written here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.stats import spearmanr

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NITE = 'xmlns:nite="http://nite.sourceforge.net/"'
TERMINALS = f"""<terminals {NITE}>
<word nite:start="0.2" nite:end="0.5" orth="it"><nite:pointer href="words.xml#id(w1)"/></word>
<word nite:start="n/a" nite:end="0.6" orth="'s"><nite:pointer href="words.xml#id(w1)"/></word>
<word nite:start="0.6" nite:end="0.9" orth="late"><nite:pointer href="words.xml#id(w2)"/></word>
<word nite:start="1.5" nite:end="1.9" orth="oh"><nite:pointer href="words.xml#id(w3)"/></word>
<word nite:start="n/a" nite:end="n/a" orth="uh"><nite:pointer href="words.xml#id(w4)"/></word>
<sil nite:start="0.9" nite:end="1.5"/>
</terminals>"""
ACCENTS = f"""<accents {NITE}>
<accent strength="weak"><nite:pointer href="words.xml#id(w1)"/></accent>
<accent strength="full"><nite:pointer href="words.xml#id(w2)"/></accent>
<accent strength="weak"><nite:pointer href="words.xml#id(w2)"/></accent>
</accents>"""


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_words_stretches_and_accents(tmp_path: Path) -> None:
    (tmp_path / "test.swb.terminals.xml").write_text(TERMINALS)
    (tmp_path / "test.swb.accents.xml").write_text(ACCENTS)
    done = run("accents.py", tmp_path, tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert (first["start_s"], first["end_s"]) == (0.1, 1.0)
    assert first["spans"] == [[0.1, 0.5], [0.5, 0.8]]
    assert first["human"] == [0.5, 1.0]
    assert second["human"] == [0.0]


def test_labels_are_compared_with_prominence(tmp_path: Path) -> None:
    t = np.arange(16000 * 3) / 16000
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(2 * np.pi * 150 * t), 16000)
    spans = [[0.0, 0.2], [0.2, 0.4], [0.4, 0.9], [0.9, 1.1], [1.1, 1.3]]
    row = {"path": str(tmp_path / "a.wav"), "start_s": 0.5, "spans": spans, "human": [0, 0, 1, 0, 0]}
    flat = {**row, "human": [0, 0, 0, 0, 0]}
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (row, flat)))
    done = run("stress.py", "--labels", tmp_path / "labels.jsonl")
    assert done.returncode == 0, done.stderr
    assert "1 stretches, 5 spans" in done.stdout
    length = next(line for line in done.stdout.splitlines() if line.startswith("length"))
    expected = spearmanr([0.2, 0.2, 0.5, 0.2, 0.2 / 1.3], row["human"]).statistic
    assert float(length.split()[1]) == pytest.approx(expected, abs=0.001)


def test_either_a_folder_or_labels() -> None:
    assert "either FOLDER or --labels" in run("stress.py").stderr
