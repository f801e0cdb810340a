"""Any OpenAI-compatible chat endpoint: settings, one call with retries, and the estimate of what calls will cost."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from emotionthinker.errors import EndpointError

if TYPE_CHECKING:
    from tenacity import RetryCallState

_CHARS_PER_TOKEN = 4.0
_LONGEST_WAIT = 60.0


class EndpointRecipe(BaseModel):
    """How to reach a language model. The key is read from the environment only, never from a recipe."""

    model_config = ConfigDict(extra="forbid")

    base_url: str | None = None
    """Default: environment OPENAI_BASE_URL, else the openai client's own."""
    model: str | None = None
    """Default: environment EMOTIONTHINKER_ENDPOINT_MODEL."""
    key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; a server without keys needs none."""
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=512, ge=16)
    timeout_s: float = Field(default=60.0, gt=0)
    transport_retries: int = Field(default=5, ge=1)
    """Tries of one call against 429, 5xx, time-outs and unreadable answers, with exponential waits."""
    first_wait_s: float = Field(default=1.0, ge=0)
    attempts: int = Field(default=3, ge=1)
    """Calls for one text when answers break the rules."""
    concurrency: int = Field(default=4, ge=1)
    usd_per_million_in: float | None = Field(default=None, ge=0)
    usd_per_million_out: float | None = Field(default=None, ge=0)


@dataclass(frozen=True)
class Prompt:
    """A prompt file: a system part and a user part, split at a line of `---`; `digest` goes into the records."""

    name: str
    system: str
    user: str
    digest: str

    def fill(self, **fields: object) -> str:
        """The user part with its {placeholders} filled; braces in values are safe."""
        names = "|".join(map(re.escape, fields))
        return re.sub(rf"\{{({names})\}}", lambda match: str(fields[match[1]]), self.user)


def prompt(name: str) -> Prompt:
    """The prompt `name` of `reasoning/prompts/`."""
    text = resources.files(__package__).joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")
    system, _, user = text.partition("\n---\n")
    return Prompt(name, system.strip(), user.strip(), hashlib.sha256(text.encode()).hexdigest()[:12])


class _UnreadableError(Exception):
    """An answer without text where a chat completion was expected."""


class Endpoint:
    """One chat endpoint. `complete` is safe to call from several threads."""

    def __init__(self, recipe: EndpointRecipe) -> None:
        try:
            import openai
        except ImportError as error:
            raise EndpointError(
                "the endpoint writer needs `openai` and `tenacity`: pip install 'emotionthinker[train]'"
            ) from error
        self.recipe = recipe
        self.model = recipe.model or os.environ.get("EMOTIONTHINKER_ENDPOINT_MODEL", "")
        if not self.model:
            raise EndpointError("no model named: set `endpoint.model` in the recipe or EMOTIONTHINKER_ENDPOINT_MODEL")
        base_url = recipe.base_url or os.environ.get("OPENAI_BASE_URL")
        key = os.environ.get(recipe.key_env)
        if not key and not base_url:
            raise EndpointError(f"no key in {recipe.key_env} and no base_url: set one of them")
        self._client = openai.OpenAI(api_key=key or "none", base_url=base_url, timeout=recipe.timeout_s, max_retries=0)

    def complete(self, system: str, user: str) -> str:
        """The model's answer. Raises `EndpointError` when the endpoint refuses or stays unusable after all tries."""
        import openai
        import tenacity

        passing = (
            openai.RateLimitError,
            openai.InternalServerError,
            openai.APIConnectionError,
            openai.APIResponseValidationError,
            openai.ConflictError,
            _UnreadableError,
            ValueError,
        )
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(passing),
            stop=tenacity.stop_after_attempt(self.recipe.transport_retries),
            wait=self._wait,
            reraise=True,
        )
        try:
            return str(retrying(self._once, system, user))
        except passing as error:
            tries = self.recipe.transport_retries
            raise EndpointError(f"{self.model}: no usable answer in {tries} tries; last: {_short(error)}") from error
        except openai.APIStatusError as error:
            raise EndpointError(f"{self.model}: refused with HTTP {error.status_code}: {_short(error)}") from error

    def _once(self, system: str, user: str) -> str:
        answer = self._client.chat.completions.create(
            model=self.model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            temperature=self.recipe.temperature,
            max_tokens=self.recipe.max_tokens,
        )
        choices = getattr(answer, "choices", None)
        text = choices[0].message.content if choices and choices[0].message else None
        if not isinstance(text, str) or not text.strip():
            raise _UnreadableError(f"not a chat completion with text: {str(answer)[:200]!r}")
        return text.strip()

    def _wait(self, state: RetryCallState) -> float:
        """What the server asks for (Retry-After), else exponential."""
        error = state.outcome.exception() if state.outcome else None
        headers = getattr(getattr(error, "response", None), "headers", {})
        asked = headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdigit():
            return min(float(asked), _LONGEST_WAIT)
        return min(float(self.recipe.first_wait_s * 2 ** (state.attempt_number - 1)), _LONGEST_WAIT)


def estimate(recipe: EndpointRecipe, texts_in: list[str], words_out: int) -> dict[str, Any]:
    """Tokens (four characters each) and cost of one call a text; `usd` is None while the recipe names no prices."""
    tokens_in = round(sum(len(text) for text in texts_in) / _CHARS_PER_TOKEN)
    tokens_out = round(len(texts_in) * words_out * 1.35)
    usd = None
    if recipe.usd_per_million_in is not None and recipe.usd_per_million_out is not None:
        usd = round((tokens_in * recipe.usd_per_million_in + tokens_out * recipe.usd_per_million_out) / 1e6, 4)
    worst = None if usd is None else round(usd * recipe.attempts, 4)
    return {
        "calls": len(texts_in),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "usd": usd,
        "usd_if_every_attempt_is_needed": worst,
    }


def _short(error: BaseException) -> str:
    body = getattr(getattr(error, "response", None), "text", "")
    return f"{type(error).__name__}: {' '.join(f'{error} {body}'.split())[:300]}"
