"""The rules a reasoning trace must keep before it may train anything."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

from emotionthinker.emotions import EMOTIONS, canonical
from emotionthinker.reasoning.claims import check, summary
from emotionthinker.reasoning.quoting import find_quotes
from emotionthinker.records import Claim, Prosody

_MORE_NAMES = frozenset(
    "anxious anxiety panic panicked happiest gladness gleeful glee depressed depression sorrows resentful infuriated "
    "outrage outraged irate disgustingly contemptible fearing fright scary terrifying surprisedly astonishing amazing "
    "amaze puzzling bewilderment perplexity saddening".split()
)
_SHORTEST_NAME = 3
_CODES = frozenset("neu hap exc ang dis con fea sur fru".split())


class Rules(BaseModel):
    """Limits of a trace. The paper asks for 50 to 200 words (Figure 5); nano traces have 40 to 90."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_words: int = Field(default=40, ge=1)
    max_words: int = Field(default=90, ge=1)
    min_claims: int = Field(default=1, ge=0)
    """Acoustic claims the text must make when anything was measured at all."""
    min_precision: float = Field(default=1.0, ge=0, le=1)
    """Smallest share of supported among checkable claims."""
    name_in_last_sentence: bool = False
    """Allow the emotion's name in the last sentence (the authors' prompt does; the grammar writer never uses it)."""


def problems(think: str, prosody: Prosody, rules: Rules) -> tuple[list[str], list[Claim]]:
    """What is wrong with a trace (empty: nothing), as `kind: detail`, and its checked claims.

    Kinds: `markup`, `too_short`, `too_long`, `names_emotion`, `too_few_claims`, `wrong_claims`.
    """
    found: list[str] = []
    if re.search(r"</?(?:think|answer)>", think):
        found.append("markup: tags belong around the trace, not into it")
    words = len(think.split())
    if words < rules.min_words:
        found.append(f"too_short: {words} words, at least {rules.min_words}")
    if words > rules.max_words:
        found.append(f"too_long: {words} words, at most {rules.max_words}")
    if names := named_emotions(think, spare_last_sentence=rules.name_in_last_sentence):
        found.append(f"names_emotion: {', '.join(names)}")
    claims = check(think, prosody)
    counts = summary(claims)
    if _measured(prosody) and counts["claims"] < rules.min_claims:
        found.append(f"too_few_claims: {counts['claims']}, at least {rules.min_claims}")
    precision = counts["precision"]
    if precision is not None and precision < rules.min_precision:
        wrong = "; ".join(
            f"{c.text!r} ({c.feature} {c.claimed}, measured {c.measured})"
            for c in claims
            if c.verdict == "contradicted"
        )
        found.append(f"wrong_claims: {wrong}")
    return found, claims


def named_emotions(think: str, *, spare_last_sentence: bool = False) -> list[str]:
    """Words outside quotation marks that name one of the nine emotions (label, inflection, or corpus synonym)."""
    text = think
    for start, end, _, _ in find_quotes(think.lower()):
        text = text[:start] + " " * (end - start) + text[end:]
    if spare_last_sentence:
        text = " ".join(re.split(r"(?<=[.!?])\s+", text.strip())[:-1])
    words = re.findall(r"[a-z]+", text.lower())
    return [word for word in words if len(word) >= _SHORTEST_NAME and word not in _CODES and _names(word)]


def _names(word: str) -> bool:
    return word in _MORE_NAMES or canonical(word) in EMOTIONS


def _measured(prosody: Prosody) -> bool:
    return any((prosody.pitch.level, prosody.energy.level, prosody.rate.level))
