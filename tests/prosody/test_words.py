from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.prosody import letters, numerals, words


def said(text: str, language: str = "en") -> str:
    return " ".join(part for word in words.read(text, language) for part in word.spoken)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's eleven o'clock.", "it's eleven o'clock"),
        ("Dr. Smith vs. Mr. Jones, etc.", "doctor smith versus mister jones et cetera"),
        ("No. 5 said no.", "number five said no"),
        ("I paid $25 at 10:30!", "i paid twenty five dollars at ten thirty"),
        ("3.5% of it", "three point five percent of it"),
        ("1984, 1905 and 2000", "nineteen eighty four nineteen oh five and two thousand"),
        ("the 21st of 1,250", "the twenty first of one thousand two hundred fifty"),
        ("well-known – “quoted” words…", "well known quoted words"),
        ("salt & pepper [laughs] <b>now</b>", "salt and pepper now"),
        ("STOP! The XQJ is off", "stop the x q j is off"),
        ("007", "zero zero seven"),
        ("...", ""),
    ],
)  # fmt: skip
def test_text_is_read_as_it_is_said(text: str, expected: str) -> None:
    assert said(text) == expected


def test_words_keep_their_shown_form() -> None:
    assert [w.text for w in words.read('He said: "Don\'t, 25!"')] == ["He", "said", "Don't", "25"]


def test_german_numbers_and_umlauts() -> None:
    assert said("21 Häuser, ca. 2.000,5 km", "de-DE") == "einundzwanzig häuser zirka zweitausend komma fünf km"


@given(st.integers(0, 10**9 - 1))
def test_cardinals_are_reversible(number: int) -> None:
    assert _value(numerals.cardinal(number)) == number


def _value(spoken: list[str]) -> int:
    units = {word: n for n in range(20) for word in numerals.cardinal(n)}
    units |= {numerals.cardinal(n)[0]: n for n in range(20, 100, 10)}
    total = current = 0
    for word in spoken:
        if word == "hundred":
            current *= 100
        elif word in ("thousand", "million"):
            total += current * {"thousand": 1000, "million": 10**6}[word]
            current = 0
        else:
            current += units[word]
    return total + current


@given(st.integers(0, 10**9 - 1))
def test_german_cardinals_hold_only_letters(number: int) -> None:
    spoken = numerals.cardinal(number, "de")
    assert spoken
    assert all(word.isalpha() for word in spoken)


@pytest.mark.parametrize("number", [-1, 10**9])
def test_cardinal_refuses_what_it_cannot_spell(number: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= number"):
        numerals.cardinal(number)


@given(st.text(max_size=60), st.sampled_from(["en", "de", "fr", "zh", None]))
def test_any_text_can_be_read(text: str, language: str | None) -> None:
    for word in words.read(text, language):
        assert word.spoken
        assert all(part for part in word.spoken)
        words.count([word], language)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("hour", "AW ER"), ("clock", "K L AA K"), ("squirble's", "S K W ER B AH L Z"), ("kids", "K IH D Z")],
)
def test_phones_of_english_words(word: str, expected: str) -> None:
    assert " ".join(words.phones(word)) == expected


def test_letter_rules_count_phones_of_dictionary_words() -> None:
    entries = [(word, entry.split()) for word, entry in words.dictionary().items() if word.isalpha()][::200]
    counts = [(len(letters.english(word)), len(entry)) for word, entry in entries]
    right = sum(ours == theirs for ours, theirs in counts) / len(counts)
    bias = sum(ours for ours, _ in counts) / sum(theirs for _, theirs in counts) - 1
    assert right > 0.72
    assert abs(bias) < 0.03


def test_every_rule_phone_is_one_the_aligner_knows() -> None:
    inventory = {phone for entry in list(words.dictionary().values())[::7] for phone in entry.split()}
    for word in ("phlegmwrought", "xyzzy", "quoiley", "bjork", "tsk", "mmm", "hrrmph"):
        assert set(letters.english(word)) <= inventory


@pytest.mark.parametrize(
    ("word", "count"), [("stunden", 7), ("gehen", 4), ("schwarz", 5), ("häuser", 4), ("wasser", 4)]
)
def test_german_letter_rules_count_phones(word: str, count: int) -> None:
    assert len(words.phones(word, "de")) == count


def test_scripts_that_do_not_spell_sounds_give_no_phones() -> None:
    assert words.phones("你好", "zh") == ()
    assert len(words.phones("привет", "ru")) == 6


@pytest.mark.parametrize(("language", "code"), [("en-GB", "en"), ("DE_at", "de"), (None, "en"), ("", "en")])
def test_primary_language(language: str | None, code: str) -> None:
    assert words.primary(language) == code
