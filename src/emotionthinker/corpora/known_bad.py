"""Clips that are known to be broken, cut wrongly or missing, each with where it was reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Flaw(NamedTuple):
    """What is wrong with a clip. A `corrupt` file makes no record; the others do, so that official sets stay whole."""

    what: str
    source: str
    corrupt: bool = False

    def __str__(self) -> str:
        return f"{self.what} ({self.source})"


def _issue(number: int) -> str:
    return f"github.com/declare-lab/MELD/issues/{number}"


FLAWS: dict[tuple[str, str, str], Flaw] = {
    ("meld", "train", "dia125_utt3"): Flaw("the file is corrupt", _issue(39), corrupt=True),
    ("meld", "dev", "dia110_utt7"): Flaw("missing in the release", _issue(22)),
    ("meld", "test", "dia38_utt4"): Flaw("cut wrongly, five minutes long", _issue(20)),
    ("meld", "test", "dia220_utt0"): Flaw("cut wrongly, four minutes of another scene", _issue(20)),
    ("meld", "train", "dia309_utt0"): Flaw("cut wrongly, the words hold a scene description", _issue(20)),
    ("meld", "train", "dia485_utt0"): Flaw("a long clip that is not its words", _issue(9)),
    ("meld", "train", "dia757_utt7"): Flaw("sound and words do not match", _issue(9)),
    ("meld", "train", "dia241_utt2"): Flaw("sound and words do not match", _issue(9)),
    ("meld", "train", "dia793_utt0"): Flaw("disturbed sound", _issue(9)),
    ("meld", "train", "dia164_utt5"): Flaw("disturbed sound", _issue(9)),
    ("meld", "train", "dia682_utt1"): Flaw("disturbed sound", _issue(9)),
    ("meld", "train", "dia529_utt2"): Flaw("disturbed sound", _issue(9)),
    ("meld", "train", "dia1029_utt1"): Flaw("disturbed sound", _issue(9)),
    ("meld", "train", "dia1008_utt1"): Flaw("disturbed sound", _issue(9)),
}
"""(corpus, split as the release names it, file name) -> what is wrong."""
_MELD_FOLDER = re.compile(r"(train|dev|test)(?:_splits\w*)?|(output_repeated)_splits_test\w*")


def reason(corpus: str, split: str, name: str) -> Flaw | None:
    return FLAWS.get((corpus, split, name))


def of_file(path: str | Path) -> Flaw | None:
    """What is known of a file by its folder and name alone: `.../train_splits/dia125_utt3.mp4`."""
    path = Path(path)
    return reason("meld", meld_split(path), path.stem)


def meld_split(path: Path) -> str:
    """train, dev or test by the folder of a MELD file, as the archives or people name it; empty for another folder."""
    folder = _MELD_FOLDER.fullmatch(path.parent.name)
    return "test" if folder and folder[2] else folder[1] if folder else ""
