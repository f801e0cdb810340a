from __future__ import annotations

import pytest

from emotionthinker.corpora import known_bad


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("MELD/train_splits/dia125_utt3.mp4", True),
        ("MELD/train_splits_wav/dia125_utt3.wav", True),
        ("MELD/train/dia125_utt3.wav", True),
        ("MELD/dev_splits_complete/dia125_utt3.mp4", False),
        ("MELD/dev_splits_complete/dia110_utt7.mp4", True),
        ("MELD/output_repeated_splits_test/dia38_utt4.mp4", True),
        ("elsewhere/dia125_utt3.mp4", False),
    ],
)
def test_a_clip_is_known_by_folder_and_name(path: str, known: bool) -> None:
    assert (known_bad.of_file(path) is not None) is known


def test_every_flaw_says_where_it_was_reported() -> None:
    assert known_bad.FLAWS
    assert all("/issues/" in flaw.source and flaw.what for flaw in known_bad.FLAWS.values())
