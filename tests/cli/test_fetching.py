from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from emotionthinker.cli import app


def test_what_will_be_fetched_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")  # where models cannot run, nothing is fetched for them
    monkeypatch.setenv("EMOTIONTHINKER_HOME", str(tmp_path / "home"))
    command = ["annotate", str(tmp_path / "none.wav"), "--out", str(tmp_path / "out"), "--workers", "1"]
    told = CliRunner().invoke(app, command).stderr
    assert "226 MB are fetched once (1 GB in" in told
    assert "--no-transcribe needs none" in told
    assert "226 MB" not in CliRunner().invoke(app, [*command, "--no-transcribe"]).stderr
    monkeypatch.setattr("emotionthinker.models.weights.to_fetch_mb", lambda: 0)
    assert "fetched" not in CliRunner().invoke(app, command).stderr
