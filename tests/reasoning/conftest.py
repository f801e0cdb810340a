"""A fake OpenAI-compatible endpoint and a file of annotated utterances."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.emotions import EMOTIONS
from emotionthinker.records import write_jsonl

from .strategies import utterance

Reply = tuple[int, dict[str, str], str]
"""Status, headers, body."""


class FakeEndpoint:
    """Answers chat completions with what `reply(request number, request)` returns; keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.reply: Callable[[int, dict[str, Any]], Reply] = lambda number, request: chat("nothing")
        outer = self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.requests.append(request)
                    number = len(outer.requests)
                status, headers, body = outer.reply(number, request)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def chat(text: str) -> Reply:
    """A well-formed chat completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "fake", "choices": [choice]}
    return 200, {}, json.dumps(body)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEndpoint]:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("EMOTIONTHINKER_ENDPOINT_MODEL", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    fake = FakeEndpoint()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """Twelve labelled utterances, one without emotion, one without prosody, one with an unknown emotion, one twice."""
    rows = [utterance(f"u{i}", EMOTIONS[i % 9], pitch=("low", "normal", "high")[i % 3]) for i in range(12)]
    rows += [
        utterance("none", None),
        utterance("bare").model_copy(update={"prosody": None}),
        utterance("odd", "Boredom"),
        rows[0],
    ]
    path = tmp_path / "utterances.jsonl"
    write_jsonl(path, rows)
    return path
