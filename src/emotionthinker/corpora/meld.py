"""MELD: utterances of Friends with labels in three sheets, one a split; the clips are MP4, or WAV after conversion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from emotionthinker import audio
from emotionthinker.corpora import files, known_bad
from emotionthinker.corpora.base import Corpus, Item, bad, by_stem, clip, missing_sheet, sounds, table

_EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_FOLDERS = {
    "train": ("train_splits", "train"),
    "dev": ("dev_splits_complete", "dev_splits", "dev"),
    "test": ("output_repeated_splits_test", "test_splits", "test"),
}
"""As the archives unpack, then as people rename them; a `_wav` at the end (converted sound) is taken first."""
_GENDERS = {
    "Rachel": "female",
    "Monica": "female",
    "Phoebe": "female",
    "Joey": "male",
    "Chandler": "male",
    "Ross": "male",
}

_GROUP = re.compile(r"^(All|Both|Everyone|Her-Friends|The Guys)$| and ", re.I)
_ROLE = re.compile(
    r"^(The|An?|Another|\d\w\w) |( #| No\. ?)\d+$|\b(Attendant|Announcer|Boy|Clerk|Commercial|Customer|Director|Doctor"
    r"|Employee|Fireman|Gambler|Girl|Guide|Guy|Hitchhiker|Host|Janitor|Jester|Judge|Leader|Lecturer|Man|Manager"
    r"|Message|Nurse|Passerby|Policeman|Receptionist|Scientist|Singer|Stranger|Student|Supervisor|Teacher|Voice"
    r"|Volunteer|Waiter|Waitress|Woman|Woman On Train)$"
)
"""How the sheets name several people at once, and people without a name."""


def read(root: Path) -> Iterator[Item]:
    folders = _folders(root)
    for ours, split in _SPLITS.items():
        sheet, clips = _sheet_of(root, ours), _clips(folders, ours)
        if sheet is None:
            if clips:
                what = f"the {len(clips)} clips of {ours} make no rows"
                yield missing_sheet(root, f"{ours}_sent_emo.csv", what, "github.com/declare-lab/MELD (data/MELD)")
            continue
        for where, row in table(sheet, "Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID"):
            yield _row(where, row, ours, split, clips)


def absent(root: Path) -> list[str]:
    """Splits of which there is neither sheet nor folder."""
    folders = _folders(root)
    return [ours for ours in _SPLITS if _sheet_of(root, ours) is None and not _clips(folders, ours)]


def _sheet_of(root: Path, ours: str) -> Path | None:
    return next(files.below(root, f"{ours}_sent_emo.csv"), None)


def _row(where: str, row: dict[str, str], ours: str, split: str, clips: dict[str, Path]) -> Item:
    name = _name(row)
    id_ = f"meld_{ours}_{name}"
    label = row.get("Emotion", "").lower()
    if label not in _EMOTIONS:
        return bad("bad_label", where, f"{where}: emotion {label!r}; expected one of {_EMOTIONS}")
    why = known_bad.reason("meld", ours, name)
    if why and (why.corrupt or name not in clips):
        return bad("known_bad", id_, f"{where}: {name} of {ours} is known to be bad: {why}")
    if name not in clips:
        return bad("missing_sound", id_, f"{where}: no {name}.wav or .mp4 in {' or '.join(_FOLDERS[ours])}")
    return clip(
        "meld",
        id_,
        clips[name],
        label,
        split=split,
        **_speaker(row),
        text=_clean(row.get("Utterance", "")) or None,
        extra={
            "sentiment": row.get("Sentiment"),
            "dialogue": row.get("Dialogue_ID"),
            "utterance": row.get("Utterance_ID"),
            "season": row.get("Season"),
            "episode": row.get("Episode"),
            "known_flaw": str(why) if why else None,
            "expected_s": _seconds(row),
        },
    )


def told(path: Path) -> dict[str, Any]:
    """The split by the folder."""
    ours = known_bad.meld_split(path)
    return {"split": _SPLITS[ours]} if ours else {}


def sheets(sound: Path, root: Path) -> dict[str, Any]:
    """The speaker by the sheet where it lies beside the folder of the split."""
    ours, home = known_bad.meld_split(sound), sound.parent.parent
    if not ours or not home.is_relative_to(root):
        return {}
    path = home / f"{ours}_sent_emo.csv"
    row = _sheet(path, audio.stamp(path)).get(sound.stem)
    return _speaker(row) if row else {}


@lru_cache(maxsize=3)
def _sheet(path: Path, stamp: str) -> dict[str, dict[str, str]]:
    """dia0_utt0 -> row; empty without the sheet."""
    return {_name(row): row for _, row in table(path)} if path.is_file() else {}


def _name(row: dict[str, str]) -> str:
    return f"dia{row.get('Dialogue_ID', '')}_utt{row.get('Utterance_ID', '')}"


def _speaker(row: dict[str, str]) -> dict[str, Any]:
    """None for several who speak at once; who is named by a role alone (`Woman`) is another one in every episode."""
    name = _clean(row.get("Speaker", "")).rstrip(".")
    season, episode = row.get("Season"), row.get("Episode")
    if not name or _GROUP.search(name) or (_ROLE.search(name) and not (season and episode)):
        return {"speaker": None, "gender": None}
    part = f"_s{season}e{episode}" if _ROLE.search(name) else ""
    return {"speaker": f"meld_{name}{part}", "gender": _GENDERS.get(name)}


def _folders(root: Path) -> dict[str, Path]:
    """Name -> folder, of several the one nearest to the root."""
    found: dict[str, Path] = {}
    for path in sorted(files.folders(root), key=lambda path: len(path.parts)):
        found.setdefault(path.name, path)
    return found


def _clips(folders: dict[str, Path], ours: str) -> dict[str, Path]:
    """dia0_utt0 -> file, from the first folder of converted sound and the first of the release that are there.

    A conversion that was stopped leaves the rest to the release's own files.
    """
    kinds = ([f"{name}_wav" for name in _FOLDERS[ours]], _FOLDERS[ours])
    homes = (next((folders[name] for name in names if name in folders), None) for names in kinds)
    return by_stem(sound for home in homes if home for sound in sounds(home))


def _seconds(row: dict[str, str]) -> float | None:
    """Length of the utterance by the sheet's times (`00:16:16,059`), None where they make none."""
    times = []
    for name in ("StartTime", "EndTime"):
        match = re.fullmatch(r"(\d+):(\d+):(\d+)[,.](\d+)", row.get(name, ""))
        if match is None:
            return None
        hours, minutes, seconds, thousandths = (int(part) for part in match.groups())
        times.append(3600 * hours + 60 * minutes + seconds + thousandths / 1000)
    return round(times[1] - times[0], 3) if times[1] > times[0] else None


def _clean(text: str) -> str:
    """Some rows of the sheets hold Windows-1252 punctuation as control characters."""
    return "".join(
        bytes([ord(c)]).decode("cp1252", errors="ignore") if 0x80 <= ord(c) < 0xA0 else c for c in text
    ).strip()


CORPUS = Corpus(
    "meld",
    "MELD",
    ("en",),
    _EMOTIONS,
    "official train, dev (here `validation`) and test; the six main speakers are in all three",
    "GPL-3.0 (labels); the clips are excerpts of a television series",
    "free download (MELD.Raw.tar.gz)",
    "https://affective-meld.github.io",
    "train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv; train_splits/dia0_utt0.mp4, dev_splits_complete/, "
    "output_repeated_splits_test/ (or the same with .wav)",
    read,
    told,
    absent,
    sheets,
)
