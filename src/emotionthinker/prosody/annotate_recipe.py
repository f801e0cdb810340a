"""The settings of the `annotate` stage, and the clips they name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from emotionthinker import __version__, audio, runs
from emotionthinker.corpora import manifest
from emotionthinker.errors import RecipeError
from emotionthinker.prosody import batch, faster, speakers, stress_detector
from emotionthinker.recipes import Recipe
from emotionthinker.records import ACOUSTIC, Utterance

FIT = "fit"


class AnnotateRecipe(Recipe):
    """Settings of the `annotate` stage."""

    source: list[Path] = Field(min_length=1)
    """Sound files, folders, or manifests (JSONL, CSV, Parquet)."""
    calibration: str = "reference"
    """`reference`, a calibration file, or `fit` to fit one on these clips (test and validation splits are left out)."""
    name: str = "fitted"
    """Name of a calibration that is fitted."""
    by_dataset: bool = False
    """A fitted calibration also gets cuts for each dataset of 50 clips."""
    workers: int = Field(default=0, ge=0)
    """Processes; 0 takes every core."""
    language: str = "en"
    """Language of clips that name none; `auto`: what the recogniser hears."""
    transcribe: bool = True
    """Recognise the words of clips without a transcript."""
    recogniser: str = faster.RECOGNISER
    """`whisper-base` (embedded), or `faster-whisper:` and a model, a folder, or again `whisper-base` (extra `asr`)."""
    stress: str = ACOUSTIC
    """`acoustic`, or `whistress:FOLDER` for a trained detector."""
    max_seconds: float = Field(default=audio.MAX_SECONDS, gt=0)
    """Longer files are refused."""
    engine: Literal["pool", "ray"] = "pool"
    """Processes of this machine, or Ray Data on a cluster (extra `ray`; the nodes must see the same files)."""
    ray_address: str | None = None
    """A running Ray cluster (`auto`, `HOST:PORT`); None starts one of `workers` processes on this machine."""
    shard_rows: int = Field(default=0, ge=0)
    """Rows of a Parquet shard in `shards/`; 0 writes one `utterances.parquet`."""
    embed_audio: bool = False
    """Shards hold the encoded sound itself ({bytes, path}), not its path."""
    speaker_model: str = ""
    """Folder or hub id of a wav2vec2 of age and gender in audEERING's layout; empty: the gender fallback, no age."""
    accept_non_commercial: bool = False
    """Consent to the terms of such weights (CC-BY-NC-SA-4.0); without it they are not used."""
    speaker_clips: int = Field(default=8, ge=1)
    """Clips of each speaker that the model hears; those of unknown speaker are all heard, 1 kB of memory each."""

    def check(self) -> None:
        """Raise `RecipeError` or `WeightsError` for settings that cannot be met, before anything is measured."""
        if self.embed_audio and not self.shard_rows:
            raise RecipeError("embed_audio puts sound into shards: set shard_rows too, for example --shard-rows 1000")
        if self.ray_address and self.engine != "ray":
            raise RecipeError(
                f"ray_address is {self.ray_address!r}, but engine is {self.engine!r}: set --engine ray too"
            )
        if self.speaker_model and not self.accept_non_commercial:
            raise RecipeError(speakers.refusal(self.speaker_model))
        if self.speaker_model:
            from emotionthinker.models import age_gender

            age_gender.folder_of(self.speaker_model)
        stress_detector.check(self.stress)
        try:
            if self.transcribe:
                faster.check(self.recogniser)
        except ValueError as error:
            raise RecipeError(f"annotate: {error}") from error


class Task(NamedTuple):
    """One clip to measure; `stamp` changes with the row, the file, the settings that matter and what is measured."""

    utterance: Utterance
    stamp: str
    absent: bool = False
    """Its sound cannot be looked at now; it may be on a disk that is not mounted."""

    @property
    def id(self) -> str:
        return self.utterance.id

    @property
    def row(self) -> dict[str, Any]:
        """What `batch.annotate_batch` takes."""
        return self.utterance.model_dump(mode="json", exclude_defaults=True)


def tasks(recipe: AnnotateRecipe) -> Iterator[Task | manifest.BadRow]:
    """The clips of the source in order, each with its stamp."""
    settings = f"{batch.MEASURES}|{recipe.transcribe}|{recipe.max_seconds}"
    for chosen, usual in ((recipe.recogniser, faster.RECOGNISER), (recipe.stress, ACOUSTIC)):
        if chosen != usual:
            name, _, model = chosen.partition(":")
            settings += f"|{name}:{runs.model_stamp(model)}"
    several = len(recipe.source) > 1
    for source, item in manifest.by_source(recipe.source, recipe.language):
        if isinstance(item, manifest.BadRow):
            yield item
            continue
        if several and item.speaker and not item.dataset:
            # `01` of one recording is seldom `01` of the next; in the stamp, since the speaker is another one then
            item = item.model_copy(update={"extra": {speakers.SOURCE: str(source.resolve()), **item.extra}})
        sound = audio.stamp(item.audio or "")
        text = f"{__version__}|{item.model_dump_json()}|{sound}|{settings}"
        yield Task(item, runs.digest(text), absent=sound == "missing")


def measuring(recipe: AnnotateRecipe) -> partial[list[dict[str, Any]]]:
    """`batch.annotate_batch` with the settings of the recipe: what maps rows to measurements."""
    return partial(
        batch.annotate_batch,
        transcribe=recipe.transcribe,
        recogniser=recipe.recogniser,
        stress=recipe.stress,
        max_seconds=recipe.max_seconds,
    )
