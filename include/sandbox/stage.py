"""What every sandbox service stands on: the lock, the clock, the faults and the record of calls.

A service decodes a request, names the operation and hands its effect to `Stage.perform`, which runs it under
the lock, applies ordered faults and sends the answer. No service knows about faults, and no fault knows about
a service.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web

from include.sandbox.faults import (
    Delay,
    Drip,
    Drop,
    Fault,
    Faults,
    LateEffect,
    Replace,
    Status,
    Truncate,
    Wait,
)

__all__ = ["Answer", "Call", "Service", "Stage", "json_answer"]


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer, as bytes."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request that reached a service: what it was and what became of it.

    `status` is None while the effect has not run; `faults` names the actions that struck.
    """

    service: str
    operation: str
    text: str
    at: datetime
    status: int | None = None
    faults: tuple[str, ...] = ()


class Service(Protocol):
    """One system of the sandbox. A further ERP is one module with a class of this shape."""

    @property
    def name(self) -> str:
        """The name under which faults and documents refer to this service."""

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        """The paths this service answers; all services share one port."""

    def documents(self) -> list[dict[str, object]]:
        """What was posted, as JSON-ready rows for a person or a table."""


def json_answer(value: object, status: int = 200, content_type: str = "application/json") -> Answer:
    """An answer whose body is `value` as JSON."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(body, status, {"Content-Type": content_type})


class _Dropped(Exception):
    """The connection is gone; nothing may be written to it any more."""


class Stage:
    """Runs effects one at a time, under `lock`, with the faults that were ordered."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = Faults()
        self._calls: list[Call] = []
        self._late: set[asyncio.Task[None]] = set()

    @property
    def calls(self) -> list[Call]:
        """Every request so far, oldest first (a copy)."""
        with self.lock:
            return list(self._calls)

    async def perform(
        self, request: web.Request, service: str, operation: str, text: str, effect: Callable[[], Answer]
    ) -> web.StreamResponse:
        """Run `effect` once, unless a fault prevents it, and answer.

        `text` is the decoded request, for fault predicates and the record. Secrets must not be in it.
        """
        before, after = self.faults.take(service, operation, text)
        struck = tuple(type(fault.action).__name__ for fault in (before, after) if fault)
        call = Call(service, operation, text, datetime.now(UTC), faults=struck)
        with self.lock:
            self._calls.append(call)

        def run() -> Answer:
            with self.lock:
                answer = effect()
                call.status = answer.status
            return answer

        try:
            early = await self._before(request, before, run)
            if early is not None:
                return await _send(request, early, None)
            answer = run()
            return await self._after(request, after, answer)
        except _Dropped:
            # aiohttp wants a response object; the transport is already gone, so nothing of it is sent.
            return web.Response(status=500)

    async def _before(self, request: web.Request, fault: Fault | None, run: Callable[[], Answer]) -> Answer | None:
        if fault is None:
            return None
        match fault.action:
            case Drop():
                _abort(request)
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case Wait(happened, seconds):
                await _until(happened, seconds)
            case Status(code, body, headers):
                return Answer(_bytes(body), code, headers)
            case LateEffect(seconds):
                task = asyncio.get_running_loop().create_task(_later(seconds, run))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
                _abort(request)
            case _:
                raise TypeError(f"{fault.action} cannot strike before the effect")
        return None

    async def _after(self, request: web.Request, fault: Fault | None, answer: Answer) -> web.StreamResponse:
        if fault is None:
            return await _send(request, answer, None)
        match fault.action:
            case Drop():
                _abort(request)
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case Wait(happened, seconds):
                await _until(happened, seconds)
            case Status(code, body, headers):
                answer = Answer(_bytes(body), code, headers)
            case Replace(body):
                answer = Answer(_bytes(body), answer.status, answer.headers)
            case Truncate(size, clean):
                if clean:
                    answer = Answer(answer.body[:size], answer.status, answer.headers)
                else:
                    return await _send(request, answer, fault.action)
            case Drip():
                return await _send(request, answer, fault.action)
            case _:
                raise TypeError(f"{fault.action} cannot strike after the effect")
        return await _send(request, answer, None)


async def _until(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)


async def _later(seconds: float, run: Callable[[], Answer]) -> None:
    # Measured by the monotonic clock: a test that waits `seconds` must find the effect done.
    due = time.monotonic() + seconds
    while (left := due - time.monotonic()) > 0:
        await asyncio.sleep(left)
    run()


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise _Dropped


async def _send(request: web.Request, answer: Answer, how: Truncate | Drip | None) -> web.StreamResponse:
    if how is None:
        return web.Response(body=answer.body, status=answer.status, headers=dict(answer.headers))
    response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    response.content_length = len(answer.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        match how:
            case Truncate(size):
                await response.write(answer.body[:size])
                # Give the loop the chance to put the bytes on the wire before the connection is cut.
                await asyncio.sleep(0.05)
                _abort(request)
            case Drip(seconds, pieces):
                step = max(1, -(-len(answer.body) // pieces))
                for start in range(0, len(answer.body), step):
                    await asyncio.sleep(seconds / pieces)
                    await response.write(answer.body[start : start + step])
                await response.write_eof()
    return response
