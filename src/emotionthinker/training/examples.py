"""What supervised stages learn from: one sound, one question, one completion; and the order they are seen in."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from emotionthinker.errors import RecipeError
from emotionthinker.models.prompt import ANSWER_SYSTEM, SYSTEM, completion, emotion_question, short_answer
from emotionthinker.perception.questions import CAPTION
from emotionthinker.records import Utterance, read_jsonl, transcript_of


class Source(BaseModel):
    """One file of the training mix."""

    model_config = ConfigDict(extra="forbid")

    path: Path
    """`traces`, `labels`: JSONL of Utterances; `questions`: JSONL of the perception corpus."""
    kind: Literal["traces", "labels", "questions"]
    weight: float = Field(1.0, gt=0)
    """Share of the examples drawn from this source, relative to the other sources."""
    corpora: dict[str, float] | None = None
    """Relative weight of each corpus; corpora not named are left out. `None`: by their size."""
    balance: bool = True
    """Draw the classes (emotion, or task) of each corpus evenly."""
    tasks: list[str] | None = None
    """Of `questions` only these tasks; `None` takes all."""
    limit: int | None = Field(None, gt=0)
    """At most so many examples: a random choice, the same in every run."""
    transcript: bool = True
    """Put the transcript into the question of `traces` and `labels`."""


class Example(BaseModel):
    """One supervised pair."""

    model_config = ConfigDict(frozen=True)

    id: str
    audio: str
    question: str
    completion: str
    stratum: str
    """Corpus and class: what the draw is balanced over."""
    corpus: str
    seconds: float
    system: str = SYSTEM
    claims: tuple[tuple[int, int], ...] = ()
    """Where the completion's acoustic claims stand (characters)."""


def read(source: Source, split: str = "train") -> list[Example]:
    """The examples of one source and split. Raises `RecipeError` when none is left."""
    read_rows = _questions if source.kind == "questions" else _utterances
    found = [e for e in read_rows(source, split) if source.corpora is None or e.corpus in source.corpora]
    if not found:
        raise RecipeError(f"{source.path}: no {source.kind} with split {split!r}; was the earlier stage run?")
    if absent := sorted(set(source.corpora or ()) - {e.corpus for e in found}):
        known = sorted({e.corpus for e in found})
        raise RecipeError(f"{source.path}: no {source.kind} of corpora {absent}; there are {known}")
    return found if source.limit is None else random.Random(0).sample(found, min(source.limit, len(found)))


def _utterances(source: Source, split: str) -> Iterator[Example]:
    for utterance in read_jsonl(source.path):
        if utterance.split != split or utterance.emotion is None or utterance.audio is None:
            continue
        if source.kind == "traces" and utterance.trace is None:
            continue
        yield Example(
            id=utterance.id,
            audio=utterance.audio,
            question=emotion_question(transcript_of(utterance) if source.transcript else None),
            completion=_completion(utterance, source.kind),
            stratum=f"{utterance.dataset}/{utterance.emotion}",
            corpus=str(utterance.dataset),
            seconds=utterance.prosody.duration_s if utterance.prosody else 3.0,
            system=SYSTEM if source.kind == "traces" else ANSWER_SYSTEM,
            claims=_claims(utterance) if source.kind == "traces" else (),
        )


def _claims(utterance: Utterance) -> tuple[tuple[int, int], ...]:
    """Spans of what the trace says of the voice, in the completion; quoted words are no measurement."""
    assert utterance.trace is not None
    offset = len("<think>") - (len(utterance.trace.think) - len(utterance.trace.think.lstrip()))
    return tuple(
        (claim.start + offset, claim.end + offset)
        for claim in utterance.trace.claims
        if claim.feature != "quote" and claim.start is not None and claim.end is not None
    )


def _completion(utterance: Utterance, kind: str) -> str:
    assert utterance.emotion is not None
    if kind == "labels":
        return short_answer(utterance.emotion)
    assert utterance.trace is not None
    return completion(utterance.trace.think, utterance.emotion)


def _questions(source: Source, split: str) -> Iterator[Example]:
    with open(source.path, encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if row["split"] != split or (source.tasks is not None and row["task"] not in source.tasks):
                continue
            closed = source.balance and row["task"] != CAPTION  # hardly two captions are the same
            yield Example(
                id=row["id"],
                audio=row["audio"],
                question=row["question"],
                completion=f"<answer>{row['answer']}</answer>",
                stratum=f"{row['dataset']}/{row['task']}/{row['answer'] if closed else ''}",
                corpus=row["dataset"],
                seconds=row.get("seconds", 3.0),
                system=ANSWER_SYSTEM,
            )


def draw(
    sources: Sequence[Source], batches: int, batch_size: int, seed: int, *, pool: int = 8, split: str = "train"
) -> list[Example]:
    """The run's examples in the order they are seen, batch after batch.

    Every draw picks a source by weight, a corpus by weight, a class evenly, then an example by a shuffled round robin,
    so that rare classes are neither lost nor always the same clip. Batches are cut from `pool` batches sorted by
    length, which saves padding. The order is a function of the seed alone: a resumed run goes on where it stopped.
    """
    rng = random.Random(seed)
    decks = [_Deck(source, read(source, split), rng) for source in sources]
    weights = [source.weight for source in sources]
    order: list[Example] = []
    while len(order) < batches * batch_size:
        block = [rng.choices(decks, weights)[0].next() for _ in range(pool * batch_size)]
        block.sort(key=lambda e: e.seconds * 25 + len(e.question + e.completion) / 4)
        groups = [block[i : i + batch_size] for i in range(0, len(block), batch_size)]
        rng.shuffle(groups)
        order.extend(example for group in groups for example in group)
    return order[: batches * batch_size]


class _Deck:
    """Endless draws from one source: corpus by weight, stratum evenly, cards shuffled before each round."""

    def __init__(self, source: Source, examples: Sequence[Example], rng: random.Random) -> None:
        self._rng = rng
        self._strata: dict[str, dict[str, list[Example]]] = defaultdict(lambda: defaultdict(list))
        for example in examples:
            self._strata[example.corpus][example.stratum if source.balance else ""].append(example)
        sizes = Counter(example.corpus for example in examples)
        self._corpora = sorted(self._strata)
        self._weights = [(source.corpora or sizes)[corpus] for corpus in self._corpora]
        self._left: dict[tuple[str, str], list[Example]] = {}

    def next(self) -> Example:
        corpus = self._rng.choices(self._corpora, self._weights)[0]
        stratum = self._rng.choice(sorted(self._strata[corpus]))
        cards = self._left.get((corpus, stratum))
        if not cards:
            cards = self._rng.sample(self._strata[corpus][stratum], len(self._strata[corpus][stratum]))
            self._left[corpus, stratum] = cards
        return cards.pop()
