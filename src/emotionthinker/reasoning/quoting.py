"""Quotation marks in a reasoning text: which quote is a stressed word, which repeats the transcript."""

from __future__ import annotations

import re

from emotionthinker.reasoning.read_claim import ReadClaim

MASK = "§"
_STRAIGHT = re.compile(
    r'"([^"\n]+)"|“([^”"\n]+)[”"]|„([^“”"\n]+)[“”"]|«([^»\n]+)»|»([^«\n]+)«|›([^‹\n]+)‹|‹([^›\n]+)›'
    r"|‚([^'\n]+)'"
)
_UNCLOSED = re.compile(r'(?<!\w)["“„«»‚›](?=\w)[^\n]*')
_SINGLE = re.compile(r"(?<![\w'])'(?=\w)([^\n\"]{0,200}?[\w.!?,…—-])'(?!\w)")

_STRESS = r"(?:stress(?:es|ed|ing)?|emphas[ie]\w*|accent(?:s|ed|ing)?|prominence|weight|highlight(?:s|ed|ing)?|underlin\w+|leans|leaning|pushes)"  # noqa: E501
_BRIDGE = (
    r"(?:\s+(?:is|are|was|falls?|lies|lands?|placed|put|laid|sits?|rests?|on|upon|the|a|words?|of|strongly|clearly|mainly|"
    r"given|most|mostly|heavily|hard|especially|particular|goes|comes|to|syllable|down|all|that|there|with|single|heard|"
    r"not|never|isn't|wasn't))*"
)
_JOINED = rf"\s*{MASK}+(?:(?:\s*,)?\s*(?:and|or)?\s*(?:the\s+words?\s+)?{MASK}+)*"
_BEFORE = re.compile(rf"\b{_STRESS}{_BRIDGE}{_JOINED}")
_AFTER = re.compile(
    rf"{MASK}+\s+(?:(?:not|never|isn't|wasn't|doesn't|get|carry|receive|take|is|gets|carries|receives|takes|bears|has|with|being|was|are|clearly|strongly|the|a|most|main|"
    rf"all|more|extra|heavily|special|particularly|strong|clear|made|more)\s+)*(?:stress|emphasis|stressed|"
    rf"emphasi[sz]ed|accented|prominent|highlighted|weight|stands?\s+out)\b"
)
_STANDS_OUT = re.compile(rf"\b(?:makes?|making|lets?)\s+(?:the\s+words?\s+)?{MASK}+\s+(?:to\s+)?stand\s+out")
_BARE = re.compile(
    r"\b(?:(?:stress|emphasis|weight|accent)(?:\s+(?:is|falls|lies|lands|placed|put|laid|rests|sits))*\s+on\s+"
    r"(?P<the>the\s+word\s+)?|(?:emphasi[sz](?:es|ing)|stress(?:es|ing))\s+(?P<a>the\s+word\s+)?)(?P<word>[a-zäöüß']+)"
)
_NOT_WORDS = frozenset(
    "the a an this that these those her his their its certain some each every particular key one words word it and or "
    "what how which more several all many specific individual such them him my your our no any where why on in".split()
)
_LONGEST_STRESS = 3  # words: a longer quote next to "stress" is a quoted sentence


def find_quotes(plain: str) -> list[tuple[int, int, int, int]]:
    """Spans of quoted text: (start and end with the marks, start and end without), in order, not nested."""
    spans: list[tuple[int, int, int, int]] = []
    for pattern in (_STRAIGHT, _SINGLE):
        for match in pattern.finditer(plain):
            if any(match.start() < end and start < match.end() for start, end, _, _ in spans):
                continue
            group = next(k for k in range(1, len(match.groups()) + 1) if match.group(k) is not None)
            spans.append((match.start(), match.end(), match.start(group), match.end(group)))
    return sorted(spans)


def read_quotes(think: str, plain: str, quotes: list[tuple[int, int, int, int]]) -> tuple[list[ReadClaim], str]:
    """Claims of stress and of quoted words, and the text with all of that masked for the readers that follow."""
    masked = plain
    for start, end, _, _ in quotes:
        masked = masked[:start] + MASK * (end - start) + masked[end:]
    # A quote that was cut off is still somebody's words, not a description of the voice.
    masked = _UNCLOSED.sub(lambda match: MASK * len(match.group()), masked)
    stressed = [match.span() for pattern in (_BEFORE, _AFTER, _STANDS_OUT) for match in pattern.finditer(masked)]
    claims: list[ReadClaim] = []
    for start, end, inner, outer in quotes:
        words = think[inner:outer].strip(" ,.;:!?…—-")
        if not any(c.isalnum() for c in words):
            continue
        said = [span for span in stressed if span[0] <= start and end <= span[1]]
        short = len(words.split()) <= _LONGEST_STRESS
        if said and short and (_denied(masked, said[0][0]) or _DENIAL.search(masked[said[0][0] : said[0][1]])):
            continue
        if short and _INSTEAD.search(masked[:start]):
            continue  # 'stress on "eleven" rather than "hour"'
        feature = "stress" if said and short else "quote"
        claims.append(ReadClaim(think[inner:outer], feature, words, inner, outer))
    for match in _BARE.finditer(masked):
        word = match["word"].strip("'")
        named = match["the"] or match["a"]
        if (not named and word in _NOT_WORDS) or not word or _denied(masked, match.start()):
            continue
        start = match.start("word")
        claims.append(
            ReadClaim(think[start : start + len(word)], "stress", word, start, start + len(word), quoted=False)
        )
        stressed.append(match.span())
    for start, end in stressed:
        masked = masked[:start] + MASK * (end - start) + masked[end:]
    return claims, masked


_DENIAL = re.compile(r"\b(?:no|not|never|without|lacks|hardly|rarely)\b|n't\b")
_INSTEAD = re.compile(rf"{MASK}\s*,?\s*(?:rather than|instead of|and not|not)\s+(?:on\s+)?(?:the\s+words?\s+)?$")


def _denied(masked: str, at: int) -> bool:
    before = re.search(r"(?:[\w']+\s+){1,2}$", masked[max(0, at - 32) : at])
    return before is not None and _DENIAL.search(before.group()) is not None
