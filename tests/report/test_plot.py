from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from emotionthinker.records import Word
from emotionthinker.report import curves, plot

RATE = 16_000


@pytest.fixture(scope="module")
def drawn(speech: Callable[..., np.ndarray]) -> curves.Curves:
    return curves.measure(speech(seconds=2.0, f0=200.0), RATE)


def test_the_curves_follow_the_sound(drawn: curves.Curves):
    assert drawn.duration_s == 2.0
    voiced = drawn.f0_hz[drawn.f0_hz > 0]
    assert abs(np.median(voiced) - 200) < 10
    assert drawn.high.max() == pytest.approx(0.3, abs=0.01)
    assert len(drawn.level_s) == len(drawn.level_dbfs) == 200


def test_the_envelope_holds_every_peak():
    samples = np.zeros(RATE, np.float32)
    samples[1234], samples[9999] = 0.8, -0.6
    low, high = curves.envelope(samples, RATE)
    assert high.max() == pytest.approx(0.8)
    assert low.min() == pytest.approx(-0.6)


def test_everything_drawn_lies_within_the_frame(drawn: curves.Curves):
    figure = plot.figure(drawn, [])
    for path in re.findall(r' d="([^"]*)"', figure):
        numbers = np.array([float(n) for n in re.findall(r"-?\d+\.\d", path)]).reshape(-1, 2)
        assert (numbers >= -0.1).all()
        assert (numbers <= [1000.1, 100.1]).all()
    assert "nan" not in figure


def test_the_axis_covers_all_that_is_voiced(drawn: curves.Curves):
    low, high = plot.hz_range(drawn)
    voiced = drawn.f0_hz[drawn.f0_hz > 0]
    assert low < voiced.min()
    assert high > voiced.max()
    assert high / low >= 2**1.5 * 0.999


def test_words_are_placed_escaped_and_marked(drawn: curves.Curves):
    words = [Word(text="<b>", start_s=0.0, end_s=1.0), Word(text="now", start_s=1.0, end_s=2.0, stressed=True)]
    figure = plot.figure(drawn, words)
    assert '<span style="left:25.00%">&lt;b&gt;</span>' in figure
    assert '<span class="stressed" style="left:75.00%">now</span>' in figure
    assert '<rect class="beat" x="500.0" width="500.0"' in figure


def test_words_that_would_collide_widen_the_plot(drawn: curves.Curves):
    close = [Word(text="extraordinarily", start_s=i * 0.1, end_s=i * 0.1 + 0.1) for i in range(6)]
    width = int(re.search(r"min-width:(\d+)px", plot.figure(drawn, close))[1])
    plain = int(re.search(r"min-width:(\d+)px", plot.figure(drawn, []))[1])
    assert width > 2 * plain


def test_the_words_of_a_short_clip_take_rows_before_they_take_more_than_the_column(drawn: curves.Curves):
    def shown(words: int, text: str) -> tuple[int, list[str]]:
        step = 2.0 / words
        spoken = [Word(text=text, start_s=i * step, end_s=(i + 1) * step) for i in range(words)]
        figure = plot.figure(drawn, spoken)
        found = re.search(r"min-width:(\d+)px", figure)
        assert found is not None
        return int(found[1]), re.findall(r"%(?:;top:([\d.]+)rem)?\">" + text, figure)

    assert shown(4, "word")[1] == [""] * 4
    width, rows = shown(14, "somewhat")
    assert (width <= 838, rows[:4]) == (True, ["", "1.75", "", "1.75"])
    assert shown(30, "extraordinarily")[0] == 838


@pytest.mark.parametrize(
    "samples", [np.zeros(RATE, np.float32), np.zeros(3, np.float32), np.full(800, 1e-3, np.float32)]
)
def test_silence_and_crumbs_are_drawn_too(samples: np.ndarray):
    figure = plot.figure(curves.measure(samples, RATE), [])
    assert "nan" not in figure
    assert 'class="f0" d=""' in figure
