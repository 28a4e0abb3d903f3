"""The HTTP side: addresses, sign-in, reading, writing, actions."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import unquote

from aiohttp import web

from include.sandbox.acumatica import writing
from include.sandbox.acumatica.answers import Fail, Shape, answer_of, failure, no_entity, record
from include.sandbox.acumatica.books import Books, Row
from include.sandbox.acumatica.doors import Chain, Doors
from include.sandbox.acumatica.filters import matcher
from include.sandbox.acumatica.licence import Licence
from include.sandbox.acumatica.reading_input import given
from include.sandbox.acumatica.schema import SCHEMAS
from include.sandbox.stage import Answer, Stage

__all__ = ["Acumatica"]

_OPTIONS = frozenset({"$filter", "$expand", "$select", "$top", "$skip", "$custom"})
_WRITABLE = ("Bill", "JournalTransaction")
_ACTIONS = {("Bill", "ReleaseBill"), ("JournalTransaction", "ReleaseJournalTransaction")}
_PAGE = "<html><head><title>404</title></head><body>File or directory not found.</body></html>"


@dataclass
class Operation:
    """A release under way; `failure` is what it ends with, if anything."""

    entity: str
    row: Row
    chain: Chain
    done_at: float
    failure: str = ""
    done: bool = False


@dataclass(frozen=True)
class _Asked:
    """One request below the endpoint."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def entity(self) -> str:
        return self.parts[0]


@dataclass
class Acumatica:
    """An Acumatica site with one tenant.

    Operations for faults: ``endpoints``, ``token``, ``login``, ``logout``, and ``GET Bill``, ``PUT Bill``,
    ``POST Bill/ReleaseBill``, ``GET Bill/ReleaseBill/status`` and so on for each entity. Tests set the attributes directly.
    `unoptimizable` names entities, or `Entity/Expansion`, whose lists cannot be read.
    """

    books: Books = field(default_factory=Books)
    licence: Licence = field(default_factory=Licence)
    base_path: str = ""
    versions: tuple[str, ...] = ("20.200.001", "24.200.001", "25.200.001")
    bare_endpoint_list: bool = False
    release_s: float = 0.0
    release_failure: str = ""
    location_with_host: bool = False
    unoptimizable: set[str] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic
    operations: dict[str, Operation] = field(default_factory=dict)
    doors: Doors = field(init=False)

    name = "acumatica"

    def __post_init__(self) -> None:
        self.doors = Doors(self.licence)

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        async def site(request: web.Request) -> web.StreamResponse:
            return await self._site(request, stage)

        return [
            web.route("*", self.base_path + "/entity", site),
            web.route("*", self.base_path + "/entity/{rest:.*}", site),
            web.route("*", self.base_path + "/identity/connect/token", site),
        ]

    def documents(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for row in self.books.bills:
            found.append(
                {
                    "entity": row.text("Type"),
                    "number": row.text("ReferenceNbr"),
                    "reference": row.text("VendorRef"),
                    "vendor": row.text("Vendor"),
                    "date": row.text("Date"),
                    "period": row.text("PostPeriod"),
                    "total": str(row.fields["Amount"]),
                    "lines": len(row.details["Details"]),
                    "status": row.text("Status"),
                }
            )
        for row in self.books.batches:
            lines = row.details["Details"]
            debit = sum((line.cents("DebitAmount") for line in lines), 0)
            found.append(
                {
                    "entity": "Journal",
                    "number": row.text("BatchNbr"),
                    "reference": row.text("Description"),
                    "vendor": "",
                    "date": row.text("TransactionDate"),
                    "period": row.text("PostPeriod"),
                    "total": str(Decimal(debit) / 100),
                    "lines": len(lines),
                    "status": row.text("Status"),
                }
            )
        return found

    # Requests

    async def _site(self, request: web.Request, stage: Stage) -> web.StreamResponse:
        body = await request.read()
        path = request.raw_path.partition("?")[0][len(self.base_path) :]
        parts = tuple(unquote(part) for part in path.strip("/").split("/"))
        form = dict(await request.post()) if parts[0] == "identity" else {}
        if parts[0] == "identity":
            kind = str(form.get("grant_type", ""))
            return await self._perform(stage, request, "token", kind, lambda: self._token(request, form))
        if parts == ("entity",):
            return await self._perform(stage, request, "endpoints", "", self._endpoints)
        if parts[1] == "auth":
            name = parts[-1]
            return await self._perform(stage, request, name, "", lambda: self._auth(request, name, body))
        asked = _Asked(request.method, parts[3:], dict(request.query), dict(request.headers), body)
        return await self._entity(request, stage, parts, asked)

    async def _perform(
        self, stage: Stage, request: web.Request, operation: str, text: str, effect: Callable[[], Answer]
    ) -> web.StreamResponse:
        def run() -> Answer:
            try:
                return effect()
            except Fail as error:
                return error.answer()

        return await stage.perform(request, self.name, operation, text, run)

    async def _entity(
        self, request: web.Request, stage: Stage, parts: tuple[str, ...], asked: _Asked
    ) -> web.StreamResponse:
        operation = f"{asked.method} {_operation(asked.parts)}"
        text = request.query_string if asked.method == "GET" else asked.body.decode("utf-8", "replace")
        refused: Fail | None = None
        chain: Chain | None = None
        delay = 0.0
        # Who asks, and whether the licence allows it, is settled on arrival: what came in time is carried out, however late.
        with stage.lock:
            try:
                cookie = request.cookies.get("ASP.NET_SessionId", "")
                if parts[1:3] not in [("Default", version) for version in self.versions] or not asked.parts:
                    raise Fail(404, _PAGE)
                chain = self.doors.admit(request.headers.get("Authorization", ""), cookie)
                delay = self.licence.admit()
            except Fail as error:
                refused = error
        if delay:
            await asyncio.sleep(delay)

        def effect() -> Answer:
            if refused is not None:
                raise refused
            assert chain is not None
            return self._carried_out(asked, chain, "/".join(parts[:3]))

        return await self._perform(stage, request, operation, unquote(text), effect)

    def _carried_out(self, asked: _Asked, chain: Chain, root: str) -> Answer:
        self._settle_operations()
        entity = asked.entity
        if entity not in SCHEMAS:
            raise Fail(404, _PAGE)
        if "status" in asked.parts:
            return self._status(asked)
        running = [one for one in self.operations.values() if not one.done]
        if any(one.chain is chain and one.entity == entity for one in running):
            raise failure("The previous operation has not been completed yet.")
        if entity == "Subaccount" and not self.books.preferences.subaccounts:
            raise Fail(403, {"message": "You have insufficient rights to access the object (Subaccount)."})
        unknown = [name for name in asked.query if name not in _OPTIONS]
        if unknown:
            raise Fail(400, {"message": f"The query parameter {unknown[0]} is not supported."})
        address = f"{self.base_path}/{root}"
        match asked.method:
            case "GET" if len(asked.parts) == 1:
                return answer_of(self._list(asked, chain, address))
            case "GET":
                shape = Shape(entity, asked.query.get("$select", ""), asked.query.get("$expand", ""))
                return answer_of(record(entity, self._single(asked, chain), shape, address))
            case "PUT" if len(asked.parts) == 1 and entity in _WRITABLE:
                return self._put(asked, chain, address)
            case "POST" if len(asked.parts) == 2:
                return self._act(asked, chain, address)
            case "POST":
                raise Fail(406, {"message": "The collection does not take POST."})
            case "DELETE" if len(asked.parts) > 1:
                row = self._single(asked, chain)
                if row.text("Status") in ("Open", "Closed", "Posted"):
                    raise failure("The document cannot be deleted because it has been released.")
                self.books.all(entity).remove(row)
                return Answer(b"", 204)
        raise Fail(405, {"message": "The requested resource does not support this method."})

    # Signing in

    def _endpoints(self) -> Answer:
        rows = [
            {"name": "Default", "version": version, "href": f"{self.base_path}/entity/Default/{version}/"}
            for version in self.versions
        ]
        if self.bare_endpoint_list:
            return answer_of(rows)
        return answer_of(
            {"version": {"acumaticaBuildVersion": "25.093.0036", "databaseVersion": "25.093.0036"}, "endpoints": rows}
        )

    def _token(self, request: web.Request, form: Mapping[str, object]) -> Answer:
        if request.method != "POST":
            raise Fail(405, _PAGE)
        if request.content_type != "application/x-www-form-urlencoded":
            raise Fail(400, {"error": "invalid_request"})
        return answer_of(self.doors.token({name: str(value) for name, value in form.items()}))

    def _auth(self, request: web.Request, name: str, body: bytes) -> Answer:
        if request.method != "POST":
            raise Fail(405, _PAGE)
        if name == "logout":
            if "Content-Length" not in request.headers:
                raise Fail(411, "Length Required")
            self.doors.logout(request.cookies.get("ASP.NET_SessionId", ""), request.headers.get("Authorization", ""))
            return Answer(b"", 204)
        if name != "login":
            raise Fail(404, _PAGE)
        try:
            parsed = json.loads(body)
        except ValueError:
            raise Fail(400, {"message": "The request is invalid."}) from None
        cookie = self.doors.login(parsed)
        return Answer(b"", 204, {"Set-Cookie": f"ASP.NET_SessionId={cookie}; path=/; HttpOnly"})

    # Reading

    def _visible(self, entity: str, chain: Chain) -> list[Row]:
        """Rows that the user may see; those of other branches are left out without a word."""
        rows = self.books.all(entity)
        if entity in _WRITABLE:
            return [row for row in rows if chain.user.sees(row.text("BranchID"))]
        if entity == "Ledger":
            return [
                Row(
                    row.fields,
                    details={"Branches": [b for b in row.details["Branches"] if chain.user.sees(b.text("BranchID"))]},
                    id=row.id,
                )
                for row in rows
            ]
        return rows

    def _list(self, asked: _Asked, chain: Chain, address: str) -> list[dict[str, object]]:
        entity = asked.entity
        shape = Shape(entity, asked.query.get("$select", ""), asked.query.get("$expand", ""))
        stopped = [
            name for name in (entity, *(f"{entity}/{one}" for one in shape.expanded)) if name in self.unoptimizable
        ]
        if stopped:
            raise failure(
                f"Optimization cannot be performed. The following fields cause the error: {stopped[0]}",
                "PX.Api.ContractBased.OptimizedExport.CannotOptimizeException",
            )
        rows = self._visible(entity, chain)
        if asked.query.get("$filter"):
            test = matcher(asked.query["$filter"], SCHEMAS[entity])
            rows = [row for row in rows if test(row)]
        keys = SCHEMAS[entity].keys
        rows = sorted(rows, key=lambda row: tuple(row.text(name) for name in keys))
        skip, top = _whole(asked.query, "$skip", 0), _whole(asked.query, "$top", len(rows))
        page = rows[skip : skip + top]
        return [record(entity, row, shape, address, number) for number, row in enumerate(page, start=1)]

    def _single(self, asked: _Asked, chain: Chain) -> Row:
        rows = self._visible(asked.entity, chain)
        keys = tuple(part for part in "/".join(asked.parts[1:]).replace("|", "/").split("/"))
        for row in rows:
            if keys == (row.id,):
                return row
            own = tuple(row.text(name).strip().lower() for name in SCHEMAS[asked.entity].keys)
            if own == tuple(key.strip().lower() for key in keys):
                return row
        raise no_entity()

    # Writing

    def _put(self, asked: _Asked, chain: Chain, address: str) -> Answer:
        entity = asked.entity
        if asked.headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Fail(415, {"message": "The request entity's media type is not supported for this resource."})
        shape = Shape(entity, asked.query.get("$select", ""), asked.query.get("$expand", ""))
        sent = given(entity, asked.body)
        self._preconditions(asked, entity, sent.fields)
        row = writing.put(self.books, entity, sent, self._branch(asked, chain))
        shown = record(entity, row, shape, address)
        if not shape.selected:
            # Without $select the answer holds what was sent.
            answered = {"id", "rowNumber", "note", "custom", "_links", *SCHEMAS[entity].keys, *shape.expanded}
            shown = {name: value for name, value in shown.items() if name in answered or name in sent.fields}
        return answer_of(shown)

    def _preconditions(self, asked: _Asked, entity: str, fields: Mapping[str, object]) -> None:
        keys = {name: str(fields.get(name) or "") for name in SCHEMAS[entity].keys}
        exists = all(keys.values()) and self.books.find(entity, **keys) is not None
        if (asked.headers.get("If-None-Match") == "*" and exists) or (
            asked.headers.get("If-Match") == "*" and not exists
        ):
            raise Fail(412, {"message": "The precondition of the request is not met."})

    def _branch(self, asked: _Asked, chain: Chain) -> str:
        """The session's branch: the header's, else the user's first."""
        branches = [b.text("BranchID") for ledger in self.books.all("Ledger") for b in ledger.details["Branches"]]
        seen = [branch for branch in branches if chain.user.sees(branch)]
        asked_for = asked.headers.get("PX-CbApiBranch", "").lower()
        return next((branch for branch in seen if branch.lower() == asked_for), seen[0] if seen else "")

    # Actions

    def _act(self, asked: _Asked, chain: Chain, address: str) -> Answer:
        entity, action = asked.parts
        if (entity, action) not in _ACTIONS:
            raise Fail(404, _PAGE)
        try:
            body = json.loads(asked.body)
            sent = given(entity, json.dumps(body["entity"]).encode())
        except (ValueError, KeyError, TypeError):
            raise Fail(400, {"message": "The request is invalid."}) from None
        row = self.books.find(entity, **{name: sent.text(name) for name in SCHEMAS[entity].keys})
        if row is None:
            raise no_entity()
        if row.text("Status") != "Balanced":
            raise failure("Document Status is invalid for processing.")
        identity = str(uuid.uuid4())
        operation = Operation(entity, row, chain, self.clock() + self.release_s, self.release_failure)
        self.operations[identity] = operation
        location = f"{address}/{entity}/{action}/status/{identity}"
        if self.location_with_host:
            location = f"http://{asked.headers.get('Host', '')}{location}"
        return Answer(b"", 202, {"Location": location})

    def _status(self, asked: _Asked) -> Answer:
        operation = self.operations.get(asked.parts[-1])
        if operation is None:
            raise Fail(404, _PAGE)
        if not operation.done:
            return Answer(b"", 202, {"Location": "/".join(("", *asked.parts))})
        if operation.failure:
            raise failure(operation.failure)
        return Answer(b"", 204)

    def _settle_operations(self) -> None:
        for operation in self.operations.values():
            if not operation.done and self.clock() >= operation.done_at:
                operation.done = True
                if not operation.failure:
                    self._release(operation.entity, operation.row)

    def _release(self, entity: str, row: Row) -> None:
        if entity == "JournalTransaction":
            row.fields["Status"] = "Posted" if self.books.preferences.auto_post else "Unposted"
            return
        row.fields["Status"] = "Open"
        # The payables make a batch of their own, with the same description.
        fields = {name: row.fields.get(name) for name in ("PostPeriod", "BranchID", "CurrencyID", "Description")}
        batch = Row(
            {**fields, "Module": "AP", "BatchNbr": f"AP{row.text('ReferenceNbr')}", "Status": "Posted"},
            details={"Details": []},
        )
        self.books.all("JournalTransaction").append(batch)


def _operation(parts: tuple[str, ...]) -> str:
    """``Bill`` for any record of it, ``Bill/ReleaseBill/status`` for an operation."""
    if "status" in parts:
        return "/".join(parts[:3])
    if len(parts) == 2 and any(parts == action for action in _ACTIONS):
        return "/".join(parts)
    return parts[0] if parts else ""


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise Fail(400, {"message": f"The value of {name} is no number."})
    return int(text)
