"""What a describing word describes: a noun to its right ("low pitch") or a subject to its left ("the pitch is low")."""

from __future__ import annotations

from emotionthinker.reasoning.tokens import Token
from emotionthinker.reasoning.vocabulary import Value, lexicon

_REACH = 8  # tokens a predicate may stand away from its subject
_ELLIPSIS = ("but", "yet", "though")
_FOLLOWING_NOUNS = frozenset("quality way throughout here again enough now style there right before".split())


def feature_of(value: Value, anchor: str) -> str | None:
    """The feature that both the describing word and the described one can mean."""
    known = lexicon().anchors[anchor]
    if known.general and value.specific:
        return None
    return next((feature for feature in known.features if feature in value.accepts), None)


Target = tuple[str, tuple[int, int], tuple[int, int]]


def predicates(tokens: list[Token], i: int) -> bool:
    """True for the "low" of "the pitch is low, normal energy ...": what follows the comma is something else."""
    if i + 1 >= len(tokens) or tokens[i + 1].kind != "comma":
        return False
    j = i - 1
    while j >= 0 and tokens[j].kind in ("filler", "copula"):
        j -= 1
    return 0 <= j < i - 1 and tokens[j].kind == "anchor" and tokens[j + 1].kind == "copula"


def right(tokens: list[Token], i: int, value: Value) -> list[Target] | None:
    """ "low pitch", "low and heavy pitch", "low levels of energy", "low pitch and energy".

    `None`: nothing follows that the word could belong to; an empty list: it belongs to something it cannot describe.
    """
    moves = "shape" in value.accepts or value.comparative  # "a rise in pitch"
    unknown = 0
    for j in range(i + 1, min(i + 1 + _REACH, len(tokens))):
        token, before = tokens[j], tokens[j - 1]
        if token.kind == "anchor":
            inside = moves and tokens[i + 1].text == "in"
            if lexicon().anchors[token.text].verb:
                return None
            if before.kind in ("conjunction", "comma", "determiner") and not inside:
                return None
            feature = feature_of(value, token.text)
            if feature is None:
                return []
            core = (tokens[i].start, tokens[i].end)
            return [(feature, core, (core[0], token.end)), *_right_siblings(tokens, j, value)]
        unknown += token.kind == "other"
        if unknown > 1 or not _joins(token, before, moves):
            return None
        if token.kind == "conjunction" and before.kind == "other" and j - 2 == i:
            return None  # "the high tension and slow pace"
    return None


def _joins(token: Token, before: Token, moves: bool) -> bool:
    """True for what may stand between a describing word and the noun after it."""
    if token.text == "of":
        return before.text in ("level", "levels", "degree", "amount")
    if token.text == "in":  # "high in pitch"
        return before.kind == "value"
    if token.kind == "determiner":
        return moves and before.text == "in"
    return token.kind in ("other", "value", "filler", "conjunction", "comma") or token.text == "nor"


def _right_siblings(tokens: list[Token], at: int, value: Value) -> list[Target]:
    """The "energy" of "low pitch and energy", unless it has a description of its own."""
    targets: list[Target] = []
    while at + 2 < len(tokens) and tokens[at + 1].kind in ("conjunction", "comma"):
        j = at + 2
        while j < len(tokens) and tokens[j].kind in ("conjunction", "determiner"):
            j += 1
        if j >= len(tokens) or tokens[j].kind != "anchor" or lexicon().anchors[tokens[j].text].general:
            break
        if _described(tokens, j):
            break
        if feature := feature_of(value, tokens[j].text):
            span = (tokens[j].start, tokens[j].end)
            targets.append((feature, span, span))
        at = j
    return targets


def _described(tokens: list[Token], j: int) -> bool:
    """True when the anchor at `j` (or the list it begins) has a predicate of its own: "pace and energy are normal"."""
    for token in tokens[j + 1 : j + 1 + _REACH]:
        if token.kind in ("break", "comma", "other"):
            return False
        if token.kind == "value":
            return True
    return False


def left(tokens: list[Token], i: int, value: Value) -> list[Target]:
    """ "the pitch is low", "the pace slow", "the energy of the speech is high", "pitch and energy both stay high"."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if after and after.kind == "other" and not after.text.endswith("ly") and after.text not in _FOLLOWING_NOUNS:
        return []  # "a low mood": the word describes something that is not sound
    core = (tokens[i].start, tokens[i].end)
    unknown = 0
    for j in range(i - 1, max(i - 1 - _REACH, -1), -1):
        token = tokens[j]
        unknown += token.kind == "other"
        if token.text in _ELLIPSIS and all(t.kind in ("filler", "copula", "value") for t in tokens[j + 1 : i]):
            continue  # "loud but fast"
        if token.kind in ("break", "elsewhere", "quoted") or unknown > 2:
            return []
        if token.kind != "anchor":
            continue
        owner = _owner(tokens, j)
        feature = feature_of(value, tokens[owner].text)
        if feature is not None:
            return [(feature, core, (tokens[owner].start, core[1])), *_left_siblings(tokens, owner, value)]
        if not lexicon().anchors[token.text].general:
            return []
    return []


def _owner(tokens: list[Token], j: int) -> int:
    """The "energy" of "the energy of the speech": what a general word only qualifies."""
    k = j - 1
    while k > 0 and tokens[k].kind == "determiner":
        k -= 1
    of = k > 0 and tokens[k].text in ("of", "in") and tokens[k - 1].kind == "anchor"
    return k - 1 if of and lexicon().anchors[tokens[j].text].general else j


def _left_siblings(tokens: list[Token], at: int, value: Value) -> list[Target]:
    """The "pitch" of "pitch and energy are low"."""
    targets: list[Target] = []
    j = at - 1
    while j >= 0 and (tokens[j].kind in ("conjunction", "comma", "determiner", "filler") or tokens[j].text == "nor"):
        j -= 1
        if j < 0 or tokens[j].kind != "anchor":
            continue
        joined = any(token.kind in ("conjunction", "comma") or token.text == "nor" for token in tokens[j + 1 : at])
        if not joined or lexicon().anchors[tokens[j].text].general or _attributed(tokens, j):
            break
        if feature := feature_of(value, tokens[j].text):
            span = (tokens[j].start, tokens[j].end)
            targets.append((feature, span, span))
        at, j = j, j - 1
    return targets


def _attributed(tokens: list[Token], j: int) -> bool:
    return j > 0 and tokens[j - 1].kind == "value"
