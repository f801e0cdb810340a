from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from emotionthinker import audio
from emotionthinker.prosody import activity, rate, words

TEXT = "They are coming home tomorrow evening."


def measured(samples: np.ndarray, text: str | None, language: str = "en") -> tuple[Any, list[rate.WordSpan]]:
    return rate.measure(samples, 16000, activity.speech_mask(samples, 16000), text, language)


def test_alignment_finds_every_word_in_order(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    pace, spans = measured(samples, TEXT)
    assert pace.method == "alignment"
    assert [span.text for span in spans] == ["They", "are", "coming", "home", "tomorrow", "evening"]
    assert all(a.end_s <= b.start_s + 1e-6 for a, b in itertools.pairwise(spans))
    assert all(span.aligned and span.end_s - span.start_s >= 0.03 * span.phones - 1e-6 for span in spans)
    assert pace.phones == sum(span.phones for span in spans)
    assert 9 < pace.articulation < 17
    assert pace.speaking <= pace.articulation


def test_alignment_moves_with_the_sound_and_ignores_gain(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    _, spans = measured(samples, TEXT)
    _, moved = measured(np.concatenate([np.zeros(8000, np.float32), 0.25 * samples]), TEXT)
    assert np.allclose([s.start_s for s in spans], [s.start_s - 0.5 for s in moved], atol=0.06)


def test_alignment_does_not_depend_on_the_clip_before(spoken: Any, speech: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    first = measured(samples, TEXT)
    measured(speech(seconds=3.0, seed=3) + 0.05 * np.random.default_rng(0).normal(size=48000), "quite another clip")
    assert measured(samples, TEXT) == first


def test_a_slower_version_has_the_slower_rate(spoken: Any) -> None:
    import soxr

    samples, _ = audio.load(spoken("neutral"))
    slow = soxr.resample(samples, 1.0, 1.25).astype(np.float32)
    ratio = measured(slow, TEXT)[0].articulation / measured(samples, TEXT)[0].articulation
    assert ratio == pytest.approx(1 / 1.25, rel=0.06)


def test_pauses_lower_the_speaking_rate_only(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    pace, spans = measured(samples, TEXT)
    cut = round(spans[2].end_s * 16000)
    paused, _ = measured(np.concatenate([samples[:cut], np.zeros(16000, np.float32), samples[cut:]]), TEXT)
    assert paused.articulation == pytest.approx(pace.articulation, rel=0.08)
    assert paused.speaking < 0.8 * pace.speaking


def test_unknown_words_and_numbers_are_aligned(spoken: Any) -> None:
    samples, _ = audio.load(spoken("neutral"))
    pace, spans = measured(samples, "They are comming 2 zorro evenning")
    assert pace.method == "alignment"
    assert [span.text for span in spans][3] == "2"


MIXED = ("the MP3日 is here now", "I am B2北京 very sad", "we met at 5жук today friends")


def test_mixed_scripts_do_not_kill_the_interpreter(spoken: Any) -> None:
    """In a process of its own: a pronunciation without phones is a segmentation fault of the aligner."""
    code = (
        "from emotionthinker import audio\n"
        "from emotionthinker.prosody import activity, rate, words\n"
        f"samples, _ = audio.load({str(spoken('neutral'))!r})\n"
        "speech = activity.speech_mask(samples, 16000)\n"
        f"for text in {MIXED!r}:\n"
        "    print(rate.measure(samples, 16000, speech, text)[0].method)\n"
        "    print(rate.align(samples, 16000, words.read(text), speech) is None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["nuclei+vad", "True"] * len(MIXED)


def test_german_text_is_not_aligned_with_the_english_model(speech: Any) -> None:
    pace, spans = measured(speech(seconds=2.0), "Das will sie am Mittwoch abgeben", "de")
    assert pace.method == "letters+vad"
    assert [span.text for span in spans] == ["Das", "will", "sie", "am", "Mittwoch", "abgeben"]
    assert not any(span.aligned for span in spans)


def test_failed_alignment_falls_back_to_the_dictionary(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_pass", lambda *_: None)
    pace, spans = measured(speech(seconds=2.0), "kids are talking by the door")
    assert pace.method == "dictionary+vad"
    assert pace.phones == sum(words.count(words.read("kids are talking by the door")))
    assert spans
    assert not any(span.aligned for span in spans)


def test_alignment_squeezed_into_a_corner_is_not_believed(speech: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rate, "_pass", lambda _, names, __: [(0.1 + i * 0.1, 0.2 + i * 0.1, 3) for i in range(len(names))]
    )
    assert measured(speech(seconds=6.0), "kids are talking by the door")[0].method == "dictionary+vad"


def test_words_laid_over_silence_are_not_believed(spoken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = audio.load(spoken("neutral"))
    padded = np.concatenate([samples, np.zeros(4 * 16000, np.float32)])
    monkeypatch.setattr(rate, "_pass", lambda _, names, __: [(i * 0.9, i * 0.9 + 0.9, 4) for i in range(len(names))])
    assert measured(padded, TEXT)[0].method == "dictionary+vad"


def test_failed_passes_are_repeated_three_times_at_most(spoken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last attempt has wider beams, on the sound with the first noise."""
    samples, _ = audio.load(spoken("neutral"))
    real, seen = rate._pass, []

    def flaky(decoder: Any, names: list[str], pcm: bytes) -> Any:
        seen.append((decoder.config["bestpath"], pcm))
        return real(decoder, names, pcm) if len(seen) == 3 else None

    monkeypatch.setattr(rate, "_pass", flaky)
    assert measured(samples, TEXT)[0].method == "alignment"
    assert [bool(lattice) for lattice, _ in seen] == [True, True, False]
    assert seen[0][1] == seen[2][1] != seen[1][1]
    monkeypatch.setattr(rate, "_pass", lambda *_: seen.append((None, b"")))
    assert measured(samples, TEXT)[0].method == "dictionary+vad"
    assert len(seen) == 6


def test_an_alignment_that_leaves_out_speech_is_tried_again(spoken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = audio.load(spoken("neutral"))
    whole = rate.measure(samples, 16000, activity.speech_mask(samples, 16000), TEXT)[0]
    real, seen = rate._pass, []

    def lossy(decoder: Any, names: list[str], pcm: bytes) -> Any:
        timed = real(decoder, names, pcm)
        seen.append(len(timed))
        keep = 0.6 if len(seen) != 2 else 0.8
        return [(start, start + keep * (end - start), phones) for start, end, phones in timed]

    monkeypatch.setattr(rate, "_pass", lossy)
    again = measured(samples, TEXT)[0]
    assert len(seen) == 3
    assert again.articulation == pytest.approx(whole.articulation / 0.8**0.5, rel=0.05), (
        "of the words' time, the second"
    )


@pytest.mark.parametrize("side", ["before", "after"])
def test_noise_that_the_aligner_gives_to_an_outer_word_hardly_counts(
    spoken: Any, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    samples, _ = audio.load(spoken("neutral"))
    noise = 0.01 * np.random.default_rng(0).normal(size=16000).astype(np.float32)
    noisy = np.concatenate([noise, samples, noise])
    right, spans = measured(noisy, TEXT)
    real = rate._pass

    def reaching(decoder: Any, names: list[str], pcm: bytes) -> Any:
        timed = real(decoder, names, pcm)
        (first, second, *_), (*_, last) = timed, timed
        timed[0] = (first[0] - 0.5 * (side == "before"), *first[1:])
        timed[-1] = (last[0], last[1] + 0.5 * (side == "after"), last[2])
        assert second[0] > first[0]
        return timed

    monkeypatch.setattr(rate, "_pass", reaching)
    found, reached = measured(noisy, TEXT)
    assert reached[-1].end_s - reached[0].start_s == pytest.approx(spans[-1].end_s - spans[0].start_s + 0.5, abs=0.02)
    assert found.method == "alignment"
    assert found.articulation == pytest.approx(right.articulation, rel=0.08), "0.5 s of 1.6 would be a quarter"


def test_speech_that_activity_misses_is_still_aligned(spoken: Any) -> None:
    """Quiet speech in noise: the mask holds less than half of it, so the text looks implausible but is not."""
    samples, _ = audio.load(spoken("neutral"))
    mask = activity.speech_mask(samples, 16000)
    whole, _ = rate.measure(samples, 16000, mask, TEXT)
    first, last = np.flatnonzero(mask)[[0, -1]]
    loud = np.zeros_like(mask)
    half = slice(first, first + 43 * (last - first) // 100)
    loud[half] = mask[half]
    assert whole.phones > rate.MAX_PHONES_A_SECOND * loud.sum() / 100
    found, spans = rate.measure(samples, 16000, loud, TEXT)
    assert (found.method, found.reason) == ("alignment", None)
    assert found.articulation == pytest.approx(whole.articulation, rel=0.01)
    assert len(spans) == 6


def test_text_that_cannot_have_been_spoken_is_not_used(speech: Any) -> None:
    pace, spans = measured(speech(seconds=1.0), "far too many words for a single second of speech " * 3)
    assert (pace.method, pace.reason, spans) == ("nuclei+vad", "implausible_text", [])


@pytest.mark.parametrize(("text", "language"), [("so", "en"), ("na ja", "de"), ("oh no", "en")])
def test_text_that_is_hardly_any_of_the_speech_is_not_used(text: str, language: str, speech: Any) -> None:
    """Sixteen syllables: a rate of one phone a second would be nonsense."""
    pace, spans = measured(speech(seconds=4.0), text, language)
    assert (pace.method, pace.reason, spans) == ("nuclei+vad", "implausible_text", [])


def test_a_short_text_may_have_a_syllable_too_many(speech: Any) -> None:
    pace, spans = measured(speech(seconds=0.8), "na", "de")  # three
    assert (pace.method, pace.reason, len(spans)) == ("letters+vad", None, 1)


def test_without_text_syllables_are_counted(speech: Any) -> None:
    samples = speech(seconds=3.0)  # four syllables a second
    speaking = activity.speech_mask(samples, 16000)
    assert len(rate.syllable_nuclei(samples, 16000, speaking)) == pytest.approx(12, abs=1)
    assert rate.measure(samples, 16000, speaking)[0].method == "nuclei+vad"


@pytest.mark.parametrize("sound", ["white noise", "red noise", "145", "220", "440"])
def test_sound_without_syllables_has_no_rate(sound: str) -> None:
    samples = 0.1 * np.random.default_rng(0).normal(size=32000)
    if sound == "red noise":
        samples = np.fft.irfft(np.fft.rfft(samples) / np.arange(1, 16002))
        samples *= 0.1 / samples.std()
    elif sound.isdigit():
        samples = 0.3 * np.sin(2 * np.pi * float(sound) * np.arange(32000) / 16000)
    pace, spans = measured(samples.astype(np.float32), None)
    assert (pace.articulation, pace.reason, spans) == (None, "too_few_syllables", [])


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(16000, np.float32), "silent"),
        (np.zeros(800, np.float32), "silent"),
        (np.zeros(0, np.float32), "silent"),
    ],
)
def test_silence_has_a_reason(samples: np.ndarray, reason: str) -> None:
    pace, spans = measured(samples, "some words")
    assert (pace.articulation, pace.reason, spans) == (None, reason, [])


@pytest.mark.parametrize("seconds", [0.02, 0.04, 0.1])
def test_a_blip_is_too_short(speech: Any, seconds: float) -> None:
    assert measured(speech(seconds=seconds), None)[0].reason == "too_short"


def test_spread_deals_out_speech_frames_only() -> None:
    mask = np.zeros(300, bool)
    mask[50:100] = mask[200:250] = True
    spans = rate.spread(words.read("ab cd"), [1, 1], mask)
    assert [(s.start_s, s.end_s) for s in spans] == [(0.5, 1.0), (2.0, 2.5)]
    assert rate.spread(words.read("a b c d e"), [1] * 5, np.ones(3, bool)) == []


@pytest.mark.real
def test_real_speech_aligns(shared_speech: Any) -> None:
    clips = [row for row in shared_speech if row["dataset"] == "crema_d"][::60]
    methods = []
    for row in clips:
        samples, _ = audio.load(row["audio"])
        methods.append(measured(samples, row["transcript"])[0].method)
    assert methods.count("alignment") >= 0.85 * len(methods)


@pytest.mark.parametrize("name", ["neutral", "happy", "sad"])
def test_silence_around_the_sound_moves_no_aligned_word(spoken: Any, name: str) -> None:
    samples, _ = audio.load(spoken(name))
    second = np.zeros(16000, np.float32)
    alone, spans = measured(samples, TEXT)
    within, later = measured(np.concatenate([second, samples, second]), TEXT)
    assert alone.method == "alignment"
    assert within == alone
    assert [s.text for s in spans] == [s.text for s in later]
    assert np.allclose([s.start_s + 1 for s in spans], [s.start_s for s in later], atol=2e-3)
