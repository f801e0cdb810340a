"""CPU-seconds a second of audio of the signal processing (no recogniser, no alignment) on one thread.

    python benchmarks/dsp.py CLIP... [--repeat 3]

Process time counts the CPU of all threads; contention on the machine inflates it, so the best of the repeats counts.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from emotionthinker import audio
from emotionthinker.prosody import activity, energy, intonation, pitch

TARGET = 0.015
Result = TypeVar("Result")


def steps(path: str) -> tuple[float, dict[str, float]]:
    """(seconds of audio, CPU-seconds by step) of one clip."""
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Result]) -> Result:
        start = time.process_time()
        result = work()
        spent[name] = time.process_time() - start
        return result

    samples, rate = timed("load", lambda: audio.load(path))
    samples, _ = timed("clicks", lambda: activity.without_clicks(activity.prepared(samples, rate)[0], rate))
    levels, active, _ = timed("activity", lambda: activity.measure(samples, rate))
    track = timed("F0", lambda: pitch.track(samples, rate))
    voiced = pitch.at_frames(track, len(active)) > 0
    speech = timed("steady noise", lambda: activity.without_steady(active, levels, voiced))
    timed("pitch", lambda: pitch.measure(track, speech))
    timed("energy", lambda: energy.measure(samples, rate, speech, voiced))
    timed("intonation", lambda: intonation.measure(track, speech, levels))
    return len(samples) / rate, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", metavar="CLIP")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    steps(options.clips[0])  # imports and the ONNX session are a cost of the process, not of a clip
    seconds = 0.0
    total: dict[str, float] = defaultdict(float)
    for clip in options.clips:
        runs = [steps(clip) for _ in range(options.repeat)]
        seconds += runs[0][0]
        for name in runs[0][1]:
            total[name] += min(spent[name] for _, spent in runs)
    print(f"{len(options.clips)} clips, {seconds:.1f} s of audio; CPU-seconds a second of audio")
    for name, spent in total.items():
        print(f"  {name:12} {spent / seconds:.5f}")
    print(f"  {'all':12} {sum(total.values()) / seconds:.5f}   (target <= {TARGET})")


if __name__ == "__main__":
    main()
