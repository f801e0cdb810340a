"""Clicks: a key, a switch, a knock at the microphone. Louder than all speech, over before a syllable could be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_WIDTH_DB = 15.0
_LONGEST = 4
_AROUND = 20
_MARGIN = 2
_ABOVE_AROUND_DB = 20.0
_AROUND_PERCENTILE = 90
_ABOVE_REST_DB = 3.0
_FLOOR = 1e-12
_SILENT = 1e-8


def find(power: Floats) -> list[slice]:
    """The frames of each click, loudest first, among mean squares of 10 ms frames [n].

    A click is the loudest event of the clip: at most 40 ms within 15 dB of its peak, 20 dB above the 200 ms on either
    side (their 90th percentile: a second click there hides neither) and 3 dB above the loud level of all other frames.
    What is quieter does no harm, and is left; so is what stands alone in silence (-80 dBFS). Beyond either end is
    silence.
    """
    rest = np.array(power)
    found: list[tuple[float, slice]] = []
    for peak in np.argsort(power)[::-1]:
        if power[peak] <= _FLOOR:
            break
        if rest[peak] == 0:
            continue  # the slope of a click that was found
        click = _click_at(rest, int(peak))
        if click is None:
            break
        rest[click] = 0.0
        found.append((power[peak], click))
    if not found or float(rest.max()) < _SILENT:
        return []
    loud = float(np.square(rest).sum() / rest.sum())  # the power-weighted mean power
    return [click for peak_power, click in found if peak_power > loud * 10 ** (_ABOVE_REST_DB / 10)]


def _click_at(power: Floats, peak: int) -> slice | None:
    """The frames of the click around the loudest frame; None when it is none."""
    near = power > power[peak] * 10 ** (-_WIDTH_DB / 10)
    first = last = peak
    while first > 0 and near[first - 1] and last - first < _LONGEST:
        first -= 1
    while last + 1 < len(power) and near[last + 1] and last - first < _LONGEST:
        last += 1
    if last + 1 - first > _LONGEST:
        return None
    click = slice(max(0, first - _MARGIN), last + 1 + _MARGIN)
    sides = np.zeros(2 * _AROUND)
    before, after = power[max(0, click.start - _AROUND) : click.start], power[click.stop : click.stop + _AROUND]
    sides[: len(before)] = before
    sides[_AROUND : _AROUND + len(after)] = after
    level = float(np.percentile(sides, _AROUND_PERCENTILE))
    return click if 10 * np.log10(power[peak] / max(level, _FLOOR)) >= _ABOVE_AROUND_DB else None
