"""What a GRPO run leaves to look at: `metrics.jsonl`, `completions.jsonl` and the curves as `curves.png`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback

from emotionthinker.runs import write_lines

_COLUMNS = {
    "loss": "loss",
    "reward": "reward",
    "reward_std": "reward_std",
    "format": "rewards/format/mean",
    "accuracy": "ptr/accuracy",
    "reasoning": "ptr/reasoning",
    "tau": "ptr/tau",
    "reasoning_active": "ptr/reasoning_active",
    "flat_groups": "frac_reward_zero_std",
    "kl": "kl",
    "entropy": "entropy",
    "tokens": "completions/mean_length",
    "clipped": "completions/clipped_ratio",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "step_s": "step_time",
}
"""Column of metrics.jsonl -> what TRL and the PTR trainer call it."""

Table = dict[str, list[Any]]


class RunLog(TrainerCallback):  # type: ignore[misc]
    """Writes one line of metrics and the latest completions at every logged step, and moves the progress bar.

    After a resume the lines of steps that a kill threw away are dropped, so a step never stands twice.
    `completions` returns the latest generation as columns (`id`, `completion`, rewards, `advantage`). A context
    manager: the bar stands while it is open.
    """

    def __init__(self, folder: Path, completions: Callable[[], Table], *, quiet: bool = False) -> None:
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "completions.jsonl"
        self._completions = completions
        self._progress = Progress(
            TextColumn("grpo"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )

    def __enter__(self) -> RunLog:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        for path in (self.metrics, self.samples):
            keep_until(path, state.global_step)
        self._task = self._progress.add_task("", total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress.update(self._task, completed=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not logs or "reward" not in logs:
            return
        row = {name: logs.get(key) for name, key in _COLUMNS.items()}
        _append(self.metrics, [{"step": state.global_step, **row}])
        columns = self._completions()
        rows = zip(*columns.values(), strict=True)
        _append(self.samples, [{"step": state.global_step, **dict(zip(columns, row, strict=True))} for row in rows])
        shown = {name: row[name] for name in ("reward", "accuracy", "tau") if row[name] is not None}
        text = "  ".join(f"{name} {value:.2f}" for name, value in shown.items())
        self._progress.update(self._task, description=text)


def _append(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "a", encoding="utf-8") as out:
        out.writelines(json.dumps(_finite(row), ensure_ascii=False) + "\n" for row in rows)


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """NaN, TRL's "no reward", as null: JSON has no NaN."""
    return {name: None if value != value else value for name, value in row.items()}


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log; a last line torn by a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


def keep_until(path: Path, step: int) -> None:
    """Drop the rows after `step`."""
    if path.exists():
        kept = [row for row in read_log(path) if row["step"] <= step]
        write_lines(path, kept)


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the first and the last tenth of the logged steps, and the step from which R_t counted."""
    tenth = max(1, len(rows) // 10)
    metrics: dict[str, Any] = {}
    for name in ("reward", "format", "accuracy", "reasoning", "tau", "kl", "clipped"):
        for where, part in (("first", rows[:tenth]), ("last", rows[-tenth:])):
            values = [row[name] for row in part if row[name] is not None]
            metrics[f"{name}_{where}"] = round(sum(values) / len(values), 4) if values else None
    metrics["reasoning_from_step"] = next((row["step"] for row in rows if row["reasoning_active"]), None)
    return metrics


def plot(rows: list[dict[str, Any]], path: Path, window: int = 20) -> None:
    """Curves of a run as PNG: rewards, tau with the schedule, KL and length; raw values faint, running means strong."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    panels = (("format", "accuracy", "reasoning"), ("tau", "reasoning_active"), ("kl", "entropy"), ("tokens",))
    for axes, names in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if row[name] is not None]
            if not points:
                continue
            steps, values = zip(*points, strict=True)
            means = [sum(values[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(values))]
            line = axes.plot(steps, means, label=name)[0]
            axes.plot(steps, values, color=line.get_color(), alpha=0.2)
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
