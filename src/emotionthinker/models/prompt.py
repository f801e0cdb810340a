"""What is said to the thinker and how its answers are laid out. Pure text: no torch."""

from __future__ import annotations

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
    return f"<think>{think.strip()}</think><answer>{label_text(emotion)}</answer>"
