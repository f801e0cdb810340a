"""The wording of the grammar writer: a small, steady vocabulary in many arrangements.

Placeholders: {w} a level word, {adv} an adverb with its blank or nothing, {subj} {poss} the speaker, {q} the quote.
Every acoustic phrase here must be read back by `reading.read`; a property test holds that.
"""

from __future__ import annotations

CLAUSES = {
    "pitch": (
        "the pitch is {adv}{w}",
        "the pitch stays {adv}{w}",
        "{poss} pitch is {adv}{w}",
        "{poss} voice has a {adv}{w} pitch",
        "the pitch level is {adv}{w}",
    ),
    "energy": (
        "the energy is {adv}{w}",
        "the energy stays {adv}{w}",
        "{poss} energy is {adv}{w}",
        "the energy level is {adv}{w}",
        "{poss} voice has {adv}{w} energy",
    ),
    "rate": (
        "the pace is {adv}{w}",
        "the speaking rate is {adv}{w}",
        "{subj} speaks at a {adv}{w} pace",
        "the words come at a {adv}{w} pace",
        "the tempo is {adv}{w}",
    ),
}

SYNONYMS = {
    ("energy", "high"): ("{poss} voice is {adv}loud", "{subj} speaks {adv}loudly", "the volume is {adv}high"),
    ("energy", "low"): ("{poss} voice is {adv}soft", "{subj} speaks {adv}softly", "the volume is {adv}low"),
    ("rate", "fast"): ("{subj} speaks {adv}quickly", "{subj} speaks {adv}fast"),
    ("rate", "slow"): ("{subj} speaks {adv}slowly", "{subj} talks {adv}slowly"),
    ("pitch", "high"): ("{subj} speaks with a {adv}high pitch",),
    ("pitch", "low"): ("{subj} speaks with a {adv}low pitch",),
}

NOUNS = {
    "pitch": ("a {w} pitch",),
    "energy": ("{w} energy", "a {w} energy level"),
    "rate": ("a {w} pace", "a {w} speaking rate", "a {w} tempo"),
}

ADVERBS = ("clearly ", "quite ", "rather ", "notably ", "very ")
BORDER_ADVERBS = ("fairly ", "rather ", "somewhat ")

PAIRS = ("{a} and {b}", "{a}, and {b}", "{a} while {b}")
SAME_PAIRS = ("both {x} and {y} are {w}", "{x} and {y} are both {w}", "the {x} and the {y} are {w}")
NOUN_PAIRS = (
    "{poss} voice has {m} and {n}",
    "{subj} speaks with {m} and {n}",
    "we hear {m} and {n}",
    "there is {m} and {n}",
)
TRIPLES = ("{a}, {b} and {c}", "{a}, {b}, and {c}", "{a} and {b}, while {c}", "{a}, {b}, and besides {c}")
NOUN_TRIPLES = (
    "{poss} voice has {l}, {m} and {n}",
    "{subj} speaks with {l}, {m} and {n}",
    "with {l} and {m}, {c}",
    "we hear {l}, {m} and {n}",
    "{c}, with {l} and {m}",
)

STYLE_CLAUSES = {
    "expressive": ("the intonation is {adv}expressive", "the melody is {adv}lively", "the intonation varies a lot"),
    "moderate": ("the intonation is moderate", "the melody moves in a moderate range", "the pitch range is moderate"),
    "flat": ("the intonation is {adv}flat", "the delivery is {adv}monotone", "the melody hardly moves"),
}
SHAPE_CLAUSES = {
    "rising": ("the contour rises", "the melody rises", "the intonation is rising"),
    "falling": ("the contour falls", "the melody falls", "the intonation is falling"),
    "rising-falling": (
        "the contour rises and then falls",
        "the melody rises and falls",
        "the contour is rising-falling",
    ),
    "falling-rising": (
        "the contour falls and then rises",
        "the melody falls and rises",
        "the contour is falling-rising",
    ),
    "level": ("the contour stays level", "the melody is level"),
}
STYLE_SHAPE = ("{style}, and {shape}", "{style} and {shape}", "{style}, while {shape}")
FUNCTION_WORDS = frozenset(
    "a an the i you he she it we they me him her us them my your his its our their this that these those is am are "
    "was were be been do does did have has had will would can could to of in on at by for with from and or but not so "
    "as if der die das den dem des ein eine einen einem einer ich du er sie es wir ihr mir mich ihm ihn ihnen sich ist "
    "sind war wird habe hat hatte zu in im an am auf von mit bei und oder aber nicht so wie dass da dann jetzt "
    "denn es".split()
)
"""Words that nobody stresses without a reason the acoustics cannot show."""
STRESS_CLAUSES = (
    'the stress falls on "{word}"',
    'the word "{word}" is stressed',
    'the emphasis is on "{word}"',
    '{subj} stresses "{word}"',
    '{subj} puts the emphasis on "{word}"',
)
STRESS_LINKS = (
    "",
    "",
    ", as if this word mattered most",
    ", so this word carries the point",
    ", and that word seems to matter",
    ", which draws attention to it",
    ", so the listener is led to it",
    ", and the thought turns around it",
)

VERBS = (
    "suggests",
    "points to",
    "hints at",
    "goes with",
    "speaks for",
    "fits",
    "may suggest",
    "seems to show",
    "suits",
)
LINKS = (
    "{said}, which {verb} {affect}.",
    "{said}. This {verb} {affect}.",
    "{said}, and that {verb} {affect}.",
    "{said}; this {verb} {affect}.",
    "{said}, a sign of {affect}.",
    "{said}, so it sounds like {affect}.",
)
CONCESSIONS = (
    "Even though {against}, {said}, which {verb} {affect}.",
    "Although {against}, {said}, and that {verb} {affect}.",
    "{against}, but {said}, which {verb} {affect}.",
    "It is true that {against}, yet {said}, a sign of {affect}.",
)
RECASTS = (
    "{said}, but here this can be read as {affect}.",
    "{said}, which can also come from {affect}.",
    "Even though {said}, this can still be {affect}.",
    "{said}, yet that can also mean {affect}.",
    "{said}; that may still be {affect}.",
)
ASIDES = (
    "{said}, which says little on its own.",
    "{said}, so other cues have to decide.",
    "{said}, which leaves room for {affect}.",
    "{said}, and that agrees with {affect}.",
    "{said}, which does not speak against {affect}.",
)
JOINERS = ("", "", "", "At the same time, ", "In addition, ", "Besides, ", "Also, ")

OPENINGS = (
    '{who} says "{q}".',
    'In this clip, {who} says "{q}".',
    'The words are "{q}", spoken by {who}.',
    '"{q}", says {who}.',
    'We hear {who} say "{q}".',
    'The speaker is {who}, and the words are "{q}".',
)
OPENINGS_START = (
    '{who} begins with "{q}".',
    'In this clip, {who} starts with "{q}".',
    'We hear {who}; the first words are "{q}".',
    'The words of {who} begin with "{q}".',
)
WHO_ONLY = ("The speaker is {who}.", "We hear {who}.", "This is {who} talking.", "The voice belongs to {who}.")
QUOTE_LATER = (
    'The words "{q}" are said {how}.',
    '"{q}" is said {how}.',
    'So the words "{q}" come out {how}.',
    'In this light, "{q}" is said {how}.',
)
WORDS = (
    "The words are {kind}, so the voice must tell.",
    "On paper this is {kind}; the voice gives it its colour.",
    "The words are {kind}, but they are said {how}.",
    "What is said is {kind}, yet it is said {how}.",
    "As {kind} the words alone decide little, so the voice matters.",
    "The words are said {how}.",
)
OPEN_STARTS = ("", "", "", "Listening to the voice, ", "First, ", "To begin with, ", "From the start, ")

CLOSES = (
    "Together, the speaker sounds {m} and {n}.",
    "All in all, this leaves the impression of {state}.",
    "Overall, the speaker seems {m} and {n}.",
    "Taken together, these cues speak for {state}.",
    "So the voice sounds {m} and {n}, which means {state}.",
    "In sum, {poss} voice tells of {state}.",
    "Put together, everything suggests {state}.",
    "On the whole, {subj} sounds {m} and {n}.",
)
BRIDGES = (
    "The voice sounds {m}.",
    "{subj} sounds {m} and {n}.",
    "This way of talking is {m}.",
    "There is something {m} in the voice.",
    "One can hear {state}.",
)
