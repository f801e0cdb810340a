"""Finds, cuts and replaces the links of a reasoning text: the parts that say what a cue suggests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from emotionthinker.reasoning.affect import affects
from emotionthinker.reasoning.reading import read

_VERBS = (
    r"suggest(?:s|ing)?|point(?:s|ing)? to|hint(?:s|ing)? at|go(?:es)? with|speak(?:s)? for|fits?|suits?|"
    r"indicat(?:es|ing)|convey(?:s|ing)?|impl(?:ies|ying)|signal(?:s|ing)?|reflect(?:s|ing)?|reveal(?:s|ing)?|"
    r"show(?:s|ing)?|reinforc(?:es|ing)|agrees with|leaves room for|speak against|stands? for"
)
_MODAL = r"(?:(?:may|might|could|can|seems? to|would|does not|also|often|further|clearly|likely|thereby)\s+)*"
_STARTS = rf",\s+(?:which|and that|and this)\s+|[;.]\s+(?:this|that)\s+|,\s+(?={_VERBS})"
_IDIOMS = (
    r",\s+(?:a sign of|so it sounds like)|[,;]\s+(?:but here this can be read as|which can also come from|"
    r"yet that can also mean|this can still be|that may still be)"
)
_LINK = re.compile(rf"(?:(?:{_STARTS}){_MODAL}(?:{_VERBS})|{_IDIOMS})\s+(?P<affect>[^.;]+)", re.I)


@dataclass(frozen=True)
class Link:
    """Offsets of a link: the whole of it, and of the affect it names."""

    start: int
    end: int
    affect: tuple[int, int]


def find_links(think: str) -> list[Link]:
    """All links in order of appearance; parts that carry an acoustic claim are not links."""
    spans = [(claim.start, claim.end) for claim in read(think)]
    links = []
    for match in _LINK.finditer(think):
        affect = match.span("affect")
        if not any(start < match.end() and match.start() < end for start, end in spans):
            links.append(Link(match.start(), match.end(), affect))
    return links


def cut_links(think: str, count: int, rng: Random) -> str:
    """The text without `count` of its links, drawn at random; the last sentence, the conclusion, counts as a link."""
    links = find_links(think)
    chosen = rng.sample([*links, None], min(count, len(links) + 1))
    for link in sorted((link for link in chosen if link), key=lambda link: -link.start):
        think = think[: link.start] + think[link.end :]
    if None in chosen:
        think = " ".join(split_sentences(think)[:-1])
    return _tidy(think)


def argue_for(think: str, emotion: str, rng: Random) -> str:
    """The same cues, but links and conclusion speak for `emotion`."""
    affect = affects()[emotion]
    for link in reversed(find_links(think)):
        think = think[: link.affect[0]] + rng.choice(affect.state) + think[link.affect[1] :]
    sentences = split_sentences(think)
    return _tidy(" ".join([*sentences[:-1], rng.choice(affect.close)]))


def split_sentences(think: str) -> list[str]:
    """Sentences with their punctuation; a full stop inside quotation marks ends none."""
    masked = re.sub(r'"[^"]*"', lambda match: "x" * len(match.group()), think)
    cuts = [match.end() for match in re.finditer(r"[.!?]+(?:\s+|$)", masked)]
    starts = [0, *cuts]
    ends = [*cuts, len(think)]
    return [s for s in (think[a:b].strip() for a, b in zip(starts, ends, strict=True)) if s]


def paragraphs(think: str) -> list[str]:
    """Sentences, where one that leans on the sentence before it ("This suggests ...") stays with it."""
    joined: list[str] = []
    for sentence in split_sentences(think):
        if joined and re.match(r"(?:This|That)\b", sentence):
            joined[-1] += f" {sentence}"
        else:
            joined.append(sentence)
    return joined


def _tidy(text: str) -> str:
    text = re.sub(r"\s+([.,;])", r"\1", text)
    text = re.sub(r"[,;]\s*\.", ".", text)
    text = re.sub(r"\b(Even though|Although) ([^,.]+)\.", lambda m: m[2][0].upper() + m[2][1:] + ".", text)
    return " ".join(text.split())
