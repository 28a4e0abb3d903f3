"""A tiny HTTP server for one test: it answers with a list of prepared answers and keeps what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Scripted:
    """One answer. ``cut`` announces more bytes than are sent; ``delay_s`` passes before the first byte."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    path: str
    content_type: str
    form: dict[str, str]

    @property
    def job(self) -> dict[str, Any]:
        return dict(json.loads(self.form["requestJobDescription"]))


@dataclass
class ScriptedServer:
    url: str
    answers: list[Scripted]
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted(*answers: Scripted) -> Iterator[ScriptedServer]:
    """Serve the answers in order, then 599."""
    state = ScriptedServer("", list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        log_message: Callable[..., None] = lambda *_: None

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8")
            form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
            state.asked.append(Asked(self.path, self.headers["Content-Type"], form))
            answer = state.answers.pop(0) if state.answers else Scripted(status=599)
            time.sleep(answer.delay_s)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/plain;charset=utf-8")
            self.send_header("Content-Length", str(len(answer.body) + (1000 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.cut:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def error(code: object, message: str = "", *, status: int = 200, headers: Mapping[str, str] | None = None) -> Scripted:
    """An error envelope."""
    body = json.dumps({"responseMessage": message, "responseCode": code}).encode()
    return Scripted(body, status, headers or {})
