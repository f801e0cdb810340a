"""Word error rate, cost and word times of recognisers on clips with known words.

    python benchmarks/recognisers.py FOLDER [--clips 30] [--recognisers whisper-base faster-whisper:whisper-base]

FOLDER as in rate.py. Word times are held against the forced alignment (pocketsphinx) of the same words, which is itself
no truth; clips whose words were heard wrongly are left out of that.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from emotionthinker import audio
from emotionthinker.prosody import activity, faster, rate, transcript, words
from rate import draw


def spoken(text: str, language: str) -> list[str]:
    """The words of a text as they are said, so that `5` and `five` are the same."""
    return [part for word in words.read(text, language) for part in word.spoken]


def wrong(heard: list[str], truth: list[str]) -> int:
    """Insertions, deletions and substitutions."""
    row = list(range(len(truth) + 1))
    for i, word in enumerate(heard, 1):
        before, row = row, [i]
        for j, other in enumerate(truth, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=30)
    names = [faster.RECOGNISER, f"{faster.FASTER}:{faster.RECOGNISER}"]
    parser.add_argument("--recognisers", nargs="*", default=names)
    options = parser.parse_args()
    rows = draw(options.folder, options.clips, "all", [])
    clips = [audio.load(options.folder / row["path"]) for row in rows]
    masks = [activity.speech_mask(*clip) for clip in clips]
    print(f"{len(rows)} clips, {sum(len(s) / r for s, r in clips) / len(clips):.1f} s on average")
    for name in options.recognisers:
        transcript.measure(*clips[0], masks[0], recogniser=name)  # loading is no part of the cost
        errors, total, spent, apart = 0, 0, 0.0, []
        for row, (samples, rate_hz), mask in zip(rows, clips, masks, strict=True):
            language, started = row["language"], time.process_time()
            found = transcript.measure(samples, rate_hz, mask, language=language, recogniser=name)
            spent += time.process_time() - started
            truth, heard = (spoken(text, language) for text in (row["transcript"], found.text or ""))
            errors, total = errors + wrong(heard, truth), total + len(truth)
            if language == "en" and heard == truth:
                _, spans = rate.measure(samples, rate_hz, mask, found.text, language)
                if len(spans) == len(found.words) and all(span.aligned for span in spans):
                    pairs = zip(found.words, spans, strict=True)
                    apart += [d for w, s in pairs for d in (w.start_s - s.start_s, w.end_s - s.end_s)]
        print(f"{name}: word error rate {100 * errors / total:.1f} %, {spent / len(rows):.2f} CPU-seconds a clip")
        if apart:
            off = np.asarray(apart)
            print(
                f"  {len(off)} word edges against the aligner: median {1000 * np.median(off):+.0f} ms, median distance "
                f"{1000 * np.median(np.abs(off)):.0f} ms, within 100 ms {100 * np.mean(np.abs(off) <= 0.1):.0f} %"
            )


if __name__ == "__main__":
    main()
