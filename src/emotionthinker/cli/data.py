"""Commands that make data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from emotionthinker.cli.fetching import tell_of_recogniser
from emotionthinker.cli.stages import Out, Overrides, RecipeFile, Restart, Workers, fail_for, run_stage

REFERENCE = "reference"
WORDS, SPEAKER, LARGE = "Words", "Speaker", "Large corpora"
"""Panels of the help: each is a table as wide as its own names, so that none is cut in a terminal of 80 columns."""
Sources = Annotated[list[Path], typer.Argument(help="Sound files, folders, or manifests (JSONL, CSV, Parquet).")]
Language = Annotated[
    str,
    typer.Option(
        help="Language of clips that name none: `en`, `German`, ...; `auto`: what is heard.", rich_help_panel=WORDS
    ),
]
Transcribe = Annotated[
    bool,
    typer.Option(
        help="Recognise the words of clips without a transcript (226 MB are fetched once).", rich_help_panel=WORDS
    ),
]
MaxSeconds = Annotated[float, typer.Option(help="Longer files are refused.", min=1)]
Recogniser = Annotated[
    str,
    typer.Option(
        help="`whisper-base` (embedded), or `faster-whisper:` and a model or folder (extra `asr`).",
        rich_help_panel=WORDS,
    ),
]
SpeakerModel = Annotated[
    str,
    typer.Option(
        help="wav2vec2 of age and gender: a folder or hub id; else gender is estimated without.",
        rich_help_panel=SPEAKER,
    ),
]
AcceptNonCommercial = Annotated[
    bool,
    typer.Option(
        "--accept-non-commercial",
        help="Consent to the speaker model's CC-BY-NC-SA-4.0 terms.",
        rich_help_panel=SPEAKER,
    ),
]
StressMethod = Annotated[
    str,
    typer.Option(
        help="How stress is found: `acoustic`, or `whistress:FOLDER` of a trained detector.", rich_help_panel=WORDS
    ),
]
Cuts = Annotated[
    str, typer.Option(help="Cuts of the levels: `reference`, a thresholds.json, or `fit` from these clips.")
]
Engine = Annotated[str, typer.Option(help="`pool`: processes of this machine; `ray`: Ray Data.", rich_help_panel=LARGE)]
RayAddress = Annotated[
    str | None,
    typer.Option(help="A running Ray cluster, such as `auto`; without it Ray starts here.", rich_help_panel=LARGE),
]
ShardRows = Annotated[
    int,
    typer.Option(
        help="Rows of a Parquet file in shards/; 0 writes one utterances.parquet.", min=0, rich_help_panel=LARGE
    ),
]
EmbedAudio = Annotated[
    bool, typer.Option("--embed-audio", help="Shards hold the sound, not its path.", rich_help_panel=LARGE)
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Measure up to 40 clips and tell the hours, megabytes and failures of a run; write nothing."
    ),
]


def annotate(
    source: Sources,
    out: Out,
    calibration: Cuts = "reference",
    workers: Workers = 0,
    language: Language = "en",
    transcribe: Transcribe = True,
    recogniser: Recogniser = "whisper-base",
    max_seconds: MaxSeconds = 3600,
    engine: Engine = "pool",
    ray_address: RayAddress = None,
    shard_rows: ShardRows = 0,
    embed_audio: EmbedAudio = False,
    speaker_model: SpeakerModel = "",
    accept_non_commercial: AcceptNonCommercial = False,
    stress: StressMethod = "acoustic",
    dry_run: DryRun = False,
) -> None:
    """Measure pitch, energy, rate, stress, intonation, speaker and words of speech (section 3.1).

    Writes utterances.jsonl and .parquet (or shards/), thresholds.json, summary.json and failures.jsonl; goes on after
    a stop, in constant memory (with a speaker model, 1 kB for each clip it hears). Run again it also measures what was
    changed, and clips that had no recogniser. A folder of such shards is a source too. Exit status 1 when a row failed.

    Examples:

    - `emotionthinker annotate recordings/ more.flac --out runs/annotate`
    - how long it would take: `emotionthinker annotate speech.jsonl --out runs/annotate --dry-run`
    - a manifest, its own cuts: `emotionthinker annotate speech.jsonl --calibration fit --out runs/annotate`
    - shards with sound: `emotionthinker annotate speech.parquet --shard-rows 1000 --embed-audio --out runs/annotate`
    - a cluster: `emotionthinker annotate speech.parquet --engine ray --ray-address auto --out /shared/annotate`
    """
    from emotionthinker.errors import RecipeError
    from emotionthinker.prosody import corpus, forecast

    if engine not in ("pool", "ray"):
        raise RecipeError(f"--engine is {engine!r}; expected pool or ray")
    recipe = corpus.AnnotateRecipe(
        source=source,
        calibration=calibration,
        workers=workers,
        language=language,
        transcribe=transcribe,
        recogniser=recogniser,
        max_seconds=max_seconds,
        engine=engine,
        ray_address=ray_address,
        shard_rows=shard_rows,
        embed_audio=embed_audio,
        speaker_model=speaker_model,
        accept_non_commercial=accept_non_commercial,
        stress=stress,
    )
    tell_of_recogniser(transcribe, recogniser)
    if dry_run:
        expected = forecast.forecast(recipe, out)
        typer.echo(json.dumps(expected, indent=2, ensure_ascii=False))
        raise typer.Exit(1 if expected["problems"] else 0)
    counts = corpus.run(recipe, out)
    typer.echo(json.dumps(counts, indent=2))
    fail_for(counts["failed"], "rows", out / "failures.jsonl")


def augment(
    source: Sources,
    out: Out,
    pitch: Annotated[
        list[float] | None, typer.Option(help="Semitones, -12 to 12; may be given again.", min=-12, max=12)
    ] = None,
    speed: Annotated[
        list[float] | None, typer.Option(help="Ratio, 0.65 to 1.6: 1.25 is a quarter faster.", min=0.65, max=1.6)
    ] = None,
    energy: Annotated[list[float] | None, typer.Option(help="Decibels, -30 to 30.", min=-30, max=30)] = None,
    headroom: Annotated[
        float, typer.Option(help="Decibels by which clips are made softer first, so that variants fit.", min=0, max=40)
    ] = 0,
    workers: Workers = 0,
    language: Language = "en",
    max_seconds: MaxSeconds = 60,
) -> None:
    """Versions of clips that differ in pitch, speed or energy alone, each measured again (section 3.2).

    One variant for each value; with `--headroom` also the softer clip they start from (`reference`). It is accepted
    when the measured change is within 0.5 semitone, 3 % or 1 dB of what was asked, nothing else moved and the formants
    stayed (0.5 semitone). Nothing clips: what would exceed full scale is made softer, and rejected when that costs more
    than 1 dB. Of a whisper pitch and formants are not checked (`unchecked`). Needs the extra `augment`.

    Writes audio/, manifest.jsonl (a source for `annotate`), rejected.jsonl and failures.jsonl; goes on after a stop.
    Exit status 1 when a file failed; a rejected variant is no failure.

    Example: `emotionthinker augment recordings/ --out runs/augment --pitch +4 --pitch -4 --speed 1.25 --energy -6`
    """
    from emotionthinker.perception import augment_corpus

    recipe = augment_corpus.AugmentRecipe(
        source=source,
        pitch=pitch or [],
        speed=speed or [],
        energy=energy or [],
        headroom_db=headroom,
        workers=workers,
        language=language,
        max_seconds=max_seconds,
    )
    counts = augment_corpus.run(recipe, out)
    typer.echo(json.dumps(counts, indent=2))
    if counts["headroom_wanted_db"]:
        typer.echo(f"some variants were too loud; --headroom {counts['headroom_wanted_db']:g} lets them pass", err=True)
    fail_for(counts["failed"], "clips", out / "failures.jsonl")


def audit(
    annotations: Annotated[
        Path, typer.Argument(help="Published annotation set (JSON list, JSONL, CSV, TSV, Parquet).", show_default=False)
    ],
    audio: Annotated[Path, typer.Option(help="Folder of its sound files.", show_default=False)],
    out: Out,
    calibration: Annotated[
        str, typer.Option(help="Cuts of the levels: `reference`, a thresholds.json, or `fit` from the audited clips.")
    ] = "reference",
    workers: Workers = 0,
    language: Language = "en",
    transcribe: Transcribe = True,
    recogniser: Recogniser = "whisper-base",
    max_seconds: MaxSeconds = 3600,
    speaker_model: SpeakerModel = "",
    accept_non_commercial: AcceptNonCommercial = False,
    stress: StressMethod = "acoustic",
) -> None:
    """Measure a published annotation set again from its sound and list where the two disagree, field by field.

    Reads the words or numbers of pitch, energy, speed, intonation, gender, age and stress; stress that a detector
    labelled is fairly checked by one (`--stress`), age needs `--speaker-model`. Writes disagreements.jsonl (with what
    lies near a cut or cannot be checked: `outcome`), summary.json and failures.jsonl; goes on after a stop. Exit
    status 1 when a row failed.

    Example: `emotionthinker audit emotioncot.jsonl --audio recordings/ --calibration fit --out runs/audit`
    """
    from emotionthinker.evaluation import audit as stage

    recipe = stage.AuditRecipe(
        annotations=annotations,
        audio=audio,
        calibration=calibration,
        workers=workers,
        language=language,
        transcribe=transcribe,
        recogniser=recogniser,
        max_seconds=max_seconds,
        speaker_model=speaker_model,
        accept_non_commercial=accept_non_commercial,
        stress=stress,
    )
    tell_of_recogniser(transcribe, recogniser)
    summary = stage.run(recipe, out)
    typer.echo(f"{summary['audited']} of {summary['rows']} rows audited, calibration {summary['calibration']}")
    typer.echo(stage.render(summary))
    fail_for(summary["failed"], "rows", out / "failures.jsonl")


def calibrate(
    utterances: Annotated[
        list[Path] | None, typer.Argument(help="What `annotate` wrote: JSONL or Parquet files, or its folders.")
    ] = None,
    out: Out = Path("runs/calibrate"),
    name: Annotated[
        str | None, typer.Option(help="Name of the calibration, in every record; default: `fitted`.")
    ] = None,
    by_dataset: Annotated[bool, typer.Option("--by-dataset", help="Cuts for each dataset of 50 clips too.")] = False,
    sketch: Annotated[
        list[Path] | None,
        typer.Option(help="sketches.json of other shards, merged in; `reference` has those of the shipped cuts."),
    ] = None,
    apply: Annotated[
        str | None, typer.Option(help="Put frozen cuts (thresholds.json, `reference`) on the utterances, fit none.")
    ] = None,
) -> None:
    """Cut the levels by percentiles of a corpus, by gender for pitch, and draw them; or apply cuts made before.

    Writes thresholds.json, sketches.json (mergeable) and report.html, or the utterances with the words of `--apply`.
    Nothing is measured again. Clips of test and validation splits shape no cut.

    Example: `emotionthinker calibrate runs/annotate --out runs/calibrate --name mine --by-dataset`
    """
    from emotionthinker.errors import RecipeError
    from emotionthinker.prosody import calibrate as stage

    idle = [option for option, given in (("--name", name), ("--by-dataset", by_dataset), ("--sketch", sketch)) if given]
    if apply is not None and idle:
        raise RecipeError(
            f"{' and '.join(idle)}: of no effect with --apply, which puts frozen cuts on utterances as they are; "
            "leave one or the other out"
        )
    same = not utterances and sketch == [Path(REFERENCE)]
    recipe = stage.CalibrateRecipe(
        utterances=utterances or [],
        sketches=sketch or [],
        name=name or (REFERENCE if same else "fitted"),
        by_dataset=by_dataset,
        apply=apply,
    )
    typer.echo(json.dumps(stage.run(recipe, out), indent=2))


def cot(recipe: RecipeFile, out: Out = Path("runs/cot"), set_: Overrides = None, restart: Restart = False) -> None:
    """Write chain-of-thought traces, each checked against the measurements (section 3.1).

    Example: `emotionthinker cot recipes/nano/cot.yaml --out runs/nano/cot --set writer=grammar`
    """
    run_stage("reasoning.cot", "CotRecipe", recipe, out, set_, restart)


def perception(
    recipe: RecipeFile, out: Out = Path("runs/perception"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Build the prosody-centric corpus: attribute questions and comparative sequences (section 3.2).

    Example: `emotionthinker perception recipes/nano/perception.yaml --out runs/nano/perception`
    """
    run_stage("perception.build", "PerceptionRecipe", recipe, out, set_, restart)


def reward_data(
    recipe: RecipeFile, out: Out = Path("runs/reward_data"), set_: Overrides = None, restart: Restart = False
) -> None:
    """Make reasonings of known quality for the reward model: each trace and degraded variants (section 3.3.2).

    Example: `emotionthinker reward-data recipes/nano/reward_data.yaml --out runs/nano/reward_data`
    """
    run_stage("reasoning.reward_data", "RewardDataRecipe", recipe, out, set_, restart)
