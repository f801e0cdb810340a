from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker import audio, records
from emotionthinker.prosody import activity, pitch, rate, stress

RATE = 16000


def tone_words(
    lengths: list[float], f0s: list[float], gains: list[float]
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Harmonic tones as words with 60 ms of silence between them, and their spans."""
    parts, spans, time = [], [], 0.0
    for length, f0, gain in zip(lengths, f0s, gains, strict=True):
        t = np.arange(round(length * RATE)) / RATE
        tone = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in range(1, 12))
        window = np.minimum(1, np.minimum(t, length - t) / 0.02)
        parts += [gain * 0.1 * tone * window, np.zeros(round(0.06 * RATE))]
        spans.append((time, time + length))
        time += length + 0.06
    return np.concatenate(parts).astype(np.float32), spans


@pytest.mark.parametrize("cue", ["longer", "higher", "louder"])
@pytest.mark.parametrize("place", [0, 2])
def test_each_cue_alone_lifts_its_word(cue: str, place: int) -> None:
    lengths, f0s, gains = [0.3] * 5, [180.0] * 5, [1.0] * 5
    if cue == "longer":
        lengths[place] = 0.5
    elif cue == "higher":
        f0s[place] = 250.0
    else:
        gains[place] = 2.5
    samples, spans = tone_words(lengths, f0s, gains)
    scores = stress.prominence(samples, RATE, spans)
    assert int(np.argmax(scores)) == place


def test_length_counts_by_phone() -> None:
    samples, spans = tone_words([0.3, 0.6, 0.3, 0.3], [180.0] * 4, [1.0] * 4)
    by_phone = stress.prominence(samples, RATE, [(*span, n) for span, n in zip(spans, [3, 8, 3, 3], strict=True)])
    assert int(np.argmax(stress.prominence(samples, RATE, spans))) == 1
    assert int(np.argmax(by_phone)) != 1


def test_prominence_ignores_gain_and_a_given_track_changes_nothing() -> None:
    samples, spans = tone_words([0.3, 0.4, 0.3, 0.3], [180, 220, 180, 170], [1.0, 1.5, 1.0, 0.8])
    scores = stress.prominence(samples, RATE, spans)
    assert np.allclose(scores, stress.prominence(0.2 * samples, RATE, spans), atol=0.05)
    assert scores == stress.prominence(samples, RATE, spans, track=pitch.track(samples, RATE))
    assert abs(sum(scores)) < 1e-2


def test_declination_is_no_stress_on_the_first_word() -> None:
    f0s = [240.0, 225.0, 250.0, 200.0, 188.0]  # the third stands out from a falling line
    samples, spans = tone_words([0.3] * 5, f0s, [1.0] * 5)
    assert int(np.argmax(stress.prominence(samples, RATE, spans))) == 2


def test_a_voice_that_grows_faint_does_not_hide_late_stress() -> None:
    """Every other syllable is as much louder than its neighbours, the last ones softer than the first unstressed."""
    gains = [4.0 * 0.75**i * (1.5 if i % 2 else 1.0) for i in range(9)]
    samples, spans = tone_words([0.25] * 9, [180.0] * 9, gains)
    scores = stress.prominence(samples, RATE, spans, weights=stress.Cues(0, 1, 0, 0, 0, 0))
    assert min(scores[1:8:2]) > max(scores[2:7:2])


@given(
    values=st.lists(st.floats(-50, 50), min_size=2, max_size=9), slope=st.floats(-5, 5), level=st.floats(-90, 90)
)  # fmt: skip
def test_against_its_neighbours_neither_level_nor_trend_counts(values: list[float], slope: float, level: float) -> None:
    spans, plain = [(float(i), i + 1.0) for i in range(len(values))], np.array(values)
    found = stress._against_neighbours(spans, plain)
    np.testing.assert_allclose(stress._against_neighbours(spans, plain + level), found, atol=1e-9)
    tilted = stress._against_neighbours(spans, plain + slope * np.arange(len(values)))
    np.testing.assert_allclose(tilted[1:-1], found[1:-1], atol=1e-9)
    assert found[0] == pytest.approx(values[0] - values[1])
    twice = stress._against_neighbours([*spans, spans[0]], np.append(plain, plain[0]))
    np.testing.assert_array_equal(twice, [*found, found[0]])


def test_nothing_to_compare() -> None:
    samples, spans = tone_words([0.4], [180.0], [1.0])
    assert stress.prominence(samples, RATE, []) == []
    assert stress.prominence(samples, RATE, spans) == [0.0]
    silent = stress.prominence(np.zeros(RATE, np.float32), RATE, [(0.0, 0.4), (0.4, 0.8), (0.8, 0.95)])
    assert silent == [0.0] * 3


def test_function_words_are_damped_and_few_words_left_alone() -> None:
    assert stress.choose([1.2, 0.1, 1.0], ["the", "red", "clock"]) == {2}
    assert stress.choose([2.0, 0.1, 0.0], ["THE", "red", "clock"]) == {0}
    samples, spans = tone_words([0.3, 0.6], [180, 260], [1.0, 2.0])
    words = [rate.WordSpan(t, *span, 3, True) for t, span in zip(("oh", "no"), spans, strict=True)]
    found = stress.measure(samples, RATE, words)
    assert (found.stressed, found.reason, len(found.words)) == ([], "too_few_words", 2)


def test_spread_words_are_named_as_such() -> None:
    samples, spans = tone_words([0.3] * 4, [180, 180, 260, 180], [1, 1, 2, 1])
    words = [rate.WordSpan(t, *span, 3, False) for t, span in zip("abcd", spans, strict=True)]
    found = stress.measure(samples, RATE, words, language="fr")
    assert found.method == records.ACOUSTIC_SPREAD != records.ACOUSTIC
    assert found.stressed == ["c"]


@given(st.lists(st.floats(-3, 3), max_size=60))
def test_the_highest_scores_are_chosen_and_only_over_the_threshold(scores: list[float]) -> None:
    chosen = stress.choose(scores, ["word"] * len(scores))
    assert all(scores[i] >= stress.THRESHOLD for i in chosen)
    assert all(scores[i] <= min(scores[k] for k in chosen) for i in range(len(scores)) if chosen and i not in chosen)


@pytest.mark.parametrize(("words", "stressed"), [(3, 3), (20, 3), (21, 6), (40, 6), (41, 9)])
def test_long_clips_have_three_in_every_twenty(words: int, stressed: int) -> None:
    assert len(stress.choose([2.0] * words, ["word"] * words)) == stressed


def test_emphasis_put_on_a_spoken_word_is_heard(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    mask = activity.speech_mask(samples, RATE)
    _, spans = rate.measure(samples, RATE, mask, "They are coming home tomorrow evening.")
    before = stress.measure(samples, RATE, spans).words[3]
    louder = samples.copy()
    louder[round(before.start_s * RATE) : round(before.end_s * RATE)] *= 4.0
    after = stress.measure(louder, RATE, spans).words[3]
    assert before.text == "home"
    assert after.score > before.score + 0.3


def glide(f0_start: float, f0_end: float, length: float = 0.3) -> np.ndarray:
    """A harmonic tone whose F0 moves evenly."""
    t = np.arange(round(length * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(f0_start + (f0_end - f0_start) * t / length) / RATE
    window = np.minimum(1, np.minimum(t, length - t) / 0.02)
    return np.asarray(0.1 * sum(np.sin(k * phase) / k for k in range(1, 12)) * window, np.float32)


def test_a_rise_within_the_syllable_lifts_it_over_a_fall() -> None:
    parts = [glide(180, 180), glide(240, 160), glide(160, 240), glide(180, 180), glide(180, 180)]
    samples = np.concatenate(parts)
    spans = [(0.3 * i, 0.3 * (i + 1)) for i in range(5)]
    scores = stress.prominence(samples, RATE, spans)
    assert scores[2] > scores[1]
    assert int(np.argmax(scores)) == 2


def test_effort_counts_more_than_low_loudness() -> None:
    t = np.arange(round(0.3 * RATE)) / RATE
    plain = np.asarray(0.1 * sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 20)), np.float32)
    low = np.asarray(0.1 * np.sin(2 * np.pi * 150 * t), np.float32)
    bright = np.asarray(0.1 * sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(6, 20)), np.float32)
    samples = np.concatenate([plain, plain + low, plain + bright, plain, plain])
    scores = stress.prominence(samples, RATE, [(0.3 * i, 0.3 * (i + 1)) for i in range(5)])
    assert int(np.argmax(scores)) == 2


def test_length_outweighs_loudness_and_pitch_together() -> None:
    samples, spans = tone_words([0.2, 0.2, 0.4, 0.2, 0.2], [180, 230, 180, 180, 180], [1, 2, 1, 1, 1])
    assert int(np.argmax(stress.prominence(samples, RATE, spans))) == 2
    assert int(np.argmax(stress.prominence(samples, RATE, spans, weights=stress.EQUAL))) == 1


def test_loudness_adds_up_where_the_sound_goes_on() -> None:
    """Of spans equally long and equally loud at their peak, the one that stays loud stands out."""
    samples, spans = tone_words([0.3] * 5, [180.0] * 5, [1.0] * 5)
    fading = samples.copy()
    for i in (0, 1, 3, 4):
        start = round(spans[i][0] * RATE)
        fading[start + round(0.1 * RATE) : start + round(0.3 * RATE)] *= 0.1
    assert int(np.argmax(stress.prominence(fading, RATE, spans))) == 2


def test_the_last_span_is_longer_without_being_prominent() -> None:
    samples, spans = tone_words([0.3, 0.36, 0.3, 0.37], [180.0] * 4, [1.0] * 4)
    assert int(np.argmax(stress.prominence(samples, RATE, spans))) == 1


def test_weights_sum_to_one() -> None:
    assert sum(stress.BY_LENGTH) == pytest.approx(1)
    assert sum(stress.EQUAL) == pytest.approx(1)


SOUNDS = {
    "silence": np.zeros(RATE, np.float32),
    "noise": np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32),
    "nothing": np.zeros(0, np.float32),
    "voice": glide(120, 240, 1.0),
}


@pytest.mark.parametrize("kind", sorted(SOUNDS))
@settings(max_examples=15)
@given(spans=st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)).map(sorted), max_size=8))
def test_any_spans_in_any_sound_get_finite_scores_about_zero(kind: str, spans: list[list[float]]) -> None:
    scores = stress.prominence(SOUNDS[kind], RATE, [(start, end) for start, end in spans])
    assert len(scores) == len(spans)
    assert np.isfinite(scores).all()
    assert abs(sum(scores)) < 1e-3 * (1 + len(scores))


@pytest.mark.parametrize(
    "span", [(0.5, 0.2), (float("nan"), 0.5), (0.2, float("inf")), (-0.6, 0.5), (200, 500), (0.5, 31)]
)
def test_spans_that_are_no_seconds_of_the_sound_are_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"span 1 is .*expected seconds"):
        stress.prominence(SOUNDS["voice"], RATE, [(0.0, 0.3), span])


@pytest.mark.parametrize(
    "span",
    [
        (None, 0.5),
        ("a", 0.2),
        (0.2, 0.5, "a"),
        (0.2, 0.5, -1),
        (0.2, 0.5, float("nan")),
        (0.2, 0.5, 1, 1),
        0.2,
        {"start": 1},
    ],
)
def test_spans_of_another_form_are_refused(span: Any) -> None:
    with pytest.raises(ValueError, match=r"span 1 is .*expected \(start_s, end_s\)"):
        stress.prominence(SOUNDS["voice"], RATE, [(0.0, 0.3), span])


@pytest.mark.parametrize(("shape", "rate_hz"), [((2, RATE), RATE), ((RATE, 1), RATE), ((RATE,), 0)])
def test_sound_that_is_not_mono_or_has_no_rate_is_refused(shape: tuple[int, ...], rate_hz: int) -> None:
    with pytest.raises(ValueError, match=r"samples are .*expected mono \[n\] at a rate over 0"):
        stress.prominence(np.ones(shape, np.float32), rate_hz, [(0.0, 0.3), (0.3, 0.6)])


@given(order=st.permutations(range(5)))
@settings(max_examples=20)
def test_scores_belong_to_spans_in_any_order_and_form(order: list[int]) -> None:
    samples, spans = tone_words([0.3, 0.4, 0.3, 0.35, 0.3], [180, 220, 180, 170, 190], [1.0, 1.5, 1.0, 0.8, 1.0])
    scores = stress.prominence(samples, RATE, spans)
    shuffled = stress.prominence((32767 * samples).astype(np.int16), RATE, np.array([spans[i] for i in order]))
    assert np.allclose(shuffled, [scores[i] for i in order], atol=0.02)
    assert stress.prominence(samples, RATE, (span for span in spans)) == scores


def test_an_end_behind_the_sound_and_a_mark_of_no_length_do_not_hide_the_rest() -> None:
    samples, spans = tone_words([0.3, 0.4, 0.3, 0.35, 0.3], [180, 220, 180, 170, 190], [1.0, 1.5, 1.0, 0.8, 1.0])
    scores = stress.prominence(samples, RATE, spans)
    end_s = len(samples) / RATE
    late = stress.prominence(samples, RATE, [*spans[:-1], (spans[-1][0], end_s + 0.4)])
    assert late == stress.prominence(samples, RATE, [*spans[:-1], (spans[-1][0], end_s)])
    marked = stress.prominence(samples, RATE, [*spans, (0.2, 0.2)])
    assert int(np.argmin(marked)) == 5
    assert int(np.argmax(marked)) == int(np.argmax(scores)) == 1
    twice = stress.prominence(samples, RATE, [*spans, spans[-1]])
    assert twice[-1] == twice[-2]


def test_words_of_a_record_weigh_their_cues_equally() -> None:
    samples, spans = tone_words([0.3, 0.4, 0.3, 0.3], [180, 220, 180, 170], [1.0, 1.5, 1.0, 0.8])
    words = [rate.WordSpan(text, *span, 3, True) for text, span in zip("abcd", spans, strict=True)]
    timed = [(*span, 3) for span in spans]
    scores = [word.score for word in stress.measure(samples, RATE, words).words]
    assert scores == stress.prominence(samples, RATE, timed, weights=stress.EQUAL)
    assert scores != stress.prominence(samples, RATE, timed)


HEARD = {  # the syllables of two sentences in ARPAbet, and how much stress each is expected to have
    "It's eleven o'clock": (["IH T S", "IH", "L EH V", "AH N", "AH", "K L AA K"], [0, 0, 2, 0, 0, 2]),
    "Don't forget a jacket": (["D OW N T", "F ER", "G EH T", "AH", "JH AE", "K AH T"], [1, 0, 2, 0, 2, 0]),
}


@pytest.mark.real
def test_stressed_syllables_of_real_speech_stand_out(shared_speech: list[dict[str, Any]]) -> None:
    import os

    from scipy.stats import spearmanr

    decoder = rate._decoder(os.getpid())
    found: dict[str, list[float]] = {"default": [], "equal": []}
    for text, (syllables, levels) in HEARD.items():
        names = [f"syllable_{s.lower().replace(' ', '_')}" for s in syllables]
        for name, phones in zip(names, syllables, strict=True):
            if decoder.lookup_word(name) is None:
                decoder.add_word(name, phones, True)
        for row in [row for row in shared_speech if row.get("transcript") == text][:20]:
            samples, _ = audio.load(row["audio"])
            timed = rate._pass(decoder, names, rate._pcm(samples, RATE, 0))
            if timed is None:
                continue
            spans = [(start, end) for start, end, _ in timed]
            track = pitch.track(samples, RATE)
            for kind, weights in (("default", stress.BY_LENGTH), ("equal", stress.EQUAL)):
                scores = stress.prominence(samples, RATE, spans, track=track, weights=weights)
                found[kind].append(float(spearmanr(scores, levels).statistic))
    assert len(found["default"]) > 25
    assert np.mean(found["default"]) > max(0.6, np.mean(found["equal"]))
