"""Octave repair: runs of frames that a tracker put an octave off are moved back."""

from __future__ import annotations

import itertools

import numpy as np

from emotionthinker.prosody.f0 import PitchTrack, semitones

_LOCAL_S = 0.5
_LEAP_ST = 6.0
_JOINT_ST = 3.0
_JOINT_S = 0.025
_GLOBAL_ST = 9.0


def repair_octaves(track: PitchTrack) -> PitchTrack:
    """Move runs of frames that sit an octave off back to their neighbourhood.

    A run is what lies between two leaps of more than 6 semitones, so that a steep but continuous movement is never
    touched. It is moved by whole octaves when the leap at a voiced joint (frames at most 25 ms apart) is
    octave-sized to 3 st, and when it lies more than 6 st from the running median (0.5 s) or more than 9 st from the
    median of the utterance and would come nearer to it: wide but real excursions stay.
    """
    from scipy.ndimage import median_filter

    voiced = np.flatnonzero(track.f0_hz > 0)
    if len(voiced) < 3:
        return track
    times, y = track.times_s[voiced], semitones(track.f0_hz[voiced], 1.0)
    hop = float(np.min(np.diff(times)))
    window = min(2 * round(_LOCAL_S / hop / 2) + 1, len(y) - 1 + len(y) % 2)
    local = median_filter(y, window, mode="reflect")
    away_local, away_whole = y - local, y - float(np.median(y))
    bounds = np.concatenate(([0], np.flatnonzero(np.abs(np.diff(y)) > _LEAP_ST) + 1, [len(y)]))
    shift = np.zeros(len(y))
    for start, end in itertools.pairwise(bounds):
        joints = [(i, j) for i, j in ((start, start - 1), (end - 1, end)) if 0 <= j < len(y)]
        leaps = [float(y[i] - y[j]) for i, j in joints if abs(times[i] - times[j]) <= _JOINT_S]
        octaves = {round(leap / 12) for leap in leaps}
        if len(octaves) != 1 or any(abs(leap - 12 * round(leap / 12)) > _JOINT_ST for leap in leaps):
            continue
        move = 12 * octaves.pop()
        near, whole = float(np.median(away_local[start:end])), float(np.median(away_whole[start:end]))
        stray = (abs(near) > _LEAP_ST and abs(near - move) < abs(near)) or abs(whole) > _GLOBAL_ST
        if stray and abs(whole - move) < abs(whole):
            shift[start:end] = move
    f0 = track.f0_hz.copy()
    f0[voiced] *= 2.0 ** (-shift / 12)
    return PitchTrack(track.times_s, f0)
