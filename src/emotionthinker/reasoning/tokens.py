"""Cuts a reasoning text into the phrases of the vocabulary, each with its role."""

from __future__ import annotations

from dataclasses import dataclass, replace

from emotionthinker.reasoning.vocabulary import Value, lexicon

_STANDING_LEVEL = "level"


@dataclass(frozen=True)
class Token:
    text: str
    kind: str
    start: int
    end: int


def tokens_of(masked: str) -> list[Token]:
    """Known phrases with their role; what lies between is `other`, `comma` or `break`."""
    words = lexicon()
    tokens: list[Token] = []
    at = 0
    while at < len(masked):
        char = masked[at]
        if match := words.pattern.match(masked, at):
            text = " ".join(match.group().split())
            kind = "value" if text in words.values else "anchor" if text in words.anchors else words.roles[text]
            tokens.append(Token(text, kind, at, match.end()))
            at = match.end()
        elif char.isalnum():
            end = at
            while end < len(masked) and (masked[end].isalnum() or masked[end] in "'-"):
                end += 1
            tokens.append(Token(masked[at:end], "other", at, end))
            at = end
        else:
            if char in ",/":
                tokens.append(Token(char, "comma", at, at + 1))
            elif char == ":":  # "Pitch: high."
                tokens.append(Token(char, "copula", at, at + 1))
            elif char in ".!?;()\n—–§*":
                tokens.append(Token(char, "quoted" if char == "§" else "break", at, at + 1))
            at += 1
    return _resolve_level(tokens)


def _resolve_level(tokens: list[Token]) -> list[Token]:
    """The adjective "level" ("a level contour", "the pitch stays level") against the noun ("a normal level")."""
    anchors = lexicon().anchors
    for i, token in enumerate(tokens):
        if token.text != _STANDING_LEVEL or i == 0:
            continue
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        attributive = after is not None and after.kind == "anchor" and "shape" in anchors[after.text].features
        before = tokens[i - 1]
        predicative = before.kind == "copula" or (before.kind == "filler" and tokens[i - 2].kind == "copula")
        if attributive or (
            predicative and (after is None or after.kind in ("break", "comma", "conjunction", "copula"))
        ):
            tokens[i] = replace(token, kind="value")
    return tokens


_LEVEL = Value({"shape": frozenset({"level"}), "energy_shape": frozenset({"level"})})


def value_of(token: Token) -> Value:
    return _LEVEL if token.text == _STANDING_LEVEL else lexicon().values[token.text]
