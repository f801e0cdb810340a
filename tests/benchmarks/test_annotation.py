"""The comparison runs with no peer installed; what its parts compute is checked on numbers known beforehand."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
RATE = 16000


@pytest.fixture
def annotation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the script sets them: put back what was there
    spec = importlib.util.spec_from_file_location("benchmark_annotation", FOLDER / "annotation.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pulses(f0: float, seconds: float = 1.2) -> np.ndarray:
    """Harmonics of `f0` under a slow envelope."""
    t = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 12))
    return np.asarray(0.2 * voice * np.sin(np.pi * t / seconds) ** 0.5, np.float32)


def folders(tmp_path: Path) -> tuple[Path, Path]:
    """(F0_TRUTH, SPEECH) of three clips each."""
    truth, speech = tmp_path / "truth", tmp_path / "speech"
    for folder in (truth, speech):
        folder.mkdir()
    known, rows = [], []
    for number, f0 in enumerate((110.0, 160.0, 230.0)):
        for folder in (truth, speech):
            soundfile.write(folder / f"{number}.wav", pulses(f0), RATE)
        known.append({"path": f"{number}.wav", "hop_s": 0.005, "f0_hz": [f0] * 240})
        rows.append({"path": f"{number}.wav", "dataset": "d", "transcript": "Ja, ja.", "language": "de"})
    (truth / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in known))
    (speech / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return truth, speech


def test_it_runs_without_peers_and_lists_them(tmp_path: Path) -> None:
    truth, speech = folders(tmp_path)
    program = f"""if True:
        import runpy, sys
        sys.modules.update(dict.fromkeys(("librosa", "parselmouth", "opensmile")))
        sys.path.insert(0, {str(FOLDER)!r})
        sys.argv = ["annotation.py", {str(truth)!r}, {str(speech)!r}, "--clips", "3"]
        runpy.run_path({str(FOLDER / "annotation.py")!r}, run_name="__main__")"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    (ours,) = (line.split("|") for line in lines if line.startswith("| ours, `swift`"))
    gross, off, of_pitch, of_energy, of_rate = ours[4:9]
    assert float(gross) == 0
    assert float(off) == 0
    assert [cell.strip() for cell in (of_pitch, of_energy, of_rate)] == ["0 / 0 / 0", "0 / 0", "0 / 0 / 0"]
    assert [line.split("|")[1].strip() for line in lines if "not installed" in line] == [
        "the authors' recipe (pYIN twice)", "Praat (AC; mean intensity)", "openSMILE eGeMAPSv02", "dataspeech-style",
    ]  # fmt: skip
    assert "pip install librosa" in result.stdout


def test_gross_errors_and_medians_off_are_counted(annotation: ModuleType, tmp_path: Path) -> None:
    truth, _ = folders(tmp_path)
    known = [json.loads(line) for line in (truth / "truth.jsonl").read_text().splitlines()]

    def wrong(path: Path) -> object:
        """Right for a quarter of the frames of the first clip, an octave up elsewhere; the third clip is unvoiced."""
        number = int(path.stem)
        f0 = np.full(120, known[number]["f0_hz"][0] * 2)
        f0[:30] /= 2
        return annotation.Heard(None, None, np.arange(120) * 0.01, np.zeros(120) if number == 2 else f0)

    method = annotation.Method("wrong", wrong)
    assert annotation.pitch_errors(method, truth, known) == pytest.approx((75.0, 100.0))


def test_changed_labels_are_counted_by_the_methods_own_cuts(annotation: ModuleType) -> None:
    before = [1.0, 2.0, 3.0, 4.0, 5.0, 12.0, None]
    assert annotation.changed(before, before, "tertiles") == 0
    assert annotation.changed(before, [2.8, *before[1:]], "tertiles") == pytest.approx(100 / 6)
    assert annotation.changed(before, [2.8, *before[1:]], "equal width") == 0  # cuts 4.67 and 8.33
    assert annotation.changed(before, [None] * 7, "tertiles") == 100
    assert annotation.changed([None], [1.0], "tertiles") is None


def test_octave_repair_and_activity_of_the_authors_recipe(annotation: ModuleType) -> None:
    peers = annotation.peers
    f0 = np.full(60, 200.0)
    f0[[10, 30, 31]] = [100.0, 400.0, 400.0]
    f0[50:] = 0
    assert peers._octaves(f0).tolist() == pytest.approx([200.0] * 50 + [0.0] * 10)
    sound = np.concatenate([np.zeros(RATE // 2), pulses(150, 0.5), np.zeros(RATE // 2)]).astype(np.float32)
    _, speech = peers._percentile_vad(sound)
    assert len(speech) == 151
    assert 45 <= speech.sum() <= 55
