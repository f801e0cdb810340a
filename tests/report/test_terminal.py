from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from emotionthinker.prosody import annotate
from emotionthinker.records import Explanation, Prosody
from emotionthinker.report import terminal

Make = Callable[..., Explanation]


def shown(explanation: Explanation, width: int = 100, **options: object) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    terminal.render(explanation, console)
    return console.file.getvalue()


def test_emotion_claims_marks_and_measurements_are_there(explanation: Make):
    text = shown(explanation())
    for part in (
        "Happy  70 %",
        "speaks loudly✓",
        "pitch is low✗",
        "older than before?",
        "high, 243 Hz",
        "−18.0 dBFS",
        "We won",
    ):
        assert part in text
    assert "1 of 2 checked claims agree" in text
    assert "\x1b" not in text


def test_verdicts_are_coloured_where_colour_is(explanation: Make):
    text = shown(explanation(), force_terminal=True, color_system="standard")
    assert "\x1b[4;32mspeaks loudly" in text
    assert "\x1b[4;31mpitch is low" in text


def test_markup_in_the_words_is_only_text(explanation: Make):
    text = shown(explanation(think="[bold red]x[/bold red] [/]", claims=[], audio="[link]a.wav"))
    assert "[bold red]x[/bold red] [/]" in text
    assert "[link]a.wav" in text


def test_an_unreadable_answer_shows_what_was_said(explanation: Make):
    text = shown(explanation(emotion=None, think="", answer="", raw="blue or green", claims=[]))
    assert "No emotion named" in text
    assert "blue or green" in text


@pytest.mark.parametrize("width", [20, 60, 300])
def test_any_width_and_an_empty_table(explanation: Make, width: int):
    silent = annotate(np.zeros(8000, np.float32), calibration=None, transcribe=False).prosody
    empty = explanation(emotion=None, probabilities={}, think="", answer="", raw="", claims=[], prosody=silent)
    assert "No emotion" in shown(empty, width)
    assert "not asked" in " ".join(shown(empty, 60).split())
    assert "not measured" not in shown(explanation(prosody=Prosody(duration_s=0.5)), width)
