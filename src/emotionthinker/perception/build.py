"""Stage `perception`: annotated utterances in, `questions.jsonl` with attribute and comparative questions out."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from emotionthinker import __version__, audio
from emotionthinker.corpora.splits import TRAIN, is_held_out
from emotionthinker.errors import RecipeError
from emotionthinker.perception.questions import (
    CAPTION,
    Row,
    attribute_rows,
    balanced,
    question_row,
    split_of,
    wording,
)
from emotionthinker.perception.sequences import WORDS, build
from emotionthinker.perception.variants import check_tools
from emotionthinker.progress import followed
from emotionthinker.prosody.batch import MEASURES
from emotionthinker.recipes import Recipe
from emotionthinker.records import Utterance, read_jsonl, transcript_of
from emotionthinker.runs import JsonlStore, Run, digest, frees_folder, write_json, write_lines

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ORT_NUM_THREADS")


class PerceptionRecipe(Recipe):
    """The prosody-centric corpus of section 3.2 and, from each held-out split (`test`: Table 5), a test set."""

    records: Path
    """Annotated utterances (JSONL of `annotate`); `split` is `train`, a held-out set (`test`, `validation`), or
    of another name (`fold1`): such a set gets the questions of training under its own name."""
    max_per_task: int | None = Field(default=None, ge=1)
    """At most so many training questions of each task, balanced over the answers; None keeps all."""
    max_test_per_task: int | None = Field(default=200, ge=1)
    """The same for the questions of each held-out split (Table 5 uses 1,000 utterances)."""
    comparative: int = Field(default=200, ge=0)
    """Comparative sequences for training, shared evenly by pitch, speed and energy."""
    comparative_test: int = Field(default=30, ge=0)
    """The same for each held-out split."""
    max_piece_s: float = Field(default=3.0, gt=0.3)
    """Longest utterance (silence at both ends trimmed) that may become a sequence of three."""
    pause_s: float = Field(default=0.25, ge=0.1, le=1.0)
    transcript_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the questions that quote the transcript; stress questions always do."""
    min_confidence: float = Field(default=0.6, ge=0, le=1)
    min_margin: float = Field(default=0.5, ge=0)
    """How far the one stressed word must stand above the next, in z units (`annotate --stress acoustic`)."""
    min_margin_log_odds: float = Field(default=2.0, ge=0)
    """The same in log-odds of a detector (`annotate --stress whistress:FOLDER`)."""
    min_gender_confidence: float = Field(default=0.9, ge=0, le=1)
    workers: int = Field(default=2, ge=1)


_Mapper = Callable[[list[dict[str, Any]]], Iterable[dict[str, Any]]]


@frees_folder
def run(recipe: PerceptionRecipe, out: Path) -> dict[str, Any]:
    """Build the corpus in `out`; returns the summary. A killed run goes on behind its last finished sequence, and a
    run with another recipe keeps the sequences that come out the same.

    Writes `questions.jsonl` (see `questions.question_row`), `audio/*.flac`, `sequences.jsonl` (every candidate with
    its measured changes), `rejected.jsonl`, `summary.json` and `manifest.json`. Raises `RecipeError` without records.
    """
    out = Path(out).resolve()
    if not recipe.records.is_file():
        raise RecipeError(f"records {recipe.records} do not exist; `emotionthinker annotate` writes them")
    job = Run(out, "perception", recipe, [recipe.records])
    if job.finished:
        return dict(job.previous["counts"])
    job.begin()
    if recipe.comparative or recipe.comparative_test:
        check_tools(WORDS, "; comparative=0 and comparative_test=0 leave them out")
    utterances = [u for u in read_jsonl(recipe.records) if u.prosody and u.audio]
    rows = _attributes(utterances, recipe) + _comparatives(utterances, recipe, out)
    write_lines(out / "questions.jsonl", rows)
    summary = summarise(rows, out / "sequences.jsonl")
    write_json(out / "summary.json", summary)
    job.finish(counts=summary)
    return summary


def _attributes(utterances: list[Utterance], recipe: PerceptionRecipe) -> list[Row]:
    rows = attribute_rows(
        utterances,
        seed=recipe.seed,
        transcript_share=recipe.transcript_share,
        min_confidence=recipe.min_confidence,
        min_margin=recipe.min_margin,
        min_margin_log_odds=recipe.min_margin_log_odds,
        min_gender_confidence=recipe.min_gender_confidence,
    )
    kept: list[Row] = []
    for split in _splits(utterances):
        limit = recipe.max_test_per_task if is_held_out(split) else recipe.max_per_task
        kept += balanced([row for row in rows if row["split"] == split], limit, recipe.seed)
    return kept


def _splits(utterances: list[Utterance]) -> list[str]:
    """The splits there are, training first: each has its own quota, since training and evaluation read one by name."""
    return sorted({split_of(u) for u in utterances}, key=lambda split: (split != TRAIN, split))


def _comparatives(utterances: list[Utterance], recipe: PerceptionRecipe, out: Path) -> list[Row]:
    """The rows of verified sequences; candidates are tried in a fixed order until each quota is full.

    In the end `sequences.jsonl` holds those that were tried; until then also what an earlier recipe left there.
    """
    rows: list[Row] = []
    tried: list[dict[str, Any]] = []
    with JsonlStore(out / "sequences.jsonl") as store, _pool(recipe.workers) as run_jobs:
        known = {result["id"]: result for result in store.rows()}
        for split in _splits(utterances):
            total = recipe.comparative_test if is_held_out(split) else recipe.comparative
            mine = [u for u in utterances if split_of(u) == split]
            for place, attribute in enumerate(WORDS):
                quota = total // 3 + (place < total % 3)
                candidates = {f"{u.id}/order_{attribute}": u for u in _candidates(mine, attribute, recipe)}
                jobs = [
                    _job(key, u, recipe, attribute=attribute, order=number, folder=str(out / "audio"))
                    for number, (key, u) in enumerate(candidates.items())
                ]
                accepted = _accepted(jobs, known, tried, store, run_jobs, batch=4 * recipe.workers)
                chosen = followed(itertools.islice(accepted, quota), quota, f"{split}, order of {attribute}")
                rows += [_sequence_row(r, candidates[r["id"]], attribute, recipe, out / "audio") for r in chosen]
    write_lines(out / "sequences.jsonl", tried)
    return rows


def _job(key: str, utterance: Utterance, recipe: PerceptionRecipe, **more: Any) -> dict[str, Any]:
    settings = recipe.model_dump(include={"seed", "pause_s", "max_piece_s"})
    return {"id": key, "audio": utterance.audio, **settings, **more}


def _stamp(job: dict[str, Any]) -> str:
    """Changes with all that a sequence comes from: the sound, the settings of the job and what is measured."""
    made_from = {name: value for name, value in job.items() if name != "folder"}
    return digest(f"{__version__}|{MEASURES}|{json.dumps(made_from, sort_keys=True)}|{audio.stamp(job['audio'])}")


def _accepted(
    jobs: list[dict[str, Any]],
    known: dict[str, dict[str, Any]],
    tried: list[dict[str, Any]],
    store: JsonlStore,
    run_jobs: _Mapper,
    batch: int,
) -> Iterator[dict[str, Any]]:
    """Accepted results in the order of the jobs, worked off as they are asked for, and all of them in `tried`; what is
    `known` under the same stamp is not done again.
    """
    for start in range(0, len(jobs), batch):
        part = jobs[start : start + batch]
        stamps = {job["id"]: _stamp(job) for job in part}
        for result in run_jobs([job for job in part if known.get(job["id"], {}).get("stamp") != stamps[job["id"]]]):
            known[result["id"]] = {**result, "stamp": stamps[result["id"]]}
            store.append(known[result["id"]])
        found = [known[job["id"]] for job in part]
        tried += found
        yield from (result for result in found if result["accepted"])


def _candidates(utterances: list[Utterance], attribute: str, recipe: PerceptionRecipe) -> list[Utterance]:
    """Utterances with reliable pitch, the speakers taking turns; trimming may still shorten what looks too long."""
    by_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in sorted(utterances, key=lambda u: u.id):
        prosody = utterance.prosody
        if prosody and prosody.pitch.reliable and 0.6 <= prosody.duration_s <= recipe.max_piece_s + 2:
            by_speaker[utterance.speaker or utterance.id].append(utterance)
    rng = random.Random(f"{recipe.seed}/{attribute}")
    piles = [by_speaker[name] for name in sorted(by_speaker)]
    rng.shuffle(piles)
    for pile in piles:
        rng.shuffle(pile)
    longest = max(map(len, piles), default=0)
    return [u for rank in range(longest) for pile in piles for u in pile[rank : rank + 1]]


def _sequence_row(
    result: dict[str, Any], utterance: Utterance, attribute: str, recipe: PerceptionRecipe, folder: Path
) -> Row:
    task = f"order_{attribute}"
    question = wording(
        task,
        utterance.id,
        transcript=transcript_of(utterance),
        transcript_share=recipe.transcript_share,
        seed=recipe.seed,
    )
    return question_row(utterance, task, question, result["answer"], str(folder / result["file"]), result["seconds"])


@contextmanager
def _pool(workers: int) -> Iterator[_Mapper]:
    """A map over jobs in `workers` processes with one thread each; one worker stays in this process."""
    if workers == 1:
        yield lambda jobs: map(build, jobs)
        return
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        yield lambda jobs: pool.map(build, jobs)


def _one_thread() -> None:
    os.environ.update(dict.fromkeys(_THREADS, "1"))


def summarise(rows: list[Row], sequences: Path) -> dict[str, Any]:
    """Counts of questions by split, task and answer, and of accepted and rejected sequences; writes the rejected."""
    counts: dict[str, Any] = {}
    for row in rows:
        split = counts.setdefault(row["split"], {})
        split.setdefault(row["task"], Counter())[_class_of(row)] += 1
    results = [json.loads(line) for line in sequences.read_text(encoding="utf-8").splitlines()]
    rejected = [result for result in results if not result["accepted"]]
    write_lines(sequences.with_name("rejected.jsonl"), rejected)
    return {
        "questions": len(rows),
        "by_split": {split: {t: dict(c) for t, c in tasks.items()} for split, tasks in counts.items()},
        "sequences_tried": len(results),
        "sequences_rejected": len(rejected),
    }


def _class_of(row: Row) -> str:
    open_answers = {"stress": "words", CAPTION: "captions"}
    return open_answers.get(row["task"], str(row["answer"]))
