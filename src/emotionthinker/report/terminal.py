"""An explanation in the terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emotionthinker.records import Explanation
from emotionthinker.report import facts

STYLES = {"supported": "green", "contradicted": "red", "not_checkable": "yellow"}
_BAR = 24
_TEXT_WIDTH = 92


def render(explanation: Explanation, console: Console) -> None:
    """Print emotion, probabilities, the reasoning with its claims marked and measured, and the prosody table."""
    parts: list[RenderableType] = [_headline(explanation), ""]
    if explanation.probabilities:
        parts += [_bars(explanation), ""]
    parts += [_reasoning(explanation), "", Text(facts.tally(explanation.claims), style="dim"), ""]
    if explanation.claims:
        parts += [_claims(explanation), ""]
    parts += [_prosody(explanation), "", Text(_provenance(explanation), style="dim")]
    console.print(Padding(Group(*parts), (1, 2)), width=min(console.width, _TEXT_WIDTH + 4))


def _headline(explanation: Explanation) -> Text:
    title = Text(explanation.emotion or "No emotion named", style="bold")
    share = explanation.probabilities.get(explanation.emotion or "")
    if share is not None:
        title.append(f"  {facts.percent(share)}", style="not bold")
    title.append(f"  {explanation.audio}, {explanation.duration_s:.1f} s", style="not bold dim")
    if explanation.emotion is None:
        title.append(f"\n{facts.no_emotion(explanation)}", style="not bold")
    text = explanation.prosody.transcript.text
    quoted = f"“{text}” " if text else ""
    return title.append(f"\n{quoted}", style="not bold").append(
        f"({facts.source(explanation.prosody)})", style="not bold dim"
    )


def _bars(explanation: Explanation) -> Table:
    table = Table.grid(padding=(0, 2))
    for label, share in facts.ranked(explanation):
        chosen = label == explanation.emotion
        filled = round(share * _BAR)
        bar = Text("█" * filled, style="cyan" if chosen else "").append("·" * (_BAR - filled), style="dim")
        style = "bold" if chosen else ""
        table.add_row(Text(label, style=style), bar, Text(facts.percent(share), style=style, justify="right"))
    return table


def _reasoning(explanation: Explanation) -> Text:
    """The reasoning with each claim coloured and marked; without reasoning, what the model said."""
    if not explanation.think:
        return Text(explanation.raw.strip() or "(no reasoning)", style="dim")
    text = Text()
    for segment in facts.segments(explanation.think, explanation.claims):
        if not segment.claims:
            text.append(segment.text)
            continue
        verdicts = [explanation.claims[index].verdict for index in segment.claims]
        style = STYLES[facts.gravest(verdicts)]
        text.append(segment.text, style=f"{style} underline")
        text.append("".join(facts.MARKS[verdict] for verdict in verdicts), style=f"{style} bold")
    return text


def _claims(explanation: Explanation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("", "said", "claims", "measured"):
        table.add_column(heading, overflow="fold")
    for claim in explanation.claims:
        style = STYLES[claim.verdict]
        measured = "" if claim.measured is None else str(claim.measured)
        mark = Text(facts.MARKS[claim.verdict], style=f"{style} bold")
        name = claim.feature.replace("_", " ")
        table.add_row(mark, Text(claim.text, style=style), Text(f"{name}: {claim.claimed}"), Text(measured))
    return table


def _prosody(explanation: Explanation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("prosody", "", "word", "measured"):
        table.add_column(heading, overflow="fold")
    group = ""
    for row in facts.rows(explanation.prosody):
        shown = row.group if row.group != group else ""
        group = row.group
        measured = Text(row.value)
        if row.note:
            measured.append(f"{'  ' if row.value else ''}{row.note}", style="dim")
        table.add_row(Text(shown), Text(row.name, style="dim"), Text(row.word, style="bold"), measured)
    return table


def _provenance(explanation: Explanation) -> str:
    calibration = explanation.prosody.calibration
    return (
        f"Model {explanation.model}. Levels by the calibration {calibration}."
        if calibration
        else f"Model {explanation.model}."
    )
