"""The sandbox's HTTP server: several services on one loopback port, in a background thread."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from include.sandbox.expensify import Expensify
from include.sandbox.faults import Faults
from include.sandbox.stage import Call, Service, Stage, json_answer
from include.sandbox.syspro import Syspro

__all__ = ["Sandbox"]

S = TypeVar("S")

# Far above any limit that a service enforces itself, so that the service and not the library says no.
_HEADER_BYTES = 1024 * 1024
_BODY_BYTES = 64 * 1024 * 1024


class Sandbox:
    """Serves Expensify, SYSPRO and any further services on 127.0.0.1.

    Used as a context manager or with `start`/`stop`. `port=0` takes a free port. Further systems are passed
    positionally; `sandbox.service(TheirClass)` returns them typed.
    """

    def __init__(
        self,
        *more: Service,
        expensify: Expensify | None = None,
        syspro: Syspro | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.expensify = expensify or Expensify()
        self.syspro = syspro or Syspro()
        self.services: tuple[Service, ...] = (self.expensify, self.syspro, *more)
        self.stage = Stage()
        self.host = host
        self.port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: Exception | None = None

    @property
    def url(self) -> str:
        """Root URL without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    @property
    def faults(self) -> Faults:
        """Where faults are ordered."""
        return self.stage.faults

    @property
    def lock(self) -> threading.RLock:
        """Held while any effect runs; hold it to read several things that must fit together."""
        return self.stage.lock

    @property
    def calls(self) -> list[Call]:
        """Every request of every service, oldest first."""
        return self.stage.calls

    def operations(self, service: str) -> list[str]:
        """The operation names that one service was asked for, oldest first."""
        return [call.operation for call in self.calls if call.service == service]

    def service(self, kind: type[S]) -> S:
        """The service of that class."""
        for service in self.services:
            if isinstance(service, kind):
                return service
        raise LookupError(f"no {kind.__name__} in this sandbox")

    def start(self) -> Self:
        """Serve until `stop`; returns when the port accepts connections."""
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop serving; open connections are closed."""
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        runner = web.AppRunner(
            self._application(),
            access_log=None,  # URLs hold passwords and documents
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            shutdown_timeout=0.1,
        )
        try:
            loop.run_until_complete(runner.setup())
            site = web.TCPSite(runner, self.host, self.port)
            loop.run_until_complete(site.start())
            self.port = int(runner.addresses[0][1])
        except OSError as error:
            self._failure = error
            self._ready.set()
        else:
            self._ready.set()
            loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        # Late effects that were still to come never will: the server is gone.
        late = asyncio.all_tasks(loop)
        for task in late:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*late, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_BODY_BYTES)
        for service in self.services:
            application.add_routes(service.routes(self.stage))
        application.router.add_get("/sandbox/health", self._health)
        application.router.add_get("/sandbox/documents", self._documents)
        return application

    async def _health(self, request: web.Request) -> web.Response:
        answer = json_answer({"status": "ok", "services": [service.name for service in self.services]})
        return web.Response(body=answer.body, headers=dict(answer.headers))

    async def _documents(self, request: web.Request) -> web.Response:
        with self.lock:
            posted = {service.name: service.documents() for service in self.services}
        answer = json_answer(posted)
        return web.Response(body=answer.body, headers=dict(answer.headers))
