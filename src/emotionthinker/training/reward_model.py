"""The reasoning reward model (section 3.3.2): a thinker that hears the clip, reads a reasoning and answers four
ratings of 1 to 5 as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, ValidationError

from emotionthinker import audio
from emotionthinker.errors import RecipeError, RecordError
from emotionthinker.folder_lock import is_main_process
from emotionthinker.models.loading import load_thinker
from emotionthinker.models.processor import encode
from emotionthinker.models.prompt import conversation
from emotionthinker.progress import followed
from emotionthinker.records import CRITERIA, Rating, Utterance, read_jsonl, transcript_of
from emotionthinker.rewards import reasoning_reward
from emotionthinker.runs import JsonlStore, Run, frees_folder, model_files, write_json
from emotionthinker.training.collate import Weigh, to_device
from emotionthinker.training.examples import Example, Source
from emotionthinker.training.sft import SftRecipe, fit
from emotionthinker.training.world import wait_for_all

SYSTEM = "Listen, and judge the reasoning. Answer with JSON."
_TEMPLATE = resources.files("emotionthinker.reasoning") / "prompts" / "rating.txt"


class RewardModelRecipe(SftRecipe):
    """Training of the reward model."""

    sources: list[Source] = Field(default_factory=list, max_length=0)
    """Not used: the tuples come from `ratings`."""
    ratings: Path
    """JSONL of (utterance, reasoning, rating) tuples, as `reward-data` writes them."""
    form_weight: float = Field(0.05, ge=0)
    """Weight of the JSON's own characters, against 1 for a rating's digit."""
    held_out: int = Field(200, ge=1)
    """How many tuples of the test split the agreement is measured on."""


def rating_question(think: str, transcript: str | None) -> str:
    """What the reward model is asked about one reasoning."""
    return _TEMPLATE.read_text(encoding="utf-8").format(think=think.strip(), text=transcript or "").strip()


def rating_json(rating: Rating) -> str:
    """`{"factual_alignment": 4, ...}`, the four fields in the paper's order."""
    return json.dumps({name: getattr(rating, name) for name in CRITERIA})


def read_rating(text: str) -> Rating | None:
    """The rating in a model's answer; `None` when no JSON object with exactly the four fields, each 1..5, is there."""
    match = re.search(r"\{[^{}]*\}", text)
    if match is None:
        return None
    try:
        return Rating.model_validate_json(match.group(0), strict=True)
    except ValidationError:
        return None


class RewardModel:
    """Rates reasonings; every answer is valid JSON because only the digits are left to the model."""

    def __init__(self, thinker: Any, processor: Any, *, batch_size: int = 8) -> None:
        self.thinker = thinker.eval()
        self.processor = processor
        self.batch_size = batch_size
        tokenizer = processor.tokenizer
        self._digits = [_one_token(tokenizer, str(digit)) for digit in range(1, 6)]
        blank = json.dumps(dict.fromkeys(CRITERIA, 0))
        self._pieces = [tokenizer(piece, add_special_tokens=False)["input_ids"] for piece in blank.split("0")[:-1]]

    @classmethod
    def load(
        cls, source: str | Path, *, dtype: torch.dtype | None = None, device: str | torch.device | None = None
    ) -> RewardModel:
        """From a folder of `reward-train`, or any thinker (an untrained one is variant V3 of Table 4).

        `device` is a GPU where there is one, `dtype` bfloat16 on a GPU and float32 on the CPU.
        """
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        kind = dtype or (torch.float32 if place.type == "cpu" else torch.bfloat16)
        return cls(*load_thinker(source, dtype=kind, device=place))

    def rate(self, utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[Rating | None]:
        """The most likely rating of each reasoning; `None` where the utterance has no audio."""
        return [None if rows is None else most_likely(rows) for rows in self.distributions(utterances, thinks)]

    def expect(self, utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[list[float] | None]:
        """The expected rating by each criterion, 1..5, in the order of `CRITERIA`; `None` as in `rate`."""
        return [None if rows is None else expected(rows) for rows in self.distributions(utterances, thinks)]

    @torch.no_grad()
    def distributions(self, utterances: Sequence[Utterance], thinks: Sequence[str]) -> list[np.ndarray | None]:
        """For each reasoning the probabilities [4, 5] of the ratings, criterion after criterion (each sees the
        digits chosen before it)."""
        found: list[np.ndarray | None] = [None] * len(thinks)
        heard = [i for i, utterance in enumerate(utterances) if utterance.audio is not None]
        for start in range(0, len(heard), self.batch_size):
            rows = heard[start : start + self.batch_size]
            batch = self._distributions([utterances[i] for i in rows], [thinks[i] for i in rows])
            for i, row in zip(rows, batch, strict=True):
                found[i] = row
        return found

    def _distributions(self, utterances: Sequence[Utterance], thinks: Sequence[str]) -> np.ndarray:
        questions = [rating_question(t, transcript_of(u)) for u, t in zip(utterances, thinks, strict=True)]
        prompts = [conversation(question, system=SYSTEM) for question in questions]
        clips = [audio.load(str(u.audio))[0] for u in utterances]
        device = self.thinker.device
        inputs = to_device(encode(self.processor, prompts, clips, padding_side="left"), device)
        mask, cache, tokens = inputs["attention_mask"], None, None
        probabilities, chosen = [], None
        for piece in self._pieces:
            added = torch.tensor(piece, device=device).expand(len(thinks), -1)
            tokens = added if chosen is None else torch.cat([chosen[:, None], added], 1)
            mask = torch.cat([mask, mask.new_ones(tokens.shape)], 1)
            if cache is None:
                step = {**inputs, "input_ids": torch.cat([inputs["input_ids"], tokens], 1), "attention_mask": mask}
            else:
                positions = (mask.cumsum(1) - 1)[:, -tokens.shape[1] :]
                step = {"input_ids": tokens, "attention_mask": mask, "position_ids": positions.expand(3, -1, -1)}
            output = self.thinker.model(**step, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            logits = self.thinker.lm_head(output[0][:, -1])[:, self._digits]
            probabilities.append(logits.float().softmax(-1).cpu())
            chosen = torch.tensor(self._digits, device=device)[logits.argmax(-1)]
        return torch.stack(probabilities, 1).numpy()


def most_likely(probabilities: np.ndarray) -> Rating:
    """The rating with the highest probability by each criterion, of probabilities [4, 5]."""
    return Rating(**dict(zip(CRITERIA, (int(row.argmax()) + 1 for row in probabilities), strict=True)))


def expected(probabilities: np.ndarray) -> list[float]:
    """The mean rating by each criterion, 1..5, of probabilities [4, 5]."""
    means = probabilities @ np.arange(1, 6) / probabilities.sum(1)
    return [float(mean) for mean in means.clip(1, 5)]


def _one_token(tokenizer: Any, text: str) -> int:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise RecipeError(
            f"{text!r} is {len(ids)} tokens for this tokenizer; the reward model needs digits of one token"
        )
    return int(ids[0])


def digits_only(form_weight: float) -> Weigh:
    """Weights of the completion's tokens: 1 for a digit, `form_weight` for the JSON around it."""

    def weigh(example: Example, start: int, end: int) -> float:
        return 1.0 if example.completion[start:end].strip().isdigit() else form_weight

    return weigh


@frees_folder
def run(recipe: RewardModelRecipe, out: Path) -> dict[str, Any]:
    """Train into `out/model` and measure the agreement on held-out speakers; resumes. Returns metrics."""
    state = Run(out, "reward-train", recipe, [recipe.ratings, *model_files(recipe.model)])
    if state.finished and (out / "model").exists():
        return dict(state.previous["metrics"])
    state.refuse_other()
    state.begin()
    tuples = list(read_tuples(recipe.ratings))
    rows = _order([_example(u) for u in tuples if u.split == "train"], recipe)
    if not (out / "model").exists():
        fit(recipe, rows, digits_only(recipe.form_weight), out, state)
    rng = np.random.default_rng(recipe.seed)
    held_out = [u for u in tuples if u.split == "test"]
    picked = [held_out[i] for i in rng.permutation(len(held_out))[: recipe.held_out]]
    metrics: dict[str, Any] = {}
    if is_main_process():
        metrics = agreement(_rate_all(RewardModel.load(out / "model"), picked, out / "held_out.jsonl"))
        write_json(out / "agreement.json", metrics)
    wait_for_all()
    state.finish(counts={"tuples": len(tuples), "seen": len(rows), "held_out": len(picked)}, metrics=metrics)
    return metrics


def read_tuples(path: str | Path) -> Iterator[Utterance]:
    """The (q, r, g) tuples of `reward-data`: the clip, the reasoning in `extra["think"]`, its known `rating`.

    Raises `RecordError` for a row without them.
    """
    for number, utterance in enumerate(read_jsonl(path), 1):
        if utterance.rating is None or utterance.audio is None or not isinstance(utterance.extra.get("think"), str):
            raise RecordError(
                f"{path}: row {number} ({utterance.id}) lacks audio, think or rating; was it `reward-data`?"
            )
        yield utterance


def _example(utterance: Utterance) -> Example:
    assert utterance.rating is not None
    return Example(
        id=utterance.id,
        audio=str(utterance.audio),
        question=rating_question(utterance.extra["think"], transcript_of(utterance)),
        completion=rating_json(utterance.rating),
        stratum=str(utterance.rating.factual_alignment),
        corpus=str(utterance.dataset),
        seconds=utterance.prosody.duration_s if utterance.prosody else 3.0,
        system=SYSTEM,
    )


def _order(examples: Sequence[Example], recipe: RewardModelRecipe) -> list[Example]:
    """Shuffled rounds through all tuples until the steps are filled."""
    if not examples:
        raise RecipeError(f"{recipe.ratings} has no tuples with split 'train'; was `reward-data` run?")
    rng = np.random.default_rng(recipe.seed)
    needed = recipe.steps * recipe.accumulation * recipe.batch_size
    rounds = [rng.permutation(len(examples)) for _ in range(-(-needed // len(examples)))]
    return [examples[i] for i in np.concatenate(rounds)[:needed]]


def _rate_all(model: RewardModel, tuples: Sequence[Utterance], path: Path) -> list[dict[str, Any]]:
    with JsonlStore(path) as store:
        todo = [u for u in tuples if u.id not in store]
        batches = [todo[start : start + model.batch_size] for start in range(0, len(todo), model.batch_size)]
        for batch in followed(batches, len(batches), "rating held-out reasonings, batch"):
            found = model.distributions(batch, [u.extra["think"] for u in batch])
            for utterance, rows in zip(batch, found, strict=True):
                assert rows is not None
                assert utterance.rating is not None
                means = dict(zip(CRITERIA, (round(mean, 4) for mean in expected(rows)), strict=True))
                rated = {"rated": most_likely(rows).model_dump(), "expected": means}
                store.append({"id": utterance.id, "gold": utterance.rating.model_dump(), **rated})
        return list(store.rows())


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How ratings agree with the known ones, by criterion and (`reward`) as R_t with equal weights.

    `exact`, `mae`: the most likely rating; `mae_expected`, `spearman`: the expected one, which is what GRPO is
    rewarded by. `spearman` is `None` where one side is constant; `mae_constant` is what the best constant would reach.
    """
    metrics: dict[str, Any] = {"count": len(rows)}
    for name in CRITERIA:
        gold = np.array([row["gold"][name] for row in rows])
        rated = np.array([row["rated"][name] for row in rows])
        means = np.array([row["expected"][name] for row in rows])
        metrics[name] = {
            "exact": round(float((gold == rated).mean()), 4),
            "mae": round(float(np.abs(gold - rated).mean()), 4),
            "mae_expected": round(float(np.abs(gold - means).mean()), 4),
            "mae_constant": round(float(np.abs(gold - np.median(gold)).mean()), 4),
            "spearman": _spearman(gold, means),
        }
    total = [np.array([reasoning_reward(row[kind]) for row in rows]) for kind in ("gold", "expected")]
    metrics["reward"] = {"mae": round(float(np.abs(total[0] - total[1]).mean()), 4), "spearman": _spearman(*total)}
    return metrics


def _spearman(gold: np.ndarray, rated: np.ndarray) -> float | None:
    from scipy.stats import spearmanr

    if len(np.unique(gold)) < 2 or len(np.unique(rated)) < 2:
        return None
    return round(float(spearmanr(gold, rated).statistic), 4)
