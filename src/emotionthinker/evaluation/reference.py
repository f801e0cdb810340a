"""The reference every table shows beside the model: logistic regression on pooled states of the Whisper-base encoder.

Mean and standard deviation over time of chosen layers, standardised; the regularisation is chosen by folds over the
training speakers. It says what the frozen ears hold, before any language model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotionthinker.errors import AudioError, RecipeError
from emotionthinker.evaluation.bootstrap import interval
from emotionthinker.evaluation.recognition import confusion, headline, score
from emotionthinker.progress import followed
from emotionthinker.recipes import Recipe
from emotionthinker.records import Utterance, read_jsonl
from emotionthinker.runs import Run, digest, frees_folder, replacing, write_json

Features = NDArray[np.float32]
Encoder = Callable[[Features], Features]


class ReferenceRecipe(Recipe):
    """Which clips the probe learns from; it is tested on the clips of `split: test`, corpus by corpus."""

    records: Path
    trainings: dict[str, list[str] | None] = {"all corpora": None}  # noqa: RUF012 (pydantic copies it)
    """Name of a probe -> the corpora it is trained on (None: all with emotion labels)."""
    layers: list[int] = Field(default_factory=lambda: [2, 3, 4, 5])
    """Encoder blocks, counted from 1."""
    strengths: list[float] = Field(default_factory=lambda: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2])
    """Candidates for the inverse regularisation C of scikit-learn."""
    folds: int = Field(default=5, ge=2)
    draws: int = Field(default=1000, ge=100)


@frees_folder
def run(recipe: ReferenceRecipe, out: Path, *, encoder: Encoder | None = None) -> dict[str, Any]:
    """Fit and test the probes; returns (and writes `reference.json`) their scores and predictions by clip.

    Features are kept a clip in `features/`, so a killed run goes on. `encoder` maps samples [n] at 16 kHz to
    [blocks, 2, width]; by default the nano model's Whisper-base encoder.
    """
    import json

    job = Run(out, "reference", recipe, [recipe.records])
    result_file = job.folder / "reference.json"
    if job.finished and result_file.is_file():
        return dict(json.loads(result_file.read_text(encoding="utf-8")))
    if job.other:
        shutil.rmtree(job.folder / "features", ignore_errors=True)
    job.begin()
    clips = [u for u in read_jsonl(recipe.records) if u.emotion and u.audio and u.speaker]
    for name, corpora in recipe.trainings.items():
        if not any(u.split == "train" and (corpora is None or u.dataset in corpora) for u in clips):
            raise RecipeError(f"reference {name!r}: no training clips of corpora {corpora}")
    wanted = list(recipe.trainings.values())
    if None not in wanted:
        learned = {corpus for corpora in wanted for corpus in corpora or ()}
        clips = [u for u in clips if u.split == "test" or u.dataset in learned]
    features, failed = _features(clips, job.folder / "features", encoder or _lazy(whisper_encoder))
    clips = [u for u in clips if u.id in features]
    train, test = ([u for u in clips if u.split == split] for split in ("train", "test"))
    _check(train, test)
    columns = [layer - 1 for layer in recipe.layers]
    table = {id_: values[columns].reshape(-1) for id_, values in features.items()}
    probes = {}
    for name, corpora in recipe.trainings.items():
        mine = [u for u in train if corpora is None or u.dataset in corpora]
        probes[name] = _probe(mine, test, table, recipe)
    result = {"probes": probes, "layers": recipe.layers, "encoder": "whisper-base", "failed": failed}
    write_json(result_file, result)
    scores = {name: {c: s["unweighted_recall"] for c, s in p["by_corpus"].items()} for name, p in probes.items()}
    counts = {"train": len(train), "test": len(test), "failed": len(failed)}
    job.finish(counts=counts, metrics={"unweighted_recall": scores})
    return result


def whisper_encoder() -> Encoder:
    """Samples [n] at 16 kHz -> mean and sd over time of every encoder block, [blocks, 2, width], of the nano base."""
    import torch

    from emotionthinker.models.nano import load_base

    model, processor = load_base()
    processor.feature_extractor.trims_silence = False  # the reference hears whole clips, as it was defined
    tower = model.model.audio_tower.eval()
    states: list[torch.Tensor] = []
    for block in tower.layers:
        block.register_forward_hook(lambda _module, _inputs, output: states.append(output[0]))

    def encode(samples: Features) -> Features:
        features, mask = processor.features([samples[: int(processor.max_seconds * 16000)]])
        frames = int(np.asarray(mask).sum())
        states.clear()
        with torch.inference_mode():
            tower(torch.as_tensor(features[0][:, :frames]), feature_lens=torch.tensor([frames]))
            pooled = [torch.stack([state.mean(0), state.std(0)]) for state in states]
        return np.asarray(torch.stack(pooled).float().numpy())

    return encode


def _lazy(make: Callable[[], Encoder]) -> Encoder:
    """The encoder, loaded when the first clip needs it."""
    made: list[Encoder] = []

    def encode(samples: Features) -> Features:
        if not made:
            made.append(make())
        return made[0](samples)

    return encode


def _features(clips: Sequence[Utterance], folder: Path, encode: Encoder) -> tuple[dict[str, Features], dict[str, str]]:
    """Features by clip id, and why there are none for the clips that cannot be heard."""
    from emotionthinker import audio

    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Features] = {}
    failed: dict[str, str] = {}
    for clip in followed(clips, len(clips), "encoding"):
        path = folder / f"{digest(clip.id)}.npy"
        if not path.exists():
            try:
                with replacing(path) as part, open(part, "wb") as out:
                    np.save(out, encode(audio.load(str(clip.audio))[0]))
            except AudioError as error:
                failed[clip.id] = f"{error.kind}: {error}"
                continue
        found[clip.id] = np.load(path)
    return found, failed


def _check(train: Sequence[Utterance], test: Sequence[Utterance]) -> None:
    if not train or not test:
        raise RecipeError(
            f"{len(train)} training and {len(test)} test clips with emotions; the records' split is empty"
        )
    if shared := {u.speaker for u in train} & {u.speaker for u in test}:
        raise RecipeError(f"speakers {sorted(map(str, shared))} are in both train and test")


def _probe(
    train: Sequence[Utterance], test: Sequence[Utterance], table: dict[str, Features], recipe: ReferenceRecipe
) -> dict[str, Any]:
    """Choose C over speaker folds, fit, and score each test corpus; classes the probe never saw stay in the gold."""
    x = np.stack([table[u.id] for u in train])
    y = np.array([u.emotion for u in train])
    strength, by_strength = _choose(x, y, [str(u.speaker) for u in train], recipe)
    space = _space().fit(x)
    model = _classifier(strength).fit(space.transform(x), y)
    unseen = space.transform(np.stack([table[u.id] for u in test]))
    predictions = dict(zip([u.id for u in test], model.predict(unseen).tolist(), strict=True))
    by_corpus = {}
    for corpus in sorted({str(u.dataset) for u in test}):
        clips = [u for u in test if u.dataset == corpus]
        by_corpus[corpus] = _scored(clips, predictions, recipe)
    return {
        "trained_on": sorted({str(u.dataset) for u in train}),
        "train_clips": len(train),
        "train_speakers": len({u.speaker for u in train}),
        "strength": strength,
        "fold_unweighted_recall": by_strength,
        "by_corpus": by_corpus,
        "predictions": predictions,
    }


def _scored(clips: Sequence[Utterance], predictions: dict[str, str], recipe: ReferenceRecipe) -> dict[str, Any]:
    gold, given = [str(u.emotion) for u in clips], [predictions[u.id] for u in clips]

    def recall(indices: Sequence[int]) -> float:
        return headline(confusion([gold[i] for i in indices], [given[i] for i in indices]))["unweighted_recall"]

    spread = interval(recall, [u.speaker for u in clips], draws=recipe.draws, seed=recipe.seed)
    return score(gold, given) | {"unweighted_recall_interval": spread}


def _choose(
    x: Features, y: NDArray[np.str_], speakers: Sequence[str], recipe: ReferenceRecipe
) -> tuple[float, dict[str, float]]:
    """The C with the best unweighted recall on speakers left out of the fit."""
    from sklearn.model_selection import GroupKFold

    folds = min(recipe.folds, len(set(speakers)))
    if folds < 2 or len(recipe.strengths) == 1:
        return recipe.strengths[0], {}
    splits: Iterator[tuple[Any, Any]] = GroupKFold(folds).split(x, y, speakers)
    guesses = {strength: np.empty(len(y), dtype=object) for strength in recipe.strengths}
    for inside, outside in splits:
        space = _space().fit(x[inside])
        seen, unseen = space.transform(x[inside]), space.transform(x[outside])
        for strength, given in guesses.items():
            given[outside] = _classifier(strength).fit(seen, y[inside]).predict(unseen)
    recalls = {s: headline(confusion(y.tolist(), given.tolist()))["unweighted_recall"] for s, given in guesses.items()}
    return max(recalls, key=lambda s: recalls[s]), {f"{s:g}": value for s, value in recalls.items()}


def _space() -> Any:
    """Standardised, then turned into the span of the training clips.

    Clips are fewer than features; an L2-regularised model loses nothing by the turn and is fitted several times faster.
    """
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), PCA(svd_solver="full"))


def _classifier(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
