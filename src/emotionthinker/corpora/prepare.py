"""From a corpus on disk to a manifest that `annotate` reads: records, bad rows to the side, and what was counted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from emotionthinker.corpora import base
from emotionthinker.corpora.base import Corpus, Embedded, items
from emotionthinker.corpora.manifest import BadRow
from emotionthinker.errors import CorpusError, kind_of
from emotionthinker.records import Utterance
from emotionthinker.runs import replacing

NO_LABEL, NO_SPLIT = "(none)", "(open)"


def prepare(corpus: Corpus, root: Path, out: Path) -> dict[str, Any]:
    """Write every clip of `root` to `out` (JSON lines) and what failed to `failures_of(out)`; returns the counts.

    Sound that lies inside a table is written to `sounds_of(out)`. The manifest appears at once when all is read.
    Raises `CorpusError` when the corpus does not lie there, `out` is no `.jsonl`, or not one row makes a clip; an older
    `out` then stays.
    """
    if out.suffix != ".jsonl":
        raise CorpusError("wrong_layout", f"--out {out}: expected a file that ends in .jsonl; `annotate` reads it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as part:
        with replacing(failures_of(out)) as side_part:
            tally = _write(corpus, root, out, part, side_part)
        if not tally.rows:
            raise _no_clip(corpus, root, out, tally.failed)
    absent = corpus.absent(root.resolve())
    return {**tally.summary(), **({"absent": absent} if absent else {})}


def _no_clip(corpus: Corpus, root: Path, out: Path, failed: Counter[str]) -> CorpusError:
    reasons = ", ".join(f"{kind}: {count}" for kind, count in failed.items())
    what = f"not one of its rows makes a clip ({reasons}; see {failures_of(out)}), and {out} is left as it was"
    return base.wrong_layout(corpus, root, what)


def _write(corpus: Corpus, root: Path, out: Path, part: Path, side_part: Path) -> _Tally:
    tally = _Tally()
    with (
        open(part, "w", encoding="utf-8") as rows,
        open(side_part, "w", encoding="utf-8") as lost,
    ):
        for item in items(corpus, root):
            if isinstance(item, BadRow):
                tally.failed[kind_of(item.error)] += 1
                row = {"id": item.id, "audio": None, "reason": kind_of(item.error), "message": str(item.error)}
                lost.write(json.dumps(row, ensure_ascii=False) + "\n")
                continue
            utterance = _unpacked(item, sounds_of(out)) if isinstance(item, Embedded) else item
            tally.add(utterance)
            rows.write(utterance.model_dump_json() + "\n")
    return tally


def failures_of(out: Path) -> Path:
    """Where the bad rows of a manifest go."""
    return out.with_name(f"{out.stem}.failures.jsonl")


def sounds_of(out: Path) -> Path:
    """The folder of sound that was unpacked for a manifest."""
    return out.with_name(f"{out.stem}.sounds")


def _unpacked(item: Embedded, folder: Path) -> Utterance:
    """The record with its sound as a file; one that is there in full is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / f"{item.utterance.id}{item.suffix}"
    if not path.is_file() or path.stat().st_size != len(item.sound):
        with replacing(path) as part:
            part.write_bytes(item.sound)
    return item.utterance.model_copy(update={"audio": str(path)})


class _Tally:
    """Counts of a manifest."""

    def __init__(self) -> None:
        self.rows = self.no_words = 0
        self.failed: Counter[str] = Counter()
        self.labels: Counter[tuple[str, str]] = Counter()
        self.speakers: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.datasets: Counter[str] = Counter()

    def add(self, utterance: Utterance) -> None:
        self.rows += 1
        self.no_words += not utterance.text
        self.labels[utterance.original_label or NO_LABEL, utterance.emotion or NO_LABEL] += 1
        self.speakers[utterance.speaker or NO_LABEL] += 1
        self.splits[utterance.split or NO_SPLIT] += 1
        self.datasets[utterance.dataset or NO_LABEL] += 1

    def summary(self) -> dict[str, Any]:
        return {
            "clips": self.rows,
            "failed": dict(self.failed),
            "without_transcript": self.no_words,
            "datasets": dict(self.datasets),
            "splits": dict(self.splits),
            "labels": {original: {label: n} for (original, label), n in sorted(self.labels.items())},
            "speakers": dict(sorted(self.speakers.items())),
        }
