"""The nine emotions of the paper (section 3.1), the aliases corpora and models use, and the parser of answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

EMOTIONS = ("Neutral", "Happy", "Sad", "Angry", "Contempt/Disgust", "Confused", "Whisper", "Surprise", "Fear")

# Words that mean one of the nine wherever they stand: the label, its inflections and the near synonyms corpora use.
_WORDS = {
    "Neutral": "neutral neutrally neutrality calm calmly calmness",
    "Happy": "happy happier happily happiness joy joyful joyfully joyous excited excitedly excitement cheerful "
    "cheerfully delighted elated glad",
    "Sad": "sad sadder sadly saddened sadness sorrow sorrowful sorrowfully",
    "Angry": "angry angrier angrily anger angered furious furiously fury rage enraged mad",
    "Contempt/Disgust": "contempt contemptuous contemptuously disgust disgusted disgustedly disgusting",
    "Confused": "confused confusedly confusion confusing puzzled bewildered perplexed",
    "Whisper": "whisper whispers whispered whispering",
    "Surprise": "surprise surprised surprises surprising surprisingly astonished astonishment amazed amazement",
    "Fear": "fear fears fearful fearfully afraid scared frightened terrified terror",
}

# Codes that mean a label only as a label of their own, never inside prose.
_CODES = {
    "neu": "Neutral",
    "hap": "Happy",
    "exc": "Happy",
    "ang": "Angry",
    "dis": "Contempt/Disgust",
    "con": "Contempt/Disgust",
    "fea": "Fear",
    "sur": "Surprise",
    "anxiety/fear": "Fear",
    "pleasant surprise": "Surprise",
}

# What only one corpus writes. A label that is absent here falls through to the common tables; `None` is a decision:
# the corpus has a class outside the nine, and its clips carry no emotion.
_CORPUS: dict[str, dict[str, str | None]] = {
    "ravdess": {
        "01": "Neutral",
        "02": "Neutral",
        "03": "Happy",
        "04": "Sad",
        "05": "Angry",
        "06": "Fear",
        "07": "Contempt/Disgust",
        "08": "Surprise",
    },
    "emodb": {
        "w": "Angry",
        "l": None,
        "e": "Contempt/Disgust",
        "a": "Fear",
        "f": "Happy",
        "t": "Sad",
        "n": "Neutral",
        "anxiety": "Fear",
    },
    "savee": {
        "a": "Angry",
        "d": "Contempt/Disgust",
        "f": "Fear",
        "h": "Happy",
        "n": "Neutral",
        "sa": "Sad",
        "su": "Surprise",
    },
    "tess": {"ps": "Surprise"},
    "emovo": {"gio": "Happy", "pau": "Fear", "rab": "Angry", "sor": "Surprise", "tri": "Sad"},
    "iemocap": {"fru": None, "oth": None, "xxx": None},
    "msppodcast": {
        "a": "Angry",
        "s": "Sad",
        "h": "Happy",
        "u": "Surprise",
        "f": "Fear",
        "d": "Contempt/Disgust",
        "c": "Contempt/Disgust",
        "n": "Neutral",
        "o": None,
        "x": None,
    },
    "expresso": {
        "default": "Neutral",
        **dict.fromkeys(
            "animal animaldir awe bored child childdir desire enunciated fast laughing narration nonverbal projected "
            "sarcastic singing sleepy sympathetic".split()
        ),
    },
    "ears": {
        "regular": "Neutral",
        "serenity": "Neutral",
        "extasy": "Happy",
        **dict.fromkeys(
            "adoration amusement contentment cuteness desire disappointment distress embarassment guilt interest pain "
            "pride realization relief fast slow loud highpitch lowpitch".split()
        ),
    },
}

_WORD_LABEL = {word: label for label, words in _WORDS.items() for word in words.split()}
_LABEL_OF = {**_WORD_LABEL, **_CODES, **{label.casefold(): label for label in EMOTIONS}}


class Answer(NamedTuple):
    """A parsed answer. `reason` is where the label stood (`tag`, `text`) or why there is none:
    `empty`, `no_answer` (reasoning only), `no_label`, `negated`, `several_labels`, `answers_disagree`."""

    label: str | None
    reason: str


def canonical(label: str | None, corpus: str | None = None) -> str | None:
    """One of the nine emotions for a corpus label, an alias or a code; `None` when there is none.

    `corpus` (any spelling: `crema_d`, `CREMA-D`) switches on that corpus's own codes, such as RAVDESS `05` or
    EmoDB `W`. Calm counts as neutral, contempt and disgust are one (section 3.1); boredom, frustration, IEMOCAP's
    `xxx` and everything else outside the nine give `None`.
    """
    if label is None:
        return None
    text = re.sub(r"\s*/\s*", "/", " ".join(_normalise(label).split())).strip(" .,;:!?\"'*_()[]<>")
    own = _CORPUS.get(re.sub(r"[^a-z0-9]", "", corpus.casefold()), {}) if corpus else {}
    if text in own:
        return own[text]
    if text in _LABEL_OF:
        return _LABEL_OF[text]
    # "disgust/contempt", "contempt and disgust": one label in several words
    parts = {_WORD_LABEL.get(part) for part in re.split(r"/|\band\b|\bor\b|[\s,&_-]+", text) if part}
    return parts.pop() if len(parts) == 1 else None


_THINK = re.compile(r"<think>.*?</think>", re.S)
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|(?=<answer>)|\Z)", re.S)


def parse_answer(text: str) -> Answer:
    """The one emotion a model's output names; deterministic, and never a default.

    Stages: closed `<think>` blocks are dropped (reasoning is not an answer); then the content of `<answer>` tags, or,
    without such a tag, the remaining prose. A tag left open runs to the end. Several tags count only when they agree.
    Content is first read as a label (`canonical`), then as prose in which negated mentions ("not sad", "rules out
    anger", "sad is unlikely") do not count. More than one label, or none, gives `None` with the reason.
    """
    text = _normalise(text)
    if not text.strip():
        return Answer(None, "empty")
    outside = _THINK.sub(" ", text)
    answers = [_read(content, "tag") for content in _ANSWER.findall(outside)]
    if answers:
        agree = all(answer.label == answers[0].label for answer in answers)
        return answers[0] if agree else Answer(None, "answers_disagree")
    prose = outside.split("<think>")[0]
    return _read(prose, "text") if prose.strip() else Answer(None, "no_answer")


_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[.,;:!?()\n-]")
_NEGATION = frozenset("not no non never without neither nor hardly barely cannot excludes excluding exclude".split())
_NEGATING_PAIRS = frozenset({"rather than", "instead of", "far from", "free of", "lack of", "anything but"})
_CERTAIN = frozenset({"no doubt", "without doubt", "no question", "not only", "not just"})
_POLITE = re.compile(r"\bi(?:'m| am) (?:afraid|happy|glad|sad)(?= (?:i|to|that i|but)\b)|\bi fear(?= (?:i|that i)\b)")
"""The answerer about itself: "I'm afraid I cannot tell", "I'm happy to help"."""
_NEGATING_PAIRS |= {f"{verb} out" for verb in ("rule", "rules", "ruled", "ruling")}
_BREAK = frozenset(". , ; : ! ? ( ) \n but instead rather yet however although though because".split())
_COPULA = frozenset("is was are were seems looks would can could be been has have had does do did".split())
_DENIAL = frozenset("not excluded unlikely absent implausible ruled".split())
_SCOPE = 6
_PHRASE_SCOPE = 4
"""Tokens that "instead of" and the like reach: the next noun, not the rest of the sentence."""


def _read(content: str, where: str) -> Answer:
    """The label of a tag's content or of prose."""
    if not content.strip():
        return Answer(None, "empty")
    if whole := canonical(content):
        return Answer(whole, where)
    tokens = _TOKEN.findall(_POLITE.sub(" ", content))
    mentioned = {label for label, _ in _mentions(tokens)}
    asserted = {label for label, at in _mentions(tokens) if not _negated(tokens, at)}
    if len(asserted) == 1:
        return Answer(asserted.pop(), where)
    if asserted:
        return Answer(None, "several_labels")
    return Answer(None, "negated" if mentioned else "no_label")


def _mentions(tokens: list[str]) -> Iterator[tuple[str, int]]:
    return ((_WORD_LABEL[token], at) for at, token in enumerate(tokens) if token in _WORD_LABEL)


def _negated(tokens: list[str], at: int) -> bool:
    """True when a negation before the word, in the same clause, or a denial right after it takes the mention back."""
    for back in range(at - 1, max(at - 1 - _SCOPE, -1), -1):
        word, pair = tokens[back], " ".join(tokens[back : back + 2])
        if pair in _CERTAIN:
            return False
        if word == "," and "neither" in tokens[max(0, back - _SCOPE) : back]:
            continue  # "neither angry, sad, nor afraid"
        if (pair in _NEGATING_PAIRS and at - back <= _PHRASE_SCOPE) or word in _NEGATION or word.endswith("n't"):
            return True
        if word in _BREAK and " ".join(tokens[back - 1 : back + 1]) not in _NEGATING_PAIRS:
            return False
    while tokens[at + 1 : at + 2] and tokens[at + 1] in ("and", "or", ",") and tokens[at + 2 : at + 3]:
        if tokens[at + 2] not in _WORD_LABEL:
            break
        at += 2  # "anger and fear are unlikely"
    after = tokens[at + 1 : at + 4]
    if not after or (after[0] not in _COPULA and not after[0].endswith("n't")):
        return False
    return any(word in _DENIAL or word.endswith("n't") for word in after)


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("`", "'")
