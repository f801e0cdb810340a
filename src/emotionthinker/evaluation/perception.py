"""Accuracy on the perception test set, attribute by attribute (Table 5)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from emotionthinker.perception.questions import ANSWERS, ATTRIBUTES, ORDERS

TABLE_5 = {
    "Pit.": ("pitch",),
    "Spee.": ("speed",),
    "Ene.": ("energy",),
    "Into.": ("intonation_shape", "intonation_style"),
    "Stre.": ("stress",),
}
"""The paper's columns -> our tasks; a column of two tasks is their mean."""

_TAG = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.S)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ORDER_WORDS = ("low", "normal", "high", "slow", "fast")


def read_answer(text: str, task: str) -> str | None:
    """The short answer in a model's output, as written in the gold rows; None when it is not one of the choices.

    Reads the `<answer>` tag, else the whole text. One choice must be named (several give None); an order needs three.
    """
    tags = _TAG.findall(text)
    content = (tags[-1] if tags else re.sub(r"<think>.*?</think>", " ", text, flags=re.S)).casefold()
    words = _WORD.findall(content.replace("’", "'"))
    if task in ORDERS:
        order = [word for word in words if word in _ORDER_WORDS]
        return ", ".join(order) if len(order) == 3 else None
    if task == "stress":
        return words[0] if len(words) == 1 else _quoted(content)
    named = {word for word in words if word in ANSWERS[task]}
    return named.pop() if len(named) == 1 else None


def _quoted(content: str) -> str | None:
    found = re.findall(r"[\"“']([^\W_]+(?:'[^\W_]+)?)[\"”']", content)
    return found[0] if len(found) == 1 else None


def perception_metrics(rows: Sequence[Mapping[str, Any]], outputs: Sequence[str]) -> dict[str, Any]:
    """Accuracy and parse rate of every task, beside what always giving the most frequent answer would get.

    `rows` are question rows, `outputs` the model's texts. `table_5` holds the paper's five columns (percent).
    """
    if len(rows) != len(outputs):
        raise ValueError(f"{len(rows)} questions but {len(outputs)} outputs; expected one each")
    by_task: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for row, output in zip(rows, outputs, strict=True):
        by_task[row["task"]].append((str(row["answer"]).casefold(), read_answer(output, row["task"])))
    tasks = {task: _accuracy(by_task[task]) for task in (*ATTRIBUTES, *ORDERS) if task in by_task}
    table = {}
    for column, parts in TABLE_5.items():
        known = [tasks[part]["accuracy"] for part in parts if part in tasks]
        table[column] = round(100 * sum(known) / len(known), 2) if known else None
    return {"tasks": tasks, "table_5": table}


def _accuracy(pairs: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    gold = Counter(answer for answer, _ in pairs)
    right = Counter(answer for answer, given in pairs if answer == given)
    return {
        "questions": len(pairs),
        "accuracy": sum(right.values()) / len(pairs),
        "unweighted_recall": sum(right[answer] / count for answer, count in gold.items()) / len(gold),
        "majority": max(gold.values()) / len(pairs),
        "answers": len(gold),
        "parse_rate": sum(given is not None for _, given in pairs) / len(pairs),
    }
