from __future__ import annotations

import pytest

from emotionthinker.prosody.heard import Heard, unintelligible


@pytest.mark.parametrize(
    ("heard", "refused"),
    [
        (Heard("it is eleven", -0.2, "en"), False),
        (Heard("it is eleven", -1.5, "en"), True),
        (Heard("no " * 20, -0.1, "en"), True),
        (Heard("", -0.1, "en"), True),
    ],
)
def test_made_up_words_are_refused(heard: Heard, refused: bool) -> None:
    assert unintelligible(heard) is refused
