"""The metrics of a run as Markdown tables and confusion plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.evaluation.scoring import ALL, SCORED


def write(metrics: Mapping[str, Any], folder: Path) -> None:
    """`report.md` and one `confusion-<corpus>.png` for each corpus and for all clips."""
    (folder / "report.md").write_text(markdown(metrics), encoding="utf-8")
    for corpus, found in metrics["recognition"].items():
        plot_confusion(found["confusion"], folder / f"confusion-{corpus}.png", f"{metrics['model']}, {corpus}")


def summary(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers a manifest shows."""
    pooled, grounding = metrics["recognition"][ALL], metrics["grounding"]
    return {
        "accuracy": pooled["accuracy"],
        "unweighted_recall": {name: found["unweighted_recall"] for name, found in metrics["recognition"].items()},
        "macro_f1": pooled["macro_f1"],
        "parse_rate": pooled["parse_rate"],
        "claim_precision": grounding["precision"] if grounding else None,
        "table_5": metrics["perception"]["table_5"] if metrics["perception"] else None,
    }


def markdown(metrics: Mapping[str, Any]) -> str:
    """The whole report; percentages, with 95 % intervals over speakers."""
    parts = [f"# Evaluation of {metrics['model']} on split `{metrics['split']}`", _recognition(metrics)]
    parts += [_per_class(metrics), _answers(metrics)]
    if metrics["grounding"]:
        parts.append(_grounding(metrics["grounding"]))
    if metrics["perception"]:
        parts.append(_perception(metrics["perception"]))
    if metrics["failed"]:
        lines = [f"- `{id_}`: {reason}" for id_, reason in metrics["failed"].items()]
        parts.append("## Clips that could not be heard (left out)\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _recognition(metrics: Mapping[str, Any]) -> str:
    rows = []
    for corpus, found in metrics["recognition"].items():
        rows.append(
            [
                corpus,
                metrics["model"],
                f"{found['clips']} / {found['classes']} / {found['unweighted_recall_interval']['clusters']}",
                *(_percent(found[name]) + _interval(found[f"{name}_interval"]) for name in _HEAD[:2]),
                *(_percent(found[name]) for name in _HEAD[2:]),
            ]
        )
        for name, probe in (metrics["reference"] or {}).items():
            if corpus in probe["by_corpus"]:
                scores = [_percent(probe["by_corpus"][corpus][key]) for key in _HEAD]
                rows.append([corpus, f"encoder probe, {name}", "", *scores])
    rows.append(["mean of corpora", metrics["model"], "", *(_percent(metrics["averages"][name]) for name in _HEAD)])
    head = ["corpus", "model", "clips / classes / speakers", "accuracy (WA)", "unweighted recall (UA)"]
    note = (
        "Unparsed answers count as wrong. Brackets: 95 % interval, speakers drawn with replacement; "
        "a star marks fewer than 10 speakers, whose clips were redrawn as well and whose spread is still unsure."
    )
    return "## Recognition\n\n" + _table([*head, "macro-F1", "weighted F1"], rows) + f"\n\n{note}"


_HEAD = ("accuracy", "unweighted_recall", "macro_f1", "weighted_f1")


def _per_class(metrics: Mapping[str, Any]) -> str:
    corpora = list(metrics["recognition"])
    labels = metrics["recognition"][ALL]["per_class"]
    rows = []
    for label in labels:
        cells = [metrics["recognition"][corpus]["per_class"].get(label) for corpus in corpora]
        rows.append([label, *(f"{_percent(cell['recall'])} ({cell['clips']})" if cell else "" for cell in cells)])
    return "## Recall by class (clips)\n\n" + _table(["class", *corpora], rows)


def _answers(metrics: Mapping[str, Any]) -> str:
    rows = []
    for corpus, found in metrics["recognition"].items():
        bounds = found["bounds"]
        outer = [bounds[kind]["unweighted_recall"] if bounds[kind] else None for kind in ("excluded", "granted")]
        rates = [found["parse_rate"], found["out_of_set_rate"], found["refusal_rate"], *outer]
        scored = [cell for kind in SCORED for cell in _scored(found.get(kind))]
        rows.append([corpus, *map(_percent, rates), *scored])
    head = [
        "corpus",
        "parsed",
        "class not in corpus",
        "no emotion named",
        "UA without unparsed",
        "UA, unparsed granted",
    ]
    scores = ["ECE", "UA by probability", "ECE without reasoning", "UA without reasoning"]
    return "## Answers\n\n" + _table([*head, *scores], rows)


def _scored(found: Mapping[str, Any] | None) -> list[str]:
    return [f"{found['calibration']['ece']:.3f}", _percent(found["unweighted_recall"])] if found else ["", ""]


def _grounding(found: Mapping[str, Any]) -> str:
    rows = [[name, *map(str, counts.values())] for name, counts in sorted(found["by_feature"].items())]
    lines = [
        f"Precision of the checkable claims {_percent(found['precision'])}, reasonings without a false claim "
        f"{_percent(found['clean'])}, completeness {_percent(found['completeness'])}; "
        f"{found['claims_per_clip']:.1f} claims and {found['words_per_reasoning']:.0f} words a clip; "
        f"{_percent(found['without_reasoning'])} of the answers hold no reasoning.",
        _table(["feature", "supported", "contradicted", "not checkable"], rows),
    ]
    return "## Acoustic claims against the measurement\n\n" + "\n\n".join(lines)


def _perception(found: Mapping[str, Any]) -> str:
    rows = [
        [task, str(one["questions"]), *(_percent(one[key]) for key in _TASK), str(one["answers"])]
        for task, one in found["tasks"].items()
    ]
    columns = list(found["table_5"])
    table = _table(columns, [["" if found["table_5"][c] is None else f"{found['table_5'][c]:.2f}" for c in columns]])
    head = ["task", "questions", "accuracy", "unweighted recall", "most frequent answer", "parsed", "answers"]
    return f"## Prosody perception (Table 5)\n\n{table}\n\n{_table(head, rows)}"


_TASK = ("accuracy", "unweighted_recall", "majority", "parse_rate")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _interval(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return ""
    return f" [{100 * found['low']:.1f}, {100 * found['high']:.1f}]{'*' if found['few_clusters'] else ''}"


def plot_confusion(confusion: Mapping[str, Any], path: Path, title: str) -> None:
    """Row-normalised confusion matrix as PNG, counts in the cells; labels without gold clips get no row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [
        (label, counts) for label, counts in zip(confusion["labels"], confusion["counts"], strict=True) if sum(counts)
    ]
    used = [n for n in range(len(confusion["columns"])) if any(counts[n] for _, counts in rows)]
    used = [n for n, c in enumerate(confusion["columns"]) if n in used or c in {label for label, _ in rows}]
    shares = [[counts[n] / sum(counts) for n in used] for _, counts in rows]
    figure = Figure(figsize=(1.6 + 0.75 * len(used), 1.4 + 0.5 * len(rows)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, (_, counts) in enumerate(rows):
        for x, n in enumerate(used):
            dark = shares[y][x] > 0.55
            axes.text(x, y, str(counts[n]), ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks(range(len(used)), [confusion["columns"][n] for n in used], rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows], fontsize=8)
    axes.set(xlabel="answer", ylabel="gold", title=title)
    figure.savefig(path)
