"""What to know before the results of `annotate` are used: the `warnings` of its summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emotionthinker import runs
from emotionthinker.corpora import manifest, splits
from emotionthinker.prosody.batch import MEASURES
from emotionthinker.prosody.levels import Calibration
from emotionthinker.prosody.summary import Tally
from emotionthinker.records import NO_RECOGNISER, Utterance


def no_longer(job: runs.Run) -> Iterator[str]:
    """That the folder held clips of other sources."""
    now = job.manifest["recipe"]["source"]
    if gone := [source for source in job.previous_recipe.get("source", []) if source not in now]:
        yield f"{', '.join(gone)} is no source any more: its rows are no longer in {job.folder}"


def unnamed(count: int, folder: Path) -> Iterator[str]:
    """That what was measured of clips is no result any more: the manifest may have been cut off."""
    if count:
        yield (
            f"measured clips that the source names no longer: {count}; what was measured is kept in {folder} until it "
            "names them again: if they should be there, look whether the manifest is whole"
        )


def unread(sources: Sequence[Path]) -> Iterator[str]:
    """That folders hold sound which nothing here decodes."""
    if found := manifest.passed_by(sources):
        yield f"files that were not read: {manifest.how_to_convert(found)}"


def open_tests(sources: Sequence[Path]) -> Iterator[str]:
    """That clips of a source that is called a test would be trained on."""
    for source in sources:
        clips = manifest.utterances([source]) if splits.is_held_out(source.resolve().stem) else iter(())
        first = next((clip for clip in clips if isinstance(clip, Utterance)), None)
        if first is not None and splits.assign(first) == splits.TRAIN:
            yield (
                f"{source} is called like a test or validation set, but its clips name no split and count as train; "
                "give them a column `split` (of a folder: in a manifest) where they are held out"
            )


def waiting(count: int) -> Iterator[str]:
    """That measured clips are no results of this run."""
    if count:
        yield (
            f"measured clips whose sound is not there now: {count}; they stand in failures.jsonl as missing, what was "
            "measured is kept: mount the disk or put the files back, then annotate again"
        )


def untold_times(count: int) -> Iterator[str]:
    """That rows may be meant as parts of a recording, but were not cut."""
    if count:
        yield (
            f"rows with start and end times in no named unit: {count}; the whole file was measured for each: where a "
            "part of it is meant, call them start_s and end_s (seconds), or write FILE#t=START,END"
        )


def words(tally: Tally, calibration: Calibration) -> Iterator[str]:
    """What makes the words doubtful."""
    yield from filter(None, (*calibration.warnings(), calibration.outdated(MEASURES)))
    if unheard := tally.reasons["transcript"][NO_RECOGNISER]:
        yield (
            f"clips without words, since the recogniser could not be had: {unheard}; run `emotionthinker weights`, "
            "then annotate again: these clips alone are measured anew"
        )
