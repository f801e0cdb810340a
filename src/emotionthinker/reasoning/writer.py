"""Writes chains of thought offline from a grammar: grounded in the measurements, varied, and never naming the emotion.

The same (seed, utterance id) always gives the same text. Every acoustic statement is one that `claims.check` reads
back as supported; how a cue is tied to the emotion comes from `affect.yaml`.
"""

from __future__ import annotations

import re
from random import Random

from emotionthinker.emotions import EMOTIONS
from emotionthinker.errors import RecordError
from emotionthinker.reasoning import phrases
from emotionthinker.reasoning.claims import check
from emotionthinker.reasoning.scene import Cue, Scene, scene_of
from emotionthinker.records import Trace, Utterance

VERSION = "grammar-1"
MIN_WORDS, MAX_WORDS = 40, 90
_DRAFTS = 12
_AIM = (52.0, 7.0)  # words: mean and spread; a 135M model has to say it in seconds

_SENTENCE_SIZES = ((3,), (2, 1), (1, 2), (2, 1), (1, 2), (2,), (1, 1), (1,))  # cues a sentence
_COMMON = frozenset("speaker sound sounds voice words someone together points leads which everything speaks".split())


class GrammarWriter:
    """Offline writer of reasoning traces of 40 to 90 words (mean 50 to 60)."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def write(self, utterance: Utterance) -> str:
        """The reasoning text for an annotated, labelled utterance. Raises `RecordError` without emotion or prosody."""
        if utterance.emotion not in EMOTIONS:
            raise RecordError(f"{utterance.id}: emotion {utterance.emotion!r} is not one of {', '.join(EMOTIONS)}")
        if utterance.prosody is None:
            raise RecordError(f"{utterance.id}: no prosody; run `emotionthinker annotate` on it first")
        scene = scene_of(utterance, utterance.prosody)
        rng = Random(f"{VERSION}:{self.seed}:{utterance.id}")
        aim = min(max(rng.gauss(*_AIM), MIN_WORDS + 2), MAX_WORDS - 5)
        drafts = [_Draft(scene, rng).text() for _ in range(_DRAFTS)]
        return min(drafts, key=lambda text: abs(len(text.split()) - aim))

    def trace(self, utterance: Utterance) -> Trace:
        """`write` as a `Trace`: the text, the canonical label as answer, and the checked claims."""
        think = self.write(utterance)
        assert utterance.prosody is not None
        assert utterance.emotion is not None
        claims = check(think, utterance.prosody)
        return Trace(think=think, answer=utterance.emotion, writer=VERSION, claims=claims)


class _Draft:
    """One attempt at a text; consumes random numbers in a fixed order."""

    def __init__(self, scene: Scene, rng: Random) -> None:
        self.scene = scene
        self.rng = rng
        self.used: set[str] = set()
        self.affect_words: set[str] = set()
        self.spoke = False

    def text(self) -> str:
        scene, rng = self.scene, self.rng
        quote_first = rng.random() < 0.65
        body = self._acoustics() + self._melody()
        if rng.random() < 0.25 and len(body) > 1:
            body = body[1:] + body[:1]
        body = [_lead(self._start(number), sentence) for number, sentence in enumerate(body)]
        opening = self._opening(quote_first)
        if scene.quote and not quote_first:
            body.insert(rng.randrange(1, len(body) + 1) if body else 0, self._quote_later())
        elif scene.quote and rng.random() < 0.45:
            body.append(self._pick(phrases.WORDS).format(kind=scene.kind, how=self._fresh(scene.affect.words)))
        close = self._close()
        while len(" ".join([opening, *body, close]).split()) < MIN_WORDS:
            body.append(self._bridge())
        return " ".join(_sentence(s) for s in [opening, *body, close] if s)

    def _pick(self, options: tuple[str, ...] | list[str]) -> str:
        """A choice that avoids what this text has said already."""
        conceded = any(said.startswith("Even though") for said in self.used)
        fresh = [o for o in options if o not in self.used and not (conceded and o.startswith("Even though"))]
        fresh = fresh or list(options)
        choice = self.rng.choice(fresh)
        if choice:
            self.used.add(choice)
        return choice

    def _start(self, number: int) -> str:
        return self.rng.choice(phrases.OPEN_STARTS) if number == 0 else self._pick(phrases.JOINERS)

    def _fill(self, template: str, **fields: str) -> str:
        return template.format_map({"subj": self.scene.subj, "poss": self.scene.poss, **fields})

    def _opening(self, with_quote: bool) -> str:
        scene = self.scene
        if not scene.quote or not with_quote:
            return self._pick(phrases.WHO_ONLY).format(who=scene.who) if scene.who != "the speaker" else ""
        options: tuple[str, ...] = phrases.OPENINGS if scene.whole else phrases.OPENINGS_START
        if scene.who == "the speaker":
            options = tuple(o for o in options if "speaker is" not in o)
        said = self._pick(options).format(who=scene.who, q=scene.quote)
        return said.replace(' "', ' in German "', 1) if scene.german and ' says "' in said else said

    def _quote_later(self) -> str:
        scene = self.scene
        assert scene.quote is not None
        return self._pick(phrases.QUOTE_LATER).format(q=scene.quote, how=self._fresh(scene.affect.words))

    def _acoustics(self) -> list[str]:
        """One to three sentences that report pitch, energy and rate and tie them to the feeling."""
        cues = list(self.scene.cues)
        self.rng.shuffle(cues)
        if not cues:
            return []
        sizes = self.rng.choice(
            [s for s in ((3,), (2, 1), (1, 2), (2, 1), (1, 2), (2,), (1, 1), (1,)) if sum(s) == len(cues)]
        )
        sentences, at = [], 0
        for size in sizes:
            sentences.append(self._group(cues[at : at + size]))
            at += size
        return sentences

    def _group(self, cues: list[Cue]) -> str:
        self.spoke = False
        affect = self.scene.affect
        views = [(cue, affect.speaks_for(cue.feature, cue.level)) for cue in cues]
        against = [cue for cue, view in views if view is False]
        fitting = [cue for cue, view in views if view]
        if against and len(against) < len(cues):
            rest = [cue for cue in cues if cue not in against]
            if not fitting:
                rest, against = against, rest
                return self._fill(self._pick(phrases.RECASTS), said=self._report(cues), affect=self._affect(rest[0]))
            return self._fill(
                self._pick(phrases.CONCESSIONS),
                against=self._report(against),
                said=self._report(rest),
                verb=self._pick(phrases.VERBS),
                affect=self._affect(fitting[0]),
            )
        options = phrases.LINKS if fitting else phrases.RECASTS if against else phrases.ASIDES
        lead = (fitting or cues)[0]
        return self._fill(
            self._pick(options),
            said=self._report(cues),
            verb=self._pick(phrases.VERBS),
            affect=self._affect(lead),
        )

    def _affect(self, cue: Cue) -> str:
        """What this cue suggests; a cue that fits may also stand for the whole state."""
        affect = self.scene.affect
        own = affect.cues.get(f"{cue.feature} {cue.level}", [])
        whole = affect.speaks_for(cue.feature, cue.level) and self.rng.random() < 0.15
        return self._fresh(affect.state if whole or not own else own)

    def _fresh(self, options: list[str]) -> str:
        """A choice that repeats as few of the affect words of this text as can be."""
        content = {option: set(re.findall(r"[a-z-]{5,}", option.lower())) - _COMMON for option in options}
        least = min(len(words & self.affect_words) for words in content.values())
        choice = self.rng.choice([o for o, words in content.items() if len(words & self.affect_words) == least])
        self.affect_words |= content[choice]
        return choice

    def _report(self, cues: list[Cue]) -> str:
        """The cues as clauses, or gathered into one clause."""
        rng = self.rng
        if len(cues) == 1:
            return self._clause(cues[0])
        clauses, nouns = [self._clause(cue) for cue in cues], [self._noun(cue) for cue in cues]
        gathered = rng.random() < 0.5
        if len(cues) == 2:
            if cues[0].level == cues[1].level and gathered:
                x, y = (cue.feature.replace("rate", "pace") for cue in cues)
                return self._pick(phrases.SAME_PAIRS).format(x=x, y=y, w=cues[0].level)
            pair = self._pick(phrases.NOUN_PAIRS if gathered else phrases.PAIRS)
            return self._fill(pair, a=clauses[0], b=clauses[1], m=nouns[0], n=nouns[1])
        triple = self._pick(phrases.NOUN_TRIPLES if gathered else phrases.TRIPLES)
        a, b, c = clauses
        first, second, third = nouns
        return self._fill(triple, a=a, b=b, c=c, l=first, m=second, n=third)

    def _clause(self, cue: Cue) -> str:
        synonyms = phrases.SYNONYMS.get((cue.feature, cue.level), ())
        options = synonyms if synonyms and self.rng.random() < 0.3 else phrases.CLAUSES[cue.feature]
        if self.spoke:  # "she speaks" once a sentence
            options = tuple(option for option in phrases.CLAUSES[cue.feature] if "speaks" not in option)
        said = self._pick(options)
        self.spoke |= " speaks " in said or " talks " in said
        return self._fill(said, w=cue.level, adv=self._adverb(cue.level, cue.border))

    def _adverb(self, level: str, border: bool) -> str:
        if level in ("normal", "moderate"):
            return ""
        if border:
            return self.rng.choice(phrases.BORDER_ADVERBS)
        return self.rng.choice(phrases.ADVERBS) if self.rng.random() < 0.3 else ""

    def _noun(self, cue: Cue) -> str:
        return self._pick(phrases.NOUNS[cue.feature]).format(w=cue.level)

    def _melody(self) -> list[str]:
        """Up to two sentences on intonation and stress, from what was measured with confidence."""
        scene, rng = self.scene, self.rng
        parts: list[tuple[str, str, str]] = []
        if scene.style:
            said = self._fill(self._pick(phrases.STYLE_CLAUSES[scene.style]), adv=self._adverb(scene.style, False))
            parts.append(("style", scene.style, said))
        if scene.shape:
            other = [c for c in phrases.SHAPE_CLAUSES[scene.shape] if not parts or c.split()[1] not in parts[0][2]]
            parts.append(("shape", scene.shape, self._pick(other)))
        if len(parts) == 2 and rng.random() < 0.5:
            parts.pop(0 if scene.style == "moderate" else rng.randrange(2))
        elif parts and parts[-1][1] == "moderate" and rng.random() < 0.5:
            parts.clear()  # a moderate style alone is hardly worth a sentence
        sentences = []
        if parts:
            said = parts[0][2]
            if len(parts) == 2:
                said = self._pick(phrases.STYLE_SHAPE).format(style=parts[0][2], shape=parts[1][2])
            sentences.append(self._tied(said, parts))
        if scene.stressed and rng.random() < 0.7:
            stress = self._fill(self._pick(phrases.STRESS_CLAUSES), word=scene.stressed)
            sentences.append(stress + self._pick(phrases.STRESS_LINKS) + ".")
        return sentences

    def _tied(self, said: str, parts: list[tuple[str, str, str]]) -> str:
        affect = self.scene.affect
        views = [affect.speaks_for(feature, level) for feature, level, _ in parts]
        feature, level, _ = parts[views.index(True)] if True in views else parts[0]
        options = phrases.LINKS if True in views else phrases.RECASTS if False in views else phrases.ASIDES
        own = self._affect(Cue(feature, level, False))
        return self._fill(self._pick(options), said=said, verb=self._pick(phrases.VERBS), affect=own)

    def _manners(self) -> tuple[str, str]:
        first = self._fresh(self.scene.affect.manner)
        return first, self._fresh([m for m in self.scene.affect.manner if m != first])

    def _bridge(self) -> str:
        affect = self.scene.affect
        m, n = self._manners()
        return self._fill(self._pick(phrases.BRIDGES), m=m, n=n, state=self._fresh(affect.state))

    def _close(self) -> str:
        affect = self.scene.affect
        if self.rng.random() < 0.4:
            return self._fresh(affect.close)
        m, n = self._manners()
        return self._fill(self._pick(phrases.CLOSES), m=m, n=n, state=self._fresh(affect.state))


def _lead(start: str, sentence: str) -> str:
    """A connective before a sentence, unless the sentence brings its own."""
    own = sentence.split(" ", 1)[0] in ("Even", "Although", "It")
    return sentence if own or not start else start + sentence


def _sentence(text: str) -> str:
    """A capital at the start; a quote keeps its own spelling."""
    return text[0].upper() + text[1:]
