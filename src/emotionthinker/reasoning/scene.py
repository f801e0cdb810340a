"""What may be said about one utterance: the material of the grammar writer, taken from the measurements."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emotionthinker.prosody.words import primary
from emotionthinker.reasoning import phrases
from emotionthinker.reasoning.affect import Affect, affects
from emotionthinker.reasoning.checking import tokenise
from emotionthinker.records import Prosody, Utterance

SHAPE_CONFIDENCE = 0.7
"""A contour shape measured with less confidence (0..1) is not written about."""
STRESS_LEAD = 0.45
"""A word is written about as stressed when its prominence (z-like) leads the next one by this much."""
_LONGEST_QUOTE = 9

_PEOPLE = {
    "female": ("a woman", "she", "her"),
    "male": ("a man", "he", "his"),
    None: ("the speaker", "the speaker", "the"),
}
_AGES = {
    "Child": {"female": "a little girl", "male": "a little boy", None: "a child"},
    "Teenager": {"female": "a teenage girl", "male": "a teenage boy", None: "a teenage speaker"},
    "Young Adult": {"female": "a young woman", "male": "a young man", None: "a young adult"},
    "Middle-aged": {"female": "a middle-aged woman", "male": "a middle-aged man", None: "a middle-aged speaker"},
    "Elderly": {"female": "an elderly woman", "male": "an elderly man", None: "an elderly speaker"},
}


@dataclass(frozen=True)
class Cue:
    feature: str
    level: str
    border: bool


@dataclass(frozen=True)
class Scene:
    """What may be said about one utterance."""

    affect: Affect
    cues: list[Cue]
    who: str
    subj: str
    poss: str
    quote: str | None
    whole: bool
    german: bool
    kind: str
    style: str | None
    shape: str | None
    stressed: str | None


def scene_of(utterance: Utterance, prosody: Prosody) -> Scene:
    groups = (("pitch", prosody.pitch), ("energy", prosody.energy), ("rate", prosody.rate))
    cues = [Cue(name, group.level, group.near is not None) for name, group in groups if group.level]
    gender = prosody.speaker.gender
    if utterance.gender and gender != utterance.gender:
        gender = None  # the measurement disagrees with the corpus: say nothing
    who, subj, poss = _PEOPLE.get(gender, _PEOPLE[None])
    if prosody.speaker.age_group in _AGES and not prosody.speaker.reason:
        who = _AGES[prosody.speaker.age_group].get(gender, who)
    quote, whole = _excerpt(prosody.transcript.text)
    intonation = prosody.intonation
    sure = intonation.reason is None and (intonation.confidence or 0.0) >= SHAPE_CONFIDENCE
    return Scene(
        affect=affects()[str(utterance.emotion)],
        cues=cues,
        who=who,
        subj=subj,
        poss=poss,
        quote=quote,
        whole=whole,
        german=primary(utterance.language) == "de",
        kind=sentence_kind(prosody.transcript.text),
        style=intonation.style,
        shape=intonation.shape if sure else None,
        stressed=_stressed(prosody),
    )


def _excerpt(text: str | None) -> tuple[str | None, bool]:
    """A quotable beginning of the transcript, and whether it is all of it."""
    words = re.sub(r'["“”„«»§\n]', " ", text or "").split()
    if not any(tokenise(word) for word in words):
        return None, True
    cut = words
    if len(words) > _LONGEST_QUOTE + 2:
        ends = [i for i, word in enumerate(words[:_LONGEST_QUOTE], 1) if i >= 4 and word[-1] in ",.;:!?"]
        cut = words[: ends[-1] if ends else _LONGEST_QUOTE]
    return " ".join(cut).rstrip(" ,.;:-–—…"), len(cut) == len(words)


def _stressed(prosody: Prosody) -> str | None:
    """The one clearly most prominent word, if there is one and it is marked as stressed."""
    words = [word for word in prosody.stress.words if word.score is not None]
    if prosody.stress.reason or len(words) < 2:
        return None
    words.sort(key=lambda word: -(word.score or 0.0))
    first, second = words[0], words[1]
    leads = (first.score or 0.0) - (second.score or 0.0) >= STRESS_LEAD
    word = re.sub(r"^\W+|\W+$", "", first.text)
    heavy = bool(tokenise(word)) and word.casefold() not in phrases.FUNCTION_WORDS
    return word if leads and first.stressed and heavy else None


_KINDS = (
    (r"\?\s*$|^(?:what|who|where|when|why|how|do|does|did|is|are|can|could|was|wer|wo|wann|warum|wie)\b", "a question"),
    (r"\b(?:sorry|apologi[sz]e|pardon|entschuldig\w*|verzeih\w*)\b", "an apology"),
    (r"\b(?:thanks|thank you|danke)\b", "a thank-you"),
    (r"^(?:don't|please|let's|let me|bring|take|come|go|stop|bitte)\b", "a request"),
    (r"\b(?:maybe|perhaps|i think|i wonder|i guess|probably|könnte|vielleicht|glaube)\b", "a guess"),
    (r"\b(?:i'd like|i would like|i want|ich will|ich möchte)\b", "a wish"),
    (r"\b(?:we'll|i'll|going to|on my way|in a couple of|wird|werden)\b", "a plan"),
)


def sentence_kind(text: str | None) -> str:
    """What the words do, from their form (English and German); "a plain statement" when nothing else shows."""
    plain = (text or "").strip().casefold().replace("’", "'")
    return next((kind for pattern, kind in _KINDS if re.search(pattern, plain)), "a plain statement")
