"""The figure of a clip as HTML: curves in stretched SVG, labels as text beside them, so that it reads at any width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from emotionthinker.records import Word
from emotionthinker.report.curves import Curves

_X, _Y = 1000.0, 100.0
_HZ_TICKS = (50, 75, 100, 150, 200, 300, 400, 600, 800)
_DB_SPAN = 50.0
_PIXELS_A_SECOND = 130
_CHARACTER_PIXELS, _WORD_GAP_PIXELS = 7.5, 8
_MOST_PIXELS = 12_000
_COLUMN_PIXELS = 838
"""Width of the plot on the page where the window is wide: the rest is margins and axes (style.css)."""
_MOST_ROWS, _ROW_REM = 3, 1.5
_TIME_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


def figure(curves: Curves, words: Sequence[Word]) -> str:
    """Axes, curves, waveform, words and times; the element `.cursor` is moved by the page's script."""
    hz, db = hz_range(curves), db_range(curves)
    ticks_hz = [(tick, _log_y(tick, hz)) for tick in _HZ_TICKS if hz[0] <= tick <= hz[1]]
    ticks_db = [(tick, _linear_y(tick, db)) for tick in range(-120, 1, 10) if db[0] < tick < db[1]]
    rows, width = _layout(curves, words)
    taller = f' style="height:{2 + (rows - 1) * _ROW_REM:g}rem"' if rows > 1 else ""
    return (
        '<div class="plot" aria-hidden="true">'
        f'<div class="axis hz">{_labels(ticks_hz, "Hz")}</div>'
        f'<div class="scroll"><div class="lanes" style="min-width:{width}px">'
        f'<svg class="curves" viewBox="0 0 {_X:g} {_Y:g}" preserveAspectRatio="none">'
        f"{_bands(curves, words)}{_grid(ticks_hz)}"
        f'<path class="level" d="{_level_path(curves, db)}"/><path class="f0" d="{_f0_path(curves, hz)}"/></svg>'
        f'<svg class="wave" viewBox="0 0 {_X:g} {_Y:g}" preserveAspectRatio="none">'
        f'<path class="envelope" d="{_wave_path(curves)}"/></svg>'
        f'<div class="words"{taller}>{_word_labels(curves, words, rows)}</div>'
        f'<div class="times">{_times(curves.duration_s)}</div><div class="cursor"></div></div></div>'
        f'<div class="axis db">{_labels(ticks_db, "dB")}</div></div>'
    )


def hz_range(curves: Curves) -> tuple[float, float]:
    """Axis of F0: at least an octave and a half, around what is voiced; 75 to 300 Hz when nothing is."""
    voiced = curves.f0_hz[curves.f0_hz > 0]
    if not len(voiced):
        return 75.0, 300.0
    low, high = float(voiced.min()) / 1.1, float(voiced.max()) * 1.1
    widen = max(1.0, 2**1.5 / (high / low)) ** 0.5
    return low / widen, high * widen


def db_range(curves: Curves) -> tuple[float, float]:
    """Axis of energy: the 50 dB below the loudest frame; what is quieter lies on the floor."""
    top = float(curves.level_dbfs.max()) if len(curves.level_dbfs) else 0.0
    top = min(0.0, max(top + 3.0, _DB_SPAN - 120.0))
    return top - _DB_SPAN, top


def _log_y(hz: float, span: tuple[float, float]) -> float:
    return _Y * (1 - math.log(hz / span[0]) / math.log(span[1] / span[0]))


def _linear_y(value: float, span: tuple[float, float]) -> float:
    return _Y * (1 - (value - span[0]) / (span[1] - span[0]))


def _x(seconds: float, curves: Curves) -> float:
    return min(max(seconds / curves.duration_s, 0.0), 1.0) * _X


def _layout(curves: Curves, words: Sequence[Word]) -> tuple[int, int]:
    """(rows of word labels, width in pixels from which on the plot scrolls).

    A clip that fits the page's column takes rows rather than width, and never more than the column.
    """
    if curves.duration_s * _PIXELS_A_SECOND > _COLUMN_PIXELS:
        return 1, _pixels(curves, words)
    widths = [_pixels(curves, words, rows) for rows in range(1, _MOST_ROWS + 1)]
    rows = next((rows for rows, width in enumerate(widths, 1) if width <= _COLUMN_PIXELS), _MOST_ROWS)
    return rows, min(widths[rows - 1], _COLUMN_PIXELS)


def _pixels(curves: Curves, words: Sequence[Word], rows: int = 1) -> int:
    """Width in which no word runs into its neighbour in the same of so many rows, up to a limit."""
    needed = curves.duration_s * _PIXELS_A_SECOND
    for word, following in zip(words, words[rows:], strict=False):
        distance = (following.start_s + following.end_s - word.start_s - word.end_s) / 2
        room = (len(word.text) + len(following.text) + 2) / 2 * _CHARACTER_PIXELS + _WORD_GAP_PIXELS
        if distance > 0.02:
            needed = max(needed, room / distance * curves.duration_s)
    return int(min(needed, max(_MOST_PIXELS, curves.duration_s * 40), max(300.0, curves.duration_s * 600)))


def _labels(ticks: Sequence[tuple[int, float]], unit: str) -> str:
    """Tick labels from top to bottom; the uppermost carries the unit."""
    suffix = f'<i class="unit"> {unit}</i>'
    ordered = sorted(ticks, key=lambda tick: tick[1])
    return "".join(
        f'<span style="top:{y:.1f}%">{str(value).replace("-", "−")}{suffix if index == 0 else ""}</span>'
        for index, (value, y) in enumerate(ordered)
    )


def _grid(ticks: Sequence[tuple[int, float]]) -> str:
    return "".join(f'<line class="grid" x1="0" x2="{_X:g}" y1="{y:.1f}" y2="{y:.1f}"/>' for _, y in ticks)


def _bands(curves: Curves, words: Sequence[Word]) -> str:
    """A shade behind the stressed words."""
    parts = []
    for word in words:
        if word.stressed:
            start, end = _x(word.start_s, curves), _x(word.end_s, curves)
            parts.append(
                f'<rect class="beat" x="{start:.1f}" width="{max(end - start, 1):.1f}" y="0" height="{_Y:g}"/>'
            )
    return "".join(parts)


def _f0_path(curves: Curves, span: tuple[float, float]) -> str:
    """One stroke a voiced stretch; a lone frame becomes a dot."""
    path, drawing = [], False
    for seconds, hz in zip(curves.f0_s, curves.f0_hz, strict=True):
        if hz <= 0:
            drawing = False
            continue
        point = f"{_x(seconds, curves):.1f} {_log_y(hz, span):.1f}"
        path.append(f"L{point}" if drawing else f"M{point}h0")
        drawing = True
    return "".join(path)


def _level_path(curves: Curves, span: tuple[float, float]) -> str:
    points = [
        f"{_x(seconds, curves):.1f} {_linear_y(max(level, span[0]), span):.1f}"
        for seconds, level in zip(curves.level_s, curves.level_dbfs, strict=True)
    ]
    return "M" + "L".join(points) if points else ""


def _wave_path(curves: Curves) -> str:
    """The envelope as one closed shape, scaled to the clip's own peak."""
    peak = max(float(np.abs(curves.low).max()), float(np.abs(curves.high).max()), 1e-4)
    xs = (np.arange(len(curves.low)) + 0.5) / len(curves.low) * _X
    top = [f"{x:.1f} {_Y / 2 * (1 - high / peak):.1f}" for x, high in zip(xs, curves.high, strict=True)]
    bottom = [f"{x:.1f} {_Y / 2 * (1 - low / peak):.1f}" for x, low in zip(xs, curves.low, strict=True)]
    return "M" + "L".join(top + bottom[::-1]) + "Z"


def _word_labels(curves: Curves, words: Sequence[Word], rows: int) -> str:
    """The words at their places, in turn one row lower."""
    parts = []
    for number, word in enumerate(words):
        middle = _x((word.start_s + word.end_s) / 2, curves) / _X * 100
        stressed = ' class="stressed"' if word.stressed else ""
        lower = f";top:{0.25 + number % rows * _ROW_REM:g}rem" if number % rows else ""
        parts.append(f'<span{stressed} style="left:{middle:.2f}%{lower}">{escape(word.text)}</span>')
    return "".join(parts)


def _times(duration_s: float) -> str:
    step = next((s for s in _TIME_STEPS if duration_s / s <= 12), _TIME_STEPS[-1])
    digits = 1 if step < 1 else 0
    count = int(duration_s / step + 1e-9) + 1
    # A label too near the right edge would be cut off.
    marks = [n * step for n in range(count) if n * step <= 0.97 * duration_s]
    return "".join(
        f'<span style="left:{t / duration_s * 100:.2f}%">{t:.{digits}f}{" s" if n == 0 else ""}</span>'
        for n, t in enumerate(marks)
    )
