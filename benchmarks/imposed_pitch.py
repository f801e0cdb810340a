"""Speech with a known F0, for benchmarks/pitch.py: clips resynthesised on an imposed contour, then made worse.

    python benchmarks/imposed_pitch.py MANIFEST OUT [--voices 44] [--seed 5]

MANIFEST is JSONL with path (beside it) and speaker. Of each voice one clip is taken and given its own contour and
one moved to 85 Hz (low), 330 Hz (high), 450 Hz (vhigh) or spread twofold (wide); WORLD or pulses through linear
prediction make it heard; two conditions of clean, telephone, pink noise (20, 10, 0 dB), babble (10 dB) and reverb are
laid on each. OUT gets FLAC files and truth.jsonl. The voicing of the truth is that of SwiftF0 on the clean clip, so
these clips serve to tune the tracker `fast`, not to praise `swift`. Needs pyworld (extra `augment`).
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import soundfile
from scipy.linalg import solve_toeplitz
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from emotionthinker import audio
from emotionthinker.prosody import pitch

RATE = audio.SAMPLE_RATE
HOP_S = 0.005
LONGEST_S = 6.0
LEAST_VOICED_S = 0.3
TALKERS = 5
CONDITIONS = ("clean", "tel", "n20", "n10", "n0", "bab10", "rev")
CONTOURS = ("low", "high", "wide", "vhigh")
PLACES_HZ = {"low": 85.0, "high": 330.0, "vhigh": 450.0}


def own_contour(samples: np.ndarray) -> np.ndarray:
    """F0 every 5 ms, 0 where unvoiced."""
    track = pitch.repair_octaves(pitch.track(samples, RATE))
    times = np.arange(int(len(samples) / RATE / HOP_S) + 1) * HOP_S
    voiced = track.f0_hz > 0
    if not voiced.any():
        return np.zeros(len(times))
    heard = np.interp(times, track.times_s, voiced.astype(float)) > 0.5
    return np.where(heard, np.interp(times, track.times_s[voiced], track.f0_hz[voiced]), 0.0)


def moved(f0: np.ndarray, contour: str) -> np.ndarray:
    median = float(np.median(f0[f0 > 0]))
    if contour == "wide":
        changed = median * (np.maximum(f0, 1.0) / median) ** 2
    else:
        changed = f0 * PLACES_HZ.get(contour, median) / median
    return np.where(f0 > 0, np.clip(changed, 55.0, 700.0), 0.0)


def by_world(samples: np.ndarray, own: np.ndarray, imposed: np.ndarray) -> np.ndarray:
    import pyworld

    x, times = samples.astype(np.float64), np.arange(len(own)) * HOP_S
    envelope, noise = pyworld.cheaptrick(x, own, times, RATE), pyworld.d4c(x, own, times, RATE)
    return np.asarray(pyworld.synthesize(imposed, envelope, noise, RATE)[: len(samples)])


def by_pulses(samples: np.ndarray, imposed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Differentiated Rosenberg pulses (1 % jitter), or noise, through the linear prediction of each 10 ms."""
    hop, window, order = RATE // 100, np.hanning(480), 18
    source, noise = np.zeros(len(samples) + RATE), rng.standard_normal(len(samples))
    at = 0.0
    while at < len(samples):
        f0 = imposed[min(int(at / RATE / HOP_S), len(imposed) - 1)]
        period = RATE / f0 * (1 + 0.01 * rng.standard_normal()) if f0 > 0 else RATE * HOP_S
        if f0 > 0:
            rise, fall = np.arange(int(0.4 * period)), np.arange(int(0.16 * period))
            pulse = np.concatenate((0.5 - 0.5 * np.cos(np.pi * rise / len(rise)), np.cos(np.pi / 2 * fall / len(fall))))
            source[int(at) : int(at) + len(pulse)] += pulse
        at += period
    source = np.diff(source[: len(samples) + 1])
    out, state = np.zeros(len(samples)), np.zeros(order)
    flat = lfilter([1, -0.9], 1, samples)
    for start in range(0, len(samples) - len(window), hop):
        frame = flat[start : start + len(window)] * window
        lags = np.correlate(frame, frame, "full")[len(frame) - 1 : len(frame) + order]
        lags[0] = 1.0001 * lags[0] + 1e-9
        filtered = np.concatenate(([1.0], -solve_toeplitz(lags[:-1], lags[1:])))
        gain = np.sqrt(np.mean(lfilter(filtered, 1, frame) ** 2) / np.mean(window**2))
        middle = slice(start + len(window) // 2, start + len(window) // 2 + hop)
        loud = np.sqrt(np.mean(source[max(0, middle.start - 400) : middle.start + 400] ** 2))
        voiced = loud > 0 and imposed[min(int(middle.start / RATE / HOP_S), len(imposed) - 1)] > 0
        drive = source[middle] / max(loud, 1e-9) + 0.05 * noise[middle] if voiced else 0.5 * noise[middle]
        out[middle], state = lfilter([1.0], filtered, gain * drive, zi=state)
    return np.asarray(lfilter([1.0], [1, -0.9], out))


def worsened(sound: np.ndarray, condition: str, talkers: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    if condition == "tel":
        heard = sosfilt(butter(4, (300, 3400), "bandpass", fs=RATE, output="sos"), sound)
        heard *= 0.7 / np.abs(heard).max()
        coded = np.rint(127 * np.sign(heard) * np.log1p(255 * np.abs(heard)) / np.log(256)) / 127
        return np.asarray(np.sign(coded) * (256 ** np.abs(coded) - 1) / 255)
    if condition == "rev":
        time = np.arange(RATE // 2) / RATE
        response = 0.04 * rng.standard_normal(len(time)) * 10 ** (-3 * time / 0.5)
        response[0] = 1.0
        return np.asarray(fftconvolve(sound, response)[: len(sound)])
    if condition == "clean":
        return sound
    if condition == "bab10":
        chosen = rng.choice(len(talkers), TALKERS, replace=False)
        noise = sum(np.resize(talkers[i] / np.std(talkers[i]), len(sound)) for i in chosen)
    else:
        spectrum = np.fft.rfft(rng.standard_normal(len(sound)))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        noise = np.fft.irfft(spectrum, len(sound))
    snr_db = float(condition.lstrip("abn"))
    return np.asarray(sound + noise * np.std(sound) / np.std(noise) * 10 ** (-snr_db / 20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--voices", type=int, default=44)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    draw, rng = random.Random(options.seed), np.random.default_rng(options.seed)
    clips: dict[str, list[str]] = {}
    for row in map(json.loads, options.manifest.read_text().splitlines()):
        clips.setdefault(row["speaker"], []).append(row["path"])
    voices = draw.sample(sorted(clips), min(options.voices + TALKERS, len(clips)))
    sounds = {
        voice: audio.load(options.manifest.parent / draw.choice(clips[voice]))[0][: int(LONGEST_S * RATE)]
        for voice in voices
    }
    talkers = [sounds.pop(voice) for voice in voices[:TALKERS]]
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (voice, samples) in enumerate(sounds.items()):
        own = own_contour(samples)
        if np.sum(own > 0) * HOP_S < LEAST_VOICED_S:
            continue
        for contour in ("nat", CONTOURS[number % len(CONTOURS)]):
            imposed = moved(own, contour)
            how = "world" if number // len(CONTOURS) % 2 else "pulses"
            made = by_world(samples, own, imposed) if how == "world" else by_pulses(samples, imposed, rng)
            for condition in draw.sample(CONDITIONS, 2):
                heard = worsened(made, condition, talkers, rng)
                path = f"{len(rows):04}.flac"
                soundfile.write(options.out / path, 0.5 * heard / np.abs(heard).max(), RATE)
                about = {"speaker": voice, "synthesizer": how, "contour": contour, "condition": condition}
                rows.append({"path": path, **about, "hop_s": HOP_S, "f0_hz": np.round(imposed, 2).tolist()})
    (options.out / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{len(rows)} clips of {len({row['speaker'] for row in rows})} voices in {options.out}")


if __name__ == "__main__":
    main()
