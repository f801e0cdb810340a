"""Acoustic prominence against what is expected, or what people marked, within each utterance.

    python benchmarks/stress.py FOLDER [--clips 300]
    python benchmarks/stress.py --labels accents.jsonl

LABELS are people's: lines of path, spans ([start_s, end_s] each), human (a number a span) and, where only a part of
the file is meant, start_s and end_s from which the spans count (`accents.py` writes such a file).

FOLDER holds `manifest.jsonl` with path, dataset, speaker and transcript of CREMA-D, RAVDESS and EmoDB clips. Each
syllable has an expected level (0 unstressed or a function word, 1 secondary, 2 the stressed syllable of a content
word), written down here; its place comes from forced alignment. That is a stand-in for what listeners rate, not the
ratings: the same sentence has the same levels however it is spoken. Weights are fitted on one half of the speakers and
held, like the package's, against the other half.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from emotionthinker import audio
from emotionthinker.prosody import pitch, rate, stress

SENTENCES = {
    "It's eleven o'clock": "IH T S/0 IH/0 L EH V/2 AH N/0 AH/0 K L AA K/2",
    "That is exactly what happened": "DH AE T/1 IH Z/0 IH G/0 Z AE K T/2 L IY/0 W AH T/0 HH AE/2 P AH N D/0",
    "I'm on my way to the meeting": "AY M/0 AA N/0 M AY/0 W EY/2 T AH/0 DH AH/0 M IY/2 T IH NG/0",
    "I wonder what this is about": "AY/0 W AH N/2 D ER/0 W AH T/0 DH IH S/1 IH Z/0 AH/0 B AW T/2",
    "The airplane is almost full": "DH IY/0 EH R/2 P L EY N/1 IH Z/0 AO L/2 M OW S T/1 F UH L/2",
    "Maybe tomorrow it will be cold": "M EY/2 B IY/0 T AH/0 M AA/2 R OW/1 IH T/0 W IH L/0 B IY/0 K OW L D/2",
    "I would like a new alarm clock": "AY/0 W UH D/0 L AY K/1 AH/0 N UW/2 AH/0 L AA R M/2 K L AA K/1",
    "I think I have a doctor's appointment": (
        "AY/0 TH IH NG K/1 AY/0 HH AE V/0 AH/0 D AA K/2 T ER Z/0 AH/0 P OY N T/2 M AH N T/0"
    ),
    "Don't forget a jacket": "D OW N T/1 F ER/0 G EH T/2 AH/0 JH AE/2 K AH T/0",
    "I think I've seen this before": "AY/0 TH IH NG K/1 AY V/0 S IY N/2 DH IH S/1 B IH/0 F AO R/2",
    "The surface is slick": "DH AH/0 S ER/2 F AH S/0 IH Z/0 S L IH K/2",
    "We'll stop in a couple of minutes": "W IY L/0 S T AA P/2 IH N/0 AH/0 K AH/2 P AH L/0 AH V/0 M IH/2 N AH T S/0",
    "Kids are talking by the door": "K IH D Z/2 AA R/0 T AO/2 K IH NG/0 B AY/0 DH AH/0 D AO R/2",
    "Dogs are sitting by the door": "D AO G Z/2 AA R/0 S IH/2 T IH NG/0 B AY/0 DH AH/0 D AO R/2",
}
"""ARPAbet syllables, each with its expected level."""
GERMAN = {
    "Der Lappen liegt auf dem Eisschrank.": (
        "D EH R/0 L AA/2 P AH N/0 L IY K T/1 AW F/0 D EY M/0 AY S/2 SH R AA NG K/1"
    ),
    "Das will sie am Mittwoch abgeben.": ("D AA S/1 V IH L/0 Z IY/0 AA M/0 M IH T/2 V AO HH/1 AA P/2 G EY/1 B AH N/0"),
    "Heute abend könnte ich es ihm sagen.": (
        "HH OY/2 T AH/0 AA/2 B AH N T/0 K ER N/1 T AH/0 IH SH/0 EH S/0 IY M/0 Z AA/2 G AH N/0"
    ),
    "Das schwarze Blatt Papier befindet sich da oben neben dem Holzstück.": (
        "D AA S/0 SH V AA R/2 T S AH/0 B L AA T/1 P AA/0 P IY R/2 B AH/0 F IH N/1 D AH T/0 Z IH SH/0 D AA/1 OW/2 "
        "B AH N/0 N EY/1 B AH N/0 D EY M/0 HH OW L T S/2 SH T UH K/1"
    ),
    "In sieben Stunden wird es soweit sein.": (
        "IH N/0 Z IY/2 B AH N/0 SH T UH N/2 D AH N/0 V IH R T/0 EH S/0 Z OW/0 V AY T/2 Z AY N/0"
    ),
    "Was sind denn das für Tüten, die da unter dem Tisch stehen?": (
        "V AA S/1 Z IH N T/0 D EH N/0 D AA S/1 F UW R/0 T UW/2 T AH N/0 D IY/0 D AA/1 UH N/1 T ER/0 D EY M/0 "
        "T IH SH/2 SH T EY/1 AH N/0"
    ),
    "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.": (
        "Z IY/0 HH AA/0 B AH N/0 EH S/0 G AH/0 R AA/1 D AH/0 HH OW HH/2 G AH/0 T R AA/1 G AH N/0 UH N T/0 Y EH T S T/1 "
        "G EY/0 AH N/0 Z IY/0 V IY/1 D ER/0 R UH N/2 T ER/0"
    ),
    "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.": (
        "AA N/0 D EY N/0 V AO/2 HH AH N/0 EH N/1 D AH N/0 B IH N/0 IH SH/0 Y EH T S T/1 IH/1 M ER/0 N AA HH/0 HH AW/2 "
        "Z AH/0 G AH/0 F AA/1 R AH N/0 UH N T/0 HH AA/0 B AH/0 AA K/2 N EH S/0 B AH/0 Z UW HH T/2"
    ),
    "Ich will das eben wegbringen und dann mit Karl was trinken gehen.": (
        "IH SH/0 V IH L/0 D AA S/0 EY/1 B AH N/0 V EH K/2 B R IH NG/1 AH N/0 UH N T/0 D AA N/0 M IH T/0 K AA R L/2 "
        "V AA S/0 T R IH NG/2 K AH N/0 G EY/1 AH N/0"
    ),
    "Die wird auf dem Platz sein, wo wir sie immer hinlegen.": (
        "D IY/0 V IH R T/0 AW F/0 D EY M/0 P L AA T S/2 Z AY N/0 V OW/0 V IY R/0 Z IY/0 IH/2 M ER/0 HH IH N/2 L EY/1 "
        "G AH N/0"
    ),
}
"""The sentences of EmoDB in the English phones that come nearest: places of syllables are rougher than in English."""


def syllables(samples: np.ndarray, sample_rate: int, sentence: str) -> list[tuple[float, float]] | None:
    """Spans of the sentence's syllables, aligned as if each were a word; None when the aligner fails."""
    decoder = rate._decoder(os.getpid())
    names = []
    for phones in re.findall(r"([A-Z ]+)/\d", sentence):
        names.append("syllable_" + phones.strip().lower().replace(" ", "_"))
        if decoder.lookup_word(names[-1]) is None:
            decoder.add_word(names[-1], phones.strip(), True)
    for attempt in range(3):
        timed = rate._pass(decoder, names, rate._pcm(samples, sample_rate, attempt))
        if timed is not None:
            return [(max(0.0, start), end) for start, end, _ in timed]
    return None


def cues(samples: np.ndarray, sample_rate: int, spans: list[tuple[float, float]]) -> np.ndarray:
    """z-scores of each cue alone, [cues, spans]."""
    track = pitch.track(samples, sample_rate)
    units = np.eye(len(stress.Cues._fields))
    return np.array(
        [stress.prominence(samples, sample_rate, spans, track=track, weights=stress.Cues(*row)) for row in units]
    )


def correlation(scores: np.ndarray, levels: np.ndarray) -> float:
    return float(spearmanr(scores, levels).statistic) if np.ptp(scores) else 0.0


def fitted(clips: list[dict]) -> np.ndarray:
    """Weights of least squares, not negative, sum 1, of standardised levels on the cues."""
    levels = np.concatenate([(c["levels"] - c["levels"].mean()) / c["levels"].std() for c in clips])
    weights, _ = nnls(np.concatenate([c["cues"] for c in clips], axis=1).T, levels)
    return weights / weights.sum()


def _rows() -> list[tuple[str, np.ndarray]]:
    """Each cue alone, and the package's weights."""
    rows = [(field, np.eye(len(stress.Cues._fields))[i]) for i, field in enumerate(stress.Cues._fields)]
    return [*rows, ("EQUAL", np.array(stress.EQUAL)), ("BY_LENGTH (default)", np.array(stress.BY_LENGTH))]


def report(name: str, clips: list[dict]) -> None:
    """Mean correlations within the clips: of every cue, and of weights fitted on the other half of the speakers."""
    speakers = sorted({c["speaker"] for c in clips})
    halves = [[c for c in clips if (speakers.index(c["speaker"]) % 2) == half] for half in (0, 1)]
    print(f"\n{name}: {len(clips)} clips, {len(speakers)} speakers")
    for label, weights in _rows():
        print(f"{label:26} {np.mean([correlation(weights @ c['cues'], c['levels']) for c in clips]):6.3f}")
    for half in (0, 1):
        weights = fitted(halves[1 - half])
        other = {"fitted": weights, "BY_LENGTH": np.array(stress.BY_LENGTH)}
        found = {k: np.mean([correlation(w @ c["cues"], c["levels"]) for c in halves[half]]) for k, w in other.items()}
        shown = ", ".join(f"{f} {w:.2f}" for f, w in zip(stress.Cues._fields, weights, strict=True))
        print(f"half {half}: fitted on the other {found['fitted']:.3f} ({shown}), BY_LENGTH {found['BY_LENGTH']:.3f}")


def labelled(path: Path) -> None:
    """Mean correlations with people's labels; stretches of fewer than five spans, or all alike, say nothing."""
    found: dict[str, list[float]] = {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    rows = [row for row in rows if len(row["human"]) >= 5 and len(set(row["human"])) > 1]
    for row in rows:
        samples, sample_rate = audio.load(row["path"])
        first, last = row.get("start_s", 0.0), row.get("end_s", len(samples) / sample_rate)
        samples = samples[round(first * sample_rate) : round(last * sample_rate)]
        spans = [(start, end) for start, end in row["spans"]]
        alone = cues(samples, sample_rate, spans)
        human = np.array(row["human"])
        for label, weights in _rows():
            found.setdefault(label, []).append(correlation(weights @ alone, human))
    print(f"{path}: {len(rows)} stretches, {sum(len(row['human']) for row in rows)} spans")
    rng = np.random.default_rng(0)
    for label, values in found.items():
        low, high = np.percentile(rng.choice(values, (2000, len(values))).mean(1), (2.5, 97.5))
        print(f"{label:26} {np.mean(values):6.3f} [{low:.3f}, {high:.3f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--labels", type=Path, help="JSONL of people's labels")
    parser.add_argument("--clips", type=int, default=300, help="clips drawn of each corpus")
    options = parser.parse_args()
    if (options.folder is None) == (options.labels is None):
        parser.error("expected either FOLDER or --labels")
    if options.labels:
        labelled(options.labels)
        return
    rows = [json.loads(line) for line in (options.folder / "manifest.jsonl").read_text().splitlines() if line]
    for corpus in ("crema_d", "ravdess", "emodb"):
        sentences = GERMAN if corpus == "emodb" else SENTENCES
        known = [row for row in rows if row["dataset"] == corpus and row.get("transcript") in sentences]
        drawn = np.random.default_rng(0).permutation(len(known))[: options.clips]
        clips, failed = [], 0
        for row in (known[i] for i in drawn):
            samples, sample_rate = audio.load(options.folder / row["path"])
            sentence = sentences[row["transcript"]]
            spans = syllables(samples, sample_rate, sentence)
            if spans is None:
                failed += 1
                continue
            levels = np.array([float(level) for level in re.findall(r"/(\d)", sentence)])
            clips.append({"speaker": row["speaker"], "levels": levels, "cues": cues(samples, sample_rate, spans)})
        report(f"{corpus} ({failed} not aligned)", clips)


if __name__ == "__main__":
    main()
