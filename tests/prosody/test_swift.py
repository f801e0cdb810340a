"""The SwiftF0 tracker."""

from __future__ import annotations

import os

from emotionthinker.prosody import swift


def test_the_session_is_made_once() -> None:
    assert swift.detector(os.getpid()) is swift.detector(os.getpid())
