from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.errors import RecipeError
from emotionthinker.prosody.levels import Calibration, Cut, Cuts
from emotionthinker.prosody.sketch import GRIDS
from emotionthinker.records import PITCH_LEVELS, Energy, Pitch, Prosody, Rate, Speaker

CUTS = Calibration(
    name="hand",
    pitch={
        "female": Cut(low=200, high=260, count=60),
        "male": Cut(low=110, high=160, count=60),
        "any": Cut(low=150, high=220, count=120),
    },
    energy=Cut(low=-35, high=-20, count=120),
    rate=Cut(low=10, high=14, count=120),
    style=Cut(low=5, high=12, count=120),
)


def prosody(
    f0: float | None = 200.0, db: float | None = -25.0, rate: float | None = 12.0, st_: float | None = 8.0
) -> Prosody:
    return Prosody(
        duration_s=1.0,
        pitch=Pitch(median_hz=f0, range_st=st_, reliable=f0 is not None),
        energy=Energy(active_dbfs=db),
        rate=Rate(articulation=rate),
    )


@pytest.mark.parametrize(("gender", "level"), [("female", "low"), ("male", "high"), (None, "normal")])
def test_pitch_is_judged_by_gender(gender: str | None, level: str) -> None:
    assert CUTS.apply(prosody(f0=185.0), gender).pitch.level == level


def test_the_measured_gender_serves_when_none_is_given() -> None:
    heard = prosody(f0=185.0).model_copy(update={"speaker": Speaker(gender="male")})
    assert CUTS.apply(heard).pitch.level == "high"
    assert CUTS.apply(heard, "female").pitch.level == "low"


@pytest.mark.parametrize(
    ("db", "level", "near"),
    [
        (-40, "low", None),
        (-35.9, "low", "normal"),
        (-34.1, "normal", "low"),
        (-27, "normal", None),
        (-19.2, "high", "normal"),
    ],
)
def test_near_names_the_neighbour(db: float, level: str, near: str | None) -> None:
    energy = CUTS.apply(prosody(db=db)).energy
    assert (energy.level, energy.near) == (level, near)


@pytest.mark.parametrize(
    ("rate", "level", "near"),
    [(9.0, "slow", None), (9.6, "slow", "normal"), (14.6, "fast", "normal"), (15, "fast", None)],
)
def test_rate_words(rate: float, level: str, near: str | None) -> None:
    found = CUTS.apply(prosody(rate=rate)).rate
    assert (found.level, found.near) == (level, near)


@pytest.mark.parametrize(
    ("range_st", "style", "near"),
    [(3, "flat", None), (4.5, "flat", "moderate"), (8, "moderate", None), (13.5, "expressive", None)],
)
def test_style_words(range_st: float, style: str, near: str | None) -> None:
    found = CUTS.apply(prosody(st_=range_st)).intonation
    assert (found.style, found.style_near) == (style, near)


def test_small_ranges_are_flat_in_every_corpus() -> None:
    lively = CUTS.model_copy(update={"style": Cut(low=1.0, high=1.5, count=60)})
    assert lively.apply(prosody(st_=2.0)).intonation.style == "flat"


def test_cuts_of_few_values_are_warned_of() -> None:
    assert CUTS.warnings() == []
    assert Calibration.load("reference").warnings() == []
    few = CUTS.model_copy(update={"rate": Cut(low=10, high=14, count=49), "style": None})
    assert "under 50 values (rate 49)" in few.warnings()[0]


def test_pitch_cuts_that_know_no_gender_are_warned_of() -> None:
    """Not where nearly all clips have cuts of their own gender, as in the speech of one woman."""

    def of(voices: int, **genders: int) -> list[str]:
        counts = {"any": voices, **genders}
        cuts = {gender: Cut(low=150, high=200, count=count) for gender, count in counts.items()}
        return CUTS.model_copy(update={"pitch": cuts}).warnings()

    assert "for the gender of 77 of its 77 clips" in of(77)[0]
    assert "of 40 of its 100" in of(100, female=60)[0]
    assert of(100, female=95) == []
    assert of(100, female=50, male=45) == []


def test_what_was_not_measured_gets_no_word() -> None:
    found = CUTS.apply(prosody(None, None, None, None))
    assert found.pitch.level is found.energy.level is found.rate.level is found.intonation.style is None
    assert found.calibration == "hand"


def test_unreliable_pitch_gets_no_word() -> None:
    weak = Prosody(duration_s=1.0, pitch=Pitch(median_hz=200.0, range_st=9.0, reliable=False, reason="unvoiced"))
    found = CUTS.apply(weak)
    assert found.pitch.level is found.intonation.style is None


@given(st.floats(50, 600), st.sampled_from(["female", "male", None]))
def test_level_and_near_agree_with_the_cuts(f0: float, gender: str | None) -> None:
    found = CUTS.apply(prosody(f0=f0), gender).pitch
    cut = CUTS.pitch[gender or "any"]
    assert found.level == ("low" if f0 < cut.low else "high" if f0 > cut.high else "normal")
    distance = min(abs(12 * math.log2(f0 / at)) for at in (cut.low, cut.high))
    assert (found.near is not None) == (distance <= CUTS.tolerances.pitch_st)
    if found.near:
        assert abs(PITCH_LEVELS.index(found.near) - PITCH_LEVELS.index(found.level)) == 1


@settings(max_examples=20)
@given(st.lists(st.floats(-80, 0), min_size=60, max_size=200))
def test_fitted_cuts_split_in_thirds(values: list[float]) -> None:
    made = [Prosody(duration_s=1.0, energy=Energy(active_dbfs=v)) for v in values]
    from emotionthinker.records import Utterance

    cut = Calibration.fit((Utterance(id=str(i), prosody=p) for i, p in enumerate(made)), "x").energy
    assert cut is not None
    step = GRIDS["energy"].step + 1e-3
    assert sum(v < cut.low - step for v in values) <= len(values) / 3 + 1
    assert sum(v > cut.high + step for v in values) <= len(values) / 3 + 1
    assert np.allclose([cut.low, cut.high], np.percentile(values, [100 / 3, 200 / 3]), rtol=0, atol=step)


@given(st.floats(50, 600), st.floats(-80, 0), st.floats(1, 30), st.floats(0, 40))
def test_near_boundary_says_whether_there_is_a_neighbour(f0: float, db: float, rate: float, range_st: float) -> None:
    found = CUTS.apply(prosody(f0, db, rate, range_st))
    for group in (found.pitch, found.energy, found.rate):
        assert group.near_boundary == (group.near is not None)
    assert found.intonation.near_boundary == (found.intonation.style_near is not None)
    silent = CUTS.apply(prosody(None, None, None, None))
    assert silent.pitch.near_boundary is silent.energy.near_boundary is silent.intonation.near_boundary is None


@pytest.mark.parametrize(
    ("dataset", "gender", "pitch", "energy"),
    [
        ("own", "female", "own/female", "own"),
        ("own", "male", "all/male", "own"),
        ("own", None, "own/any", "own"),
        ("other", "female", "all/female", "all"),
        (None, None, "all/any", "all"),
    ],
)
def test_the_group_whose_cuts_were_used_is_named(
    dataset: str | None, gender: str | None, pitch: str, energy: str
) -> None:
    cut = Cut(low=1, high=2, count=60)
    own = Cuts(pitch={"female": cut, "any": cut}, energy=cut)
    found = CUTS.model_copy(update={"datasets": {"own": own}}).apply(prosody(), gender, dataset)
    assert (found.pitch.group, found.energy.group, found.rate.group) == (pitch, energy, "all")
    assert found.intonation.group == "all"


def test_a_gender_without_cuts_anywhere_falls_back_to_the_own_pool_then_to_all(utterance: Any) -> None:
    cut = Cut(low=1, high=2, count=60)
    bare = Calibration(name="bare", pitch={"any": cut}, datasets={"own": Cuts(pitch={"any": cut})})
    assert bare.apply(prosody(), "male", "own").pitch.group == "own/any"
    assert bare.apply(prosody(), "male", "other").pitch.group == "all/any"


def test_fitted_cuts_are_frozen(utterance: Any, tmp_path: Path) -> None:
    fitted = Calibration.fit([utterance(i, f0=200.0 + i) for i in range(60)], "mine")
    fitted.save(tmp_path / "cuts.json")
    assert Calibration.load(tmp_path / "cuts.json") == fitted
    assert fitted.fingerprint() == fitted.model_copy(update={"name": "other", "about": {}}).fingerprint()
    edited = json.loads((tmp_path / "cuts.json").read_text())
    edited["energy"]["high"] += 1
    (tmp_path / "cuts.json").write_text(json.dumps(edited))
    with pytest.raises(
        RecipeError, match=r"\(thresholds\.json\): its cuts were changed after they were fitted"
    ) as told:
        Calibration.load(tmp_path / "cuts.json")
    assert "pydantic" not in str(told.value)
    assert "Value error" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"name": "x", "energy": {"low": 2, "high": 1, "count": 3}}', "energy: cuts low=2.0, high=1.0; expected"),
        (b'{"pitch": {}}', "name: Field required"),
        (b"{", "Invalid JSON"),
    ],
)
def test_what_is_wrong_in_a_file_of_cuts_is_said_plainly(text: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "cuts.json").write_bytes(text)
    with pytest.raises(RecipeError, match=message) as told:
        Calibration.load(tmp_path / "cuts.json")
    assert "\n" not in str(told.value)


def test_small_groups_fall_back_to_the_pool(utterance: Any) -> None:
    women = [utterance(i, f0=200.0 + i) for i in range(60)]
    men = [utterance(100 + i, f0=100.0 + i, gender="male") for i in range(49)]
    fitted = Calibration.fit([*women, *men], "some")
    assert set(fitted.pitch) == {"female", "any"}
    assert fitted.pitch["any"].count == 109
    assert fitted.apply(men[0].prosody, "male").pitch.level == "low"
    assert fitted.about["counts"]["male"] == 49


def test_a_dataset_of_its_own_level_gets_its_own_cuts(utterance: Any) -> None:
    loud = [utterance(i, level=-20.0 + i / 20, dataset="loud") for i in range(60)]
    quiet = [utterance(100 + i, level=-50.0 + i / 20, dataset="quiet") for i in range(60)]
    few = [utterance(200 + i, level=-70.0, dataset="few") for i in range(10)]
    fitted = Calibration.fit([*loud, *quiet, *few], "three", by_dataset=True)
    assert fitted.apply(loud[59].prosody).energy.level == "high"
    assert fitted.apply(loud[0].prosody, dataset="loud").energy.level == "low"
    assert fitted.apply(quiet[59].prosody, dataset="quiet").energy.level == "high"
    assert fitted.apply(few[0].prosody, dataset="few").energy.level == fitted.apply(few[0].prosody).energy.level
    assert fitted.datasets["few"].energy is None
    assert Calibration.model_validate_json(fitted.model_dump_json()) == fitted


def test_features_nobody_has_get_no_cut(utterance: Any) -> None:
    fitted = Calibration.fit([utterance(i, f0=None, rate=None, range_st=None) for i in range(60)], "mute")
    assert fitted.pitch == {}
    assert fitted.rate is fitted.style is None
    assert fitted.apply(utterance(0).prosody, "female").pitch.level is None


def test_saved_calibrations_come_back(tmp_path: Path) -> None:
    CUTS.save(tmp_path / "cuts.json")
    assert Calibration.load(tmp_path / "cuts.json") == CUTS


def test_reference_ships_and_says_where_it_comes_from() -> None:
    shipped = Calibration.load("reference")
    assert shipped.name == "reference"
    assert set(shipped.pitch) == {"female", "male", "any"}
    assert shipped.pitch["male"].high < shipped.pitch["female"].high
    assert {"data", "command", "percentiles"} <= set(shipped.about)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"version": 2, "name": "x"}', '{"name": "x", "rate": {"low": 3, "high": 1, "count": 0}}']
)
def test_broken_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(RecipeError, match=r"bad\.json"):
        Calibration.load(tmp_path / "bad.json")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "speech.flac").write_bytes(b"fLaC\x00\x00\x00\xff\xfe")
    with pytest.raises(RecipeError, match=r"speech\.flac does not hold .*thresholds\.json"):
        Calibration.load(tmp_path / "speech.flac")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("rate", "low"), "cuts of rate: low=0.0"),
        (("pitch", "any", "low"), "cuts of pitch of any: low=0.0"),
        (("tolerances", "pitch_st"), "greater than 0"),
        (("tolerances", "energy_db"), "greater than 0"),
        (("tolerances", "rate_share"), "greater than 0"),
        (("tolerances", "range_st"), "greater than 0"),
    ],
)
def test_nothing_is_divided_by_zero(place: tuple[str, ...], message: str, tmp_path: Path) -> None:
    cuts = CUTS.model_dump(mode="json")
    *groups, field = place
    inside = cuts
    for group in groups:
        inside = inside[group]
    inside[field] = 0.0
    (tmp_path / "zero.json").write_text(json.dumps(cuts))
    with pytest.raises(RecipeError, match=message):
        Calibration.load(tmp_path / "zero.json")


def test_missing_calibration_says_what_to_do() -> None:
    with pytest.raises(RecipeError, match=r"nowhere.*calibration fit"):
        Calibration.load("nowhere")
