from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.errors import RecipeError
from emotionthinker.prosody.sketch import GRIDS, Sketch, Sketches

RANGES = {"any": (30.0, 1200.0), "energy": (-110.0, 3.0), "rate": (0.0, 35.0), "style": (0.0, 60.0)}
SHARES = [0.0, 0.2, 1 / 3, 0.5, 2 / 3, 0.8, 1.0]


def sketch(slot: str, values: list[float]) -> Sketch:
    made = Sketch(slot=slot)
    for value in values:
        made.add(value)
    return made


@st.composite
def filled(draw: Any, slot: str | None = None) -> Sketch:
    slot = slot or draw(st.sampled_from(sorted(RANGES)))
    return sketch(slot, draw(st.lists(st.floats(*RANGES[slot]), max_size=40)))


@given(filled("energy"), filled("energy"), filled("energy"))
def test_merging_is_commutative_associative_and_has_a_neutral(a: Sketch, b: Sketch, c: Sketch) -> None:
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(Sketch(slot="energy")) == a


@given(st.data(), st.sampled_from(sorted(RANGES)))
def test_merged_shards_are_the_sketch_of_everything(data: Any, slot: str) -> None:
    values = data.draw(st.lists(st.floats(*RANGES[slot]), max_size=60))
    cut = data.draw(st.integers(0, len(values)))
    assert sketch(slot, values[:cut]).merge(sketch(slot, values[cut:])) == sketch(slot, values)


@given(st.data(), st.sampled_from(sorted(RANGES)))
def test_quantiles_are_within_a_bin_of_numpy(data: Any, slot: str) -> None:
    values = data.draw(st.lists(st.floats(*RANGES[slot]), min_size=1, max_size=80))
    found = sketch(slot, values).quantiles(SHARES)
    true = np.quantile(values, SHARES)
    if GRIDS[slot].semitones:  # a bin is 0.05 st: wider in Hz the higher the greater of the two neighbours lies
        above = np.array([min(v for v in values if v >= t - 1e-9 * abs(t)) for t in true])
        widths = above * (2 ** (GRIDS[slot].step / 12) - 1)
    else:
        widths = np.full(len(SHARES), GRIDS[slot].step)
    assert np.all(np.abs(found - true) <= widths + 1e-9)
    assert found[0] == min(values)
    assert found[-1] == max(values)


@given(filled())
def test_a_sketch_comes_back_from_json(made: Sketch) -> None:
    assert Sketch.model_validate_json(made.model_dump_json()) == made


def test_memory_does_not_grow_with_the_number_of_values() -> None:
    rng = np.random.default_rng(0)
    made = sketch("any", np.exp(rng.uniform(np.log(10), np.log(5000), 30_000)).tolist())
    assert made.count == 30_000
    assert len(made.counts) == GRIDS["any"].bins


def test_a_large_sample_has_the_cuts_of_its_distribution() -> None:
    values = np.random.default_rng(1).normal(-30, 6, 20_000)
    low, high = sketch("energy", values.tolist()).quantiles([1 / 3, 2 / 3])
    assert np.allclose([low, high], np.quantile(values, [1 / 3, 2 / 3]), rtol=0, atol=0.01)


def test_shares_below_a_value() -> None:
    made = sketch("rate", np.linspace(5, 15, 1001).tolist())
    assert made.share_below(10.0) == pytest.approx(0.5, abs=0.005)
    assert (made.share_below(0.0), made.share_below(39.0)) == (0.0, 1.0)
    assert Sketch(slot="rate").share_below(3.0) == 0.0


@pytest.mark.parametrize(("slot", "value"), [("energy", float("nan")), ("rate", float("inf")), ("any", 0.0)])
def test_what_is_no_measurement_is_refused(slot: str, value: float) -> None:
    with pytest.raises(ValueError, match="expected a finite"):
        Sketch(slot=slot).add(value)


def test_other_features_do_not_merge_and_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="do not merge"):
        Sketch(slot="rate").merge(Sketch(slot="energy"))
    with pytest.raises(ValueError, match="no rate was counted"):
        Sketch(slot="rate").quantiles([0.5])


@pytest.mark.parametrize(
    "broken",
    [
        {"slot": "colour"},
        {"slot": "rate", "counts": {"2000": 1}, "least": 1, "most": 1},
        {"slot": "rate", "counts": {"3": 0}, "least": 1, "most": 1},
        {"slot": "rate", "counts": {"3": 1}},
    ],
)
def test_broken_sketches_are_refused(broken: dict[str, Any], tmp_path: Path) -> None:
    whole = json.loads(Sketches().model_dump_json())
    whole["pooled"]["rate"] = broken
    if broken["slot"] == "colour":
        broken |= {"counts": {"1": 1}, "least": 1, "most": 1}
    (tmp_path / "bad.json").write_text(json.dumps(whole))
    with pytest.raises(RecipeError, match=r"bad\.json"):
        Sketches.load(tmp_path / "bad.json")


def test_sketches_of_a_corpus_keep_datasets_and_genders_apart(utterance: Any, tmp_path: Path) -> None:
    clips = [utterance(i, f0=100.0 + i, dataset="a", gender="male") for i in range(5)]
    clips += [
        utterance(9, f0=None, dataset="b"),
        utterance(10, gender=None),
        utterance(11).model_copy(update={"prosody": None}),
    ]
    made = Sketches.of(clips)
    assert made.clips == {"a": 5, "b": 1, "(no dataset)": 1}
    assert {slot: found.count for slot, found in made.pooled.items()} == {
        "female": 0, "male": 5, "any": 6, "energy": 7, "rate": 7, "style": 6,
    }  # fmt: skip
    assert made.datasets["a"]["male"].count == 5
    assert made.datasets["b"]["any"].count == 0
    made.save(tmp_path / "sketches.json")
    assert Sketches.load(tmp_path / "sketches.json") == made


def test_corpora_merge_as_if_read_at_once(utterance: Any) -> None:
    clips = [utterance(i, f0=100.0 + i, level=-20.0 - i, dataset="ab"[i % 2]) for i in range(20)]
    one, two = Sketches.of(clips[:7]), Sketches.of(clips[7:])
    assert one.merge(two) == two.merge(one) == Sketches.of(clips)


def test_a_shard_does_not_count_twice() -> None:
    one = Sketches(sources={"abc": "shard-1.jsonl"})
    with pytest.raises(RecipeError, match=r"shard-1\.jsonl"):
        one.merge(Sketches(sources={"abc": "copy.jsonl", "def": "shard-2.jsonl"}))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "speech.flac").write_bytes(b"fLaC\x00\x00\x00\xff\xfe")
    with pytest.raises(RecipeError, match=r"speech\.flac does not hold .*sketches\.json"):
        Sketches.load(tmp_path / "speech.flac")


def test_missing_sketches_say_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="`calibrate` writes them"):
        Sketches.load(tmp_path / "none.json")
