"""Finds the acoustic claims in a reasoning text: a small shallow parser, no model, no prosody.

A text is cut into tokens of known roles (`vocabulary`). Every describing word looks for what it describes: first to
the right ("a low and heavy pitch"), then to the left ("both pitch and energy are low"); a few words stand alone
("quickly"). Negations turn a claim into its complement, comparisons with something unheard become claims that nobody
can check, and what is said about other recordings ("in contrast to a high pitch") is not a claim.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from emotionthinker.reasoning.quoting import find_quotes, read_quotes
from emotionthinker.reasoning.tokens import Token, tokens_of, value_of
from emotionthinker.reasoning.vocabulary import AGE_PHRASES, GENDER_NOUNS, UNIVERSE, Value, lexicon, phrase_pattern

_REACH = 8  # tokens a predicate may stand away from its subject
_NEGATION_REACH = 5
_ELLIPSIS = ("but", "yet", "though")
_FOLLOWING_NOUNS = frozenset("quality way throughout here again enough now style there right before".split())


@dataclass(frozen=True)
class ReadClaim:
    """One claim as it was written; `accepts` holds the measured words that make it true.

    `accepts` is `None` for open features (`stress`, `quote`, where `claimed` is the wording) and for comparisons.
    `quoted` is False for a stressed word without quotation marks, which may be a paraphrase.
    """

    text: str
    feature: str
    claimed: str
    start: int
    end: int
    accepts: frozenset[str] | None = None
    comparative: bool = False
    quoted: bool = True


@dataclass(frozen=True)
class _Found:
    """A claim before its span is settled: `core` is the word that carries it."""

    feature: str
    claimed: str
    accepts: frozenset[str]
    core: tuple[int, int]
    span: tuple[int, int]
    clause: int
    negated: bool = False
    comparative: bool = False


def read(think: str) -> list[ReadClaim]:
    """All acoustic claims of a reasoning text in order of appearance, with character offsets into `think`.

    Features: pitch, energy, rate, style, shape, energy_shape, gender, age (closed sets of words), stress and quote.
    The spans of two claims never overlap.
    """
    plain = _fold(think)
    quotes = find_quotes(plain)
    claims, masked = read_quotes(think, plain, quotes)
    claims += _read_speaker(think, masked)
    claims += _settle(think, _merge(_describe(tokens_of(masked))))
    claims.sort(key=lambda claim: (claim.start, claim.end))
    return _without_overlap(claims)


def _fold(text: str) -> str:
    """Lower case and plain apostrophes without changing any offset."""
    lowered = (c.lower() if len(c.lower()) == 1 else c for c in text)
    return "".join("'" if c in "’‘ʼ" and unicodedata.category(c) != "Zs" else c for c in lowered)


def _describe(tokens: list[Token]) -> list[_Found]:
    found: list[_Found] = []
    clause = 0
    for i, token in enumerate(tokens):
        if token.kind == "break":
            clause += 1
        if token.kind != "value" or _elsewhere(tokens, i):
            continue
        value = value_of(token)
        attributive = None if _predicates(tokens, i) else _right(tokens, i, value)
        described = _left(tokens, i, value) if attributive is None else attributive
        if not described and value.alone:
            feature = next(iter(value.accepts))
            described = [(feature, (token.start, token.end), (token.start, token.end))]
        claims = [_claim(tokens, i, value, clause, *target) for target in described]
        if found and len(claims) == 1 and _ranges(tokens, i, found[-1], claims[0]):
            claims = [_union(found.pop(), claims[0])]
        found += claims
    return found


def _ranges(tokens: list[Token], i: int, first: _Found, second: _Found) -> bool:
    """True for the "low to normal" of one feature."""
    joined = i >= 2 and tokens[i - 1].text == "to" and tokens[i - 2].end == first.core[1]
    return joined and first.feature == second.feature and not second.negated


def _union(first: _Found, second: _Found) -> _Found:
    accepts = first.accepts | second.accepts
    claimed = "/".join(word for word in UNIVERSE[first.feature] if word in accepts)
    span = (min(first.span[0], second.span[0]), max(first.span[1], second.span[1]))
    return replace(first, accepts=accepts, claimed=claimed, core=(first.core[0], second.core[1]), span=span)


def _claim(
    tokens: list[Token], i: int, value: Value, clause: int, feature: str, core: tuple[int, int], span: tuple[int, int]
) -> _Found:
    accepts = value.accepts[feature]
    claimed = "/".join(word for word in UNIVERSE[feature] if word in accepts)
    comparative = _compares(tokens, i, value)
    negated = _negated(tokens, i)
    if place := _place(tokens, i) if feature in ("shape", "energy_shape") else None:
        other = {"rising": "falling", "falling": "rising"}.get(claimed)
        if other:
            accepts |= {f"{other}-{claimed}" if place == "end" else f"{claimed}-{other}"}
            claimed = f"{claimed} at the {place}"
    if comparative:
        claimed = tokens[i].text
    elif negated:
        accepts, claimed = frozenset(UNIVERSE[feature]) - accepts, f"not {claimed}"
    return _Found(feature, claimed, accepts, core, span, clause, negated, comparative)


def _feature(value: Value, anchor: str) -> str | None:
    """The feature that both the describing word and the described one can mean."""
    known = lexicon().anchors[anchor]
    if known.general and value.specific:
        return None
    return next((feature for feature in known.features if feature in value.accepts), None)


_Target = tuple[str, tuple[int, int], tuple[int, int]]


def _predicates(tokens: list[Token], i: int) -> bool:
    """True for the "low" of "the pitch is low, normal energy ...": what follows the comma is something else."""
    if i + 1 >= len(tokens) or tokens[i + 1].kind != "comma":
        return False
    j = i - 1
    while j >= 0 and tokens[j].kind in ("filler", "copula"):
        j -= 1
    return 0 <= j < i - 1 and tokens[j].kind == "anchor" and tokens[j + 1].kind == "copula"


def _right(tokens: list[Token], i: int, value: Value) -> list[_Target] | None:
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
            feature = _feature(value, token.text)
            if feature is None:
                return []
            core = (tokens[i].start, tokens[i].end)
            return [(feature, core, (core[0], token.end)), *_right_siblings(tokens, j, value)]
        unknown += token.kind == "other"
        if unknown > 1 or not _joins(token, before, moves and j == i + 1, moves):
            return None
    return None


def _joins(token: Token, before: Token, first: bool, moves: bool) -> bool:
    """True for what may stand between a describing word and the noun after it."""
    if token.text == "of":
        return before.text in ("level", "levels", "degree", "amount")
    if token.text == "in":
        return first
    if token.kind == "determiner":
        return moves and before.text == "in"
    return token.kind in ("other", "value", "filler", "conjunction", "comma")


def _right_siblings(tokens: list[Token], at: int, value: Value) -> list[_Target]:
    """The "energy" of "low pitch and energy", unless it has a description of its own."""
    targets: list[_Target] = []
    while at + 2 < len(tokens) and tokens[at + 1].kind in ("conjunction", "comma"):
        j = at + 2
        while j < len(tokens) and tokens[j].kind in ("conjunction", "determiner"):
            j += 1
        if j >= len(tokens) or tokens[j].kind != "anchor" or lexicon().anchors[tokens[j].text].general:
            break
        if _described(tokens, j):
            break
        if feature := _feature(value, tokens[j].text):
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


def _left(tokens: list[Token], i: int, value: Value) -> list[_Target]:
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
        feature = _feature(value, tokens[owner].text)
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


def _left_siblings(tokens: list[Token], at: int, value: Value) -> list[_Target]:
    """The "pitch" of "pitch and energy are low"."""
    targets: list[_Target] = []
    j = at - 1
    while j >= 0 and tokens[j].kind in ("conjunction", "comma", "determiner", "filler"):
        j -= 1
        if j < 0 or tokens[j].kind != "anchor":
            continue
        joined = any(token.kind in ("conjunction", "comma") for token in tokens[j + 1 : at])
        if not joined or lexicon().anchors[tokens[j].text].general or _attributed(tokens, j):
            break
        if feature := _feature(value, tokens[j].text):
            span = (tokens[j].start, tokens[j].end)
            targets.append((feature, span, span))
        at, j = j, j - 1
    return targets


def _attributed(tokens: list[Token], j: int) -> bool:
    return j > 0 and tokens[j - 1].kind == "value"


def _elsewhere(tokens: list[Token], i: int) -> bool:
    """True when the words before, back to the last comma, speak of other recordings or of what might have been."""
    for token in reversed(tokens[:i]):
        if token.kind in ("break", "comma"):
            return False
        if token.kind == "elsewhere":
            return True
    return False


def _negated(tokens: list[Token], i: int) -> bool:
    for token in reversed(tokens[max(0, i - _NEGATION_REACH) : i]):
        if token.kind == "negation":
            return True
        if token.kind in ("break", "additive", "comma") or token.text == "and":
            return False
        if token.kind == "anchor" and not lexicon().anchors[token.text].verb:
            return False
    return False


def _compares(tokens: list[Token], i: int, value: Value) -> bool:
    """True for "higher", "more expressive", "increasing"; "higher than usual" is a plain statement."""
    said = value.comparative or (i > 0 and tokens[i - 1].text in ("more", "less"))
    return said and not any(token.kind == "usual" for token in _ahead(tokens, i, 6))


def _place(tokens: list[Token], i: int) -> str | None:
    """`end` or `start` when a movement is said to happen there."""
    nearby = _ahead(tokens, i, 6) + tokens[max(0, i - 3) : i]
    for token in nearby:
        if token.kind in ("late", "early"):
            return "end" if token.kind == "late" else "start"
    return None


def _ahead(tokens: list[Token], i: int, reach: int) -> list[Token]:
    """Tokens after `i` up to the end of the clause or the next description."""
    ahead: list[Token] = []
    for token in tokens[i + 1 : i + 1 + reach]:
        if token.kind in ("break", "value", "comma"):
            break
        ahead.append(token)
    return ahead


def _merge(found: list[_Found]) -> list[_Found]:
    """One claim for the same thing said twice in a clause; "neither fast nor slow" is one claim, "normal"."""
    merged: list[_Found] = []
    for claim in found:
        for k, earlier in enumerate(merged):
            if (earlier.clause, earlier.feature, earlier.comparative) != (
                claim.clause,
                claim.feature,
                claim.comparative,
            ):
                continue
            if earlier.negated and claim.negated:
                accepts = earlier.accepts & claim.accepts
                words = [word for word in UNIVERSE[claim.feature] if word in accepts]
                claimed = "/".join(words) if len(words) < 3 else f"{earlier.claimed}, {claim.claimed}"
                span = (min(earlier.span[0], claim.span[0]), max(earlier.span[1], claim.span[1]))
                merged[k] = replace(earlier, accepts=accepts, claimed=claimed, span=span)
                break
            if earlier.claimed == claim.claimed:
                break
        else:
            merged.append(claim)
    return merged


def _settle(think: str, found: list[_Found]) -> list[ReadClaim]:
    """Full spans where they do not run over another claim's core, else the core alone."""
    claims = []
    for claim in found:
        others = [other.core for other in found if other is not claim]
        clear = not any(claim.span[0] < end and start < claim.span[1] for start, end in others)
        start, end = claim.span if clear else claim.core
        accepts = None if claim.comparative else claim.accepts
        claims.append(ReadClaim(think[start:end], claim.feature, claim.claimed, start, end, accepts, claim.comparative))
    return claims


def _read_speaker(think: str, masked: str) -> list[ReadClaim]:
    """Gender and age group, each value once; "a young adult or a teenager" is one claim of either."""
    claims: list[ReadClaim] = []
    for gender, nouns in GENDER_NOUNS.items():
        if match := phrase_pattern(nouns).search(masked):
            span = match.span()
            claims.append(ReadClaim(think[span[0] : span[1]], "gender", gender, *span, frozenset({gender})))
    ages: list[ReadClaim] = []
    taken = list(masked)
    for phrases, groups in AGE_PHRASES.items():
        if match := phrase_pattern(phrases).search("".join(taken)):
            start, end = match.span()
            taken[start:end] = "§" * (end - start)
            ages.append(ReadClaim(think[start:end], "age", groups, start, end, frozenset(groups.split("|"))))
    ages.sort(key=lambda claim: claim.start)
    for claim in ages:
        last = claims[-1] if claims and claims[-1].feature == "age" else None
        if last and last.accepts and claim.accepts and " or " in masked[last.end : claim.start][:20]:
            claims[-1] = replace(
                last,
                claimed="|".join(group for group in UNIVERSE["age"] if group in last.accepts | claim.accepts),
                accepts=last.accepts | claim.accepts,
                text=think[last.start : claim.end],
                end=claim.end,
            )
        else:
            claims.append(claim)
    return claims


def _without_overlap(claims: list[ReadClaim]) -> list[ReadClaim]:
    """Speaker words may share letters ("young woman" is age and gender): the later claim gives way in its span."""
    settled: list[ReadClaim] = []
    for claim in claims:
        if settled and claim.start < settled[-1].end:
            earlier = settled[-1]
            if claim.start > earlier.start:
                settled[-1] = replace(
                    earlier, end=claim.start, text=earlier.text[: claim.start - earlier.start].rstrip()
                )
                settled[-1] = replace(settled[-1], end=earlier.start + len(settled[-1].text))
        settled.append(claim)
    return settled
