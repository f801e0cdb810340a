"""Warming up the tower: emotion and prosody straight from the encoder's pooled states, before any word is written.

The paper gives its 7B model 500 hours to learn prosody through text. At nano scale the text path is far too slow to
move the encoder, so it first learns with linear heads on pooled states: the cost of a clip falls about tenfold. The
projector learns beside it to place each sound near the words for it (`lexical`). The heads are thrown away; tower and
projector go into stage I (`docs/decisions.md`).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from torch import nn

from emotionthinker import audio
from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import RecipeError
from emotionthinker.folder_lock import is_main_process
from emotionthinker.models.processor import AudioProcessor
from emotionthinker.prosody.levels import Calibration
from emotionthinker.records import (
    ENERGY_LEVELS,
    GENDERS,
    PITCH_LEVELS,
    RATE_LEVELS,
    SHAPES,
    STYLES,
    Prosody,
    Utterance,
    read_jsonl,
)
from emotionthinker.runs import Run, frees_folder, model_files
from emotionthinker.training.augment import Change, change_features, changed_prosody
from emotionthinker.training.collate import IGNORED, mask_features
from emotionthinker.training.lexical import LexicalHeads
from emotionthinker.training.loop import LoopRecipe, train
from emotionthinker.training.world import wait_for_all

TASKS: dict[str, tuple[str, ...]] = {
    "emotion": EMOTIONS,
    "pitch": PITCH_LEVELS,
    "energy": ENERGY_LEVELS,
    "rate": RATE_LEVELS,
    "style": STYLES,
    "shape": SHAPES,
    "gender": GENDERS,
}


class TowerRecipe(LoopRecipe):
    """The warm-up stage."""

    model: str = "nano-base"
    records: Path
    """JSONL of annotated Utterances."""
    corpora: dict[str, float]
    """How often each corpus is drawn."""
    min_class: int = Field(20, ge=1)
    """Emotions with fewer clips in their corpus are not drawn from it."""
    task_weights: dict[str, float] = Field(default_factory=lambda: {"emotion": 1.0})
    """Weight of each head's loss; tasks not named have weight 0.3."""
    lexical_weight: float = Field(0.5, ge=0)
    """Weight of the same losses against the words of each class, which train the projector; 0 leaves it as it is."""
    change_share: float = Field(0.5, ge=0, le=1)
    """How many clips are heard with another level, tempo or pitch; their labels are moved along."""
    mask_share: float = Field(0.12, ge=0, lt=0.5)
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    dropout: float = Field(0.2, ge=0, lt=1)


class Heard(NamedTuple):
    """What the tower makes of clips: encoder states and what the projector gives the LLM, one tensor a clip."""

    states: tuple[torch.Tensor, ...]
    projected: tuple[torch.Tensor, ...]


class TowerHeads(nn.Module):
    """The audio tower with one linear head a task on pooled states, and the lexical heads behind its projector."""

    def __init__(self, thinker: Any, tokenizer: Any, recipe: TowerRecipe) -> None:
        super().__init__()
        self.audio_tower: Any = thinker.model.audio_tower
        width = 5 * self.audio_tower.config.d_model
        self.heads = nn.ModuleDict(
            {
                task: nn.Sequential(nn.LayerNorm(width), nn.Dropout(recipe.dropout), nn.Linear(width, len(classes)))
                for task, classes in TASKS.items()
            }
        )
        self.lexical = LexicalHeads(thinker, tokenizer) if recipe.lexical_weight else None
        self._weights = {task: recipe.task_weights.get(task, 0.3) for task in TASKS}
        self._lexical_weight = recipe.lexical_weight
        self._smoothing = recipe.label_smoothing

    def hear(self, features: torch.Tensor, mask: torch.Tensor) -> Heard:
        """Encoder states before the projector [positions, d_model] and behind it [positions, width], a tensor a clip.

        `features` [clips, mels, frames], `mask` [clips, frames].
        """
        caught: list[torch.Tensor] = []
        hook = self.audio_tower.ln_post.register_forward_hook(lambda _m, _i, output: caught.append(output))
        frames = mask.sum(-1)
        convolved, positions = self.audio_tower._get_feat_extract_output_lengths(frames)
        joined = features.permute(0, 2, 1)[mask.bool()].permute(1, 0)
        try:
            output = self.audio_tower(joined, feature_lens=frames, aftercnn_lens=convolved)
        finally:
            hook.remove()
        sizes = positions.tolist()
        return Heard(torch.split(caught[0], sizes), torch.split(output.last_hidden_state, sizes))

    def scores(self, features: torch.Tensor, mask: torch.Tensor) -> dict[str, dict[str, torch.Tensor]]:
        """Logits [clips, classes] of every task by the `linear` and, where they train, the `lexical` heads."""
        heard = self.hear(features, mask)
        pooled = torch.stack([pool(states) for states in heard.states])
        found = {"linear": {task: head(pooled) for task, head in self.heads.items()}}
        if self.lexical is not None:
            found["lexical"] = self.lexical(heard.projected)
        return found

    def forward(
        self, input_features: torch.Tensor, feature_attention_mask: torch.Tensor, **targets: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """`targets[task]` [clips] holds class indices, `IGNORED` where a clip has none."""
        loss = input_features.new_zeros(())
        for kind, scores in self.scores(input_features, feature_attention_mask).items():
            share = 1.0 if kind == "linear" else self._lexical_weight
            for task, logits in scores.items():
                if (targets[task] != IGNORED).any():
                    loss = loss + share * self._weights[task] * nn.functional.cross_entropy(
                        logits.float(), targets[task], ignore_index=IGNORED, label_smoothing=self._smoothing
                    )
        return {"loss": loss}


def pool(states: torch.Tensor) -> torch.Tensor:
    """Mean, standard deviation and the means of the three thirds: [positions, d] -> [5 d], float32."""
    states = states.float()
    spread = states.std(0, correction=0)
    thirds = [third.mean(0) if len(third) else states.mean(0) for third in torch.tensor_split(states, 3)]
    return torch.cat([states.mean(0), spread, *thirds])


def targets(emotion: str | None, prosody: Prosody) -> dict[str, int]:
    """Class index of every task, `IGNORED` where nothing was measured."""
    words = {
        "emotion": emotion,
        "pitch": prosody.pitch.level,
        "energy": prosody.energy.level,
        "rate": prosody.rate.level,
        "style": prosody.intonation.style,
        "shape": prosody.intonation.shape,
        "gender": prosody.speaker.gender,
    }
    return {task: TASKS[task].index(word) if word is not None else IGNORED for task, word in words.items()}


class TowerCollator:
    """Utterances -> features with some clips changed and masked, and the targets that go with what is heard."""

    def __init__(self, processor: AudioProcessor, recipe: TowerRecipe, calibration: Calibration) -> None:
        self._recipe = recipe
        self._calibration = calibration
        self._extract = processor.features
        self._cache: dict[str, torch.Tensor] = {}

    def features(self, path: str) -> torch.Tensor:
        """Log-mel features [mels, frames] of a clip, extracted once and kept in half precision."""
        if path not in self._cache:
            self._cache[path] = torch.from_numpy(self._extract([audio.load(path)[0]])[0][0]).half()
        return self._cache[path].float()

    def __call__(self, utterances: Sequence[Utterance]) -> dict[str, torch.Tensor]:
        # The changes depend on the batch alone, so that a resumed run hears the same ones.
        rng = np.random.default_rng([self._recipe.seed, zlib.crc32(" ".join(u.id for u in utterances).encode())])
        clips, rows = [], []
        for utterance in utterances:
            assert utterance.audio is not None
            assert utterance.prosody is not None
            change = Change.draw(rng) if rng.random() < self._recipe.change_share else Change()
            clips.append(change_features(self.features(utterance.audio), change))
            heard = changed_prosody(utterance.prosody, change, self._calibration, utterance.gender)
            rows.append(targets(utterance.emotion, heard))
        longest = max(clip.shape[1] for clip in clips)
        features = torch.stack([nn.functional.pad(clip, (0, longest - clip.shape[1])) for clip in clips])
        mask = torch.arange(longest)[None] < torch.tensor([clip.shape[1] for clip in clips])[:, None]
        if self._recipe.mask_share:
            mask_features(features, mask, self._recipe.mask_share, rng)
        columns = {task: torch.tensor([row[task] for row in rows]) for task in TASKS}
        return {"input_features": features, "feature_attention_mask": mask.long(), **columns}


def draw(recipe: TowerRecipe, utterances: Sequence[Utterance]) -> list[Utterance]:
    """`steps` batches: corpora by weight, emotions of a corpus evenly. Raises `RecipeError` when a corpus is empty."""
    rng = np.random.default_rng(recipe.seed)
    usable = [u for u in utterances if u.dataset in recipe.corpora and u.emotion and u.audio and u.prosody]
    sizes = Counter((u.dataset, u.emotion) for u in usable)
    classes = Counter(dataset for (dataset, _), size in sizes.items() if size >= recipe.min_class)
    absent = sorted(set(recipe.corpora) - set(classes))
    if absent:
        raise RecipeError(f"{recipe.records} has no training clips of {absent}; it has {sorted(map(str, classes))}")
    weights = np.array(
        [
            recipe.corpora[str(u.dataset)] / classes[u.dataset] / sizes[u.dataset, u.emotion]
            if sizes[u.dataset, u.emotion] >= recipe.min_class
            else 0.0
            for u in usable
        ]
    )
    picks = rng.choice(len(usable), recipe.steps * recipe.accumulation * recipe.batch_size, p=weights / weights.sum())
    return [usable[i] for i in picks]


@frees_folder
def run(recipe: TowerRecipe, out: Path) -> dict[str, Any]:
    """Run the stage into `out` (`model/` is a thinker folder); resumes where it was stopped. Returns metrics."""
    from emotionthinker.models.loading import load_thinker, save_thinker

    console = Console(stderr=True)
    state = Run(out, "tower", recipe, [recipe.records, *model_files(recipe.model)])
    if state.finished and (out / "model").exists():
        console.print(f"{out} is finished; nothing to do")
        return dict(state.previous["metrics"])
    state.refuse_other()
    state.begin()
    torch.manual_seed(recipe.seed)
    thinker, processor = load_thinker(recipe.model)
    thinker.requires_grad_(False)
    module = TowerHeads(thinker, processor.tokenizer, recipe)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name.startswith(("heads.", "lexical.")) or _learns(name, recipe))
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    state.manifest["precision"] = "bf16" if recipe.half else "fp32"
    moving = "tower, projector and heads" if recipe.lexical_weight else "tower and heads"
    console.print(f"trainable: {trainable:,} ({moving}); the language model is frozen")
    utterances = list(read_jsonl(recipe.records))
    collate = TowerCollator(processor, recipe, Calibration.load("reference"))
    rows = draw(recipe, [u for u in utterances if u.split == "train"])
    losses, _ = train(module, rows, collate, recipe, out)
    metrics: dict[str, Any] = dict(losses)
    held_out = [u for u in utterances if u.split == "test" and u.emotion and u.audio and u.prosody]
    if is_main_process():
        save_thinker(thinker, processor, out / "model")
        metrics["held_out"] = evaluate(module, collate, held_out)
    wait_for_all()
    counts = {"clips": len({u.id for u in rows}), "held_out": len(held_out), "trainable": trainable}
    state.finish(counts=counts, metrics=metrics)
    return metrics


def _learns(name: str, recipe: TowerRecipe) -> bool:
    """The encoder with its last norm, and the projector where words teach it; not the unused boundary token."""
    if "audio_bos_eos_token" in name or not name.startswith("audio_tower."):
        return False
    return recipe.lexical_weight > 0 or ".proj." not in name


@torch.no_grad()
def evaluate(module: TowerHeads, collate: TowerCollator, utterances: Sequence[Utterance]) -> dict[str, float]:
    """Unweighted recall of every head on unchanged clips; emotion also for each corpus; lexical heads by prefix."""
    module.eval()
    device = next(module.parameters()).device
    hits: dict[str, dict[int, list[bool]]] = {}
    for utterance in utterances:
        assert utterance.audio is not None
        assert utterance.prosody is not None
        features = collate.features(utterance.audio)[None]
        mask = torch.ones(1, features.shape[2], dtype=torch.long, device=device)
        found = module.scores(features.to(device), mask)
        gold = targets(utterance.emotion, utterance.prosody)
        for kind, scores in found.items():
            prefix = "" if kind == "linear" else f"{kind}/"
            for task, logits in scores.items():
                if gold[task] == IGNORED:
                    continue
                hit = int(logits.argmax()) == gold[task]
                for key in (task, f"emotion/{utterance.dataset}") if task == "emotion" else (task,):
                    hits.setdefault(prefix + key, {}).setdefault(gold[task], []).append(hit)
    return {
        key: round(float(np.mean([np.mean(found) for found in classes.values()])), 4) for key, classes in hits.items()
    }
