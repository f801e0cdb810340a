"""Finds the acoustic claims in a reasoning text: a small shallow parser, no model, no prosody.

A text is cut into tokens of known roles (`vocabulary`). Every describing word looks for what it describes: first to
the right ("a low and heavy pitch"), then to the left ("both pitch and energy are low"); a few words stand alone
("quickly"). Negations turn a claim into its complement, comparisons with something unheard become claims that nobody
can check, and what is said about other recordings ("in contrast to a high pitch") is not a claim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from emotionthinker.reasoning.attachment import left, predicates, right
from emotionthinker.reasoning.quoting import find_quotes, read_quotes
from emotionthinker.reasoning.read_claim import ReadClaim
from emotionthinker.reasoning.tokens import Token, tokens_of, value_of
from emotionthinker.reasoning.vocabulary import AGE_PHRASES, GENDER_NOUNS, UNIVERSE, Value, lexicon, phrase_pattern

_NEGATION_REACH = 8
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")


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
    lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lowered.translate(_APOSTROPHES)


def _describe(tokens: list[Token]) -> list[_Found]:
    found: list[_Found] = []
    clause = 0
    for i, token in enumerate(tokens):
        if token.kind == "break":
            clause += 1
        if token.kind != "value" or _elsewhere(tokens, i):
            continue
        value = value_of(token)
        attributive = None if predicates(tokens, i) else right(tokens, i, value)
        described = left(tokens, i, value) if attributive is None else attributive
        if not described and value.alone and ("rate" not in value.accepts or _of_speech(tokens, i)):
            feature = next(iter(value.accepts))
            described = [(feature, (token.start, token.end), (token.start, token.end))]
        claims = [_claim(tokens, i, value, clause, *target) for target in described]
        if found and len(claims) == 1 and _ranges(tokens, i, found[-1], claims[0]):
            claims = [_union(found.pop(), claims[0])]
        found += claims
    return found


def _of_speech(tokens: list[Token], i: int) -> bool:
    """False for the "quickly" of "her mood quickly turns": nobody in the clause speaks."""
    start = next((k + 1 for k in range(i - 1, -1, -1) if tokens[k].kind == "break"), 0)
    end = next((k for k in range(i + 1, len(tokens)) if tokens[k].kind == "break"), len(tokens))
    return any(t.kind == "anchor" or t.text in ("she", "he", "they", "i") for t in tokens[start:end])


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


def _elsewhere(tokens: list[Token], i: int) -> bool:
    """True when the words before, back to the last comma, speak of other recordings or of what might have been; and
    for "high energy would point to anger", where nothing says that this voice's energy is meant.
    """
    generic = True
    for token in reversed(tokens[:i]):
        if token.kind in ("break", "comma"):
            break
        if token.kind == "elsewhere":
            return True
        generic = generic and (token.kind in ("filler", "value", "conjunction") or token.text in ("a", "an", "any"))
    if not generic:
        return False
    for token in tokens[i + 1 :]:
        if token.kind in ("break", "comma"):
            return False
        if token.kind == "elsewhere":
            return True
    return False


def _negated(tokens: list[Token], i: int) -> bool:
    """True when a negation before the word reaches it; through an "or" it reaches all members of a list."""
    if i > 0 and tokens[i - 1].text == "less" and any(token.kind == "usual" for token in _ahead(tokens, i, 6)):
        return True
    listed = _before_or(tokens, i)
    for back, token in enumerate(reversed(tokens[max(0, i - _NEGATION_REACH) : i]), 1):
        if token.kind == "negation":
            return True
        if token.text == "or":
            listed = True
        elif token.kind in ("break", "additive") or token.text == "and" or (token.kind == "comma" and not listed):
            return False
        elif token.kind == "anchor" and not lexicon().anchors[token.text].verb and not listed:
            # "neither pitch nor energy is high", "nothing about the pitch is high"
            before = [t.text for t in tokens[max(0, i - back - 3) : i - back]]
            return before[-1:] == ["nor"] or "nothing" in before
    return False


def _before_or(tokens: list[Token], i: int) -> bool:
    """True for a member of a list that goes on with "or": the "fast" of "not loud, fast or high-pitched"."""
    for token in tokens[i + 1 : i + 6]:
        if token.text in ("or", "nor"):
            return True
        if token.kind not in ("comma", "value", "filler"):
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
        if match := _of_this_voice(masked, nouns):
            span = match.span()
            claims.append(ReadClaim(think[span[0] : span[1]], "gender", gender, *span, frozenset({gender})))
    claims.sort(key=lambda claim: claim.start)
    if len(claims) == 2 and re.fullmatch(r"\s+or\s+(?:an?\s+)?", masked[claims[0].end : claims[1].start]):
        claims = []  # "a man or a woman" says nothing
    ages: list[ReadClaim] = []
    taken = list(masked)
    for phrases, groups in AGE_PHRASES.items():
        if match := _of_this_voice("".join(taken), phrases):
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


_NOT_THIS_VOICE = re.compile(
    r"(?:\b(?:not|never|no|neither|nor|than|unlike|instead of|his|her|their|my)|n't"
    r"|\b(?:talk|speak|say|said|listen|address|answer)\w*\s+(?:to|with))\s+(?:(?:an?|the|this|that|his|her)\s+)?$"
)
"""What stands before a person who is denied, or spoken to: "not a woman", "talking to a child"."""


def _of_this_voice(text: str, phrases: str) -> re.Match[str] | None:
    """The first of the phrases that says who speaks."""
    for match in phrase_pattern(phrases).finditer(text):
        if not _NOT_THIS_VOICE.search(text[max(0, match.start() - 40) : match.start()]):
            return match
    return None


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
