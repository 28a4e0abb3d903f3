"""SYSPRO's e.net REST service and the dispatch that it shares with SOAP.

Every REST operation is a GET, posting included. Refusals are the text `ERROR: ...` under HTTP 200.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Literal
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from aiohttp import web

from include.sandbox.stage import Answer, Stage
from include.sandbox.syspro.books import Company, Operator
from include.sandbox.syspro.invoices import post_invoices
from include.sandbox.syspro.journals import post_journal
from include.sandbox.syspro.markup import Malformed, amount, element, parse, root, storable
from include.sandbox.syspro.queries import account_query, find_rows, validate_code
from include.sandbox.syspro.sessions import Refused, Session, Sessions
from include.sandbox.syspro.soap import soap_routes

__all__ = ["Syspro"]

REST = "/{service:(?i:SYSPROWCFService)}/{rest:(?i:Rest)}/{operation:.*}"
_UNKNOWN_OBJECT = "e.net exception raised: 100000"
_PARAMETERS = {
    "logon": ("Operator", "OperatorPassword", "CompanyId", "CompanyPassword"),
    "logoff": ("UserId",),
    "getlogonprofile": ("UserId",),
    "getversion": (),
    "query/query": ("UserId", "BusinessObject", "XmlIn"),
    "transaction/post": ("UserId", "BusinessObject", "XmlParameters", "XmlIn"),
}
_SPELLING = {
    "logon": "Logon",
    "logoff": "Logoff",
    "getlogonprofile": "GetLogonProfile",
    "getversion": "GetVersion",
    "query/query": "Query/Query",
    "transaction/post": "Transaction/Post",
}
_POSTING = {"GENTJL": (post_journal, "PostGlJournal"), "APSTIN": (post_invoices, "PostApInvoice")}
_VALIDATE_ONLY = re.compile(r"<ValidateOnly>\s*Y\s*</ValidateOnly>")


class Syspro:
    """State and behaviour of a SYSPRO installation.

    Tests set the attributes directly: `companies`, `sessions` (operators, seats, idle time, clock, id form 7
    or 8), `wrapping` (bare text, JSON-quoted, or a `<string>` element), `lower_case_errors`, `url_limit`
    (bytes of request line and headers), `conditions_left_to_right` (how a Where joins And and Or), `today`,
    `version`. They read `company("EDU1").journals` and `overlaps`, the number of calls that arrived while
    another call of the same session was running.
    """

    name = "syspro"

    def __init__(self) -> None:
        self.companies: dict[str, Company] = {}
        self.sessions = Sessions()
        self.wrapping: Literal["bare", "json", "string"] = "bare"
        self.lower_case_errors = True
        self.soap_fault_prefix = "ERROR: "
        self.url_limit = 16384
        self.conditions_left_to_right = False
        self.version = "8.0.021"
        self.today: Callable[[], date] = lambda: datetime.now(UTC).date()
        self.overlaps = 0
        self._busy: dict[str, int] = {}

    def add_company(self, company: Company) -> Company:
        """Install a company."""
        self.companies[company.id] = company
        return company

    def company(self, identity: str) -> Company:
        """The company of that id."""
        return self.companies[identity]

    def add_operator(self, operator: Operator) -> Operator:
        """Let an operator log on."""
        self.sessions.operators[operator.name.upper()] = operator
        return operator

    def expire_sessions(self) -> None:
        """End all sessions at once."""
        self.sessions.expire()

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        async def rest(request: web.Request) -> web.StreamResponse:
            return await self._rest(request, stage)

        return [web.route("*", REST, rest), *soap_routes(self, stage)]

    def documents(self) -> list[dict[str, object]]:
        return [
            {
                "company": company.id,
                "journal": f"{journal.year}/{journal.number}",
                "period": journal.period,
                "reference": journal.lines[0].reference if journal.lines else journal.reference,
                "date": journal.date.isoformat(),
                "debit": amount(journal.debit_cents, 0),
                "entries": len(journal.lines),
                "source": journal.source,
                "status": "cancelled" if journal.cancelled else journal.status,
            }
            for company in self.companies.values()
            for journal in company.journals
        ]

    # What both transports call

    def operation(self, name: str, business_object: str, parameters: str) -> str:
        """The name by which faults know a call, for instance `Transaction/Post:GENTJL:ValidateOnly`."""
        full = f"{name}:{business_object}" if business_object else name
        return f"{full}:ValidateOnly" if _VALIDATE_ONLY.search(parameters) else full

    @contextmanager
    def using(self, session: Session | None) -> Iterator[None]:
        """Note a call of this session as running, and count it when another one already is."""
        key = session.id if session else ""
        if session:
            self.overlaps += self._busy.get(key, 0) > 0
            self._busy[key] = self._busy.get(key, 0) + 1
        try:
            yield
        finally:
            if session:
                self._busy[key] -= 1

    def logon(self, values: Mapping[str, str]) -> str:
        """Open a session and return its id, blanks included."""
        names = ("Operator", "OperatorPassword", "CompanyId", "CompanyPassword")
        operator, password, company, company_password = (values.get(name, "") for name in names)
        return self.sessions.logon(self.companies, operator, password, company, company_password).id

    def logoff(self, user_id: str) -> str:
        """Close a session; 0 says it is done."""
        self.sessions.logoff(user_id)
        return "0"

    def query(self, session: Session, business_object: str, xml_in: str) -> str:
        """Run a query object."""
        if business_object not in ("COMFND", "GENQRY", "GENQGL"):
            raise Refused(_UNKNOWN_OBJECT)
        document = _document(xml_in, "XmlIn", "Query")
        if business_object == "COMFND":
            return find_rows(
                self.companies.values(),
                session.company,
                document,
                self.version,
                left_to_right=self.conditions_left_to_right,
            )
        if business_object == "GENQRY":
            return account_query(session.company, document, self.version)
        return validate_code(session.company, document, self.version)

    def post(self, session: Session, business_object: str, parameters: str, xml_in: str) -> str:
        """Run a posting object."""
        if business_object not in _POSTING:
            raise Refused(_UNKNOWN_OBJECT)
        run, name = _POSTING[business_object]
        settings = _document(parameters, "XmlParameters", name) if parameters.strip() else None
        return run(
            session.company,
            session.operator,
            settings,
            _document(xml_in, "XmlIn", name),
            today=self.today(),
            version=self.version,
            lower=self.lower_case_errors,
        )

    # REST

    async def _rest(self, request: web.Request, stage: Stage) -> web.StreamResponse:
        if _request_bytes(request) > self.url_limit:
            return _html(400, "Bad Request - Request Too Long", "HTTP Error 400. The size of the request is too long.")
        if request.method != "GET":
            return _html(405, "Method Not Allowed", "Method not allowed.")
        key = request.match_info["operation"].strip("/").lower()
        values = _query_values(request)
        needed = _PARAMETERS.get(key)
        if needed is None or values is None or any(name not in values for name in needed):
            # The service's URI template does not match when a parameter is missing or spelt differently.
            return _html(404, "Service", "Endpoint not found.")
        business_object = values.get("BusinessObject", "")
        operation = self.operation(_SPELLING[key], business_object, values.get("XmlParameters", ""))
        # The session is checked on arrival: a request that came in time is executed, however late.
        session: Session | None = None
        refused: Refused | None = None
        if "UserId" in needed:
            with stage.lock:
                try:
                    session = self.sessions.check(values["UserId"])
                except Refused as error:
                    refused = error

        def effect() -> Answer:
            try:
                if refused is not None:
                    raise refused
                return self._wrapped(self._execute(key, session, values))
            except Refused as error:
                return self._wrapped(f"ERROR: {error}")

        text = "\n".join(values[name] for name in ("Operator", "XmlParameters", "XmlIn") if name in values)
        with self.using(session):
            return await stage.perform(request, self.name, operation, text, effect)

    def _execute(self, key: str, session: Session | None, values: Mapping[str, str]) -> str:
        if key == "logon":
            return self.logon(values)
        if key == "getversion":
            return self.version
        assert session is not None
        if key == "logoff":
            return self.logoff(values["UserId"])
        if key == "getlogonprofile":
            return self.profile(session)
        if key == "query/query":
            return self.query(session, values["BusinessObject"], values["XmlIn"])
        return self.post(session, values["BusinessObject"], values["XmlParameters"], values["XmlIn"])

    def profile(self, session: Session) -> str:
        """Who is logged on where."""
        shown = {
            "CompanyName": session.company.name,
            "CompanyId": session.company.id,
            "OperatorCode": session.operator.name,
            "AccountingDate": self.today().isoformat(),
            "CompanyDate": self.today().isoformat(),
            "LocalCurrencyCode": session.company.currency,
            "SysproVersion": self.version,
        }
        return root("UserProfile", "".join(element(name, value) for name, value in shown.items()), self.version)

    def _wrapped(self, text: str) -> Answer:
        match self.wrapping:
            case "bare":
                body = text.encode("cp1252", "replace")
            case "json":
                body = json.dumps(text, ensure_ascii=False).encode()
            case "string":
                space = "http://schemas.microsoft.com/2003/10/Serialization/"
                body = f'<string xmlns="{space}">{escape(text)}</string>'.encode()
        # The content type is the same whatever the content is.
        return Answer(body, headers={"Content-Type": "application/octet-stream"})


def _document(text: str, argument: str, name: str) -> Element:
    try:
        document = parse(storable(text))
    except Malformed as error:
        raise Refused(f"{argument} is not well formed: {error}") from None
    if document.tag != name:
        raise Refused(f"{argument} has the root element '{document.tag}' instead of '{name}'")
    return document


def _request_bytes(request: web.Request) -> int:
    # Request line with method, two blanks, version and line end; then each header with its colon, blank, line
    # end.
    line = len(request.method) + len(request.raw_path.encode()) + len("  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.raw_headers) + 2


def _query_values(request: web.Request) -> dict[str, str] | None:
    try:
        pairs = parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True, encoding="utf-8", errors="strict")
    except ValueError:
        return None
    return dict(pairs)


def _html(status: int, title: str, message: str) -> web.Response:
    page = f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD><BODY><h2>{title}</h2><p>{message}</p></BODY></HTML>"
    return web.Response(status=status, text=page, content_type="text/html")
