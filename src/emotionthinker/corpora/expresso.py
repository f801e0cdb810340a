"""Expresso: four speakers, read speech in eight styles and improvised dialogues in 26, one speaker a channel."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from emotionthinker import audio
from emotionthinker.corpora.base import Corpus, Item, clip, lines, missing_sheet, segment, sounds, unnamed, words_of

_STYLES = (
    "angry animal animaldir awe bored calm child childdir confused default desire disgusted enunciated fast fearful "
    "happy laughing narration nonverbal projected sad sarcastic singing sleepy sympathetic whisper"
).split()
_GENDERS = {"ex01": "male", "ex02": "female", "ex03": "male", "ex04": "female"}
_READ = re.compile(r"(ex0[1-4])_([a-z]+)_(?:\w+_)?\d+")
_DIALOG = re.compile(r"(ex0[1-4])-(ex0[1-4])_([a-z]+)(?:-([a-z]+))?_\d+")
_SPAN = re.compile(r"\(([\d.]*)s?,([\d.]*)s?\)")
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}

_WHOLE = ("", 0.0, float("inf"))
Spans = dict[str, list[tuple[str, float, float]]]


def read(root: Path) -> Iterator[Item]:
    """Read speech a row a file; dialogues and long readings a row a stretch of speech (`VAD_segments.txt`)."""
    texts = _pairs(root / "read_transcriptions.txt")
    splits, speech = _splits(root / "splits"), _speech(root / "VAD_segments.txt")
    long = False
    for path in sounds(root, "audio_48khz"):
        long |= "longform" in path.stem or bool(_DIALOG.fullmatch(path.stem))
        if match := _READ.fullmatch(path.stem):
            yield from _read_speech(path, match, texts, splits, speech)
        elif match := _DIALOG.fullmatch(path.stem):
            for channel in (1, 2):
                yield from _dialogue(path, match, channel, splits, speech)
        else:
            yield unnamed(root, path, "ex01_happy_00001.wav or ex01-ex02_happy_001.wav")
    yield from _missing(root, long)


def _missing(root: Path, long: bool) -> Iterator[Item]:
    """Sheets that are not there; that of the stretches of speech matters to dialogues and long readings only."""
    needed = {f"splits/{name}.txt": f"clips of {split} have no split" for name, split in _SPLITS.items()}
    needed["read_transcriptions.txt"] = "read speech comes without words"
    if long:
        needed["VAD_segments.txt"] = "a dialogue or long reading is one clip of minutes"
    for name, what in needed.items():
        if not (root / name).is_file():
            yield missing_sheet(root, name, what, "expresso.tar")


def _read_speech(
    path: Path, match: re.Match[str], texts: dict[str, str], splits: Spans, speech: Spans
) -> Iterator[Item]:
    speaker = match[1]
    stretches = speech.get(path.stem, []) if "longform" in path.stem else []
    text, places = _emphasised("" if stretches else texts.get(path.stem, ""))
    words = words_of(text)
    for number, (_, start, end) in enumerate(stretches or [_WHOLE], 1):
        yield clip(
            "expresso",
            f"expresso_{path.stem}" + (f"_{number:03d}" if stretches else ""),
            segment(path, start, end) if stretches else path,
            match[2],
            split=_split_of(splits.get(path.stem, []), start, end),
            **_speaker(speaker),
            text=text or None,
            extra={
                "kind": "read",
                "stressed_words": [words[place][0] for place in places],
                "stressed_places": places,
                **({"start_s": start, "end_s": end} if stretches else {}),
            },
        )


def _emphasised(marked: str) -> tuple[str, list[int]]:
    """(text, places of the words that stand in asterisks): `I never said *she* stole it.`"""
    parts = marked.split("*")
    text = "".join(parts)
    ends = [0, *itertools.accumulate(len(part) for part in parts)]
    spans = list(zip(ends[1::2], ends[2::2], strict=False)) if len(parts) % 2 else []  # else a mark without its pair
    words = enumerate(words_of(text))
    return text, [n for n, word in words if any(word.start() < end and start < word.end() for start, end in spans)]


def _dialogue(path: Path, match: re.Match[str], channel: int, splits: Spans, speech: Spans) -> Iterator[Item]:
    speaker = match[channel]
    stretches = speech.get(f"{path.stem}/channel{channel}", [])
    for number, (_, start, end) in enumerate(stretches or [_WHOLE], 1):
        yield clip(
            "expresso",
            f"expresso_{path.stem}_{channel}" + (f"_{number:03d}" if stretches else ""),
            segment(path, start, end, channel),
            (match[4] if channel == 2 else None) or match[3],
            split=_split_of(splits.get(path.stem, []), start, end),
            **_speaker(speaker),
            extra={"kind": "dialogue", "partner": match[3 - channel], "channel": channel}
            | ({"start_s": start, "end_s": end} if stretches else {}),
        )


def told(path: Path) -> dict[str, Any]:
    """Speaker and gender of read speech by the name (a dialogue has two)."""
    match = _READ.fullmatch(path.stem)
    return _speaker(match[1]) if match else {}


def sheets(sound: Path, root: Path) -> dict[str, Any]:
    """Split by the file lists of the Expresso the sound lies in."""
    homes = (folder / "splits" for folder in sound.parents if folder.is_relative_to(root))
    home = next((folder for folder in homes if folder.is_dir()), None)
    if home is None:
        return {}
    stamps = tuple(audio.stamp(home / f"{ours}.txt") for ours in _SPLITS)
    return {"split": _split_of(_splits_kept(home, stamps).get(sound.stem, []), 0.0, float("inf"))}


def _speaker(name: str) -> dict[str, Any]:
    return {"speaker": f"expresso_{name}", "gender": _GENDERS[name]}


def _split_of(parts: list[tuple[str, float, float]], start: float, end: float) -> str | None:
    """The split a stretch of a file lies in. One that reaches over a border goes to the held-out side: what is tested
    must not be trained on. None for a file that no split names."""
    touched = {split for split, first, last in parts if first < end and start < last}
    return next((split for split in ("test", "validation", "train") if split in touched), None)


def _splits(folder: Path) -> Spans:
    """File name -> (split, start, end) parts; a line without times stands for the whole file."""
    found: Spans = {}
    for ours, split in _SPLITS.items():
        sheet = folder / f"{ours}.txt"
        for line in lines(sheet) if sheet.is_file() else []:
            if line.strip() and not line.startswith("#"):
                name, _, spans = line.partition("\t")
                parts = [(split, float(a or 0), float(b or "inf")) for a, b in _SPAN.findall(spans)]
                found.setdefault(name.strip(), []).extend(parts or [(split, 0.0, float("inf"))])
    return found


@lru_cache(maxsize=1)
def _splits_kept(folder: Path, stamps: tuple[str, ...]) -> Spans:
    return _splits(folder)


def _speech(sheet: Path) -> Spans:
    found: Spans = {}
    for line in lines(sheet) if sheet.is_file() else []:
        if not line.startswith("#"):
            name, _, spans = line.partition("\t")
            found[name.strip()] = [("", float(a), float(b)) for a, b in re.findall(r"\(([\d.]+), ([\d.]+)\)", spans)]
    return found


def _pairs(sheet: Path) -> dict[str, str]:
    rows = (line.partition("\t") for line in (lines(sheet) if sheet.is_file() else []))
    return {name.strip(): text.strip() for name, _, text in rows if text.strip()}


CORPUS = Corpus(
    "expresso",
    "Expresso",
    ("en",),
    tuple(_STYLES),
    "official train, dev (here `validation`) and test, by file or part of a file; every speaker is in all three",
    "CC BY-NC 4.0",
    "free download (expresso.tar)",
    "https://speechbot.github.io/expresso/",
    "audio_48khz/read/ex01/happy/base/ex01_happy_00001.wav, audio_48khz/conversational/ex01-ex02/..., "
    "read_transcriptions.txt, splits/*.txt, VAD_segments.txt",
    read,
    told,
    sheets=sheets,
)
