"""Stage `reward-data`: rated variants of reasoning traces for the reward model (section 3.3.2, Appendix D.1)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, Literal, NamedTuple

from pydantic import Field

from emotionthinker.errors import EndpointError, RecipeError
from emotionthinker.models.prompt import completion
from emotionthinker.progress import followed
from emotionthinker.reasoning.claims import check
from emotionthinker.reasoning.cot import refuse_other_run, utterances
from emotionthinker.reasoning.degrade import Variant, attributes, degrade, rate_share
from emotionthinker.reasoning.endpoint import Endpoint, EndpointRecipe, estimate, prompt
from emotionthinker.reasoning.endpoint_writer import clean, concurrently, facts
from emotionthinker.reasoning.flipping import share_supported
from emotionthinker.recipes import Recipe
from emotionthinker.records import CRITERIA, Rating, Utterance
from emotionthinker.runs import JsonlStore, Run, frees_folder, write_json

GOLD = Rating(factual_alignment=5, interpretative_quality=5, caption_completeness=5, fluency_and_structural_clarity=5)


class RewardDataRecipe(Recipe):
    """What the `reward-data` stage needs."""

    traces: str
    """Utterances with traces, JSONL or Parquet (output of `cot`)."""
    variants: int = Field(default=4, ge=0)
    """Degraded variants a trace; the gold trace comes on top (4: the paper's 5 tuples a trace)."""
    writer: Literal["rules", "endpoint"] = "rules"
    endpoint: EndpointRecipe = Field(default_factory=EndpointRecipe)
    """Read only when `writer` is `endpoint`."""
    limit: int | None = Field(default=None, ge=1)
    """Use only this many traces."""
    dry_run: bool = False
    """With an endpoint: count the tokens and the cost of the calls, make none."""


class Job(NamedTuple):
    """One variant to make: number 0 is the gold trace."""

    row: Utterance
    number: int
    target: Rating
    rng: Random

    @property
    def id(self) -> str:
        return f"{self.row.id}#{self.number}"


@frees_folder
def run(recipe: RewardDataRecipe, out: Path) -> dict[str, Any]:
    """Write `ratings.jsonl`, `summary.json` and `manifest.json` into `out`; returns the summary. Resumable.

    A row: `id` (utterance and variant number), `source`, `audio`, `dataset`, `speaker`, `split`, `text`, `emotion`,
    `prosody`, `think`, `completion` (with the true emotion as answer), `rating`, `target`, `variant`, `shares`.
    """
    source = Path(recipe.traces)
    if not source.is_file():
        raise RecipeError(f"reward-data: no file {source}; `traces` must name the output of `emotionthinker cot`")
    stage = Run(out, "reward-data", recipe, [source])
    if stage.finished:
        return dict(stage.previous["metrics"])
    refuse_other_run(stage, ("seed", "writer"), out / "ratings.jsonl")
    jobs = list(_jobs(recipe, source))
    if recipe.writer == "endpoint" and recipe.dry_run:
        texts = [_ask(job) for job in jobs if job.number]
        return estimate(recipe.endpoint, texts, 60)
    stage.begin()
    unanswered: list[str] = []
    with JsonlStore(out / "ratings.jsonl") as store:
        todo = [job for job in jobs if job.id not in store]
        for job, variant, wrong in followed(_make(recipe, todo, out), len(todo), "reward-data"):
            if variant is None:
                unanswered.append(wrong[0])
            else:
                store.append(_row(job, variant, recipe.writer))
    result = summarise(out / "ratings.jsonl")
    write_json(out / "summary.json", result)
    if unanswered:
        raise EndpointError(
            f"{len(unanswered)} of {len(todo)} variants got no answer; the others are stored, run the command again "
            f"to ask for them. First: {unanswered[0]}"
        )
    stage.finish(counts=result["counts"], metrics=result)
    return result


def _jobs(recipe: RewardDataRecipe, source: Path) -> Iterator[Job]:
    count = 0
    for row in utterances(source):
        if row.trace is None or row.prosody is None or row.emotion is None:
            continue
        if recipe.limit is not None and count >= recipe.limit:
            return
        count += 1
        yield Job(row, 0, GOLD, Random(0))
        for number in range(1, recipe.variants + 1):
            rng = Random(f"{recipe.seed}:{row.id}:{number}")
            yield Job(row, number, _target(rng), rng)


def _target(rng: Random) -> Rating:
    """Each criterion uniformly from 1 to 5 (Appendix D.1), never all four at 5."""
    while True:
        target = Rating(**{name: rng.randint(1, 5) for name in CRITERIA})
        if target != GOLD:
            return target


def _make(recipe: RewardDataRecipe, jobs: list[Job], out: Path) -> Iterator[tuple[Job, Variant | None, list[str]]]:
    if recipe.writer == "endpoint":
        yield from _ask_all(recipe, jobs, out)
        return
    for job in jobs:
        yield job, _by_rules(job), []


def _by_rules(job: Job) -> Variant:
    row = job.row
    assert row.trace is not None
    assert row.prosody is not None
    if not job.number:
        return Variant(row.trace.think, GOLD, share_supported(check(row.trace.think, row.prosody)), 1.0, 1.0, 0.0)
    return degrade(row.trace.think, str(row.emotion), row.prosody, job.target, job.rng)


def _ask_all(recipe: RewardDataRecipe, jobs: list[Job], out: Path) -> Iterator[tuple[Job, Variant | None, list[str]]]:
    endpoint = Endpoint(recipe.endpoint)
    instructions = prompt("degrade")
    lock = threading.Lock()
    with JsonlStore(out / "calls.jsonl", key="call") as calls:
        known = {row["call"]: row["answer"] for row in calls.rows()} if len(calls) else {}

        def make(job: Job) -> tuple[Variant | None, list[str]]:
            if not job.number:
                return _by_rules(job), []
            if job.id in known:
                return _measured(job, clean(known[job.id])), []
            answer = endpoint.complete(instructions.system, _ask(job))
            with lock:
                calls.append({"call": job.id, "model": endpoint.model, "prompt": instructions.digest, "answer": answer})
            return _measured(job, clean(answer)), []

        yield from concurrently(make, jobs, recipe.endpoint.concurrency)


def _ask(job: Job) -> str:
    assert job.row.trace is not None
    assert job.row.prosody is not None
    return prompt("degrade").fill(
        facts=facts(job.row.prosody), emotion=job.row.emotion, think=job.row.trace.think, **job.target.model_dump()
    )


def _measured(job: Job, think: str) -> Variant:
    """An endpoint's text: facts and completeness as measured, the other two as they were asked for."""
    row = job.row
    assert row.trace is not None
    assert row.prosody is not None
    wanted = attributes(row.trace.think)
    covered = len(attributes(think) & wanted) / len(wanted) if wanted else 1.0
    supported = share_supported(check(think, row.prosody))
    update = {"caption_completeness": rate_share(covered)}
    if supported is not None:
        update["factual_alignment"] = rate_share(supported)
    target = job.target
    return Variant(
        think,
        target.model_copy(update=update),
        supported,
        (target.interpretative_quality - 1) / 4,
        covered,
        (5 - target.fluency_and_structural_clarity) / 4,
    )


def _row(job: Job, variant: Variant, writer: str) -> dict[str, Any]:
    row = job.row
    assert row.prosody is not None
    assert row.emotion is not None
    return {
        "id": job.id,
        "source": row.id,
        "audio": row.audio,
        "dataset": row.dataset,
        "speaker": row.speaker,
        "split": row.split,
        "language": row.language,
        "text": row.text,
        "emotion": row.emotion,
        "prosody": row.prosody.model_dump(mode="json"),
        "think": variant.think,
        "completion": completion(variant.think, row.emotion),
        "rating": variant.rating.model_dump(),
        "target": job.target.model_dump(),
        "variant": "gold" if job.number == 0 else f"{writer}-{job.number}",
        "shares": {
            "supported": variant.supported,
            "links_kept": variant.links_kept,
            "covered": variant.covered,
            "disturbed": variant.disturbed,
        },
    }


def summarise(path: Path) -> dict[str, Any]:
    """Counts, the distribution of each criterion's ratings, and how often the target was reached."""
    with JsonlStore(path) as store:
        rows = list(store.rows())
    made = [row for row in rows if row["variant"] != "gold"]
    return {
        "counts": {"rows": len(rows), "gold": len(rows) - len(made), "degraded": len(made)},
        "splits": dict(Counter(row["split"] or "none" for row in rows)),
        "ratings": {
            name: {str(k): v for k, v in sorted(Counter(row["rating"][name] for row in made).items())}
            for name in CRITERIA
        },
        "target_reached": {
            name: round(fmean(row["rating"][name] == row["target"][name] for row in made), 3) if made else None
            for name in CRITERIA
        },
    }
