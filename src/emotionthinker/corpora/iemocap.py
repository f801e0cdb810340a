"""IEMOCAP: five sessions of two actors; labels, dimensions and words from the dialogues' own sheets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotionthinker.corpora import files
from emotionthinker.corpora.base import Corpus, Item, bad, by_stem, clip, missing_sheet, segment, sounds

_EMOTIONS = ("ang", "hap", "exc", "sad", "fru", "neu", "sur", "fea", "dis", "oth", "xxx")
_TURN = re.compile(r"\[([\d.]+) - ([\d.]+)\]\t(\S+)\t(\w+)\t\[([\d., -]+)\]")
_WORDS = re.compile(r"(\S+) \[[\d.]+-[\d.]+\]:\s*(.*)")
_NAME = re.compile(r"(Ses0[1-5])[FM]_\w+_([FM])\w*")

_MARK = re.compile(r"\[[A-Za-z ]+\]|\++[A-Z]+\++|<[A-Z]+>")
"""What is heard between the words: `[LAUGHTER]`, `[BREATHING]`, `++GARBAGE++`. It would give the label away."""


def read(root: Path) -> Iterator[Item]:
    """One row a labelled turn. Its own file of `sentences/wav` is taken, else its part of the dialogue's recording."""
    whole = _whole(root)
    for session in range(1, 6):
        home = whole / f"Session{session}"
        if not home.is_dir():
            continue
        turns = by_stem(sounds(home, "sentences/wav")) if (home / "sentences/wav").is_dir() else {}
        dialogs = by_stem(sounds(home, "dialog/wav")) if (home / "dialog/wav").is_dir() else {}
        labelled = [path for path in sorted(home.glob("dialog/EmoEvaluation/*.txt")) if not path.name.startswith(".")]
        heard = {*dialogs, *(path.parent.name for path in turns.values())}
        yield from _missing(whole, home, heard, {sheet.stem for sheet in labelled})
        for sheet in labelled:
            words = _transcripts(home / "dialog/transcriptions" / sheet.name)
            yield from _dialog(sheet, session, turns, dialogs.get(sheet.stem), words)


def absent(root: Path) -> list[str]:
    whole = _whole(root)
    return [name for name in (f"Session{session}" for session in range(1, 6)) if not (whole / name).is_dir()]


def _whole(root: Path) -> Path:
    """The folder the sessions lie in: the root, or one below it (`IEMOCAP_full_release`)."""
    return next((path.parent for path in files.folders(root) if re.fullmatch("Session[1-5]", path.name)), root)


def _missing(root: Path, home: Path, heard: set[str], labelled: set[str]) -> Iterator[Item]:
    """The folders of sheets that a session lacks, else the sheets that its dialogues lack."""
    what = {
        "EmoEvaluation": ("none of its turns makes a row", heard - labelled),
        "transcriptions": ("its turns come without words", labelled),
    }
    for name, (so, dialogs) in what.items():
        folder = home / "dialog" / name
        lost = sorted(dialog for dialog in dialogs if not (folder / f"{dialog}.txt").is_file())
        places = [f"{name}/{dialog}.txt" for dialog in lost] if folder.is_dir() else [name]
        for place in places:
            yield missing_sheet(root, f"{home.name}/dialog/{place}", so, "IEMOCAP_full_release")


def _dialog(
    sheet: Path, session: int, turns: dict[str, Path], whole: Path | None, words: dict[str, str]
) -> Iterator[Item]:
    for number, line in enumerate(sheet.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.startswith("["):
            continue
        where = f"{sheet.name}:{number}"
        turn = _TURN.match(line)
        name = _NAME.fullmatch(turn[3]) if turn else None
        values = [float(value) for value in turn[5].split(",")] if turn else []
        if turn is None or name is None or len(values) != 3:
            yield bad("bad_row", where, f"{where}: expected [start - end], turn, label, [v, a, d]; got {line!r}")
            continue
        start, end, id_, label = float(turn[1]), float(turn[2]), turn[3], turn[4]
        sound = turns.get(id_) or (segment(whole, start, end) if whole else None)
        if label not in _EMOTIONS:
            yield bad("bad_label", id_, f"{where}: label {label!r}; expected one of {_EMOTIONS}")
        elif sound is None:
            yield bad("missing_sound", id_, f"{where}: neither sentences/wav/{sheet.stem}/{id_}.wav nor dialog/wav")
        else:
            yield clip(
                "iemocap",
                f"iemocap_{id_}",
                sound,
                label,
                **_speaker(name),
                text=_spoken(words.get(id_, "")),
                extra={
                    "session": session,
                    "dialog": sheet.stem,
                    "scripted": "script" in sheet.stem,
                    "start_s": start,
                    "end_s": end,
                    "transcript_marks": [mark.strip("[]<>+ ") for mark in _MARK.findall(words.get(id_, ""))],
                    **dict(zip(("valence", "arousal", "dominance"), values, strict=True)),
                },
            )


def told(path: Path) -> dict[str, Any]:
    """Speaker and gender by the name of a turn; IEMOCAP has no splits."""
    name = _NAME.fullmatch(path.stem)
    return _speaker(name) if name else {}


def _speaker(name: re.Match[str]) -> dict[str, Any]:
    return {"speaker": f"iemocap_{name[1]}{name[2]}", "gender": "female" if name[2] == "F" else "male"}


def _spoken(text: str) -> str | None:
    """The words without the marks; None where nothing else is left."""
    return " ".join(_MARK.sub(" ", text).split()) or None


def _transcripts(path: Path) -> dict[str, str]:
    """Turn -> words; empty without the sheet (the turns are then recognised)."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {match[1]: match[2].strip() for line in lines if (match := _WORDS.match(line)) and match[2].strip()}


CORPUS = Corpus(
    "iemocap",
    "IEMOCAP",
    ("en",),
    _EMOTIONS,
    "none (the paper names no sessions for its test set); `extra.session` serves leave-one-session-out",
    "research only, by agreement with USC",
    "release form",
    "https://sail.usc.edu/iemocap/",
    "Session1..5/dialog/EmoEvaluation/*.txt, dialog/transcriptions/*.txt, sentences/wav/DIALOG/TURN.wav",
    read,
    told,
    absent,
)
