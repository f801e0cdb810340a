"""Traces written by a language model from the annotations (section 3.1, Appendix B.3), checked before they count."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from emotionthinker.errors import EndpointError, RecordError
from emotionthinker.reasoning.endpoint import Endpoint, EndpointRecipe, estimate, prompt
from emotionthinker.reasoning.rules import Rules, problems
from emotionthinker.records import Prosody, Trace, Utterance
from emotionthinker.runs import JsonlStore

ENDPOINT_PROBLEM = "endpoint"
"""Kind of a problem that lies with the endpoint, not with the row: the row is tried again by the next run."""
_GIVE_UP_AFTER = 8  # rows in a row without any usable answer

T = TypeVar("T")
R = TypeVar("R")


class EndpointWriter:
    """Asks for one trace an utterance and asks again, naming the broken rules, when an answer breaks them."""

    def __init__(self, recipe: EndpointRecipe, rules: Rules) -> None:
        self.recipe = recipe
        self.rules = rules
        self.prompt = prompt("cot")

    def estimate(self, rows: list[Utterance]) -> dict[str, Any]:
        """Calls, tokens and cost of a run over `rows`; no call is made."""
        texts = [self.prompt.system + self._ask(row) for row in rows]
        words = (self.rules.min_words + self.rules.max_words) // 2
        return {**estimate(self.recipe, texts, words), "prompt": self.prompt.digest}

    def write_all(
        self, rows: list[Utterance], calls: JsonlStore
    ) -> Iterator[tuple[Utterance, Trace | None, list[str]]]:
        """A trace with its problems a row, in the order in which they get ready.

        Every finished call goes into `calls` (key `call`) at once and is not repeated after a kill. A row that the
        endpoint left without answer comes with the single problem `endpoint: ...`.
        """
        endpoint = Endpoint(self.recipe)
        known = {row["call"]: row["answer"] for row in calls.rows()} if len(calls) else {}
        lock = threading.Lock()

        def call(name: str, user: str) -> str:
            if name in known:
                return str(known[name])
            answer = endpoint.complete(self.prompt.system, user)
            with lock:
                calls.append({"call": name, "model": endpoint.model, "prompt": self.prompt.digest, "answer": answer})
            return answer

        def write(row: Utterance) -> tuple[Trace | None, list[str]]:
            return self._write(row, call, endpoint.model)

        yield from concurrently(write, rows, self.recipe.concurrency)

    def _write(self, row: Utterance, call: Callable[[str, str], str], model: str) -> tuple[Trace | None, list[str]]:
        assert row.prosody is not None
        assert row.emotion is not None
        trace: Trace | None = None
        wrong: list[str] = []
        for attempt in range(self.recipe.attempts):
            ask = self._ask(row)
            if wrong:
                ask += "\n\nAn earlier attempt broke these rules; keep them this time:\n- " + "\n- ".join(wrong)
            answer = call(f"{row.id}#{attempt}", ask)
            think = clean(answer)
            wrong, claims = problems(think, row.prosody, self.rules)
            trace = Trace(think=think, answer=row.emotion, writer=model, claims=claims)
            if not wrong:
                break
        return trace, wrong

    def _ask(self, row: Utterance) -> str:
        if row.prosody is None:
            raise RecordError(f"{row.id}: no prosody; run `emotionthinker annotate` on it first")
        return self.prompt.fill(
            emotion=row.emotion,
            facts=facts(row.prosody),
            min_words=self.rules.min_words,
            max_words=self.rules.max_words,
            naming="Do not name it anywhere."
            if not self.rules.name_in_last_sentence
            else "Name it, if at all, only in the last sentence.",
        )


def facts(prosody: Prosody) -> str:
    """The annotations as a list; what was not measured is left out, so that nobody writes about it."""
    shape = prosody.intonation.shape if prosody.intonation.reason is None else None
    stressed = ", ".join(f'"{word}"' for word in prosody.stress.stressed) or None
    rows = (
        ("transcript", f'"{prosody.transcript.text}"' if prosody.transcript.text else None),
        ("speaker gender", prosody.speaker.gender),
        ("speaker age group", prosody.speaker.age_group),
        ("pitch level", prosody.pitch.level),
        ("energy level", prosody.energy.level),
        ("speaking rate", prosody.rate.level),
        ("intonation style", prosody.intonation.style),
        ("intonation shape", shape),
        ("stressed words", stressed),
    )
    return "\n".join(f"- {name}: {value}" for name, value in rows if value)


def clean(answer: str) -> str:
    """The reasoning of an answer: tags, code fences and a trailing answer block are dropped, blanks joined."""
    answer = re.sub(r"<answer>.*", "", answer, flags=re.S)
    answer = re.sub(r"</?think>|```\w*", " ", answer)
    return " ".join(answer.split())


def concurrently(
    work: Callable[[T], tuple[R | None, list[str]]], rows: list[T], workers: int
) -> Iterator[tuple[T, R | None, list[str]]]:
    """`work` on every row in `workers` threads, results as they come; at most two rows a worker wait in line.

    A row whose work raises `EndpointError` comes back with that as its problem; after several such rows in a row,
    with no success between, the error is raised.
    """
    queue = iter(rows)
    failures = 0
    with ThreadPoolExecutor(workers) as pool:
        pending: dict[Future[tuple[R | None, list[str]]], T] = {}
        try:
            while True:
                while len(pending) < 2 * workers and (row := next(queue, None)) is not None:
                    pending[pool.submit(work, row)] = row
                if not pending:
                    return
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    row = pending.pop(future)
                    try:
                        result, wrong = future.result()
                        failures = 0
                    except EndpointError as error:
                        failures += 1
                        if failures >= _GIVE_UP_AFTER:
                            raise
                        result, wrong = None, [f"{ENDPOINT_PROBLEM}: {error}"]
                    yield row, result, wrong
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
