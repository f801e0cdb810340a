"""Teaching the projector to place a sound near the words for it, in the language model's own embedding space.

Each class of a task has a word ("deep", "loud", "woman", ...). The mean of a clip's projected states is compared with
the frozen embeddings of the task's words, centred over the task. What the language model then reads at the audio
positions is a mixture of words it has known since pretraining, so that the supervised stages start from a sound that
can be read, not from a random projection (`docs/decisions.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from emotionthinker.emotions import EMOTIONS

WORDS: dict[str, tuple[str, ...]] = {
    "emotion": tuple(emotion.split("/")[-1].lower() for emotion in EMOTIONS),
    "pitch": ("deep", "medium", "shrill"),
    "energy": ("quiet", "ordinary", "loud"),
    "rate": ("slow", "steady", "fast"),
    "style": ("flat", "moderate", "expressive"),
    "shape": ("rising", "falling", "peak", "valley", "level"),
    "gender": ("woman", "man"),
}
"""One word a class, in the order of `tower.TASKS`; no two tasks share a word, since their sound is one vector."""

START_SCALE = 10.0
"""Initial scale of the cosines: seven words in one vector leave each a cosine of about 0.4."""


class LexicalHeads(nn.Module):
    """Scores of projected sound against the embeddings of the words for it; only the scales are learned here."""

    def __init__(self, thinker: Any, tokenizer: Any) -> None:
        super().__init__()
        embedding = thinker.get_input_embeddings().weight.detach()
        for task, words in WORDS.items():
            vectors = torch.stack([_embed(word, embedding, tokenizer) for word in words])
            centred = nn.functional.normalize(vectors - vectors.mean(0), dim=-1)
            self.register_buffer(task, centred, persistent=False)
        self.scales = nn.ParameterDict({task: nn.Parameter(torch.tensor([START_SCALE])) for task in WORDS})

    def forward(self, projected: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Logits [clips, classes] of every task; `projected` holds one tensor [positions, width] a clip."""
        means = torch.stack([states.float().mean(0) for states in projected])
        heard = nn.functional.normalize(means, dim=-1)
        return {task: self.scales[task] * heard @ getattr(self, task).T for task in WORDS}


def _embed(word: str, embedding: torch.Tensor, tokenizer: Any) -> torch.Tensor:
    """The mean embedding [width] of a word's tokens as it stands inside a sentence, float32."""
    ids = tokenizer(" " + word, add_special_tokens=False)["input_ids"]
    return embedding[ids].float().mean(0)
