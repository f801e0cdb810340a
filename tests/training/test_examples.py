from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from emotionthinker.errors import RecipeError
from emotionthinker.models.prompt import ANSWER_SYSTEM, SYSTEM
from emotionthinker.training.examples import Source, draw, read


def test_traces_hold_the_reasoning_and_labels_only_the_answer(corpus: Path) -> None:
    traces = read(Source(path=corpus, kind="traces"))
    labels = read(Source(path=corpus, kind="labels", transcript=False))
    assert len(traces) == len(labels) == 8
    assert traces[0].completion == "<think>The pitch is low.</think><answer>happy</answer>"
    assert '"hello there"' in traces[0].question
    assert labels[0].completion == "<answer>happy</answer>"
    assert (traces[0].system, labels[0].system) == (SYSTEM, ANSWER_SYSTEM)
    assert "hello there" not in labels[0].question


def test_only_the_asked_split_is_read(corpus: Path) -> None:
    train = {e.id for e in read(Source(path=corpus, kind="traces"))}
    test = {e.id for e in read(Source(path=corpus, kind="traces"), split="test")}
    assert len(test) == 4
    assert not train & test


def test_a_corpus_that_is_not_there_is_an_error(corpus: Path) -> None:
    with pytest.raises(RecipeError, match="no traces with split 'train'"):
        read(Source(path=corpus, kind="traces", corpora={"gamma": 1.0}))


def test_a_limit_is_the_same_choice_every_time(corpus: Path) -> None:
    few = [e.id for e in read(Source(path=corpus, kind="traces", limit=3))]
    assert len(set(few)) == 3
    assert few == [e.id for e in read(Source(path=corpus, kind="traces", limit=3))]
    assert len(read(Source(path=corpus, kind="traces", limit=99))) == 8


def test_the_draw_depends_on_the_seed_alone(corpus: Path) -> None:
    sources = [Source(path=corpus, kind="traces"), Source(path=corpus, kind="labels", weight=2.0)]
    first = [e.id + e.completion for e in draw(sources, 20, 4, seed=1)]
    assert first == [e.id + e.completion for e in draw(sources, 20, 4, seed=1)]
    assert first != [e.id + e.completion for e in draw(sources, 20, 4, seed=2)]
    assert len(first) == 80


def test_corpora_are_drawn_by_weight_and_sources_too(corpus: Path) -> None:
    weighted = Source(path=corpus, kind="traces", corpora={"alpha": 3.0, "beta": 1.0})
    counts = Counter(e.corpus for e in draw([weighted], 200, 8, seed=0))
    assert counts["alpha"] / counts["beta"] == pytest.approx(3.0, rel=0.2)


def test_every_card_of_a_class_comes_before_one_comes_twice(corpus: Path) -> None:
    one = Source(path=corpus, kind="traces", corpora={"alpha": 1.0})
    counts = Counter(e.id for e in draw([one], 100, 8, seed=0, pool=1))
    assert len(counts) == 4
    assert max(counts.values()) < 2 * min(counts.values())


def test_questions_carry_their_answers(tmp_path: Path) -> None:
    row = {"id": "q1", "audio": "a.wav", "question": "How high is the pitch?", "answer": "low", "task": "pitch"}
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps({**row, "dataset": "alpha", "split": "train", "seconds": 2.5}) + "\n")
    (example,) = read(Source(path=path, kind="questions"))
    assert example.completion == "<answer>low</answer>"
    assert example.seconds == 2.5
    assert example.system == ANSWER_SYSTEM
    with pytest.raises(RecipeError, match="no questions"):
        read(Source(path=path, kind="questions", tasks=["caption"]))
    assert len(read(Source(path=path, kind="questions", tasks=["pitch"]))) == 1


def test_captions_are_drawn_evenly_though_hardly_two_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    rows = [("caption", f"female, pitch {n}") for n in range(20)] + [("pitch", "low"), ("pitch", "high")]
    path.write_text(
        "".join(
            json.dumps(
                {"id": f"{n}", "audio": "a.wav", "question": "?", "answer": answer, "task": task}
                | {"dataset": "alpha", "split": "train", "seconds": 1.0}
            )
            + "\n"
            for n, (task, answer) in enumerate(rows)
        )
    )
    drawn = draw([Source(path=path, kind="questions")], 60, 10, seed=0)
    share = sum("female" in example.completion for example in drawn) / len(drawn)
    assert share == pytest.approx(1 / 3, abs=0.06)
