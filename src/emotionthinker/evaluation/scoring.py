"""From stored answers to the metrics of a run: by corpus, over all, and beside the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotionthinker.emotions import parse_answer
from emotionthinker.evaluation.bootstrap import interval
from emotionthinker.evaluation.grounding import claim_metrics
from emotionthinker.evaluation.perception import perception_metrics
from emotionthinker.evaluation.recognition import calibration, confusion, headline, score
from emotionthinker.models.prompt import split_completion
from emotionthinker.records import Claim, Utterance

ALL = "all"
UNREASONED = "probabilities_without_reasoning"
"""Key of the nine answers' probabilities when the model is asked for a short answer."""
SCORED = ("probabilities", UNREASONED)


def metrics_of(
    clips: Sequence[Utterance],
    answers: Mapping[str, Mapping[str, Any]],
    questions: Sequence[Mapping[str, Any]],
    perceived: Mapping[str, Mapping[str, Any]],
    *,
    draws: int,
    seed: int,
    probes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`recognition` by corpus, over all clips and as means, `grounding`, `perception`, `failed` clips.

    `averages` holds the plain mean over corpora; the entry `all` pools the clips (the size-weighted mean of accuracy).
    """
    heard = [u for u in clips if "error" not in answers[u.id]]
    failed = {u.id: answers[u.id]["error"] for u in clips if "error" in answers[u.id]}
    failed |= {row["id"]: perceived[row["id"]]["error"] for row in questions if "error" in perceived[row["id"]]}
    asked = [row for row in questions if "error" not in perceived[row["id"]]]
    corpora = sorted({str(u.dataset) for u in heard})
    groups = {corpus: [u for u in heard if str(u.dataset) == corpus] for corpus in corpora}
    recognition = {name: _recognition(group, answers, draws, seed) for name, group in groups.items()}
    names = ("accuracy", "unweighted_recall", "macro_f1", "weighted_f1")
    return {
        "recognition": recognition | {ALL: _recognition(heard, answers, draws, seed)},
        "averages": {name: sum(r[name] for r in recognition.values()) / len(recognition) for name in names},
        "reference": _reference(groups, probes) if probes else None,
        "grounding": _grounding(heard, answers),
        "perception": perception_metrics(asked, [perceived[row["id"]]["output"] for row in asked]) if asked else None,
        "failed": failed,
    }


def _recognition(
    clips: Sequence[Utterance], answers: Mapping[str, Mapping[str, Any]], draws: int, seed: int
) -> dict[str, Any]:
    gold = [str(u.emotion) for u in clips]
    read = [parse_answer(answers[u.id]["output"]) for u in clips]
    given = [answer.label for answer in read]
    found = score(gold, given, [answer.reason for answer in read])
    for name in ("accuracy", "unweighted_recall"):

        def metric(indices: Sequence[int], name: str = name) -> float:
            drawn = [gold[i] for i in indices]
            if len(set(drawn)) < found["classes"]:
                return float("nan")  # recall over fewer classes is another quantity
            return headline(confusion(drawn, [given[i] for i in indices]))[name]

        speakers, corpora = [u.speaker or u.id for u in clips], [u.dataset for u in clips]
        found[f"{name}_interval"] = interval(metric, speakers, strata=corpora, draws=draws, seed=seed)
    for kind in SCORED:
        tables = [answers[u.id].get(kind) for u in clips]
        known = [(g, table) for g, table in zip(gold, tables, strict=True) if table]
        if known:
            found[kind] = _scored([g for g, _ in known], [table for _, table in known])
    return found


def _scored(gold: Sequence[str], tables: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Calibration of candidate probabilities, and the recognition of their most likely label."""
    top = [max(table, key=lambda label: table[label]) for table in tables]
    return {"calibration": calibration(gold, tables), **headline(confusion(gold, top))}


def _reference(groups: Mapping[str, Sequence[Utterance]], probes: Mapping[str, Any]) -> dict[str, Any]:
    """Each probe's headline metrics on exactly the clips the model was scored on."""
    table: dict[str, Any] = {}
    for name, probe in probes["probes"].items():
        guesses = probe["predictions"]
        rows = {}
        for corpus, clips in groups.items():
            known = [u for u in clips if u.id in guesses]
            if len(known) == len(clips):
                rows[corpus] = headline(confusion([str(u.emotion) for u in known], [guesses[u.id] for u in known]))
        table[name] = {"trained_on": probe["trained_on"], "train_clips": probe["train_clips"], "by_corpus": rows}
    return table


def _grounding(clips: Sequence[Utterance], answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Claim metrics of the clips with measured prosody."""
    from emotionthinker.reasoning.claims import check

    measured = [(u, u.prosody) for u in clips if u.prosody]
    if not measured:
        return None
    thinks = [split_completion(answers[u.id]["output"])[0] for u, _ in measured]
    claims: list[list[Claim]] = [check(think, prosody) for think, (_, prosody) in zip(thinks, measured, strict=True)]
    words = [len(think.split()) for think in thinks]
    found = claim_metrics(claims, [prosody for _, prosody in measured])
    return found | {"words_per_reasoning": sum(words) / len(words), "without_reasoning": words.count(0) / len(words)}
