"""Attribute questions with short answers over annotated utterances (section 3.2, C.1 ii). Pure Python."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from emotionthinker.corpora.splits import TRAIN, is_held_out, named
from emotionthinker.records import ACOUSTIC, WHISTRESS, Utterance, transcript_of

ATTRIBUTES = ("pitch", "energy", "speed", "intonation_shape", "intonation_style", "stress", "gender")
ORDERS = ("order_pitch", "order_speed", "order_energy")
TASKS = ATTRIBUTES + ORDERS
CAPTION = "caption"
"""All attributes of a clip in one answer: for training only, since the other tasks test each of them alone."""

ANSWERS: dict[str, tuple[str, ...]] = {
    "pitch": ("low", "normal", "high"),
    "energy": ("low", "normal", "high"),
    "speed": ("slow", "normal", "fast"),
    "intonation_shape": ("rising", "falling", "rising-falling", "falling-rising", "level"),
    "intonation_style": ("flat", "moderate", "expressive"),
    "gender": ("female", "male"),
}
"""The closed answer sets; a stress question is answered with a word of the transcript."""

WORDINGS: dict[str, tuple[str, ...]] = {
    "pitch": (
        "What is the pitch level of this speech?",
        "Is the pitch of the voice low, normal or high?",
        "How high is the speaker's pitch: low, normal or high?",
        "Name the pitch level of the voice.",
    ),
    "energy": (
        "What is the energy level of this speech?",
        "Is the energy of the voice low, normal or high?",
        "How much energy does the speaker use: low, normal or high?",
        "Name the energy level of the voice.",
    ),
    "speed": (
        "What is the speaking rate of this speech?",
        "Does the speaker talk at a slow, normal or fast rate?",
        "How fast is the speech: slow, normal or fast?",
        "Name the speed of the speech.",
    ),
    "intonation_shape": (
        "What is the intonation contour of this speech?",
        "Is the intonation rising, falling, rising-falling, falling-rising or level?",
        "Which shape does the pitch contour have?",
        "How does the melody of the voice move?",
    ),
    "intonation_style": (
        "What is the intonation style of this speech?",
        "Is the intonation flat, moderate or expressive?",
        "How expressive is the intonation: flat, moderate or expressive?",
        "Name the style of the intonation.",
    ),
    "stress": (
        "Which word is stressed?",
        "Which word does the speaker emphasise most?",
        "Name the stressed word.",
        "On which word does the main stress fall?",
    ),
    "gender": (
        "What is the speaker's gender?",
        "Is the speaker female or male?",
        "Does the voice belong to a female or a male speaker?",
        "Name the gender of the speaker.",
    ),
    CAPTION: (
        "Describe the voice: speaker, pitch, energy, speed and intonation.",
        "What does the voice sound like?",
        "Name the speaker's gender, pitch, energy, speed and intonation.",
        "Give a short caption of the voice.",
    ),
    "order_pitch": (
        "The same words are spoken three times. What is the order of pitch?",
        "How does the pitch change over the three versions: in which order are low, normal and high?",
        "Name the pitch of the first, second and third version.",
    ),
    "order_speed": (
        "The same words are spoken three times. What is the order of speaking rate?",
        "How does the speed change over the three versions: in which order are slow, normal and fast?",
        "Name the speed of the first, second and third version.",
    ),
    "order_energy": (
        "The same words are spoken three times. What is the order of energy?",
        "How does the energy change over the three versions: in which order are low, normal and high?",
        "Name the energy of the first, second and third version.",
    ),
}

RATE_METHODS = ("alignment", "dictionary+vad")
"""Phones that were counted; letters and syllable nuclei are too rough to tell a listener's slow from fast."""

Row = dict[str, Any]


def clear_answers(
    utterance: Utterance,
    *,
    min_confidence: float = 0.6,
    min_margin: float = 0.5,
    min_margin_log_odds: float = 2.0,
    min_gender_confidence: float = 0.9,
) -> dict[str, str]:
    """Attribute -> answer where it was measured and does not lie near a cut, so that a listener could agree.

    `min_confidence` (0..1) is asked of the contour's shape, `min_margin` (z units) is how far the one stressed word
    must stand above the next, `min_margin_log_odds` the same where a detector found it, `min_gender_confidence` (0..1)
    is asked where the gender is not given.
    """
    prosody = utterance.prosody
    if prosody is None:
        return {}
    found: dict[str, str | None] = {
        "pitch": prosody.pitch.level if prosody.pitch.reliable and not prosody.pitch.near else None,
        "energy": None if prosody.energy.near else prosody.energy.level,
        "speed": prosody.rate.level if prosody.rate.method in RATE_METHODS and not prosody.rate.near else None,
        "intonation_style": None if prosody.intonation.style_near else prosody.intonation.style,
        "intonation_shape": prosody.intonation.shape
        if (prosody.intonation.confidence or 0) >= min_confidence
        else None,
        "stress": _one_stressed_word(utterance, {ACOUSTIC: min_margin, WHISTRESS: min_margin_log_odds}),
        "gender": utterance.gender or _heard_gender(utterance, min_gender_confidence),
    }
    return {task: answer for task, answer in found.items() if answer and answer in ANSWERS.get(task, (answer,))}


def caption(utterance: Utterance, *, least: int = 4) -> str | None:
    """`female, pitch high, energy low, speed fast, intonation expressive, contour falling`: what was measured.

    Values near a cut stay in, as they do in traces. `None` with fewer than `least` attributes.
    """
    prosody = utterance.prosody
    if prosody is None:
        return None
    named = (
        ("", utterance.gender or prosody.speaker.gender),
        ("pitch ", prosody.pitch.level if prosody.pitch.reliable else None),
        ("energy ", prosody.energy.level),
        ("speed ", prosody.rate.level if prosody.rate.method in RATE_METHODS else None),
        ("intonation ", prosody.intonation.style),
        ("contour ", prosody.intonation.shape),
    )
    parts = [name + word for name, word in named if word]
    return ", ".join(parts) if len(parts) >= least else None


def _one_stressed_word(utterance: Utterance, margins: dict[str, float]) -> str | None:
    """The stressed word, if there is one only, spoken once, and above the others by the margin of its method."""
    stress = utterance.prosody.stress if utterance.prosody else None
    margin = margins.get(stress.method or "") if stress else None
    if stress is None or margin is None:
        return None
    words = stress.words
    stressed = [word for word in words if word.stressed]
    if len(words) < 2 or len(stressed) != 1 or stressed[0].score is None:
        return None
    [top] = stressed
    others = [word for word in words if word is not top]
    if any(word.text.casefold() == top.text.casefold() for word in others):
        return None
    next_score = max((word.score for word in others if word.score is not None), default=float("-inf"))
    clear = top.score is not None and top.score - next_score >= margin
    return top.text.casefold().strip(".,;:!?\"'") if clear else None


def _heard_gender(utterance: Utterance, min_confidence: float) -> str | None:
    speaker = utterance.prosody.speaker if utterance.prosody else None
    return speaker.gender if speaker and (speaker.gender_confidence or 0) >= min_confidence else None


def wording(task: str, key: str, *, transcript: str | None, transcript_share: float, seed: int) -> str:
    """One of the task's questions, the same for the same key and seed; a share of them quote the transcript.

    A stress question always quotes it (the answer is one of its words).
    """
    rng = random.Random(f"{seed}/{task}/{key}")
    question = rng.choice(WORDINGS[task])
    quote = rng.random() < transcript_share or task == "stress"
    return f'The words are: "{transcript}" {question}' if transcript and quote else question


def attribute_rows(
    utterances: Iterable[Utterance], *, seed: int, transcript_share: float, **clarity: float
) -> list[Row]:
    """One question row for every clear attribute of every utterance; where it is not held out, a caption as well."""
    rows = []
    for utterance in utterances:
        transcript = transcript_of(utterance)
        answers = clear_answers(utterance, **clarity)
        if not is_held_out(utterance.split) and (described := caption(utterance)):
            answers[CAPTION] = described
        for task, answer in answers.items():
            question = wording(task, utterance.id, transcript=transcript, transcript_share=transcript_share, seed=seed)
            rows.append(question_row(utterance, task, question, answer))
    return rows


def split_of(utterance: Utterance) -> str:
    """The split a question belongs to, training in any spelling as `train`; a record that names none is for training.

    A foreign split (`fold1`) keeps its name: its questions are those of a training split, read by that name.
    """
    return named(utterance.split) or TRAIN


def question_row(
    utterance: Utterance, task: str, question: str, answer: str, audio: str | None = None, seconds: float | None = None
) -> Row:
    """`{id, audio, question, answer, task, dataset, speaker, split, seconds}`; a sequence brings its own audio."""
    return {
        "id": f"{utterance.id}/{task}",
        "audio": audio or utterance.audio,
        "question": question,
        "answer": answer,
        "task": task,
        "dataset": utterance.dataset,
        "speaker": utterance.speaker,
        "split": split_of(utterance),
        "seconds": seconds or (utterance.prosody.duration_s if utterance.prosody else None),
    }


def balanced(rows: Sequence[Row], limit: int | None, seed: int) -> list[Row]:
    """At most `limit` rows of each task, drawn round robin over its answers so that no answer crowds out another."""
    if limit is None:
        return list(rows)
    by_task: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(rows, key=lambda row: str(row["id"])):
        by_task[row["task"]][row["answer"]].append(row)
    kept: set[str] = set()
    for task, by_answer in by_task.items():
        piles = [by_answer[answer] for answer in sorted(by_answer)]
        for pile in piles:
            random.Random(f"{seed}/{task}").shuffle(pile)
        turns = [row for rank in range(max(map(len, piles))) for pile in piles for row in pile[rank : rank + 1]]
        kept.update(row["id"] for row in turns[:limit])
    return [row for row in rows if row["id"] in kept]
