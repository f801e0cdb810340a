"""Leaps of an octave that the tracker made and no voice does, found where the voicing breaks off in between."""

from __future__ import annotations

import itertools

import numpy as np

from emotionthinker.prosody.activity import FRAME_S, Floats

_LEAP_ST = 6.0
_JOINT_S = 0.10
_MOVES = np.array([0.0, -12.0, 12.0])
_MOVE_COST, _FRAME_COST = np.array([0.0, 6.0, 3.0]), 0.2


def octaves_off(values: Floats) -> Floats:
    """Semitones (0, -12, 12) to add to each frame of `values` [n], NaN where unvoiced, so that no run stands apart.

    `repair_octaves` moves a run by its voiced joints; a halved syllable behind a closure has none. Over 0.1 s no voice
    leaps an octave (Xu & Sun 2002: it takes 0.17 s or more), so the cheapest way to move whole runs is sought: a leap
    costs its semitones, a move a few and more the longer the run; moving down costs double, for high accents are common
    and doubled pitch is rare.
    """
    at = np.flatnonzero(~np.isnan(values))
    y, apart = values[at], np.diff(at) * FRAME_S
    bounds = np.concatenate(([0], np.flatnonzero(np.abs(np.diff(y)) > _LEAP_ST) + 1, [len(y)]))
    cost, choices = np.zeros(len(_MOVES)), []
    for start, end in itertools.pairwise(bounds):
        joined = start > 0 and apart[start - 1] <= _JOINT_S + 1e-9
        leap = np.abs(y[start] - y[start - 1] + _MOVES - _MOVES[:, None]) if joined else np.zeros((3, 3))
        way = cost[:, None] + leap
        choices.append(way.argmin(0))
        cost = way.min(0) + _MOVE_COST + (_MOVES != 0) * _FRAME_COST * (end - start)
    out, move = np.zeros(len(values)), int(cost.argmin())
    for start, end, choice in zip(bounds[-2::-1], bounds[:0:-1], choices[::-1], strict=True):
        out[at[start:end]] = _MOVES[move]
        move = int(choice[move])
    return out
