"""Stage `cot`: writes an EmotionCoT set (section 3.1, Appendix B.3): one checked reasoning trace an utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from emotionthinker.corpora import parquet
from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import EndpointError, RecipeError
from emotionthinker.progress import followed
from emotionthinker.reasoning.claims import summary
from emotionthinker.reasoning.endpoint import EndpointRecipe
from emotionthinker.reasoning.endpoint_writer import ENDPOINT_PROBLEM, EndpointWriter
from emotionthinker.reasoning.rules import Rules, problems
from emotionthinker.reasoning.statistics import diversity
from emotionthinker.reasoning.writer import VERSION, GrammarWriter
from emotionthinker.recipes import Recipe
from emotionthinker.records import Trace, Utterance, read_jsonl
from emotionthinker.runs import JsonlStore, Run, frees_folder, write_json


class CotRecipe(Recipe):
    """What the `cot` stage needs."""

    utterances: str
    """Annotated utterances, JSONL or Parquet (output of `annotate`)."""
    writer: Literal["grammar", "endpoint"] = "grammar"
    rules: Rules = Field(default_factory=Rules)
    endpoint: EndpointRecipe = Field(default_factory=EndpointRecipe)
    """Read only when `writer` is `endpoint`."""
    limit: int | None = Field(default=None, ge=1)
    """Stop after this many utterances (a trial run)."""
    dry_run: bool = False
    """With an endpoint: count the tokens and the cost of the calls, make none."""


def utterances(path: str | Path) -> Iterator[Utterance]:
    """Records of a JSONL or Parquet file."""
    return parquet.read(path) if Path(path).suffix == ".parquet" else read_jsonl(path)


@frees_folder
def run(recipe: CotRecipe, out: Path) -> dict[str, Any]:
    """Write `traces.jsonl`, `rejected.jsonl`, `summary.json` and `manifest.json` into `out`; returns the summary.

    Rows without an emotion or without prosody are skipped and counted. Every finished row is on disk at once, so a
    killed run goes on where it stopped; rejected rows are not tried again until `rejected.jsonl` is removed.
    """
    source = Path(recipe.utterances)
    if not source.is_file():
        raise RecipeError(f"cot: no file {source}; `utterances` must name the output of `emotionthinker annotate`")
    stage = Run(out, "cot", recipe, [source])
    if stage.finished:
        return dict(stage.previous["metrics"])
    refuse_other_run(stage, ("seed", "writer", "rules"), out / "traces.jsonl")
    rows, skipped = _usable(utterances(source), recipe.limit)
    if recipe.writer == "endpoint" and recipe.dry_run:
        return EndpointWriter(recipe.endpoint, recipe.rules).estimate(rows)
    stage.begin()
    unanswered: list[str] = []
    with JsonlStore(out / "traces.jsonl") as traces, JsonlStore(out / "rejected.jsonl") as rejected:
        todo = [row for row in rows if row.id not in traces and row.id not in rejected]
        for row, trace, wrong in followed(_write(recipe, todo, out), len(todo), "cot"):
            if wrong and wrong[0].startswith(ENDPOINT_PROBLEM):
                unanswered.append(wrong[0])
            elif trace is None or wrong:
                rejected.append({"id": row.id, "problems": wrong, "think": trace.think if trace else None})
            else:
                traces.append(row.model_copy(update={"trace": trace}).model_dump(mode="json"))
    result = summarise(out, skipped)
    write_json(out / "summary.json", result)
    if unanswered:
        raise EndpointError(
            f"{len(unanswered)} of {len(todo)} rows got no answer; everything else is stored, run the command again "
            f"to ask for them. First: {unanswered[0]}"
        )
    stage.finish(counts=result["counts"], metrics=result)
    return result


def refuse_other_run(stage: Run, settings: tuple[str, ...], results: Path) -> None:
    """Raise `RecipeError` when `results` were made from other inputs or settings: rows of two runs must not mix."""
    if not results.exists() or not stage.previous:
        return
    old, new = stage.previous_recipe, stage.manifest["recipe"]
    changed = [name for name in settings if old.get(name) != new[name]]
    changed += ["inputs"] if "inputs" in stage.other else []
    if changed:
        raise RecipeError(
            f"{results} was made with other {', '.join(changed)} (see manifest.json beside it); "
            "choose another --out or remove that folder"
        )


def _usable(rows: Iterable[Utterance], limit: int | None) -> tuple[list[Utterance], dict[str, int]]:
    """Rows a trace can be written for, and how many were left out for which reason."""
    kept: list[Utterance] = []
    skipped: Counter[str] = Counter()
    seen: set[str] = set()
    for row in rows:
        if limit is not None and len(kept) >= limit:
            break
        if row.emotion not in EMOTIONS:
            skipped["no_emotion" if row.emotion is None else "unknown_emotion"] += 1
        elif row.prosody is None:
            skipped["no_prosody"] += 1
        elif row.id in seen:
            skipped["repeated_id"] += 1
        else:
            seen.add(row.id)
            kept.append(row)
    return kept, dict(skipped)


_Written = tuple[Utterance, Trace | None, list[str]]


def _write(recipe: CotRecipe, rows: list[Utterance], out: Path) -> Iterator[_Written]:
    if recipe.writer == "endpoint":
        with JsonlStore(out / "calls.jsonl", key="call") as calls:
            yield from EndpointWriter(recipe.endpoint, recipe.rules).write_all(rows, calls)
        return
    writer = GrammarWriter(recipe.seed)
    for row in rows:
        assert row.prosody is not None
        think = writer.write(row)
        wrong, claims = problems(think, row.prosody, recipe.rules)
        yield row, Trace(think=think, answer=str(row.emotion), writer=VERSION, claims=claims), wrong


def summarise(out: Path, skipped: dict[str, int]) -> dict[str, Any]:
    """Counts, lengths, diversity and claim verdicts of what lies in `out`."""
    rows = list(read_jsonl(out / "traces.jsonl"))
    with JsonlStore(out / "rejected.jsonl") as store:
        rejected = list(store.rows())
    reasons = Counter(problem.split(":")[0] for row in rejected for problem in row["problems"])
    made = [row.trace for row in rows if row.trace]
    return {
        "counts": {"traces": len(made), "rejected": len(rejected), "skipped": sum(skipped.values())},
        "skipped": skipped,
        "rejected": dict(reasons),
        "emotions": dict(Counter(trace.answer for trace in made)),
        "splits": dict(Counter(row.split or "none" for row in rows)),
        "writers": dict(Counter(trace.writer for trace in made)),
        "text": diversity([trace.think for trace in made]),
        "claims": summary(claim for trace in made for claim in trace.claims),
    }
