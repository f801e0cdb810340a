"""The words acoustic claims are made of: what can be described (anchors) and how it is described (values).

A value maps features to the measured words that make the statement true, so "moderate" on a pitch accepts
{"normal"} and "high" on a speaking rate accepts {"fast"}. Phrases are lower case; the longest match wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from emotionthinker.records import AGE_GROUPS, ENERGY_LEVELS, GENDERS, PITCH_LEVELS, RATE_LEVELS, SHAPES, STYLES

UNIVERSE: dict[str, tuple[str, ...]] = {
    "pitch": PITCH_LEVELS,
    "energy": ENERGY_LEVELS,
    "rate": RATE_LEVELS,
    "shape": SHAPES,
    "energy_shape": SHAPES,
    "style": STYLES,
    "gender": GENDERS,
    "age": AGE_GROUPS,
}
"""Every feature with a closed set of measured words. `stress` and `quote` are open: their value is a wording."""


@dataclass(frozen=True)
class Value:
    """A describing word: per feature the measured words it accepts.

    `alone`: it claims something without naming what it describes ("quickly"). `specific`: it needs a named feature
    ("normal pitch"), since with a general one ("a normal voice") nothing measurable is said. `comparative`: it relates
    to something unheard ("higher"), so nothing can be checked unless it compares with the usual.
    """

    accepts: dict[str, frozenset[str]]
    alone: bool = False
    specific: bool = False
    comparative: bool = False


@dataclass(frozen=True)
class Anchor:
    """A noun (or verb of speaking) that values describe; `features` in order of preference."""

    features: tuple[str, ...]
    general: bool = False
    verb: bool = False


@dataclass(frozen=True)
class Lexicon:
    """All phrases with their role and one pattern that finds the longest first."""

    pattern: re.Pattern[str]
    values: dict[str, Value]
    anchors: dict[str, Anchor]
    roles: dict[str, str] = field(default_factory=dict)


def _split(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.split(",") if phrase.strip()]


_ANCHORS = {
    "pitch, pitch level, vocal pitch, fundamental frequency, f0, register, pitch register, overall pitch": (
        ("pitch", "style", "shape"),
        False,
    ),
    "pitch range, range of pitch, vocal range, pitch variation, variation in pitch, range, pitch movement, "
    "modulation, variation, movement": (("style",), False),
    "intonation, intonation contour, pitch contour, contour, melody, melodic line, pitch pattern, intonation pattern, "
    "inflection, speech melody, pitch curve, tune, melodic contour, melodic pattern": (("style", "shape"), False),
    "energy, energy level, volume, loudness, intensity, vocal effort, vocal energy, vocal intensity, volume level, "
    "sound level, intensity level, loudness level": (("energy", "energy_shape"), False),
    "rate, speech rate, speaking rate, pace, pacing, tempo, speed, speech speed, speaking speed, speaking pace, "
    "rhythm, rate of speech, speed of speech, articulation rate, speech pace, speech tempo": (("rate",), False),
    "voice, tone, vocal tone, tone of voice, delivery, vocal delivery, voices": (
        ("pitch", "energy", "style", "shape", "rate"),
        True,
    ),
    "speech, speaker, utterance, words, manner": (("rate", "energy", "style"), True),
}

_SPEAKING = (
    "speaks, speaking, spoken, talks, talking, talk, speak, said, says, say, saying, delivered, articulates, utters, "
    "pronounces"
)

_VERTICAL = {
    "low, lowered, reduced, lower end, low end, low side, lower side, low range, lower part, decreased, below normal, "
    "below average, below usual, below the usual, below the average": (
        "low",
        "slow",
    ),
    "high, raised, elevated, heightened, high end, upper end, high side, high range, upper part, very much up, "
    "above normal, above average, above usual, above the usual, above the average": (
        "high",
        "fast",
    ),
}
_MIDDLE = "normal, moderate, average, medium, ordinary, middle, mid-range, mid, typical, usual, regular, balanced"

_ONE = [
    # phrases, {feature: accepted words}, alone
    ("deep, deep-pitched", (("pitch", "low"),), False),
    ("low-pitched, deep voice, deep-voiced, low voice", (("pitch", "low"),), True),
    ("high-pitched, high voice, shrill, piercing, squeaky", (("pitch", "high"),), True),
    ("soft, weak, faint, feeble, hushed, quiet, low-key", (("energy", "low"),), False),
    ("softly, quietly, faintly, under her breath, under his breath, soft-spoken, lacks energy, lacking energy, "
     "lack of energy, little energy, lacks volume, little volume, little vocal effort", (("energy", "low"),), True),
    ("strong, powerful, forceful, energetic, vigorous, booming", (("energy", "high"),), False),
    ("loud, loudly, shouts, shouted, shouting, yells, yelled, yelling, screams, screaming, screamed, "
     "at the top of her voice, at the top of his voice, raised voice, raises her voice, raises his voice, "
     "full of energy, a lot of energy, much energy, great energy", (("energy", "high"),), True),
    ("slow, sluggish, drawn-out, dragging, drawn out, leisurely, slow side, slow end", (("rate", "slow"),), False),
    ("slowly, sluggishly, takes time over each word", (("rate", "slow"),), True),
    ("fast, quick, rapid, hurried, rushed, brisk, hasty, speedy, swift, fast side, fast end",
     (("rate", "fast"),), False),
    ("quickly, rapidly, hurriedly, hastily, briskly, swiftly, fast-paced, quick-paced", (("rate", "fast"),), True),
    ("slow-paced", (("rate", "slow"),), True),
    ("unhurried, unrushed, relaxed pace, relaxed pacing, calm pace, calm pacing", (("rate", "slow normal"),), True),
    ("flat, toneless, constant", (("style", "flat"),), False),
    ("monotone, monotonous, monotonously, in a monotone, hardly varies, barely varies, barely moves, hardly moves, "
     "little variation, little movement, narrow range, narrow pitch range, small pitch range, small range, "
     "without much variation, little pitch variation, not much variation, lacks variation, little modulation, "
     "lack of variation, lack of modulation, "
     "limited range, limited pitch range, little inflection", (("style", "flat"),), True),
    ("narrow, limited, compressed, restricted", (("style", "flat"),), False),
    ("steady, even, stable, uniform", (("style", "flat moderate"),), False),
    ("expressive, animated, lively, varied, dynamic, melodic, wide, broad, large, sing-song, vivid",
     (("style", "expressive"),), False),
    ("wide range, wide pitch range, large pitch range, large range, broad range, broad pitch range, varies a lot, "
     "varies widely, swings widely, moves a lot, a lot of variation, much variation, lots of variation, "
     "a lot of movement, much movement, varies greatly, expressively", (("style", "expressive"),), True),
    ("rising-falling, rises and falls, rises and then falls, rises then falls, rising and then falling, "
     "rises before falling, rises before it falls, rising then falling, goes up and then down, rise-fall, climbs and "
     "then falls, goes up and comes back down, rises first and then falls, climbs and then drops, rising and falling, "
     "rises and then comes back down", (("shape", "rising-falling"), ("energy_shape", "rising-falling")), False),
    ("falling-rising, falls and rises, falls and then rises, falls then rises, falling and then rising, "
     "falls before rising, falls before it rises, falling then rising, goes down and then up, fall-rise, "
     "drops and then rises, goes down and comes back up, falls first and then rises, dips and then rises, "
     "dips and then climbs, falling and rising, falls and then goes back up",
     (("shape", "falling-rising"), ("energy_shape", "falling-rising")), False),
    ("rising, rises, rise, climbs, climbing, goes up, ascending, upward, ascends, moves up, moves upward, "
     "glides up", (("shape", "rising"), ("energy_shape", "rising")), False),
    ("falling, falls, fall, drops, dropping, goes down, descending, downward, descends, moves down, moves downward, "
     "sinks, sinking, glides down, declining, declines, decline",
     (("shape", "falling"), ("energy_shape", "falling")), False),
    ("stays on one level, no rise or fall, no rises or falls, neither rises nor falls, stays in one place",
     (("shape", "level"), ("energy_shape", "level")), False),
]  # fmt: skip

_COMPARATIVE = {
    "higher, more elevated, rises in pitch, higher-pitched": ("pitch energy rate", "high"),
    "lower, deeper, lower-pitched": ("pitch energy rate", "low"),
    "louder, stronger, more energetic, more intense, more forceful": ("energy", "high"),
    "softer, quieter, weaker, less energetic, less intense, less forceful": ("energy", "low"),
    "faster, quicker, more rapid, more hurried": ("rate", "fast"),
    "slower, less hurried": ("rate", "slow"),
    "flatter, less expressive, less varied, narrower": ("style", "flat"),
    "livelier, more expressive, more varied, more dynamic, wider, more animated": ("style", "expressive"),
    "increase, increases, increased, increasing, picks up, grows, growing": ("pitch energy rate", "high"),
    "decrease, decreases, decreasing": ("pitch energy rate", "low"),
    "speeds up, accelerates": ("rate", "fast"),
    "slows down": ("rate", "slow"),
}

_ROLES = {
    "negation": "not, never, no, without, lacks, lack of, lacking, lack, neither, nor, hardly, barely, rather than, "
    "instead of, far from, free of, isn't, doesn't, don't, aren't, wasn't, cannot, can't, rules out, ruling out, none, "
    "nothing, anything but, nowhere near, unlikely",
    "additive": "not only, not just, not merely, no longer, no matter, no doubt, nothing but",
    "conjunction": "and, or, &, as well as, along with, together with, then, plus",
    "elsewhere": "in contrast to, in contrast with, unlike, compared to, compared with, as opposed to, "
    "associated with, typical of, would, if, were it, one would expect, might expect, expected of, "
    "usually comes with, contrary to, might be expected, could be expected, would be expected",
    "determiner": "the, a, an, this, that, her, his, their, its, your, my, our, both, each, any, some",
    "copula": "is, are, was, were, be, being, been, stays, stay, remains, remain, sounds, sound, seems, seem, sits, "
    "sit, lies, appears, feels, keeps, keep, stays on, has, have, having, with, at, in, on, of, for, to, from, into, "
    "by, as, which, who, what, when, so, she, he, they, we, you, i, moves, goes, runs, comes, shows, uses, does, do, "
    "it",
    "filler": "level, levels, very, quite, rather, fairly, notably, clearly, slightly, somewhat, really, relatively, "
    "noticeably, particularly, remarkably, especially, a bit, a little, more or less, pretty, too, so much, just, "
    "only, overall, kind of, sort of, distinctly, markedly, perfectly, about, almost, mostly, generally, plainly, "
    "probably, perhaps, maybe, considered, perceived, described, also, still, all, same, decidedly, unusually, "
    "overly, than",
    "break": "but, although, though, even though, even if, while, whereas, yet, however, because, since, despite, "
    "in spite of, suggesting, suggests, which suggests, whilst",
    "usual": "than usual, than normal, than average, than expected, than is usual, "
    "than is normal, than typical",
    "early": "at the start, at the beginning, at first, initially, early on",
    "late": "at the end, towards the end, toward the end, final, at the close, in the end, ending, ends on, ends with, "
    "ends in, on the last word, sentence-final",
}  # fmt: skip


def _values() -> dict[str, Value]:
    values: dict[str, Value] = {}
    for phrases, (level, rate) in _VERTICAL.items():
        accepts = {"pitch": frozenset({level}), "energy": frozenset({level}), "rate": frozenset({rate})}
        values.update((phrase, Value(accepts)) for phrase in _split(phrases))
    middle = {name: frozenset({"normal"}) for name in ("pitch", "energy", "rate")} | {"style": frozenset({"moderate"})}
    values.update((phrase, Value(middle, specific=True)) for phrase in _split(_MIDDLE))
    for phrases, pairs, alone in _ONE:
        accepts = {feature: frozenset(words.split()) for feature, words in pairs}
        values.update((phrase, Value(accepts, alone)) for phrase in _split(phrases))
    for phrases, (features, word) in _COMPARATIVE.items():
        fast_slow = {"high": "fast", "low": "slow"}
        accepts = {
            feature: frozenset({fast_slow.get(word, word) if feature == "rate" else word})
            for feature in features.split()
        }
        values.update((phrase, Value(accepts, comparative=True)) for phrase in _split(phrases))
    return values


@cache
def lexicon() -> Lexicon:
    """The compiled vocabulary (built once)."""
    values = _values()
    anchors = {
        phrase: Anchor(features, general)
        for phrases, (features, general) in _ANCHORS.items()
        for phrase in _split(phrases)
    }
    anchors |= {phrase: Anchor(("rate", "energy", "style"), general=True, verb=True) for phrase in _split(_SPEAKING)}
    roles = {phrase: role for role, phrases in _ROLES.items() for phrase in _split(phrases)}
    known = sorted({*values, *anchors, *roles}, key=len, reverse=True)
    body = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in known)
    return Lexicon(re.compile(rf"(?<![\w'-])(?:{body})(?![\w-]|'\w)"), values, anchors, roles)


GENDER_NOUNS = {
    "female": "woman, female, girl, lady, female speaker, woman's, female's, lady's, feminine",
    "male": "man, male, boy, guy, gentleman, male speaker, man's, male's, masculine",
}

AGE_PHRASES = {
    "child, little girl, little boy, young girl, young boy, childlike": "Child",
    "teenager, teenage, teen, adolescent": "Teenager",
    "young adult, young woman, young man, young lady, young female, young male, young speaker": "Young Adult",
    "middle-aged, middle aged, mid-aged": "Middle-aged",
    "elderly, older woman, older man, old woman, old man, senior, aged woman, aged man": "Elderly",
    "adult, grown-up": "Young Adult|Middle-aged|Elderly",
}


def phrase_pattern(phrases: str) -> re.Pattern[str]:
    """A pattern for a comma-separated list of phrases, the longest first, on word boundaries."""
    known = sorted(_split(phrases), key=len, reverse=True)
    body = "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]+") for phrase in known)
    return re.compile(rf"(?<![\w'-])(?:{body})(?![\w-]|'\w)")
