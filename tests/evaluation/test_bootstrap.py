from __future__ import annotations

import numpy as np
import pytest

from emotionthinker.evaluation.bootstrap import interval


def test_speakers_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    speaker_rate = rng.uniform(0.2, 1.0, 20)
    speakers = np.repeat(np.arange(20), 50)
    right = rng.random(1000) < speaker_rate[speakers]

    def accuracy(indices: list[int]) -> float:
        return float(right[indices].mean())

    by_speaker = interval(accuracy, speakers.tolist(), seed=1)
    by_clip = interval(accuracy, list(range(1000)), seed=1)
    assert by_speaker["low"] < right.mean() < by_speaker["high"]
    assert by_speaker["high"] - by_speaker["low"] > 2 * (by_clip["high"] - by_clip["low"])
    assert by_clip["high"] - by_clip["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.24 / 1000), rel=0.15)
    assert (by_speaker["clusters"], by_speaker["few_clusters"]) == (20, False)
    assert interval(accuracy, speakers.tolist(), seed=1) == by_speaker


def test_whole_speakers_are_drawn() -> None:
    seen: list[list[int]] = []
    interval(lambda indices: float(seen.append(indices) or 0.0), [n // 2 for n in range(20)], draws=50)  # type: ignore[func-returns-value]
    assert {len(indices) for indices in seen} == {20}
    assert all(indices.count(0) == indices.count(1) for indices in seen)
    assert len({tuple(indices) for indices in seen}) > 40


def test_two_speakers_who_score_alike_do_not_make_a_result_sure() -> None:
    right = np.array([1, 1, 1, 0] * 10)
    found = interval(lambda indices: float(right[indices].mean()), [n // 20 for n in range(40)])
    assert found["few_clusters"]
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 40), rel=0.2)


def test_one_speaker_gives_no_interval() -> None:
    alone = interval(lambda indices: 1.0, ["a", "a"])
    assert (alone["low"], alone["high"], alone["draws"]) == (None, None, 0)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="level 2"):
        interval(lambda indices: 0.0, ["a", "b"], level=2)


def test_every_draw_has_as_many_speakers_of_each_corpus() -> None:
    corpora = ["a"] * 40 + ["b"] * 10
    speakers = [n // 4 for n in range(50)]
    seen: list[int] = []

    def count(indices: list[int]) -> float:
        seen.append(sum(index >= 40 for index in indices))
        return 0.0

    found = interval(count, speakers, strata=corpora, draws=50)
    assert set(seen) <= set(range(6, 13))  # three speakers of b, who have 4, 4 and 2 clips
    assert found["few_clusters"]  # b has three speakers


def test_draws_without_a_value_are_left_out() -> None:
    found = interval(lambda indices: float("nan") if indices[0] == 0 else 1.0, list(range(20)), draws=200)
    assert 0 < found["draws"] < 200
    assert (found["low"], found["high"]) == (1.0, 1.0)
