"""What the measurements of a clip mean: verdicts, and what to do about each."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from emotionthinker import audio
from emotionthinker.corpora import base, known_bad
from emotionthinker.corpora.manifest import BadRow
from emotionthinker.errors import kind_of
from emotionthinker.recipes import Recipe
from emotionthinker.records import Utterance

UNUSABLE = (
    "bad_row",
    "broken",
    "duplicate_audio",
    "duplicate_file",
    "empty",
    "known_bad",
    "missing",
    "silent",
    "too_long",
    "too_short",
    "truncated",
    "unsupported",
)
"""Verdicts that keep a clip out of the clean manifest; the others are told, and do not."""
VERDICTS = (*UNUSABLE, "clipped", "no_transcript", "wrong_length")
_MENDED_BY = {
    "cancelled": "name one channel (`#channel=1` behind the path): mixed they are silent",
    "out_of_range": "divide the samples by their full scale (32768 for 16 bits) and write them again",
}
_SLACK_S = 2.0
"""A clip may be this much longer than twice what its corpus says."""


class Limits(Recipe):
    """From where on a clip counts as too long, too short, silent or clipped."""

    max_seconds: float = Field(default=30.0, gt=0)
    min_seconds: float = Field(default=0.3, ge=0)
    silent_dbfs: float = -60.0
    """A clip whose loudest 50 ms lie below is silent."""
    clipped_share: float = Field(default=0.001, gt=0, le=1)
    """Share of samples in runs at full scale or the highest value, from which a clip counts as clipped."""


class Verdict(NamedTuple):
    verdict: str
    message: str
    fix: str
    command: str | None = None
    """A shell command that mends it."""


class Known(NamedTuple):
    """The first clip of a content: what it is, and what a copy must not differ in."""

    id: str
    audio: str | None
    file: bytes | None
    """Digest of the whole file."""
    label: str | None
    speaker: str | None
    split: str | None

    def differences(self, other: Known) -> str:
        pairs = zip(Known._fields[3:], self[3:], other[3:], strict=True)
        return "".join(f", there {name} {one}, here {two}" for name, one, two in pairs if one != two)


class Copies:
    """The first clip of every sound, and of every file whose sound had come in another one before."""

    def __init__(self) -> None:
        self._sounds: dict[bytes, Known] = {}
        self._files: dict[bytes, Known] = {}

    def first(self, clip: Known, sound: bytes) -> Known | None:
        """The clip that had this file first, else the one that had its sound; None when this one is it."""
        first = self._sounds.setdefault(sound, clip)
        if clip.file and first.file != clip.file:
            same = self._files.setdefault(clip.file, clip)
            first = first if same.id == clip.id else same
        return None if first.id == clip.id else first


def _known(item: Utterance, row: dict[str, Any]) -> Known:
    words = (item.emotion or item.original_label, item.speaker, item.split)
    shared = (word and sys.intern(word) for word in words)  # a corpus has few of them, and a string of its own for each
    return Known(item.id, item.audio, bytes.fromhex(row["sha256"] or "") or None, *shared)


def verdicts(
    item: Utterance | BadRow, row: dict[str, Any], limits: Limits, copies: Copies, texts: bool
) -> Iterator[Verdict]:
    """What is wrong with one clip, the gravest first."""
    if isinstance(item, BadRow):
        kind = kind_of(item.error)
        verdict = {"missing_sound": "missing", "known_bad": "known_bad"}.get(kind, "bad_row")
        yield Verdict(verdict, str(item.error), f"{kind}: {item.error}")
        return
    path = audio.fragment(item.audio or "").path
    if flaw := item.extra.get("known_flaw") or known_bad.of_file(path):
        yield Verdict("known_bad", str(flaw), f"leave it out, or cut it anew from the episode: {flaw}")
    if not row:
        yield Verdict("missing", f"{path}: no such file", "fetch the file again, or delete the row")
    elif "reason" in row:
        yield _broken(path, row)
    else:
        yield from _flaws(row, limits)
        yield from _copied(item, row, copies)
        yield from _cut(item, row)
    if texts and not item.text:
        yield Verdict("no_transcript", "the row has no words", "add `text` to the row; else `annotate` recognises it")


def _broken(path: str, row: dict[str, Any]) -> Verdict:
    if row["reason"] == "empty":
        return Verdict("empty", row["message"], "fetch the file again, or delete the row")
    why = " ".join(row["message"].removeprefix(f"{path}: ").split())
    if row["reason"] == "truncated":
        return Verdict("truncated", row["message"], why)
    if row["reason"] == "unreadable":
        return Verdict("broken", row["message"], f"{why}: give access to it, then start the doctor again")
    if row["reason"] in ("empty", "wrong_shape", "wrong_part") and "#" in path:
        return Verdict("broken", row["message"], "mend the row: it names a part or channel that is not there")
    if row["reason"] in _MENDED_BY:
        return Verdict("broken", row["message"], _MENDED_BY[row["reason"]])
    if row["reason"] == "lfs_pointer":
        return Verdict("broken", row["message"], row["message"])
    if row["reason"] == "undecodable" and Path(path).suffix.lower() in base.VIDEO_FILES:
        target = shlex.quote(str(Path(path).with_suffix(".wav")))
        convert = f"ffmpeg -nostdin -n -i {shlex.quote(path)} -vn -ar 16000 -ac 1 {target}"
        return Verdict("unsupported", row["message"], f"convert it: {convert}", convert)
    return Verdict("broken", f"{row['reason']}: {row['message']}", f"fetch the file again ({why})")


def _flaws(row: dict[str, Any], limits: Limits) -> Iterator[Verdict]:
    seconds, loudest, clipped = row["seconds"], row["loudest_dbfs"], row["clipped_share"]
    if seconds > limits.max_seconds:
        yield Verdict("too_long", f"{seconds:g} s", f"{seconds:g} s long: cut it below {limits.max_seconds:g} s")
    if seconds < limits.min_seconds:
        yield Verdict("too_short", f"{seconds:g} s", f"only {seconds:g} s long: leave it out")
    if loudest is None or loudest < limits.silent_dbfs:
        level = "digital silence" if loudest is None else f"loudest 50 ms at {loudest:g} dBFS"
        yield Verdict("silent", level, f"{level}: fetch the file again, or leave it out")
    if clipped >= limits.clipped_share:
        share = f"{clipped:.2%} of the samples lie flat at full scale or the highest value"
        yield Verdict("clipped", share, f"{share}: energy is not to be trusted; look for an unclipped copy")


def _copied(item: Utterance, row: dict[str, Any], copies: Copies) -> Iterator[Verdict]:
    clip = _known(item, row)
    first = copies.first(clip, bytes.fromhex(row["pcm"]))
    if first is None:
        return
    same_file = clip.file is not None and clip.file == first.file
    verdict, what = ("duplicate_file", "the same file") if same_file else ("duplicate_audio", "the same sound")
    other = first.differences(clip)
    if first.audio == item.audio:
        what = f"a link to, or another row of, the one file of {first.id}{other}"
        yield Verdict(verdict, what, f"{what}: leave out this link or row, and keep the file")
        return
    yield Verdict(verdict, f"{what} as {first.id}{other}", f"{what} as {first.id}{other}: keep one")


def _cut(item: Utterance, row: dict[str, Any]) -> Iterator[Verdict]:
    """A clip that is much longer than its corpus says holds more than its words."""
    expected = item.extra.get("expected_s")
    if isinstance(expected, (int, float)) and row["seconds"] > 2 * expected + _SLACK_S:
        length = f"{row['seconds']:g} s where the corpus says {expected:g} s"
        yield Verdict("wrong_length", length, f"{length}: listen; the words may be only a part of it")
