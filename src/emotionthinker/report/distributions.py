"""The page of a calibration: the distribution of each feature by group, with the cuts that turn it into words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from importlib import resources
from itertools import pairwise
from string import Template
from typing import NamedTuple

from emotionthinker import __version__
from emotionthinker.prosody.levels import ALL, PERCENTILES, Calibration, Cut
from emotionthinker.prosody.sketch import ANY, Grid, Sketch, Sketches
from emotionthinker.records import ENERGY_LEVELS, GENDERS, PITCH_LEVELS, RATE_LEVELS, STYLES

_X, _Y = 1000.0, 100.0
_BAR = 10
"""Bins of the sketch that are drawn as one bar: half a semitone, a decibel, a fifth of a phone a second."""
_TAIL = 0.002
_HZ_TICKS = (50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0)
_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_LEAST_DRAWN = 20
"""Clips from which on a group has a distribution to speak of; smaller ones are named in a line."""
_SHADES = ("first", "second", "third")


class Feature(NamedTuple):
    """What a section of the page shows."""

    key: str
    title: str
    unit: str
    words: tuple[str, ...]
    digits: int


FEATURES = (
    Feature("pitch", "Pitch: median F0 of a clip", "Hz", PITCH_LEVELS, 0),
    Feature("energy", "Energy: level of the active speech", "dBFS", ENERGY_LEVELS, 1),
    Feature("rate", "Rate: articulation, pauses left out", "phones/s", RATE_LEVELS, 1),
    Feature("style", "Intonation range: 95th against 5th percentile of F0", "semitones", STYLES, 1),
)


class Group(NamedTuple):
    """One distribution: `name` as in a record's `group`, and the cuts its clips get, with the group they come from."""

    name: str
    sketch: Sketch
    found: tuple[str, Cut] | None


def page(calibration: Calibration, sketches: Sketches) -> str:
    """One self-contained HTML page; `sketches` are those the cuts were made from, or of other clips to see them on."""
    sections = [
        _section(feature, calibration, list(groups(feature.key, calibration, sketches))) for feature in FEATURES
    ]
    clips = ", ".join(f"{name} {count}" for name, count in sketches.clips.items())
    left_out = calibration.about.get("left_out")
    about = f"Clips: {clips}. {f'Left out: {left_out}. ' if left_out else ''}Digest {calibration.fingerprint()}."
    template = resources.files("emotionthinker.report").joinpath("calibration.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(f"Calibration {calibration.name}"),
        name=escape(calibration.name),
        version=escape(__version__),
        style=resources.files("emotionthinker.report").joinpath("style.css").read_text(encoding="utf-8"),
        about=escape(about),
        key=_key(),
        sections="\n".join(sections),
    )


def groups(feature: str, calibration: Calibration, sketches: Sketches) -> Iterator[Group]:
    """The groups of a feature that have clips: all, then each dataset; pitch by gender within each."""
    slots = (ANY, *GENDERS) if feature == "pitch" else (feature,)
    for dataset, held in ((None, sketches.pooled), *sketches.datasets.items()):
        for slot in slots:
            if held[slot].counts:
                gender = slot if slot in GENDERS else None
                name = f"{dataset or ALL}/{slot}" if feature == "pitch" else dataset or ALL
                yield Group(name, held[slot], calibration.cut_for(feature, dataset, gender))


def shares(group: Group) -> tuple[float, float, float] | None:
    """Shares of the three words in a group, 0..1; None without cuts."""
    if group.found is None:
        return None
    low, high = (group.sketch.share_below(at) for at in (group.found[1].low, group.found[1].high))
    return low, high - low, 1 - high


def tolerated(feature: str, at: float, calibration: Calibration) -> tuple[float, float]:
    """The values around a cut that count as near it."""
    near = calibration.tolerances
    if feature == "pitch":
        ratio = 2 ** (near.pitch_st / 12)
        return at / ratio, at * ratio
    if feature == "rate":
        return at * (1 - near.rate_share), at * (1 + near.rate_share)
    width = near.energy_db if feature == "energy" else near.range_st
    return at - width, at + width


def _section(feature: Feature, calibration: Calibration, found: list[Group]) -> str:
    low, high = PERCENTILES[feature.key]
    told = f"Cuts at percentiles {low:.3g} and {high:.3g}, in {feature.unit}; the words are {', '.join(feature.words)}."
    head = f'<section class="feature"><h2>{escape(feature.title)}</h2>'
    if not found:
        return f"{head}<p>No clip has this measurement.</p></section>"
    grid = found[0].sketch.grid
    drawn = [group for place, group in enumerate(found) if place == 0 or group.sketch.count >= _LEAST_DRAWN]
    small = ", ".join(f"{group.name} {group.sketch.count}" for group in found if group not in drawn)
    span = _span(grid, drawn)
    rows = "".join(_row(feature, calibration, group, grid, span) for group in drawn)
    ticks = "".join(f'<span style="left:{_left(grid, at, span):.2f}%">{at:g}</span>' for at in _ticks(grid, span))
    axis = f'<div class="group scale"><div></div><div class="ticks">{ticks}</div><div>{feature.unit}</div></div>'
    folded = f'<p class="small">Not drawn, of under {_LEAST_DRAWN} clips: {escape(small)}.</p>' if small else ""
    return f"{head}<p>{escape(told)}</p>{rows}{axis}{folded}</section>"


def _row(feature: Feature, calibration: Calibration, group: Group, grid: Grid, span: tuple[float, float]) -> str:
    count = group.sketch.count
    who = f'<div class="who"><b>{escape(group.name).replace("/", "/<wbr>")}</b>{count} clip{"s" * (count != 1)}</div>'
    told = "no cuts: no words"
    labels = ""
    parts = shares(group)
    if group.found is not None and parts is not None:
        cut = group.found[1]
        sides = zip(("lower", "upper"), (cut.low, cut.high), strict=True)
        labels = "".join(
            f'<span class="{side}" style="left:{_left(grid, at, span):.2f}%">{at:.{feature.digits}f}</span>'
            for side, at in sides
        )
        told = ", ".join(f"{word} {100 * part:.0f} %" for word, part in zip(feature.words, parts, strict=True))
        if count >= _LEAST_DRAWN:  # of fewer, places within a bin would make up the share
            told += f"; near a cut {100 * _near_share(feature.key, calibration, group):.0f} %"
        told += f"; cuts of {group.found[0]}" if group.found[0] != group.name else ""
    drawn = _bands(feature.key, calibration, group, grid, span) + _bars(group, grid, span) + _lines(group, grid, span)
    svg = f'<svg viewBox="0 0 {_X:g} {_Y:g}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    return (
        f'<div class="group">{who}<div class="histogram">{labels}{svg}</div>'
        f'<div class="shares">{escape(told)}</div></div>'
    )


def _near_share(feature: str, calibration: Calibration, group: Group) -> float:
    """Share of the clips that lie near one of the two cuts."""
    if group.found is None:
        return 0.0
    (a, b), (c, d) = (tolerated(feature, at, calibration) for at in (group.found[1].low, group.found[1].high))
    below = group.sketch.share_below
    return below(d) - below(a) - (below(c) - below(b) if c > b else 0.0)


def _span(grid: Grid, found: list[Group]) -> tuple[float, float]:
    """Left and right end of the axis, in bins: all but the last tails of every group, and the cuts."""
    ends = [grid.bin_of(v) for group in found for v in group.sketch.quantiles([_TAIL, 1 - _TAIL])]
    ends += [grid.bin_of(at) for group in found if group.found for at in (group.found[1].low, group.found[1].high)]
    return (min(ends) // _BAR - 1) * _BAR, (max(ends) // _BAR + 2) * _BAR


def _place(grid: Grid, value: float) -> float:
    """Where a value lies, in bins."""
    return ((12 * math.log2(value / 100) if grid.semitones else value) - grid.low) / grid.step


def _x(place: float, span: tuple[float, float]) -> float:
    return min(max((place - span[0]) / (span[1] - span[0]), 0.0), 1.0) * _X


def _left(grid: Grid, value: float, span: tuple[float, float]) -> float:
    return _x(_place(grid, value), span) / _X * 100


def _bars(group: Group, grid: Grid, span: tuple[float, float]) -> str:
    """Bars of the histogram, shaded by word; a bar that a cut divides is drawn in two shades."""
    heights: dict[int, int] = {}
    for index, count in group.sketch.counts.items():
        heights[index // _BAR] = heights.get(index // _BAR, 0) + count
    top = max(heights.values())
    cuts = [_place(grid, at) for at in (group.found[1].low, group.found[1].high)] if group.found else []
    parts = []
    for bar, count in sorted(heights.items()):
        edges = [bar * _BAR, *(at for at in cuts if bar * _BAR < at < (bar + 1) * _BAR), (bar + 1) * _BAR]
        for left, right in pairwise(edges):
            shade = _SHADES[sum((left + right) / 2 > at for at in cuts)]
            x, height = _x(left, span), _Y * count / top
            width = max(_x(right, span) - x - 0.8, 0.0)
            parts.append(
                f'<rect class="{shade}" x="{x:.1f}" y="{_Y - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
            )
    return "".join(parts)


def _bands(feature: str, calibration: Calibration, group: Group, grid: Grid, span: tuple[float, float]) -> str:
    if group.found is None:
        return ""
    parts = []
    for at in (group.found[1].low, group.found[1].high):
        left, right = (_x(_place(grid, value), span) for value in tolerated(feature, at, calibration))
        parts.append(f'<rect class="near" x="{left:.1f}" y="0" width="{right - left:.1f}" height="{_Y:g}"/>')
    return "".join(parts)


def _lines(group: Group, grid: Grid, span: tuple[float, float]) -> str:
    if group.found is None:
        return ""
    kind = "cut" if group.found[0] == group.name else "cut borrowed"
    places = [_x(_place(grid, at), span) for at in (group.found[1].low, group.found[1].high)]
    return "".join(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_Y:g}"/>' for x in places)


def _ticks(grid: Grid, span: tuple[float, float]) -> list[float]:
    low, high = grid.value_at(span[0]), grid.value_at(span[1])
    if grid.semitones:
        return [hz for hz in _HZ_TICKS if low <= hz <= high]
    step = next((step for step in _STEPS if (high - low) / step <= 12), _STEPS[-1])
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _key() -> str:
    def item(inside: str, text: str) -> str:
        box = f'<svg viewBox="0 0 14 8" preserveAspectRatio="none" aria-hidden="true">{inside}</svg>'
        return f"<span>{box}{text}</span>"

    words = ("first word (low, slow, flat)", "second (normal, moderate)", "third (high, fast, expressive)")
    shades = [item(f'<rect class="{s}" width="14" height="8"/>', w) for s, w in zip(_SHADES, words, strict=True)]
    line = '<line class="{}" x1="7" x2="7" y1="0" y2="8"/>'
    return "".join(
        [
            *shades,
            item(line.format("cut"), "cut"),
            item(
                line.format("cut borrowed"), "cut of another group (its own has under 50 clips, or none was asked for)"
            ),
            item('<rect class="near" width="14" height="8"/>', "near a cut (near_boundary)"),
        ]
    )
