from __future__ import annotations

from typing import Any

import pytest

from emotionthinker import progress


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_off_a_terminal_a_line_is_written_now_and_then(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(100, show=True) as advance:
        advance(40, resumed=True)
        for number in range(20):
            clock.now += 3
            advance(1, failed=number == 5)
    assert capsys.readouterr().err.splitlines() == [
        "annotate: 50 of 100, 1 failed, 0:02:30 left",
        "annotate: 60 of 100, 1 failed, 0:02:00 left",
    ]


def test_nothing_is_told_of_what_was_done_before_or_failed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(5, 5, show=True):
        pass
    with pytest.raises(ValueError, match="none"), progress.progress_bar(5, show=True):
        raise ValueError("none")
    with progress.progress_bar(5, show=False) as advance:
        advance()
    assert capsys.readouterr().err == ""
    with progress.progress_bar(2, show=True, what="doctor") as advance:
        advance()
        advance()
    assert capsys.readouterr().err == "doctor: 2 of 2\n"


def test_in_a_terminal_the_bar_is_drawn_with_the_first_row(
    monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(ValueError, match="none"), progress.progress_bar(5, show=True, what="doctor"):
        raise ValueError("none")
    assert capsys.readouterr().err == ""
    with progress.progress_bar(5, show=True, what="doctor") as advance:
        advance()
    assert "doctor" in capsys.readouterr().err


def test_what_is_followed_is_counted_as_it_is_worked_on(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    for number in progress.followed(range(3), 5, "cot", done=2):
        clock.now += 20
        told.append(f"{number} {capsys.readouterr().err}")
    told.append(capsys.readouterr().err)
    assert told == ["0 ", "1 ", "2 cot: 4 of 5, 0:00:20 left\n", "cot: 5 of 5\n"]


def test_the_time_left_is_that_of_rows_worked_in_batches_too(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(32, show=True, what="emotions") as advance:
        clock.now += 80
        advance(8, failed=1)
    assert capsys.readouterr().err == "emotions: 8 of 32, 1 failed, 0:04:00 left\n"
