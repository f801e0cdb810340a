"""Stage `evaluate`: a model answers clips of speakers it never heard; every answer is stored as it comes."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotionthinker.errors import AudioError, RecipeError
from emotionthinker.evaluation import reference as probing
from emotionthinker.evaluation.scoring import UNREASONED, metrics_of
from emotionthinker.models.prompt import ANSWER_SYSTEM, SYSTEM, emotion_question, split_completion
from emotionthinker.progress import progress_bar
from emotionthinker.recipes import Recipe
from emotionthinker.records import Utterance, read_jsonl, transcript_of
from emotionthinker.runs import JsonlStore, Run, frees_folder, model_files, write_json

Samples = NDArray[np.float32]


class EvaluateRecipe(Recipe):
    """What is asked of which model, on which clips (Tables 2, 4 and 5)."""

    model: str = "nano"
    """As `Thinker.load` takes it: `nano`, a hub id, or the folder of a training stage."""
    records: Path
    """Annotated utterances with emotions (JSONL)."""
    split: str = "test"
    corpora: list[str] | None = None
    """Only these corpora; None takes all that have emotion labels."""
    max_clips: int | None = Field(default=None, ge=1)
    """At most so many clips, corpora and emotions taking turns; None takes all."""
    batch_size: int = Field(default=8, ge=1)
    max_new_tokens: int = Field(default=192, ge=1)
    transcript: bool = True
    """Quote the words in the question."""
    probabilities: bool = True
    """Also score the nine answers, behind each reasoning and without any (calibration)."""
    trained_on: list[Path] = Field(default_factory=list)
    """Manifests (JSONL) of what the model was trained on: their speakers may not be tested."""
    trained_split: str = "train"
    """Rows of these manifests with another split were not trained on; rows without one were."""
    questions: Path | None = None
    """Perception test set (`questions.jsonl` of stage `perception`), for Table 5."""
    max_questions: int | None = Field(default=None, ge=1)
    """At most so many questions of each task."""
    reference: probing.ReferenceRecipe | None = None
    """The encoder probe shown beside the model."""
    draws: int = Field(default=1000, ge=100)
    """Bootstrap draws of speakers for the intervals."""


class Answers(Protocol):
    """What evaluation needs of a model; `models.thinker.Thinker` is one."""

    def generate(
        self,
        audios: Sequence[Samples],
        questions: Sequence[str],
        *,
        max_new_tokens: int,
        batch_size: int,
        system: str = SYSTEM,
    ) -> list[str]: ...

    def label_probabilities(
        self, audios: Sequence[Samples], questions: Sequence[str], thinks: Sequence[str] | None = None
    ) -> list[dict[str, float]]: ...


@frees_folder
def run(recipe: EvaluateRecipe, out: Path, *, thinker: Answers | None = None) -> dict[str, Any]:
    """Ask, store, score; returns the metrics. A killed run asks only what is not answered yet.

    Writes `answers.jsonl`, `perception_answers.jsonl`, `metrics.json`, `report.md`, `confusion-*.png`, `manifest.json`.
    `thinker` stands in for the recipe's model. Raises `RecipeError` when a test speaker was trained on.
    """
    from emotionthinker.evaluation import report

    for path in (recipe.records, *recipe.trained_on, *([recipe.questions] if recipe.questions else [])):
        if not path.is_file():
            raise RecipeError(f"{path} does not exist; run the stage that writes it, or take it out of the recipe")
    clips = select(read_jsonl(recipe.records), recipe)
    questions = select_questions(recipe)
    speakers = {u.speaker for u in clips} | {row["speaker"] for row in questions}
    check_speakers(speakers, recipe.trained_on, recipe.trained_split)

    inputs = [recipe.records, *recipe.trained_on, *model_files(recipe.model)]
    job = Run(out, "evaluate", recipe, [*inputs, *([recipe.questions] if recipe.questions else [])])
    metrics_file, stores = job.folder / "metrics.json", ("answers.jsonl", "perception_answers.jsonl")
    if job.finished and metrics_file.is_file():
        return dict(json.loads(metrics_file.read_text(encoding="utf-8")))
    if job.other:
        for name in stores:
            (job.folder / name).unlink(missing_ok=True)
    job.begin()
    models = _Loaded(recipe.model, thinker)
    answers = _answer_clips(clips, recipe, models, job.folder / stores[0])
    perceived = _answer_questions(questions, recipe, models, job.folder / stores[1])
    probes = probing.run(recipe.reference, job.folder / "reference") if recipe.reference else None
    metrics = {"model": recipe.model, "split": recipe.split} | metrics_of(
        clips, answers, questions, perceived, draws=recipe.draws, seed=recipe.seed, probes=probes
    )
    write_json(metrics_file, metrics)
    report.write(metrics, job.folder)
    job.finish(counts={"clips": len(clips), "questions": len(questions)}, metrics=report.summary(metrics))
    return metrics


class _Loaded:
    """The model, loaded when the first question needs it: a resumed run with all answers loads none."""

    def __init__(self, source: str, thinker: Answers | None) -> None:
        self._source = source
        self._thinker = thinker

    def get(self) -> Answers:
        if self._thinker is None:
            from emotionthinker.models.thinker import Thinker

            self._thinker = Thinker.load(self._source)
        return self._thinker


def select(utterances: Iterable[Utterance], recipe: EvaluateRecipe) -> list[Utterance]:
    """The clips of the recipe's split and corpora with a label and sound. Raises `RecipeError` when there are none."""
    clips = [
        u
        for u in utterances
        if u.split == recipe.split and u.emotion and u.audio and (recipe.corpora is None or u.dataset in recipe.corpora)
    ]
    if not clips:
        raise RecipeError(
            f"{recipe.records}: no clip with an emotion in split {recipe.split!r}, corpora {recipe.corpora or 'all'}"
        )
    return _taking_turns(clips, [(str(u.dataset), str(u.emotion)) for u in clips], recipe.max_clips, recipe.seed)


def select_questions(recipe: EvaluateRecipe) -> list[dict[str, Any]]:
    """The perception questions of the recipe's split, at most `max_questions` of each task over its answers."""
    if recipe.questions is None:
        return []
    with open(recipe.questions, encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == recipe.split]
    tasks = sorted({row["task"] for row in rows})
    chosen = []
    for task in tasks:
        mine = [row for row in rows if row["task"] == task]
        chosen += _taking_turns(mine, [row["answer"] for row in mine], recipe.max_questions, recipe.seed)
    return chosen


def _taking_turns(items: list[Any], groups: list[Any], limit: int | None, seed: int) -> list[Any]:
    """`limit` items, round robin over their groups, in the order they came in."""
    if limit is None or limit >= len(items):
        return items
    piles: dict[Any, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        piles[group].append(index)
    rng = random.Random(seed)
    for group in sorted(piles):
        rng.shuffle(piles[group])
    longest = max(map(len, piles.values()))
    turns = [i for rank in range(longest) for group in sorted(piles) for i in piles[group][rank : rank + 1]]
    return [items[index] for index in sorted(turns[:limit])]


def check_speakers(tested: Iterable[str | None], trained_on: Sequence[Path], trained_split: str) -> None:
    """Raises `RecipeError` when a speaker to be tested occurs in a training manifest, or has no name to check."""
    tested = set(tested)
    if trained_on and None in tested:
        raise RecipeError("a test clip has no speaker, so nobody can say it is a new one; add `speaker` to the records")
    for path in trained_on:
        with open(path, encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
        trained = {row.get("speaker") for row in rows if row.get("split") in (None, trained_split)}
        if shared := tested & (trained - {None}):
            raise RecipeError(
                f"{path}: the model was trained on test speakers {', '.join(sorted(map(str, shared)))}; "
                "test on other speakers, or train without these"
            )


def _answer_clips(
    clips: Sequence[Utterance], recipe: EvaluateRecipe, models: _Loaded, path: Path
) -> dict[str, dict[str, Any]]:
    def ask(batch: Sequence[Utterance], sounds: Sequence[Samples]) -> Iterator[dict[str, Any]]:
        texts = [emotion_question(transcript_of(u) if recipe.transcript else None) for u in batch]
        model = models.get()
        outputs = model.generate(sounds, texts, max_new_tokens=recipe.max_new_tokens, batch_size=recipe.batch_size)
        tables: Sequence[dict[str, float] | None] = [None] * len(batch)
        direct = tables
        if recipe.probabilities:
            tables = model.label_probabilities(sounds, texts, [split_completion(o)[0] for o in outputs])
            direct = model.label_probabilities(sounds, texts)
        for utterance, output, table, unreasoned in zip(batch, outputs, tables, direct, strict=True):
            yield {"id": utterance.id, "output": output, "probabilities": table, UNREASONED: unreasoned}

    sounds = {u.id: str(u.audio) for u in clips}
    return _stored(clips, [u.id for u in clips], sounds, ask, path, recipe.batch_size, "emotions")


def _answer_questions(
    rows: Sequence[dict[str, Any]], recipe: EvaluateRecipe, models: _Loaded, path: Path
) -> dict[str, dict[str, Any]]:
    def ask(batch: Sequence[dict[str, Any]], sounds: Sequence[Samples]) -> Iterator[dict[str, Any]]:
        texts = [row["question"] for row in batch]
        outputs = models.get().generate(
            sounds, texts, max_new_tokens=32, batch_size=recipe.batch_size, system=ANSWER_SYSTEM
        )
        for row, output in zip(batch, outputs, strict=True):
            yield {"id": row["id"], "output": output}

    sounds = {row["id"]: row["audio"] for row in rows}
    return _stored(rows, [row["id"] for row in rows], sounds, ask, path, recipe.batch_size, "perception")


def _stored(
    items: Sequence[Any], ids: Sequence[str], sounds: dict[str, str], ask: Any, path: Path, size: int, title: str
) -> dict[str, dict[str, Any]]:
    """Answers by id, asked in batches of like length; a clip that cannot be decoded gets an `error` instead, which is
    told and not stored: the next run tries it again."""
    from emotionthinker import audio

    if not items:
        return {}
    by_id = dict(zip(ids, items, strict=True))
    failed: dict[str, dict[str, Any]] = {}
    with JsonlStore(path) as store:
        left = sorted((id_ for id_ in ids if id_ not in store), key=lambda id_: _bytes(sounds[id_]))
        with progress_bar(len(ids), len(ids) - len(left), show=True, what=title) as advance:
            for start in range(0, len(left), size):
                heard: dict[str, Samples] = {}
                batch = left[start : start + size]
                for id_ in batch:
                    try:
                        heard[id_] = audio.load(sounds[id_])[0]
                    except AudioError as error:
                        failed[id_] = {"id": id_, "error": f"{error.kind}: {error}"}
                for row in _asked(ask, [(by_id[id_], id_, sound) for id_, sound in heard.items()]):
                    if "error" in row:
                        failed[row["id"]] = row
                    else:
                        store.append(row)
                advance(len(batch), failed=sum(id_ in failed for id_ in batch))
        if len(failed) == len(ids):
            first = next(iter(failed.values()))
            raise RecipeError(f"none of {len(ids)} clips could be heard; the first: {first['id']}: {first['error']}")
        return {row["id"]: row for row in store.rows()} | failed


def _asked(ask: Any, batch: list[tuple[Any, str, Samples]]) -> list[dict[str, Any]]:
    """The rows of a batch; when the model refuses a sound (too long for it), each is asked alone and that one told."""
    if not batch:
        return []
    try:
        return list(ask([item for item, _, _ in batch], [sound for _, _, sound in batch]))
    except AudioError as error:
        if len(batch) == 1:
            return [{"id": batch[0][1], "error": f"{error.kind}: {error}"}]
    return [row for one in batch for row in _asked(ask, [one])]


def _bytes(path: str) -> int:
    """Size of a file, to batch clips of like length; a missing one is reported when it is loaded."""
    return Path(path).stat().st_size if Path(path).is_file() else 0
