"""The thinker as its users see it: sound and a question in; reasoning, a stream of it, or probabilities out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration

from emotionthinker.emotions import EMOTIONS
from emotionthinker.models import prompt
from emotionthinker.models.decoding import Decoder, Sampling, prefill
from emotionthinker.models.loading import describe, load_thinker
from emotionthinker.models.processor import PLACEHOLDERS, AudioProcessor, check_agreement, encode

MAX_NEW_TOKENS = 256


class Thinker:
    """A Qwen2.5-Omni thinker of any size with its processor.

    Sound is float samples [n] at 16 kHz, mono. The answer to a clip does not depend on the clips it shares a batch
    with, up to rounding. `precision` says what the decoding steps run in (`int8` on a CPU, else the model's dtype).
    """

    def __init__(
        self, model: Qwen2_5OmniThinkerForConditionalGeneration, processor: AudioProcessor, name: str = "thinker"
    ) -> None:
        self.model = model.eval()
        self.processor = processor
        self.name = name
        tokenizer, settings = processor.tokenizer, model.generation_config
        placeholders = [getattr(tokenizer, f"{kind}_id", None) for kind in PLACEHOLDERS]
        self._decoder = Decoder(
            model,
            stop=[tokenizer.eos_token_id, *_ids(settings.eos_token_id)],
            suppressed=[*(i for i in placeholders if i is not None), *_ids(settings.suppress_tokens)],
        )
        self.precision = self._decoder.precision

    @classmethod
    def load(
        cls,
        source: str | Path = "nano",
        *,
        dtype: torch.dtype | None = None,
        device: str | torch.device | None = None,
    ) -> Thinker:
        """`source` is `nano`, a folder or a hub id, as in `loading.load_thinker`.

        `device` is a GPU where there is one, else the CPU; `dtype` bfloat16 on a GPU, float32 on the CPU.
        Raises `WeightsError` for a source that is not there or not a thinker.
        """
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        kind = dtype or (torch.float32 if place.type == "cpu" else torch.bfloat16)
        model, processor = load_thinker(source, dtype=kind, device=place)
        return cls(model, processor, describe(source))

    def generate(
        self,
        audios: Sequence[np.ndarray],
        questions: Sequence[str],
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        batch_size: int = 8,
        system: str = prompt.SYSTEM,
    ) -> list[str]:
        """The answer to each (sound, question) pair; greedy at `temperature` 0. `system` says what kind of answer.

        Clip i draws from a generator seeded by `seed` and i, whatever the `batch_size`. Raises `ValueError` for
        unequal numbers or settings out of range, `AudioError` for unusable samples.
        """
        _equal(audios=audios, questions=questions)
        _positive(max_new_tokens=max_new_tokens, batch_size=batch_size)
        sampling = Sampling(temperature, top_p, seed)
        answers: list[str] = []
        for start in range(0, len(audios), batch_size):
            part = slice(start, start + batch_size)
            inputs = self._encode(audios[part], questions[part], system=system)
            rows: list[list[int]] = [[] for _ in inputs["input_ids"]]
            steps = self._decoder.tokens(inputs, max_new_tokens=max_new_tokens, sampling=sampling, first_row=start)
            for step in steps:
                for row, token in zip(rows, step, strict=True):
                    if token is not None:
                        row.append(token)
            answers += [self._text(row) for row in rows]
        return answers

    def stream(
        self,
        audio: np.ndarray,
        question: str,
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> Iterator[str]:
        """The same answer as `generate`'s, in pieces: each as soon as its characters are whole."""
        _positive(max_new_tokens=max_new_tokens)
        inputs = self._encode([audio], [question])
        sampling = Sampling(temperature, top_p, seed)
        return self._pieces(self._decoder.tokens(inputs, max_new_tokens=max_new_tokens, sampling=sampling))

    def _pieces(self, steps: Iterator[list[int | None]]) -> Iterator[str]:
        row: list[int] = []
        given = 0
        for (token,) in steps:
            row += [] if token is None else [token]
            text = self._text(row)
            # A character of several bytes may still lack some: its tokens decode to U+FFFD until they are all there.
            if len(text) > given and not text.endswith("\ufffd"):
                yield text[given:]
                given = len(text)
        if rest := self._text(row)[given:]:
            yield rest

    @torch.inference_mode()
    def label_probabilities(
        self, audios: Sequence[np.ndarray], questions: Sequence[str], thinks: Sequence[str] | None = None
    ) -> list[dict[str, float]]:
        """For each clip and reasoning, the probability of each of the nine emotions as the answer (they sum to 1).

        The softmax over the log-probabilities of `<answer>LABEL</answer>` after `<think>THINK</think>`; without
        `thinks`, of the answer to the same question when no reasoning is asked for. What the nine texts share goes
        through the model once.
        """
        _equal(audios=audios, questions=questions, thinks=audios if thinks is None else thinks)
        scores = []
        for index, (audio, question) in enumerate(zip(audios, questions, strict=True)):
            if thinks is None:
                texts, system = [prompt.short_answer(emotion) for emotion in EMOTIONS], prompt.ANSWER_SYSTEM
            else:
                texts, system = [prompt.completion(thinks[index], emotion) for emotion in EMOTIONS], prompt.SYSTEM
            candidates = [self._tokens(text) for text in texts]
            logprobs = torch.tensor(self._score(audio, question, candidates, system), dtype=torch.float64)
            scores.append(dict(zip(EMOTIONS, logprobs.softmax(0).tolist(), strict=True)))
        return scores

    def _score(self, audio: np.ndarray, question: str, candidates: list[list[int]], system: str) -> list[float]:
        """Log-probability of the part of each candidate that follows their common beginning."""
        shared = next(i for i, column in enumerate(zip(*candidates, strict=False)) if len(set(column)) > 1)
        inputs = self._encode([audio], [question], [candidates[0][:shared]], system)
        prefix = prefill(self.model, inputs)
        endings = [candidate[shared:] for candidate in candidates]
        width = max(map(len, endings))
        # Padding stands on the right: under a causal mask no token that counts sees it.
        padded = torch.tensor([ending + [0] * (width - len(ending)) for ending in endings], device=self.model.device)
        prefix.cache.batch_repeat_interleave(len(endings))
        hidden = self.model.model.language_model(
            input_ids=padded[:, :-1], past_key_values=prefix.cache, use_cache=True
        ).last_hidden_state
        before = torch.cat([prefix.hidden.expand(len(endings), 1, -1), hidden], dim=1)
        logprobs = self.model.lm_head(before).float().log_softmax(-1).gather(-1, padded[..., None]).squeeze(-1)
        return [float(row[: len(ending)].sum()) for row, ending in zip(logprobs, endings, strict=True)]

    @torch.inference_mode()
    def completion_logprobs(
        self,
        audios: Sequence[np.ndarray],
        questions: Sequence[str],
        completions: Sequence[str],
        system: str = prompt.SYSTEM,
    ) -> list[torch.Tensor]:
        """Log-probability of every token of each completion after its prompt, float32 [tokens]: one whole forward
        pass each, without cache or quantisation. Raises `ValueError` for an empty completion.
        """
        _equal(audios=audios, questions=questions, completions=completions)
        results = []
        for audio, question, completion in zip(audios, questions, completions, strict=True):
            tokens = self._tokens(completion)
            _positive(completion_tokens=len(tokens))
            inputs = self._encode([audio], [question], [tokens], system)
            check_agreement(inputs, self.model.config.audio_token_id)
            inputs = {name: tensor.to(self.model.device) for name, tensor in inputs.items()}
            logits = self.model(**inputs).logits[0, -len(tokens) - 1 : -1]
            chosen = torch.tensor(tokens, device=logits.device)[:, None]
            results.append(logits.float().log_softmax(-1).gather(-1, chosen).squeeze(-1).cpu())
        return results

    def _encode(
        self,
        audios: Sequence[np.ndarray],
        questions: Sequence[str],
        begun: Sequence[list[int]] | None = None,
        system: str = prompt.SYSTEM,
    ) -> dict[str, torch.Tensor]:
        """Prompts with sound, left padded; `begun` are the tokens of an answer that already stand (one length)."""
        inputs = encode(self.processor, [prompt.conversation(q, system=system) for q in questions], audios)
        if begun is not None:
            tail = torch.tensor(begun)
            inputs["input_ids"] = torch.cat([inputs["input_ids"], tail], dim=1)
            inputs["attention_mask"] = torch.cat([inputs["attention_mask"], torch.ones_like(tail)], dim=1)
        return inputs

    def _tokens(self, text: str) -> list[int]:
        return list(self.processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _text(self, tokens: list[int]) -> str:
        return str(
            self.processor.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )


def _ids(setting: Any) -> list[int]:
    """Token ids out of a generation setting: one, several or none."""
    if setting is None:
        return []
    return list(setting) if isinstance(setting, Iterable) else [int(setting)]


def _equal(**lists: Sequence[Any]) -> None:
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected one of each for every clip, got {lengths}")


def _positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; expected at least 1")
