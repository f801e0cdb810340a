"""One self-contained HTML page for one or several explanations: no network, no external font, no dependency."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionthinker import __version__
from emotionthinker import audio as sound
from emotionthinker.errors import AudioError
from emotionthinker.records import Claim, Explanation
from emotionthinker.report import curves, facts, plot
from emotionthinker.runs import replacing

Samples = npt.NDArray[np.float32]

_TELLS = {"pitch": "pitch", "style": "pitch", "shape": "pitch", "energy": "energy", "energy_shape": "energy"}


def write(
    explanations: Sequence[Explanation], path: str | Path, sounds: Sequence[Samples | None] | None = None
) -> Path:
    """Write `page(...)` to `path` (its folder is made); a reader never sees half a page."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(page(explanations, sounds), encoding="utf-8")
    return path


def page(explanations: Sequence[Explanation], sounds: Sequence[Samples | None] | None = None) -> str:
    """The page as text. `sounds` are mono samples [n] at 16 kHz, one for each explanation.

    Without `sounds` (or where one is None) the file named by `explanation.audio` is read; where there is none, the
    section says so and has neither player nor plot. Raises `ValueError` when there is nothing to show or when the
    numbers of explanations and sounds differ.
    """
    if not explanations:
        raise ValueError("a report of 0 explanations was asked for; expected at least one")
    given = sounds if sounds is not None else [None] * len(explanations)
    if len(given) != len(explanations):
        raise ValueError(f"{len(given)} sounds for {len(explanations)} explanations; expected one each")
    script = _asset("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    sections = [_section(n, e, _samples(e, s)) for n, (e, s) in enumerate(zip(explanations, given, strict=True), 1)]
    return Template(_asset("page.html")).substitute(
        title=escape(_title(explanations)),
        version=escape(__version__),
        style=_asset("style.css"),
        script=script,
        script_hash=f"sha256-{digest}",
        contents=_contents(explanations) if len(explanations) > 1 else "",
        sections="\n".join(sections),
    )


def _asset(name: str) -> str:
    return resources.files("emotionthinker.report").joinpath(name).read_text(encoding="utf-8")


def _samples(explanation: Explanation, given: Samples | None) -> Samples | None:
    if given is not None:
        return given
    try:
        return sound.load(explanation.audio)[0]
    except AudioError:
        return None


def _title(explanations: Sequence[Explanation]) -> str:
    if len(explanations) > 1:
        return f"{len(explanations)} clips explained"
    return f"{explanations[0].emotion or 'No emotion named'}: {_name(explanations[0])}"


def _name(explanation: Explanation) -> str:
    return Path(explanation.audio).name or explanation.audio


def _contents(explanations: Sequence[Explanation]) -> str:
    items = [
        f'<li><a href="#clip-{number}">{escape(_name(e))}</a><span>{escape(e.emotion or "none named")}</span>'
        f"<span>{escape(facts.tally(e.claims))}</span></li>"
        for number, e in enumerate(explanations, 1)
    ]
    return f'<nav aria-label="Clips"><ol class="contents">{"".join(items)}</ol></nav>'


def _section(number: int, explanation: Explanation, samples: Samples | None) -> str:
    name = f"clip-{number}"
    return (
        f'<section class="clip" id="{name}" aria-labelledby="{name}-title">'
        f'<p class="file">{escape(_name(explanation))}, {explanation.duration_s:.2f} s</p>'
        f"{_headline(name, explanation)}{_sound(explanation, samples)}"
        f'<div class="columns"><div>{_reasoning(name, explanation)}</div><div>{_bars(explanation)}</div></div>'
        f"{_claims(explanation)}{_prosody(explanation)}{_methods(explanation)}</section>"
    )


def _headline(name: str, explanation: Explanation) -> str:
    share = explanation.probabilities.get(explanation.emotion or "")
    small = f" <small>probability {facts.percent(share)}</small>" if share is not None else ""
    title = f'<h2 class="emotion" id="{name}-title">{escape(explanation.emotion or "No emotion named")}{small}</h2>'
    if explanation.emotion is None:
        title += f'<p class="said">{escape(facts.no_emotion(explanation))}</p>'
    text = explanation.prosody.transcript.text
    quoted = f"<q>{escape(text)}</q> " if text else ""
    return f'{title}<p class="said">{quoted}<small>({escape(facts.source(explanation.prosody))})</small></p>'


def _sound(explanation: Explanation, samples: Samples | None) -> str:
    if samples is None:
        return '<p class="said">The sound file is not at hand, so there is no player and no plot.</p>'
    words = explanation.prosody.stress.words
    drawn = curves.measure(samples, sound.SAMPLE_RATE)
    data = {
        "duration": round(drawn.duration_s, 4),
        "f0_s": _rounded(drawn.f0_s, 3),
        "f0": _rounded(drawn.f0_hz, 1),
        "level_s": _rounded(drawn.level_s, 3),
        "level": _rounded(drawn.level_dbfs, 1),
        "words": [[word.start_s, word.end_s] for word in words],
    }
    return (
        f'<figure class="sound"><audio controls preload="metadata" src="{_data_uri(samples)}"'
        f' aria-label="{escape(_name(explanation))}"></audio>'
        '<div class="legend"><span class="pitch"><i></i>pitch (F0)</span><span class="energy"><i></i>energy</span>'
        "<span>ˈ stressed word</span><output></output></div>"
        f'<figcaption class="unseen">{escape(_caption(explanation))}</figcaption>'
        f'{plot.figure(drawn, words)}<script type="application/json">{_json(data)}</script></figure>'
    )


def _caption(explanation: Explanation) -> str:
    """The plot in words, for those who cannot see it."""
    rows = facts.rows(explanation.prosody)
    told = [f"{row.group} {row.name}: {' '.join(filter(None, (row.word, row.value)))}" for row in rows if row.word]
    return "Waveform with pitch and energy curves and the spoken words. " + "; ".join(told) + "."


def _rounded(values: npt.NDArray[np.float64], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _data_uri(samples: Samples) -> str:
    """FLAC, 16 bit, as every current browser plays it."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), sound.SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _json(data: dict[str, Any]) -> str:
    """JSON that cannot close the script element it stands in."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _reasoning(name: str, explanation: Explanation) -> str:
    heading = "<h3>Reasoning</h3>"
    if not explanation.think:
        said = explanation.raw.strip()
        return (
            f'{heading}<p class="reasoning raw">{escape(said)}</p>'
            if said
            else f'{heading}<p class="said">There is none.</p>'
        )
    parts = []
    for index, segment in enumerate(facts.segments(explanation.think, explanation.claims)):
        if segment.claims:
            parts.append(_mark(f"{name}-{index}", segment, [explanation.claims[i] for i in segment.claims]))
        else:
            parts.append(escape(segment.text))
    reasoning = f'<p class="reasoning">{"".join(parts)}</p>'
    unread = (
        "" if explanation.emotion else f'<p class="reasoning raw">{escape(explanation.answer or explanation.raw)}</p>'
    )
    return f'{heading}{reasoning}{unread}<p class="tally">{escape(facts.tally(explanation.claims))}</p>'


def _mark(name: str, segment: facts.Segment, claims: list[Claim]) -> str:
    """The marked words, a sign for each claim kept on the line of the last word, and the measured values as a tip."""
    verdict = facts.gravest([claim.verdict for claim in claims])
    tells = next((_TELLS[claim.feature] for claim in claims if claim.feature in _TELLS), None)
    data = f' data-tells="{tells}"' if tells else ""
    lines = "".join(f"<span>{escape(_sentence(claim))}</span>" for claim in claims)
    signs = "".join(f'<span class="sign {claim.verdict}">{facts.MARKS[claim.verdict]}</span>' for claim in claims)
    head, space, last = segment.text.rpartition(" ")
    return (
        f'<mark class="{verdict}" tabindex="0" aria-describedby="{name}"{data}>{escape(head + space)}'
        f'<span class="keep">{escape(last)}{signs}</span>'
        f'<span class="tip" role="tooltip" id="{name}">{lines}</span></mark>'
    )


def _sentence(claim: Claim) -> str:
    measured = "not measured" if claim.measured is None else f"measured {claim.measured}"
    verdict = facts.VERDICTS[claim.verdict].capitalize()
    return f"{verdict}: {_feature(claim)} said to be {claim.claimed}; {measured}"


def _feature(claim: Claim) -> str:
    return claim.feature.replace("_", " ")


def _bars(explanation: Explanation) -> str:
    if not explanation.probabilities:
        return ""
    items = []
    for label, share in facts.ranked(explanation):
        chosen = ' class="chosen"' if label == explanation.emotion else ""
        items.append(
            f"<li{chosen}><span>{escape(label)}</span>"
            f'<span class="track"><i style="width:{share * 100:.1f}%"></i></span><b>{facts.percent(share)}</b></li>'
        )
    return f'<h3>Probability of each answer</h3><ol class="bars">{"".join(items)}</ol>'


def _claims(explanation: Explanation) -> str:
    if not explanation.claims:
        return ""
    lines = []
    for claim in explanation.claims:
        sign = f'<span class="sign {claim.verdict}" aria-hidden="true">{facts.MARKS[claim.verdict]}</span>'
        measured = "" if claim.measured is None else str(claim.measured)
        lines.append(
            f'<tr><td class="verdict">{sign} {facts.VERDICTS[claim.verdict]}</td><td>{escape(claim.text)}</td>'
            f"<td>{escape(f'{_feature(claim)}: {claim.claimed}')}</td><td>{escape(measured)}</td></tr>"
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Verdict", "Said", "Claim", "Measured"))
    return (
        '<div class="table"><table class="claims"><caption>Claims against measurement</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _prosody(explanation: Explanation) -> str:
    lines = []
    group = ""
    for row in facts.rows(explanation.prosody):
        more, shown = (' class="more"', "") if row.group == group else ("", row.group)
        group = row.group
        hidden = f'<span class="unseen">{group}</span>'
        note = f' <span class="note">{escape(row.note)}</span>' if row.note else ""
        lines.append(
            f'<tr{more}><th scope="row">{shown or hidden}</th>'
            f'<td class="name">{row.name}</td><td class="word">{escape(row.word)}</td>'
            f"<td>{escape(row.value)}{note}</td></tr>"
        )
    return (
        '<div class="table"><table class="prosody"><caption>Measured prosody</caption>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _methods(explanation: Explanation) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.methods(explanation))
    return f"<details open><summary>How this was made</summary><dl>{items}</dl></details>"
