from __future__ import annotations

import pytest

from emotionthinker.corpora.labels import resolve


@pytest.mark.parametrize(
    ("label", "original", "dataset", "expected"),
    [
        ("calm", None, "ravdess", ("Neutral", "calm")),
        (None, "boredom", "emodb", (None, "boredom")),
        ("Sad", "sadness", "emodb", ("Sad", "sadness")),
        (None, "disgust", "ravdess", ("Contempt/Disgust", "disgust")),
        (None, "W", "emodb", ("Angry", "W")),
        ("Happy", "W", "emodb", ("Happy", "W")),
        (None, None, None, (None, None)),
        ("xxx", None, "iemocap", (None, "xxx")),
    ],
)
def test_the_label_decides_and_the_original_is_kept(
    label: str | None, original: str | None, dataset: str | None, expected: tuple[str | None, str | None]
) -> None:
    assert resolve(label, original, dataset) == expected
