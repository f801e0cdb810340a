from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from emotionthinker.prosody.levels import Calibration
from emotionthinker.prosody.sketch import Sketches
from emotionthinker.records import Energy, Pitch, Prosody, Rate, Utterance
from emotionthinker.report import distributions


def sketches(energy_only: bool = False) -> Sketches:
    """Two datasets, the second of 20 clips: too few for cuts of its own."""
    rng = np.random.default_rng(0)
    made = Sketches()
    for number in range(120):
        pitch = Pitch(median_hz=float(rng.normal(200, 20)), range_st=float(rng.uniform(4, 14)), reliable=True)
        prosody = Prosody(
            duration_s=1.0,
            energy=Energy(active_dbfs=float(rng.normal(-25, 5))),
            pitch=Pitch() if energy_only else pitch,
            rate=Rate() if energy_only else Rate(articulation=float(rng.normal(12, 2))),
        )
        dataset = "a<b>" if number < 100 else "few"
        made.add(Utterance(id=str(number), dataset=dataset, gender="female", prosody=prosody))
    return made


def calibration(of: Sketches) -> Calibration:
    return Calibration.from_sketches(of, "mine & yours", by_dataset=True)


def test_every_group_of_every_feature_is_shown_with_its_cuts() -> None:
    of = sketches()
    cuts = calibration(of)
    page = distributions.page(cuts, of)
    assert page.count('<section class="feature">') == 4
    assert page.count('<div class="who">') == 3 * 2 + 3 * 3  # pitch has no men: any and female of all, a<b> and few
    assert "Calibration “mine &amp; yours”" in page
    assert "a&lt;b&gt;/<wbr>female" in page
    assert "<b>few</b>20 clips" in page
    assert "cuts of all" in page
    assert f">{cuts.energy.low:.1f}</span>" in page
    assert not re.search(r"https?://|<script|\\$[a-z]", page)


def test_the_page_is_well_formed() -> None:
    class Balanced(HTMLParser):
        open_: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "rect", "line", "wbr"}:
                self.open_.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in {"rect", "line"}:
                assert self.open_.pop() == tag

    of = sketches()
    page = distributions.page(calibration(of), of)
    parser = Balanced()
    parser.open_ = []
    parser.feed(page)
    assert parser.open_ == []
    for svg in re.findall(r"<svg.*?</svg>", page):
        ElementTree.fromstring(svg)


def test_bars_are_as_high_as_their_clips_are_many_and_shaded_by_word() -> None:
    of = sketches()
    cuts = calibration(of)
    group = next(distributions.groups("energy", cuts, of))
    assert distributions.shares(group) == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.02)
    bars = re.findall(r'class="(\w+)" x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="([\d.]+)"',
        distributions._bars(group, group.sketch.grid, (0, 1260)))  # fmt: skip
    heights = {float(x): float(height) for _, x, height in bars}
    assert max(heights.values()) == 100
    whole = {float(x): float(height) for _, x, height in bars if round(float(x) * 1.26, 0) % 10 == 0}
    assert sum(whole.values()) / min(whole.values()) == pytest.approx(120 / 1, rel=0.05)
    assert [shade for shade, _, _ in bars] == sorted(
        (shade for shade, _, _ in bars), key=["first", "second", "third"].index
    )
    cut, grid = cuts.energy, group.sketch.grid
    assert cut is not None
    for shade, at in (("second", cut.low), ("third", cut.high)):
        start = min(float(x) for name, x, _ in bars if name == shade)
        assert start == pytest.approx((at - grid.low) / grid.step / 1260 * 1000, abs=0.1)


def test_shares_near_a_cut_agree_with_the_records() -> None:
    of = sketches()
    cuts = calibration(of)
    group = next(distributions.groups("rate", cuts, of))
    found = distributions._near_share("rate", cuts, group)
    values = [group.sketch.grid.value_at(index + 0.5) for index, n in group.sketch.counts.items() for _ in range(n)]
    near = [cuts.apply(Prosody(duration_s=1.0, rate=Rate(articulation=value))).rate.near_boundary for value in values]
    assert found == pytest.approx(np.mean(near), abs=0.03)


def test_a_feature_nobody_has_says_so() -> None:
    of = sketches(energy_only=True)
    page = distributions.page(calibration(of), of)
    assert page.count("No clip has this measurement.") == 3


def test_groups_of_few_clips_are_named_in_a_line_not_drawn() -> None:
    of = sketches()
    for number in range(3):
        prosody = Prosody(duration_s=1.0, energy=Energy(active_dbfs=-25.0 - number))
        of.add(Utterance(id=f"t{number}", dataset="<tiny>", prosody=prosody))
    page = distributions.page(calibration(of), of)
    assert "Not drawn, of under 20 clips: &lt;tiny&gt; 3." in page
    assert "&lt;tiny&gt;</b>" not in page
    assert page.count("Not drawn") == 1


def test_the_whole_is_drawn_however_small_and_claims_no_share_near_a_cut() -> None:
    of = Sketches.of([Utterance(id="a", prosody=Prosody(duration_s=1.0, energy=Energy(active_dbfs=-25.0)))])
    page = distributions.page(calibration(of), of)
    assert "<b>all</b>1 clip<" in page
    assert "near a cut " not in page.replace("near a cut (near_boundary)", "")
