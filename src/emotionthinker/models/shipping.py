"""From a trained nano thinker to the file inside the package, and the check that little is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from emotionthinker.environment import environment
from emotionthinker.errors import WeightsError
from emotionthinker.models import delta
from emotionthinker.models.loading import load_thinker
from emotionthinker.runs import model_files, sha256, write_json

LIMIT_BYTES = 40_000_000


def ship(model: str | Path, out: str | Path, *, rank: int = 60) -> delta.Report:
    """Write the difference of the thinker in folder `model` from nano-base to `out`; `rank` is kept of LLM matrices.

    A manifest (hashes of the model, versions, size and error of each part) stands beside it as `.json`.

    Raises `WeightsError` when the file would be larger than the repository takes (40 MB).
    """
    base, _ = load_thinker("nano-base")
    tuned, _ = load_thinker(model)
    plan = [replace(rule, rank=rank) if rule.method == "low_rank" else rule for rule in delta.NANO_PLAN]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    report = delta.compress(base.state_dict(), tuned.state_dict(), plan, out)
    if (size := Path(out).stat().st_size) > LIMIT_BYTES:
        Path(out).unlink()
        raise WeightsError(f"the difference has {size:,} bytes; at most {LIMIT_BYTES:,} ship: take a rank below {rank}")
    manifest = {
        "stage": "ship",
        "recipe": {"model": str(model), "rank": rank},
        "inputs": {str(path): sha256(path) for path in model_files(model)},
        **environment(),
        "metrics": {"bytes": size, "sha256": sha256(out), "relative_error": relative_errors(report)},
    }
    write_json(Path(out).with_suffix(".json"), manifest)
    return report


def relative_errors(result: delta.Report) -> dict[str, float]:
    """The error of the stored difference relative to its size, of each part and of `all`."""
    return {part: round(entry.relative_error, 5) for part, entry in {**result.by_part(), "all": result}.items()}


def report(result: delta.Report) -> str:
    """Size and error of each part as text."""
    lines = [f"{'part':<20}{'bytes':>14}{'relative error':>18}"]
    parts = {**result.by_part(), "all": result}
    lines += [f"{part:<20}{entry.bytes:>14,}{entry.relative_error:>18.4f}" for part, entry in parts.items()]
    return "\n".join(lines)
