"""What is said to the thinker and how its answers are laid out. Pure text: no torch."""

from __future__ import annotations

import re
from typing import Any

from emotionthinker.emotions import EMOTIONS

SYSTEM = "Listen, reason in <think></think>, then name the emotion in <answer></answer>."

ANSWER_SYSTEM = "Listen, then answer in <answer></answer>."
"""For questions answered in a word or two, without reasoning: the model must know which of the two is wanted."""

QUESTION = "Which emotion does the speaker express?"


def emotion_question(transcript: str | None = None) -> str:
    """The question of the reasoning task; the transcript, where there is one, is quoted for the model."""
    return f'The words are: "{transcript}" {QUESTION}' if transcript else QUESTION


def conversation(question: str, *, system: str = SYSTEM, audio: bool = True) -> list[dict[str, Any]]:
    """Chat messages with one audio slot before the question (the audio itself goes to the processor)."""
    parts: list[dict[str, Any]] = [{"type": "audio"}] if audio else []
    parts.append({"type": "text", "text": question})
    return [
        {"role": "system", "content": [{"type": "text", "text": system}]},
        {"role": "user", "content": parts},
    ]


def label_text(emotion: str) -> str:
    """The nine labels as they stand inside <answer>: lower case."""
    if emotion not in EMOTIONS:
        raise ValueError(f"{emotion!r} is not one of the nine emotions {EMOTIONS}")
    return emotion.lower()


def completion(think: str, emotion: str) -> str:
    """The assistant's turn: reasoning, then the answer."""
    return f"<think>{think.strip()}</think>{short_answer(emotion)}"


def short_answer(emotion: str) -> str:
    """The assistant's turn where no reasoning is asked for."""
    return f"<answer>{label_text(emotion)}</answer>"


_THINK = re.compile(r"<think>(.*?)(?:</think>|(?=<answer>)|\Z)", re.S)
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.S)
_TAG = re.compile(r"</?(?:think|answer)>")


def split_completion(text: str) -> tuple[str, str]:
    """Reasoning and answer of a completion, whatever its form.

    A tag left open runs to the end or to the next tag. Without `<think>` all that stands before the answer is the
    reasoning, so that a model which knows no tags is checked as well.
    """
    answer = _ANSWER.search(text)
    before = text[: answer.start()] if answer else text
    think = _THINK.search(before)
    if think:
        after = "" if answer else before[think.end() :]
        return think[1].strip(), _TAG.sub("", answer[1] if answer else after).strip()
    return _TAG.sub("", before).strip(), answer[1].strip() if answer else ""
