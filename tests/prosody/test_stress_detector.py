from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.errors import RecipeError, WeightsError
from emotionthinker.prosody import stress_detector, words
from emotionthinker.prosody.annotator import annotate
from emotionthinker.prosody.corpus import AnnotateRecipe, run
from emotionthinker.prosody.rate import WordSpan
from emotionthinker.records import read_jsonl
from whisper_parts import tiny_whisper

RATE = 16000


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained detector on a tiny Whisper."""
    import torch

    from emotionthinker.models import whistress

    backbone = str(tiny_whisper(tmp_path_factory.mktemp("whisper")))
    folder = tmp_path_factory.mktemp("head")
    torch.manual_seed(3)
    whistress.save(whistress.WhiStress(*whistress.load_backbone(backbone), layer=2, backbone=backbone), folder)
    return folder


@pytest.fixture(scope="module")
def detector(head: Path) -> Any:
    from emotionthinker.models import whistress

    return whistress.load(head)


def _spans(ends: Sequence[float], pause: float = 0.1) -> list[WordSpan]:
    starts = [0.0, *(end + pause for end in ends[:-1])]
    return [WordSpan(f"w{i}", a, b, 3, True) for i, (a, b) in enumerate(zip(starts, ends, strict=True))]


def test_words_get_log_odds_and_the_likely_ones_are_stressed(
    head: Path, speech: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stress_detector, "stress_words", lambda *_: [0.9, 0.5, 1.0])
    found = stress_detector.measure(speech(seconds=1.0), RATE, _spans([0.2, 0.5, 0.9]), "w0 w1 w2", head)
    assert found.method == "whistress"
    assert found.stressed == ["w0", "w2"]
    scores = [word.score for word in found.words]
    assert scores[:2] == pytest.approx([math.log(9), 0.0], abs=1e-3)
    assert math.isfinite(scores[2])


def test_annotate_takes_the_detector_only_when_asked(head: Path, speech: Any) -> None:
    samples = speech(seconds=1.5)
    plain = annotate(samples, text="come home now!", calibration=None).prosody
    asked = annotate(samples, text="come home now!", calibration=None, stress=f"whistress:{head}").prosody
    assert plain.stress.method.startswith("acoustic")
    assert asked.stress.method == "whistress"
    assert [w.text for w in asked.stress.words] == ["come", "home", "now"]
    assert asked.model_copy(update={"stress": plain.stress}) == plain


def test_punctuation_is_read_and_long_sound_judged_like_its_parts(detector: Any, speech: Any) -> None:
    spans = _spans([0.6, 1.2, 1.8], pause=0.1)
    samples = speech(seconds=2.1)
    given_text = stress_detector.stress_words(detector, samples, RATE, spans, "w0, w1 w2!")
    bare = stress_detector.stress_words(detector, samples, RATE, spans)
    assert given_text != bare
    far = [*spans, *(s._replace(start_s=s.start_s + 7, end_s=s.end_s + 7) for s in spans)]
    long = np.concatenate([samples, np.zeros(7 * RATE - len(samples), np.float32), samples])
    found = stress_detector.stress_words(detector, long, RATE, far)
    assert len(found) == 6
    assert found[:3] == pytest.approx(bare, abs=1e-4)
    assert found[3:] != pytest.approx(bare, abs=1e-4)  # 0.3 s of silence come before


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("[he laughs] He said no, didn’t he?", ["He", " said", " no,", " didn't", " he?"]),
        ("Well, (laughing) <i>you’d</i> be no. 1!", ["Well,", " you'd", " be", " number", " 1!"]),
    ],
)
def test_words_are_judged_by_what_is_said_of_the_text(
    text: str, pieces: list[str], detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    tokenise = detector.tokenise
    monkeypatch.setattr(detector, "tokenise", lambda words: (read.append(words), tokenise(words))[1])
    spans = [WordSpan(word.text, i / 5, (i + 1) / 5, 3, True) for i, word in enumerate(words.read(text))]
    stress_detector.stress_words(detector, np.zeros(RATE, np.float32), RATE, spans, text)
    assert read == [pieces]


def test_texts_longer_than_the_decoder_are_cut(detector: Any, speech: Any) -> None:
    spans = _spans([0.02 * (i + 1) for i in range(150)], pause=0.0)
    tokens = detector.tokenise([f" {span.text}" for span in spans])
    assert sum(map(len, tokens)) > detector.max_tokens
    found = stress_detector.stress_words(detector, speech(seconds=4.0), RATE, spans)
    assert len(found) == 150
    assert all(0 < p < 1 for p in found)


@given(
    st.lists(st.tuples(st.floats(0.05, 40), st.floats(0, 20), st.integers(0, 60)), min_size=1, max_size=30),
    st.floats(0, 30),
)
def test_chunks_hold_every_word_once_and_fit(words: list[tuple[float, float, int]], tail: float) -> None:
    spans, time = [], 0.0
    for length, pause, _ in words:
        spans.append(WordSpan("w", time, time + length, 3, True))
        time += length + pause
    seconds = spans[-1].end_s + tail
    found = stress_detector.chunks(seconds, spans, [tokens for *_, tokens in words], 100)
    assert [i for part in found for i in range(part.first, part.end)] == list(range(len(words)))
    for part in found:
        assert 0 <= part.start_s < part.end_s <= seconds + 1e-9
        assert part.end_s - part.start_s <= 30.0 + 1e-9
        inside = [tokens for *_, tokens in words[part.first : part.end]]
        assert sum(inside) <= 100 or len(inside) == 1
        assert part.start_s <= spans[part.first].start_s + 1e-9
        whole = spans[part.end - 1].end_s - part.start_s <= 30.0
        assert not whole or part.end_s >= spans[part.end - 1].end_s - 1e-9


def test_the_cut_lies_at_the_longest_late_pause() -> None:
    spans = _spans([2.0 * (i + 1) - 0.2 for i in range(20)], pause=0.2)
    late = [s if i < 12 else s._replace(start_s=s.start_s + 1, end_s=s.end_s + 1) for i, s in enumerate(spans)]
    first, second = stress_detector.chunks(42.0, late, [2] * 20, 440)
    assert (first.end, second.first) == (12, 12)
    assert stress_detector.chunks(42.0, [], [], 440) == []


def test_other_languages_are_left_unjudged(head: Path, speech: Any) -> None:
    found = annotate(speech(seconds=1.5), text="komm jetzt heim", language="de", stress=f"whistress:{head}").prosody
    assert found.stress.reason == "other_language"
    assert found.stress.method is None
    assert len(found.stress.words) == 3
    assert not found.stress.stressed


def test_what_cannot_be_had_is_said_before_the_work(tmp_path: Path, speech: Any) -> None:
    for method in ("whistress", "whistress:", "loud"):
        with pytest.raises(RecipeError, match="whistress:FOLDER"):
            annotate(speech(), stress=method)
    with pytest.raises(WeightsError, match="hf download slprl/WhiStress"):
        annotate(speech(), stress=f"whistress:{tmp_path}")
    with pytest.raises(WeightsError, match=r"classifier\.pt"):
        run(AnnotateRecipe(source=[tmp_path], stress=f"whistress:{tmp_path}"), tmp_path / "out", progress=False)


def test_a_corpus_is_measured_anew_by_another_method(head: Path, speech: Any, tmp_path: Path) -> None:
    import json

    import soundfile

    soundfile.write(tmp_path / "a.wav", speech(seconds=1.0), RATE)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": "a", "audio": str(tmp_path / "a.wav"), "text": "come home now"}) + "\n")
    settings: dict[str, Any] = {"source": [rows], "workers": 1}
    run(AnnotateRecipe(**settings), tmp_path / "out", progress=False)
    counts = run(AnnotateRecipe(**settings, stress=f"whistress:{head}"), tmp_path / "out", progress=False)
    assert counts["measured"] == 1
    [row] = read_jsonl(tmp_path / "out" / "utterances.jsonl")
    assert row.prosody.stress.method == "whistress"


@pytest.mark.weights
def test_the_recogniser_and_a_detector_on_the_same_whisper_share_one_pass(
    tmp_path: Path, spoken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from emotionthinker.models import whistress

    try:
        backbone = whistress.load_backbone("nano")
    except (WeightsError, ImportError) as error:
        pytest.skip(f"Whisper base is not to be had: {error}")
    torch.manual_seed(3)
    whistress.save(whistress.WhiStress(*backbone, layer=4, backbone="nano"), tmp_path)
    method, clip = f"whistress:{tmp_path}", spoken("neutral")
    passes = []
    encode = whistress.WhiStress.encode
    monkeypatch.setattr(whistress.WhiStress, "encode", lambda *a: passes.append(1) or encode(*a))
    heard = annotate(clip, stress=method).prosody
    assert heard.transcript.text.rstrip(".").lower() == "they are coming home tomorrow evening"
    assert heard.transcript.source == "whisper-base"
    assert not passes
    alone = annotate(clip, stress=method, text=heard.transcript.text).prosody
    assert passes
    scores = [[word.score for word in prosody.stress.words] for prosody in (heard, alone)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-2)
    assert len(set(scores[0])) > 1


def test_nothing_is_shared_where_the_whispers_differ(head: Path) -> None:
    assert stress_detector.ear_of(f"whistress:{head}", "whisper-base") is None
    assert stress_detector.ear_of("acoustic", "whisper-base") is None


def test_the_files_of_a_head_are_looked_at_once_a_clip(
    head: Path, detector: Any, speech: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps: list[Path] = []
    shutil.copytree(head, tmp_path / "head")
    (tmp_path / "head" / "metadata.json").write_text('{"layer_for_head": 2, "backbone": "nano"}')
    monkeypatch.setattr(stress_detector, "_load", lambda *_: detector)
    monkeypatch.setattr(stress_detector, "model_stamp", lambda folder: stamps.append(folder) or "stamp")
    ear = stress_detector.ear_of(f"whistress:{tmp_path / 'head'}", "whisper-base")
    found = stress_detector.measure(speech(), RATE, _spans([0.3, 0.9]), "w0 w1", tmp_path / "head", ear=ear)
    assert len(found.words) == 2
    assert stamps == [tmp_path / "head"]


def test_a_head_whose_files_changed_is_loaded_again(head: Path, tmp_path: Path) -> None:
    for path in head.iterdir():
        shutil.copy(path, tmp_path)
    first = stress_detector._detector(tmp_path)
    assert stress_detector._detector(tmp_path) is first
    os.utime(tmp_path / "classifier.pt", ns=(0, 0))
    assert stress_detector._detector(tmp_path) is not first
