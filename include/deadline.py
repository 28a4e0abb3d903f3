"""A total deadline for a request, below httpx and httpcore, which know time-outs of single reads and writes only."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

_SHORTEST_TIMEOUT_S = 0.001
_WRITE_BYTES = 4096


@dataclass
class Deadline:
    """Shared by a client's streams: the moment (monotonic seconds) at which the request under way is given up."""

    at: float = float("inf")

    def left(self, timeout: float | None) -> float | None:
        """Seconds that one step may take: its own time-out, or less. :raises httpcore.ReadTimeout: the deadline is over."""
        if self.at == float("inf"):
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("total deadline reached")
        return max(_SHORTEST_TIMEOUT_S, left if timeout is None else min(left, timeout))


class _Stream(httpcore.NetworkStream):
    """A socket whose every read and write ends at the total deadline, however slowly the bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # httpcore gives each partial send the whole timeout: a server that reads slowly would stretch it without end.
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        tls = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(tls, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose every step ends at the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._backend = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *(socket_options or [])]
        left = self._deadline.left(timeout)
        return _Stream(self._backend.connect_tcp(host, port, left, local_address, options), self._deadline)
