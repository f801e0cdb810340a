from __future__ import annotations

import pytest

from emotionthinker import languages


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("English", "en"),
        ("eng", "en"),
        ("german", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("Mandarin", "zh"),
        ("Scottish Gaelic", "gd"),
        ("en-US", "en-US"),
        ("deu_AT", "de_AT"),
        ("zh-Hans-CN", "zh-Hans-CN"),
        ("yue", "yue"),
        ("Hawaiian", "haw"),
        ("tlh", "tlh"),
        (" it ", "it"),
        ("en_US.UTF-8", "en_US"),
        ("de_DE@euro", "de_DE"),
        ("American English", "en-US"),
        ("British English", "en-GB"),
        ("English (US)", "en-US"),
        ("English (United States)", "en"),
        ("und", None),
        ("und-Latn", None),
        ("MUL", None),
        ("mis", None),
        ("zxx", None),
        ("unknown", None),
        ("Multilingual", None),
        (" ", None),
        (None, None),
    ],
)
def test_languages_become_codes(language: str | None, code: str | None) -> None:
    assert languages.checked(language) == code


@pytest.mark.parametrize("language", ["Elvish", "xx", "jp", "english!", "e", "en US", "12", "no English", "C.UTF-8"])
def test_what_is_no_language_is_refused_with_examples(language: str) -> None:
    with pytest.raises(ValueError, match=r"expected a code of ISO 639 \(en, de, en-US, deu\), an English name"):
        languages.checked(language)


def test_every_language_that_whisper_knows_is_known() -> None:
    whisper = pytest.importorskip("transformers.models.whisper.tokenization_whisper")
    for name, code in whisper.TO_LANGUAGE_CODE.items():
        assert languages.checked(name) == languages.checked(code)
        assert languages.WHISPER.get(languages.checked(code), languages.checked(code)) == code
