"""One answer a speaker: gender, and age where there is a model, pooled over all clips of each speaker that is known.

A voice that one clip leaves open, or an acted one misleads about, is told better from many: the median of the clips.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from emotionthinker.prosody import speaker
from emotionthinker.records import AGE_GROUPS, GENDERS, Speaker, Utterance

POOLED = f"{speaker.METHOD}, median over the speaker's clips"
AGE_CUTS = (13.0, 20.0, 35.0, 60.0)
"""Years at which the next of AGE_GROUPS begins."""
SOURCE = "speaker_source"
"""Where of several sources the name of a speaker was found, in `extra` of a record without a dataset."""
MIXED_VOTES, MIXED_SHARE = 3, 0.15
"""A speaker with so many sure clips, and so much of all sure ones, of the rarer gender is several people. Measured on
104 real speakers, acting ones among them: none has 3 such clips; by a fit that never heard the corpus one, 0.064."""
LEAST_PROBABILITY = 0.5
"""The model of age and gender abstains when no gender has more: a convention, not fitted."""


class Voice(NamedTuple):
    """What a model of age and gender hears in one clip: years, and the probabilities of the three kinds of voice."""

    years: float
    female: float
    male: float
    child: float


def key_of(utterance: Utterance) -> str | None:
    """Whose voice it is, unique over datasets, without one over sources; None when the record names no speaker."""
    if not utterance.speaker:
        return None
    return f"{utterance.dataset or utterance.extra.get(SOURCE) or ''}/{utterance.speaker}"


def age_group(years: float) -> str:
    """The word for an age."""
    return AGE_GROUPS[sum(years >= cut for cut in AGE_CUTS)]


def refusal(source: object) -> str:
    """Why a model of age and gender is not used without consent, and how to give it."""
    return (
        f"{source}: the published age and gender weights are CC-BY-NC-SA-4.0, so labels made with them may not be used "
        "commercially; accept that with --accept-non-commercial (recipe: accept_non_commercial: true), or leave the "
        "speaker model out: gender is then estimated by the fallback, age is not"
    )


class Pool:
    """Gathers what is known of each speaker (`add`), then says it of every clip (`traits`).

    `heard` are the clips, by id, that a model of age and gender listened to; `method` and `licence` are that model's.
    A gender given for any clip of a speaker holds for all, unless two are given; else the model's probabilities are
    averaged, else the median of the fallback's decides, by the threshold fitted for clips. Clips of a speaker who is
    surely heard as both genders stand for themselves (`warnings` says so). 8 bytes a clip of known speaker are kept
    and, once its traits are told, 2 kB a speaker.
    """

    def __init__(self, heard: Mapping[str, Voice] | None = None, method: str = "", licence: str = "") -> None:
        self._heard, self._method, self._licence = heard or {}, method, licence
        self._given: dict[str, set[str]] = {}
        self._shares: dict[str, array[float]] = {}
        self._voices: dict[str, list[Voice]] = {}
        self._known: dict[str, Speaker | None] = {}
        self._apart: dict[str, bool] = {}

    def add(self, utterance: Utterance) -> None:
        """Count one measured clip; one without a speaker stands for itself."""
        key = key_of(utterance)
        if key is None or utterance.prosody is None:
            return
        if utterance.gender in GENDERS:
            self._given.setdefault(key, set()).add(str(utterance.gender))
        share = utterance.prosody.speaker.female_probability
        if share is not None:
            self._shares.setdefault(key, array("d")).append(share)
        if utterance.id in self._heard:
            self._voices.setdefault(key, []).append(self._heard[utterance.id])

    def traits(self, utterance: Utterance) -> Speaker:
        """The speaker of a measured clip, as all its clips together tell."""
        own = utterance.prosody.speaker if utterance.prosody is not None else Speaker()
        key = key_of(utterance)
        if key is None or self._is_mixed(key):
            voice = self._heard.get(utterance.id)
            return own if voice is None else self._aged(self._of_gender(utterance.gender, [voice]) or own, [voice])
        if utterance.gender in GENDERS and len(self._given.get(key, ())) > 1:
            return self._aged(own, self._voices.get(key, []))
        if key not in self._known:
            self._known[key] = self._decide(key)
        return self._known[key] or self._aged(own, self._voices.get(key, []))

    def apply(self, utterance: Utterance) -> Utterance:
        """The utterance with the traits of its speaker in place of those of the clip alone."""
        if utterance.prosody is None:
            return utterance
        prosody = utterance.prosody.model_copy(update={"speaker": self.traits(utterance)})
        return utterance.model_copy(update={"prosody": prosody})

    def warnings(self) -> list[str]:
        """Which speakers seem to be several people, and how to mend it."""
        mixed = [key.removeprefix("/") for key in self._shares if self._is_mixed(key)]
        if not mixed:
            return []
        named = ", ".join(mixed[:3]) + (", …" if len(mixed) > 3 else "")
        return [
            f"speakers that sound like people of both genders: {len(mixed)} ({named}); each of their clips was judged "
            "alone. Where one name stands for several people, give distinct ids or a `dataset` column, then annotate "
            "again"
        ]

    def _is_mixed(self, key: str) -> bool:
        """Whether the clips are surely of both genders, more than acted speech explains; asked after the last `add`."""
        if key not in self._apart:
            shares, sure = np.array(self._shares.get(key, ())), speaker.sure_from()
            rarer, other = sorted((int((shares >= sure).sum()), int((1 - shares >= sure).sum())))
            self._apart[key] = rarer >= MIXED_VOTES and rarer >= MIXED_SHARE * (rarer + other)
        return self._apart[key]

    def _decide(self, key: str) -> Speaker | None:
        """What all clips tell; None when they tell nothing (no gender given, none estimated)."""
        given, shares, voices = self._given.get(key, set()), self._shares.get(key), self._voices.get(key, [])
        told = self._of_gender(next(iter(given)) if len(given) == 1 else None, voices)
        if told is None and shares:
            told = speaker.judged(float(np.median(shares)), POOLED, len(shares))
        return None if told is None else self._aged(told, voices)

    def _of_gender(self, given: str | None, voices: list[Voice]) -> Speaker | None:
        """As given, else as the model hears it; None when neither says anything."""
        if given is not None:
            return speaker.given(given)
        if not voices:
            return None
        mean = {name: float(np.mean([getattr(v, name) for v in voices])) for name in (*GENDERS, "child")}
        likely = max(mean, key=lambda name: mean[name])
        sure = mean[likely] > LEAST_PROBABILITY and likely in GENDERS
        why = "child" if likely == "child" else "uncertain"
        return Speaker(
            gender=likely if sure else None,
            gender_confidence=round(mean[likely] if likely in GENDERS else max(mean[g] for g in GENDERS), 3),
            gender_method=self._method,
            female_probability=round(mean["female"], 4),
            reason=f"age: {speaker.NO_AGE}" if sure else f"gender: {why}; age: {speaker.NO_AGE}",
        )

    def _aged(self, told: Speaker, voices: list[Voice]) -> Speaker:
        """With the age as the model hears it, and the terms of the model where it was used."""
        if not voices:
            return told
        ages = [voice.years for voice in voices]
        years = float(np.median(ages))
        group = age_group(years)
        reasons = [part for part in (told.reason or "").split("; ") if part and not part.startswith("age:")]
        return told.model_copy(
            update={
                "age_years": round(years, 1),
                "age_group": group,
                "age_confidence": round(sum(age_group(a) == group for a in ages) / len(ages), 3) if ages[1:] else None,
                "age_method": self._method,
                "clips": len(voices),
                "licence": self._licence,
                "reason": "; ".join(reasons) or None,
            }
        )
