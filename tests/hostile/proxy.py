"""A proxy in front of the sandbox that lets every request take effect and then answers what a hostile server would.

It speaks to the client byte by byte, so that status lines, headers and lengths can be as wrong as one likes.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass(frozen=True)
class Answer:
    """What the honest server answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def content_type(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")


Malice = Callable[[Answer], Iterator[bytes]]
"""The bytes to send instead: status line, headers and body."""
Chosen = Callable[[], bool]


def plain(answer: Answer, body: bytes | None = None, *more: tuple[str, str], status: int | None = None) -> bytes:
    """An orderly answer with another body, status or more headers."""
    content = answer.body if body is None else body
    kept = [(name, value) for name, value in answer.headers if name.lower() not in HOP_BY_HOP]
    names = {name.lower() for name, _ in more}
    kept = [pair for pair in kept if pair[0].lower() not in names]
    lines = [f"HTTP/1.1 {status or answer.status} Said", *(f"{name}: {value}" for name, value in (*kept, *more))]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode("latin-1") + content


@dataclass
class Proxy:
    """Passes everything on to ``port``; answers for which ``chosen`` is true go through ``malice``.

    ``chosen`` is asked after the honest server has answered, so that it can look at what was asked of it.
    """

    port: int
    malice: Malice | None = None
    chosen: Chosen = field(default=lambda: True)
    struck: int = 0
    sent: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own_port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # One connection to the server for each of the client's: NTLM logs a connection on, not a request.
        server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with suppress(OSError, ValueError, http.client.HTTPException), connection, connection.makefile("rb") as reading:
            while True:
                request = reading.readline().decode("latin-1").split()
                if not request:
                    return
                method, target = request[0], request[1]
                headers: list[tuple[str, str]] = []
                while line := reading.readline().decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    headers.append((name, value.strip()))
                length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
                body = reading.read(length)
                server.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                for name, value in headers:
                    server.putheader(name, value)
                server.endheaders(body or None)
                said = server.getresponse()
                answer = Answer(said.status, tuple(said.getheaders()), said.read())
                if self.malice is None or answer.status == 401 or not self.chosen():
                    connection.sendall(plain(answer))
                    continue
                self.struck += 1
                for piece in self.malice(answer):
                    connection.sendall(piece)
                    self.sent += len(piece)


@dataclass
class Trap:
    """A port nobody may ever come to."""

    visits: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError), connection:
                connection.settimeout(1)
                self.visits.append(connection.recv(65536))
