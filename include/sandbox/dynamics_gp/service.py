"""Dynamics GP as one service of the sandbox: the door in front of both APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from aiohttp import web

from include.sandbox.dynamics_gp.books import Company
from include.sandbox.dynamics_gp.handshake import Door, Entrance, WindowsAccount
from include.sandbox.dynamics_gp.rules import Finding
from include.sandbox.dynamics_gp.sba import SbaRequest, SbaService
from include.sandbox.dynamics_gp.soap import Request, SoapEndpoint
from include.sandbox.stage import Answer, Stage

__all__ = ["DynamicsGp"]

SOAP_PATH = "/DynamicsGPWebServices/DynamicsGPService.asmx"


class DynamicsGp:
    """State and behaviour of a GP installation.

    Tests set the attributes directly: `companies`, `door` (accounts, schemes, whether a connection stays logged on), `tenant`
    of the SBA service, `list_cap` (rows a SOAP list is cut at), `soap_limit` (bytes of a SOAP request), `now`. Faults know the
    SOAP operations by their names and SBA requests as `POST JournalEntries`, `GET JournalEntries()`. The legs of a log-on are
    no calls: nothing runs before it is complete.
    """

    name = "dynamics_gp"

    def __init__(self) -> None:
        self.companies: dict[int, Company] = {}
        self.door = Door()
        self.tenant = "DefaultTenant"
        self.list_cap = 1000
        self.soap_limit = 4 * 1024 * 1024
        self.logs: dict[str, list[Finding]] = {}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._soap = SoapEndpoint(self)
        self._sba = SbaService(self)

    def add_company(self, company: Company) -> Company:
        """Install a company; it takes the installation's clock."""
        company.now = lambda: self.now()
        self.companies[company.id] = company
        return company

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        async def soap(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, stage, self._soap_call)

        async def sba(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, stage, self._sba_call)

        return [web.route("*", SOAP_PATH, soap), web.route("*", "/GPService{rest:.*}", sba)]

    def documents(self) -> list[dict[str, object]]:
        return [
            {
                "company": company.name,
                "journal": str(journal.number),
                "batch": journal.batch,
                "reference": journal.reference,
                "date": journal.day.isoformat(),
                "debit": f"{journal.debit_cents // 100}.{journal.debit_cents % 100:02d}",
                "entries": len(journal.lines),
                "status": "Voided" if journal.voided else journal.state,
            }
            for company in self.companies.values()
            for journal in company.journals
        ]

    async def _answer(
        self,
        request: web.Request,
        stage: Stage,
        prepare: Callable[[web.Request, bytes], tuple[str, Callable[[WindowsAccount], Answer]] | Answer],
    ) -> web.StreamResponse:
        body = await request.read()
        with stage.lock:
            entrance = self.door.enter(request, len(body))
        if entrance.account is None:
            refused = web.Response(status=401)
            for name, value in entrance.headers:
                refused.headers.add(name, value)
            return refused
        prepared = prepare(request, body)
        if isinstance(prepared, Answer):
            return web.Response(body=prepared.body, status=prepared.status, headers=dict(prepared.headers))
        operation, run = prepared
        effect = _with_headers(run, entrance)
        return await stage.perform(request, self.name, operation, body.decode("utf-8", "replace"), effect)

    def _soap_call(self, request: web.Request, body: bytes) -> tuple[str, Callable[[WindowsAccount], Answer]] | Answer:
        if request.method != "POST":
            return Answer(b"", 405)
        if request.content_type != "text/xml" or (request.charset or "").lower() != "utf-8":
            return Answer(b"", 415)
        if len(body) > self.soap_limit:
            return Answer(b"", 413)
        parsed = self._soap.parse(request.headers.get("SOAPAction", ""), body)
        if not isinstance(parsed, Request):
            return parsed
        return parsed.operation, lambda account: self._soap.run(parsed, account)

    def _sba_call(self, request: web.Request, body: bytes) -> tuple[str, Callable[[WindowsAccount], Answer]] | Answer:
        call = SbaRequest(
            request.method,
            request.raw_path,
            request.headers.get("Content-Type", ""),
            request.headers.get("Accept", ""),
            body,
        )
        return call.operation, lambda account: self._sba.run(call, account)


def _with_headers(run: Callable[[WindowsAccount], Answer], entrance: Entrance) -> Callable[[], Answer]:
    def effect() -> Answer:
        assert entrance.account is not None
        answer = run(entrance.account)
        return Answer(answer.body, answer.status, {**answer.headers, **dict(entrance.headers)})

    return effect
