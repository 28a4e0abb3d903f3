"""The local agent: JSON under /v1, the agent's key and a Sage log-on with every request."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, Protocol
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web

from include.sandbox.sage_100.agent_views import account_view, company_view, entry_view, period_view, structure_view
from include.sandbox.sage_100.books import Company, User
from include.sandbox.sage_100.journal import NewEntry, NewLine, create
from include.sandbox.sage_100.refusals import Refusal
from include.sandbox.stage import Answer, Stage, json_answer

__all__ = ["agent_routes"]

_AMOUNT = re.compile(r"([0-9]{1,9})\.([0-9]{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENTRY_FIELDS = {"sourceJournal", "postingDate", "externalReference", "journalComment", "batchNo", "lines"}
_LINE_FIELDS = {"account", "debitAmount", "creditAmount", "postingComment"}
_OPERATIONS = {
    "": ("Company", set[str]()),
    "account-structure": ("AccountStructure", set[str]()),
    "accounts": ("Accounts", {"status", "page", "pageSize"}),
    "accounts/*": ("Account", set[str]()),
    "sub-accounts": ("SubAccounts", {"segmentNo"}),
    "periods": ("Periods", {"fiscalYear"}),
    "journal-entries": ("FindEntries", {"reference"}),
    "journal-entries/*/*": ("Entry", set[str]()),
}


class _Server(Protocol):
    name: str
    api_keys: set[str]
    agent_prefix: str
    agent_limit: int

    def log_on(self, name: str, password: str) -> User: ...
    def open_company(self, user: User, code: str, *, create: bool = False) -> Company: ...
    def write(
        self,
        request: web.Request,
        stage: Stage,
        operation: str,
        text: str,
        effect: Callable[[], Answer],
        locked: Callable[[], Answer],
    ) -> Awaitable[web.StreamResponse]: ...


def agent_routes(server: _Server, stage: Stage) -> list[web.AbstractRouteDef]:
    """Everything below the agent's prefix. `agent:<name>` is the operation's name for faults."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _Request(server, stage, request).answer()

    return [web.route("*", "/v1/{rest:.*}", handle), web.route("*", "/sage/v1/{rest:.*}", handle)]


class _Request:
    def __init__(self, server: _Server, stage: Stage, request: web.Request) -> None:
        self.server = server
        self.stage = stage
        self.request = request
        self.id = request.headers.get("X-Request-Id", "")[:64] or uuid4().hex

    async def answer(self) -> web.StreamResponse:
        path, _, query = self.request.raw_path.partition("?")
        if not path.startswith(f"{self.server.agent_prefix}/"):
            return self._plain(self._refused(Refusal("NOT_FOUND", "Unknown path.")))
        parts = [unquote(part) for part in path[len(self.server.agent_prefix) + 1 :].split("/")]
        if parts == ["health"]:
            return await self._perform("Health", path, self._health)
        code, rest = (parts[1], parts[3:]) if len(parts) > 1 else ("", [])
        key = "/".join([*rest[:1], *("*" for _ in rest[1:])])
        known = _OPERATIONS.get(key)
        if parts[0] != "companies" or parts[2:3] not in ([], ["gl"]) or len(parts) in (1, 3) or known is None:
            return await self._perform("Unknown", path, self._unknown)
        if self.request.method == "POST" and key == "journal-entries":
            return await self._create(code, query)
        name, parameters = known

        def effect() -> Answer:
            if self.request.method != "GET":
                raise Refusal("METHOD_NOT_ALLOWED", "The method is not allowed here.")
            return json_answer(self._read(code, name, rest, _parameters(query, parameters)))

        return await self._perform(name, unquote(f"{path}?{query}"), effect)

    async def _perform(self, name: str, text: str, effect: Callable[[], Answer]) -> web.StreamResponse:
        def run() -> Answer:
            try:
                return self._echoed(effect())
            except Refusal as refusal:
                return self._refused(refusal)

        return await self.stage.perform(self.request, self.server.name, f"agent:{name}", text, run)

    async def _create(self, code: str, query: str) -> web.StreamResponse:
        # aiohttp reads what came; the length header decides, as in the Windows HTTP stack.
        body = await self.request.read()
        text = str(body.decode("utf-8", "replace"))

        def effect() -> Answer:
            try:
                if "Content-Length" not in self.request.headers:
                    raise Refusal("LENGTH_REQUIRED", "Content-Length is required.")
                if len(body) > self.server.agent_limit:
                    raise Refusal("PAYLOAD_TOO_LARGE", "The request is too large.")
                company = self.server.open_company(self._user(), code, create=True)
                _parameters(query, set())
                if self.request.content_type != "application/json":
                    raise Refusal("INVALID_REQUEST", "The content type must be application/json.")
                entry = create(company, _new_entry(body))
                answer = json_answer(entry_view(entry), 201)
                where = f"{self.server.agent_prefix}/companies/{code}/gl/journal-entries/{entry.source_journal}/{entry.number}"
                return self._echoed(Answer(answer.body, 201, {**answer.headers, "Location": where}))
            except Refusal as refusal:
                return self._refused(refusal)

        def locked() -> Answer:
            return self._refused(Refusal("RECORD_LOCKED", "Record is in use by another user."))

        return await self.server.write(self.request, self.stage, "agent:CreateEntry", text, effect, locked)

    def _user(self) -> User:
        self._check_key()
        kind, _, value = self.request.headers.get("Authorization", "").partition(" ")
        try:
            pair = base64.b64decode(value, validate=True).decode() if kind.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        name, _, password = pair.partition(":")
        return self.server.log_on(name, password)

    def _check_key(self) -> None:
        if self.request.headers.get("X-API-Key", "") not in self.server.api_keys:
            raise Refusal("API_KEY_INVALID", "The API key is not valid.")

    def _health(self) -> Answer:
        self._check_key()
        return json_answer({"status": "ok", "agentVersion": "1.0.0"})

    def _unknown(self) -> Answer:
        raise Refusal("NOT_FOUND", "Unknown path.")

    def _read(self, code: str, name: str, rest: list[str], parameters: Mapping[str, str]) -> dict[str, Any]:
        company = self.server.open_company(self._user(), code)
        match name:
            case "Company":
                return company_view(company)
            case "AccountStructure":
                return structure_view(company)
            case "Accounts":
                return _page(company, parameters)
            case "Account":
                account = company.accounts.get(rest[1])
                if account is None:
                    raise Refusal("ACCOUNT_NOT_FOUND", f"Account {rest[1]} is not on file.")
                return account_view(company, account)
            case "SubAccounts":
                number = _wanted(parameters, "segmentNo")
                rows = company.sub_accounts.get(number, {})
                return {
                    "items": [
                        {"segmentNo": number, "subAccountCode": sub, "subAccountDesc": text, "status": status}
                        for sub, (text, status) in sorted(rows.items())
                    ]
                }
            case "Periods":
                year = _wanted(parameters, "fiscalYear")
                return {"items": [period_view(period) for period in company.periods if period.year == year]}
            case "FindEntries":
                reference = _wanted(parameters, "reference")
                return {"items": [entry_view(entry) for entry in company.by_reference(reference)]}
        entry = company.entry(rest[1], rest[2])
        if entry is None:
            raise Refusal("ENTRY_NOT_FOUND", "The entry does not exist.")
        return entry_view(entry)

    def _echoed(self, answer: Answer) -> Answer:
        return Answer(answer.body, answer.status, {**answer.headers, "X-Request-Id": self.id})

    def _refused(self, refusal: Refusal) -> Answer:
        status = refusal.kind.status
        if refusal.code == "ACCOUNT_NOT_FOUND" and self.request.method == "GET":
            status = 404
        details = [{"field": refusal.field, "message": refusal.message}] if refusal.field else []
        error = {
            "code": refusal.code,
            "message": refusal.message,
            "retryable": refusal.kind.retryable,
            "details": details,
            "requestId": self.id,
        }
        return self._echoed(json_answer({"error": error}, status))

    def _plain(self, answer: Answer) -> web.Response:
        return web.Response(body=answer.body, status=answer.status, headers=dict(answer.headers))


def _parameters(query: str, known: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        name = unquote(name.replace("+", " "))
        if name not in known or name in found:
            raise Refusal("INVALID_REQUEST", f"The query parameter {name} is unknown or repeated.", name)
        found[name] = unquote(value.replace("+", " "))
    return found


def _wanted(parameters: Mapping[str, str], name: str) -> str:
    if not parameters.get(name):
        raise Refusal("INVALID_REQUEST", f"The query parameter {name} is missing.", name)
    return parameters[name]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("INVALID_REQUEST", "A field is repeated.")
    return found


def _new_entry(body: bytes) -> NewEntry:
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, UnicodeDecodeError):
        raise Refusal("INVALID_REQUEST", "The body is not JSON.") from None
    _known_fields(value, _ENTRY_FIELDS, "")
    lines = value.get("lines")
    if lines is not None and not isinstance(lines, list):
        raise Refusal("INVALID_REQUEST", "lines must be a list.", "lines")
    return NewEntry(
        source_journal=_text(value, "sourceJournal"),
        posting_date=_date(_text(value, "postingDate")),
        reference=_text(value, "externalReference"),
        comment=_text(value, "journalComment"),
        batch=_text(value, "batchNo"),
        lines=None if lines is None else [_new_line(line, f"lines[{at}]") for at, line in enumerate(lines)],
    )


def _new_line(value: Any, place: str) -> NewLine:
    _known_fields(value, _LINE_FIELDS, place)
    return NewLine(
        account=_text(value, "account"),
        debit_cents=_cents(value.get("debitAmount"), f"{place}.debitAmount"),
        credit_cents=_cents(value.get("creditAmount"), f"{place}.creditAmount"),
        comment=_text(value, "postingComment"),
    )


def _known_fields(value: Any, known: set[str], place: str) -> None:
    if not isinstance(value, dict):
        raise Refusal("INVALID_REQUEST", "An object was expected.", place)
    for name in value:
        if name not in known:
            raise Refusal("INVALID_REQUEST", f"The field {name} is unknown.", f"{place}.{name}".strip("."))


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise Refusal("INVALID_REQUEST", f"{name} must be text.", name)
    return found


def _date(text: str | None) -> date | None:
    if text is None or text == "":
        return None
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else _bad_date()
    except ValueError:
        return _bad_date()


def _bad_date() -> date:
    raise Refusal("INVALID_VALUE", "The date must be written yyyy-mm-dd.", "postingDate")


def _cents(value: Any, place: str) -> int | None:
    if value is None:
        return None
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refusal("INVALID_AMOUNT", "An amount is text with two decimals.", place)
    return int(match[1]) * 100 + int(match[2])


def _page(company: Company, parameters: Mapping[str, str]) -> dict[str, Any]:
    status = parameters.get("status")
    if status not in (None, "A", "I", "D"):
        raise Refusal("INVALID_REQUEST", "status is A, I or D.", "status")
    page, size = _number(parameters, "page", 1, 10**6), _number(parameters, "pageSize", 100, 500)
    rows = [one for _, one in sorted(company.accounts.items()) if status in (None, one.status)]
    shown = rows[(page - 1) * size : page * size]
    return {
        "items": [account_view(company, one) for one in shown],
        "page": page,
        "pageSize": size,
        "total": len(rows),
    }


def _number(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = parameters.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise Refusal("INVALID_REQUEST", f"{name} is a number from 1 to {most}.", name)
    return int(text)
