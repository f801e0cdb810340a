"""TRL's GRPO trainer, made to hear.

Stock `GRPOTrainer` listens while it samples and is deaf when it computes log-probabilities: placeholders are embedded
as if they were words, without an error. Here one hook on the model puts the sound into every forward pass (sampling,
old, reference and current policy), and raises when there is none to put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from trl import GRPOConfig, GRPOTrainer

from emotionthinker import audio
from emotionthinker.errors import DeafForwardError
from emotionthinker.models.processor import AudioProcessor, audio_token_count, encode
from emotionthinker.models.prompt import conversation


class Clips:
    """The distinct prompts among a batch's rows; each sound is decoded, extracted and (tower frozen) encoded once.

    A group of K completions shares its prompt, so a batch of `rows` [batch] points into K times fewer clips.
    Raises `AudioError` for a file that cannot be used.
    """

    def __init__(self, processor: AudioProcessor, questions: Sequence[str], paths: Sequence[str], device: Any) -> None:
        pairs = list(zip(questions, paths, strict=True))
        place = {pair: index for index, pair in enumerate(dict.fromkeys(pairs))}
        self.rows = torch.tensor([place[pair] for pair in pairs], device=device)
        inputs = encode(
            processor,
            [conversation(question) for question, _ in place],
            [audio.load(path)[0] for _, path in place],
        )
        masks = inputs["attention_mask"].bool()
        self.prompts: list[list[int]] = [
            ids[mask].tolist() for ids, mask in zip(inputs["input_ids"], masks, strict=True)
        ]
        self._features = inputs["input_features"].to(device)
        self._mask = inputs["feature_attention_mask"].to(device)
        self._frozen: dict[int, list[torch.Tensor]] = {}

    def embeddings(self, core: nn.Module) -> list[torch.Tensor]:
        """What the LLM hears of each clip: [audio tokens, width] a clip. Encoded once per model while its tower is
        frozen, anew (and with gradients) while it trains."""
        if any(p.requires_grad for p in core.get_submodule("audio_tower").parameters()):
            return self._encode(core)
        if id(core) not in self._frozen:
            with torch.no_grad():
                self._frozen[id(core)] = self._encode(core)
        return self._frozen[id(core)]

    def _encode(self, core: Any) -> list[torch.Tensor]:
        heard = core.get_audio_features(self._features, self._mask, return_dict=True).last_hidden_state
        lengths = [audio_token_count(int(frames)) for frames in self._mask.sum(-1)]
        return list(torch.split(heard, lengths))


def core_of(model: nn.Module) -> Any:
    """The part of a (wrapped) thinker that merges sound and text: the module that owns the audio tower."""
    return next(module for module in model.modules() if "audio_tower" in module._modules)


class AudioGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO on prompts with one clip each.

    Dataset columns: `prompt` (the question, plain text), `audio` (path), and whatever the rewards read. Completions
    reach the rewards as plain text. The audio, image and video placeholders are never sampled. Raises
    `DeafForwardError` when a forward pass holds audio placeholders without, or with another number of, audio features.
    """

    def __init__(self, model: Any, *, args: GRPOConfig, processing_class: AudioProcessor, **kwargs: Any) -> None:
        placeholders = [getattr(processing_class, f"{kind}_token_id") for kind in ("audio", "image", "video")]
        args.generation_kwargs = {**(args.generation_kwargs or {}), "suppress_tokens": placeholders}
        args.remove_unused_columns = False
        super().__init__(model, args=args, processing_class=processing_class, **kwargs)
        # Batches of training outlive an evaluation between them, so each mode keeps its own clips.
        self._clips: dict[str, Clips] = {}
        self._heard: tuple[Clips, torch.Tensor] | None = None
        for policy in (self.model, self.ref_model):
            if policy is not None:
                core_of(policy).register_forward_pre_hook(self._hear, with_kwargs=True)

    def _send_telemetry(self) -> None:
        """TRL reports every trainer it makes to its authors; a research run on speech reports to nobody."""

    def _hear(self, core: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        """Before every forward pass: replace the embeddings of audio placeholders by what the tower heard."""
        ids = kwargs.get("input_ids")
        if ids is None or kwargs.get("inputs_embeds") is not None or kwargs.get("input_features") is not None:
            return None
        slots = ids == core.config.audio_token_id
        if not slots.any():
            return None
        if self._heard is None:
            raise DeafForwardError(
                f"{int(slots.sum())} audio tokens came to a forward pass without any audio; prompts must come through "
                "the trainer's own sampling (no rollout_func, no vLLM), which keeps the clips for the log-probabilities"
            )
        clips, rows = self._heard
        sounds = clips.embeddings(core)
        heard = [sounds[row] for row in rows.tolist()]
        promised, delivered = slots.sum(-1).tolist(), [len(clip) for clip in heard]
        if promised != delivered:
            raise DeafForwardError(
                f"audio tokens a row {promised} came with features for {delivered}; rows and clips are out of step"
            )
        text = core.get_input_embeddings()(ids)
        kwargs["inputs_embeds"] = text.masked_scatter(slots.unsqueeze(-1), torch.cat(heard).to(text))
        return args, kwargs

    @contextmanager
    def _listening(self, clips: Clips, rows: torch.Tensor) -> Iterator[None]:
        """Forward passes inside hear, row by row, the clips that `rows` [batch] points to."""
        before, self._heard = self._heard, (clips, rows)
        try:
            yield
        finally:
            self._heard = before

    @property
    def _mode(self) -> str:
        return "train" if self.model.training else "eval"

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        questions, paths = [row["prompt"] for row in inputs], [row["audio"] for row in inputs]
        clips = Clips(self.processing_class, questions, paths, self.accelerator.device)
        self._clips[self._mode] = clips
        with self._listening(clips, clips.rows):
            batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        batch["clip"] = clips.rows  # shuffled and split together with the completions
        return batch

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        assert self._heard is not None
        clips, rows = self._heard
        return [clips.prompts[row] for row in rows.tolist()], None, {}

    def _compute_loss(self, model: nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        with self._listening(self._clips[self._mode], inputs["clip"]):
            loss: torch.Tensor = super()._compute_loss(model, inputs)
        return loss

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """As TRL's, in chunks of `batch_size` rows that each hear their own clips."""
        size, heard, parts = batch_size or len(input_ids), self._heard, []
        for start in range(0, len(input_ids), size):
            span = slice(start, start + size)
            with self._listening(heard[0], heard[1][span]) if heard else nullcontext():
                parts.append(
                    super()._get_per_token_logps_and_entropies(
                        model, input_ids[span], attention_mask[span], logits_to_keep, None, **kwargs
                    )
                )
        logps, entropies, losses = zip(*parts, strict=True)
        return (
            torch.cat(logps),
            None if entropies[0] is None else torch.cat(entropies),
            None if losses[0] is None else torch.stack(losses).mean(),
        )
