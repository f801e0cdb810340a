from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.records import Claim, Explanation, Stress, Transcript, Word
from emotionthinker.report import html

Make = Callable[..., Explanation]
VOID = {"meta", "br", "img", "input", "link", "hr", "path", "line", "rect"}
HOSTILE = '</script></style><img src=x onerror="alert(1)">&amp;{{}}$title " \' \u2028 ünïcødé 你好 👋 \u202e'


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether every element was closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


@pytest.fixture
def sound(speech: Callable[..., np.ndarray]) -> np.ndarray:
    return speech(seconds=1.0)


def test_the_page_asks_nothing_of_the_network(explanation: Make, sound: np.ndarray):
    text = html.page([explanation()], [sound])
    page = Page(text)
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "data", "action", "poster", "srcset"}:
                assert value is not None
                assert value.startswith(("data:audio/flac;base64,", "#"))
    assert not re.search(r"url\(|@import|https?://|fetch\(|XMLHttpRequest|WebSocket|import\(", text)


def test_the_policy_allows_this_script_only(explanation: Make, sound: np.ndarray):
    text = html.page([explanation()], [sound])
    policy = next(m["content"] for m in Page(text).named("meta") if m.get("http-equiv") == "Content-Security-Policy")
    script = re.search(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_what_the_page_tells(explanation: Make, sound: np.ndarray):
    page = Page(html.page([explanation()], [sound]))
    marks = [m["class"] for m in page.named("mark")]
    assert marks == ["supported", "contradicted", "not_checkable"]
    for part in (
        "✓",
        "✗",
        "?",
        "high, 243 Hz",
        "We won",
        "probability 70 %",
        "reference",
        "recognised by whisper-base",
    ):
        assert part in page.text
    assert page.named("html")[0]["lang"] == "en"
    tips = {m["aria-describedby"] for m in page.named("mark")}
    assert tips <= {a["id"] for _, a in page.elements if "id" in a}


def test_the_player_plays_the_clip(explanation: Make, sound: np.ndarray):
    (audio,) = Page(html.page([explanation()], [sound])).named("audio")
    data = base64.b64decode(audio["src"].partition(",")[2])
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate == 16_000
    assert np.abs(samples - sound).max() < 1e-4


def test_the_embedded_curves_are_json(explanation: Make, sound: np.ndarray):
    text = html.page([explanation()], [sound])
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.S)[1])
    assert data["duration"] == 1.0
    assert len(data["f0"]) == len(data["f0_s"])
    assert len(data["level"]) == len(data["level_s"]) == 100
    assert data["words"] == [[0.1, 0.3], [0.3, 0.8]]


def test_hostile_words_stay_words(explanation: Make, sound: np.ndarray):
    plain = explanation()
    prosody = plain.prosody.model_copy(
        update={
            "stress": Stress(words=[Word(text=HOSTILE, start_s=0.0, end_s=1.0, stressed=True)], method=HOSTILE),
            "transcript": Transcript(text=HOSTILE, source=HOSTILE),
            "calibration": HOSTILE,
        }
    )
    claim = Claim(text=HOSTILE, feature="quote", claimed=HOSTILE, measured=HOSTILE, verdict="contradicted")
    fields = dict.fromkeys(("audio", "think", "answer", "raw", "model"), HOSTILE)
    hostile = explanation(**fields, prosody=prosody, claims=[claim])
    before, after = Page(html.page([plain], [sound])), Page(html.page([hostile], [sound]))
    assert len(after.named("script")) == len(before.named("script"))
    assert not after.named("img")
    assert HOSTILE in "".join(after.texts)
    assert html.page([explanation(emotion=HOSTILE)], [sound]).count("<img") == 0


def test_several_clips_are_sections_with_a_list(explanation: Make, sound: np.ndarray):
    page = Page(html.page([explanation(), explanation(audio="b.wav", emotion=None)], [sound, sound]))
    sections = [s["id"] for s in page.named("section")]
    assert sections == ["clip-1", "clip-2"]
    assert [a["href"] for a in page.named("a")] == ["#clip-1", "#clip-2"]
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))


def test_a_broken_answer_shows_what_was_said(explanation: Make, sound: np.ndarray):
    broken = explanation(emotion=None, think="", answer="", raw="I hear <music>", claims=[])
    text = Page(html.page([broken], [sound])).text
    assert "No emotion named" in text
    assert "I hear <music>" in text
    unread = explanation(emotion=None, answer="sad or happy")
    assert "sad or happy" in Page(html.page([unread], [sound])).text


def test_silence_has_a_page(explanation: Make, silence: np.ndarray):
    nothing = explanation(emotion=None, probabilities={}, think="", answer="", raw="", claims=[])
    assert "There is none." in Page(html.page([nothing], [silence])).text


def test_the_file_is_read_where_no_samples_are_given(explanation: Make, sound: np.ndarray, tmp_path: Path):
    soundfile.write(tmp_path / "clip.wav", sound, 16_000)
    assert Page(html.page([explanation(audio=str(tmp_path / "clip.wav"))])).named("audio")
    gone = Page(html.page([explanation(audio=str(tmp_path / "gone.wav"))]))
    assert not gone.named("audio")
    assert "not at hand" in gone.text


def test_write_makes_the_folder_and_leaves_no_part(explanation: Make, sound: np.ndarray, tmp_path: Path):
    path = html.write([explanation()], tmp_path / "new" / "page.html", [sound])
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


def test_nothing_to_show_and_uneven_lists_are_refused(explanation: Make, sound: np.ndarray):
    with pytest.raises(ValueError, match="0 explanations"):
        html.page([])
    with pytest.raises(ValueError, match="1 sounds for 2 explanations"):
        html.page([explanation(), explanation()], [sound])
