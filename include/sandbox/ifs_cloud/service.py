"""IFS Cloud's OData service: routes, names, rights, tags, and the dispatch to sets and vouchers.

Operations, by which faults are ordered: Token, Company, CodePartValues, Accounts, Periods, VoucherTypes, HoldRows, LedgerRows,
Template, Create, Voucher, VoucherRows, Change, Delete, Cancel, Unknown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from include.sandbox.ifs_cloud.access import Limit, Tokens
from include.sandbox.ifs_cloud.books import Client, Company, Voucher
from include.sandbox.ifs_cloud.entities import SETS, EntitySet, row_values, voucher_values
from include.sandbox.ifs_cloud.errors import Refused, malformed, not_found, rule
from include.sandbox.ifs_cloud.expressions import Row, key_values
from include.sandbox.ifs_cloud.paging import Pages, entity_answer, options_of, pick
from include.sandbox.ifs_cloud.posting import make_voucher, read_body
from include.sandbox.stage import Answer, Stage

__all__ = ["IfsCloud"]

BASE = "/main/ifsapplications/projection/v1"
_POSTING = "ManualVoucherHandling"
_SEGMENT = re.compile(r"([A-Za-z_][\w.]*)(?:\((.*)\))?", re.ASCII | re.DOTALL)
_ACTION = "IfsApp.ManualVoucherHandling."
_KEY = {"Company", "VoucherType", "AccountingYear", "VoucherNo"}


@dataclass(frozen=True)
class _Request:
    """A request, decoded as far as names go. `segments` are (name, decoded key text or None)."""

    method: str
    url: str
    path: str
    projection: str
    segments: list[tuple[str, str | None]]
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def accept(self) -> str:
        return self.headers.get("Accept", "")


class IfsCloud:
    """State and behaviour of an IFS Cloud environment.

    Tests set the attributes directly: `companies`, `tokens` (realm, life, clock, clients), `limit`, `pages`, `post_if_match`
    (whether a create needs the template's tag), `update_after_s` (how long a voucher stays in the hold table; None: until
    `update_vouchers` is called), `gone` (projections that this environment does not have), `today`.
    """

    name = "ifs_cloud"

    def __init__(self) -> None:
        self.companies: dict[str, Company] = {}
        self.tokens = Tokens()
        self.limit = Limit()
        self.pages = Pages()
        self.post_if_match = True
        self.update_after_s: float | None = None
        self.gone: set[str] = set()
        self.today: Callable[[], date] = lambda: datetime.now(UTC).date()
        self.clock: Callable[[], float] = time.monotonic

    def add_company(self, company: Company) -> Company:
        """Install a company."""
        self.companies[company.id] = company
        return company

    def add_client(self, client: Client) -> Client:
        """Let a service user in."""
        self.tokens.clients[client.id] = client
        return client

    def company(self, identity: str) -> Company:
        """The company of that id."""
        return self.companies[identity]

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        async def token(request: web.Request) -> web.StreamResponse:
            body, realm = await request.read(), request.match_info["realm"]
            kind = request.headers.get("Content-Type", "")
            return await stage.perform(request, self.name, "Token", realm, lambda: self.tokens.issue(realm, kind, body))

        async def odata(request: web.Request) -> web.StreamResponse:
            return await self._odata(request, stage)

        return [
            web.post("/auth/realms/{realm}/protocol/openid-connect/token", token),
            web.route("*", BASE + "/{tail:.*}", odata),
        ]

    def documents(self) -> list[dict[str, object]]:
        return [
            {
                "company": company.id,
                "voucher": f"{voucher.type}/{voucher.year}/{voucher.number}",
                "period": voucher.period,
                "reference": voucher.rows[0].reference if voucher.rows else None,
                "date": voucher.date.isoformat(),
                "debit": str(sum((row.debit or Decimal(0) for row in voucher.rows), Decimal(0))),
                "rows": len(voucher.rows),
                "status": voucher.status,
                "in_ledger": voucher.in_ledger,
            }
            for company in self.companies.values()
            for voucher in company.vouchers
        ]

    async def _odata(self, request: web.Request, stage: Stage) -> web.StreamResponse:
        body = await request.read()
        # Token and limit are checked on arrival: a request that came in time is carried out, however late.
        client: Client | None = None
        refused: Refused | None = None
        asked: _Request | None = None
        operation = "Unknown"
        with stage.lock:
            try:
                asked = _decoded(request, body)
                operation = self._operation(asked)
                client = self.tokens.check(request.headers.get("Authorization", ""))
                self.limit.count(self.clock())
            except Refused as error:
                refused = error

        def effect() -> Answer:
            try:
                if refused is not None:
                    raise refused
                assert asked is not None
                assert client is not None
                self._run_update_job()
                return self._answer(asked, client)
            except Refused as error:
                return error.answer()

        text = unquote(request.raw_path) + ("\n" + body.decode("utf-8", "replace") if body else "")
        return await stage.perform(request, self.name, operation, text, effect)

    def _run_update_job(self) -> None:
        if self.update_after_s is None:
            return
        for company in self.companies.values():
            for voucher in company.vouchers:
                if voucher.status == "Approved" and self.clock() - voucher.made_at >= self.update_after_s:
                    voucher.in_ledger = True

    def _operation(self, asked: _Request) -> str:
        names = [name for name, _ in asked.segments]
        if asked.projection == _POSTING and names[:1] == ["VoucherSet"]:
            last = names[-1].removeprefix(_ACTION)
            whole = {"Voucher_Default": "Template", "Voucher_Cancel": "Cancel", "VoucherRowArray": "VoucherRows"}
            by_method = {"POST": "Create", "PATCH": "Change", "DELETE": "Delete"}
            return whole.get(last) or by_method.get(asked.method, "Voucher")
        found = SETS.get(asked.projection, {}).get(names[0]) if names else None
        return found.operation if found else "Unknown"

    def _answer(self, asked: _Request, client: Client) -> Answer:
        if asked.projection in self.gone or (asked.projection not in SETS and asked.projection != _POSTING):
            raise Refused(404, "MI_METADATA_NOTFOUND", f"Metadata for {asked.projection} was not found.")
        if asked.projection in client.refused:
            raise Refused(403, "", "Insufficient privileges.")
        if asked.projection == _POSTING:
            return self._vouchers(asked, client)
        name, key = asked.segments[0] if len(asked.segments) == 1 else ("", None)
        found = SETS[asked.projection].get(name)
        if found is None:
            raise not_found(name or asked.path)
        if asked.method != "GET":
            raise Refused(405, "ODP_METHOD_NOT_ALLOWED", "The method is not allowed.")
        # Row security: a company that is not the user's simply has no rows.
        visible = (company for company in self.companies.values() if company.id in client.companies)
        rows = [row for company in visible for row in found.rows(company)]
        if key is not None:
            return self._one(asked, found, name, rows, key)
        return self._many(asked, found, name, rows)

    def _one(self, asked: _Request, found: EntitySet, name: str, rows: list[Row], key: str) -> Answer:
        parts = key_values(key)
        if set(parts) != set(found.keys):
            raise malformed(f"The key of {name} is {', '.join(found.keys)}.")
        row = next((row for row in rows if all(row[part] == value for part, value in parts.items())), None)
        if row is None:
            raise not_found(f"{name}({key})")
        headers = {"ETag": str(row["@odata.etag"])} if "@odata.etag" in row else {}
        return entity_answer({"@odata.context": "$metadata", **row}, asked.accept, headers=headers)

    def _many(self, asked: _Request, found: EntitySet, name: str, rows: list[Row]) -> Answer:
        match = re.search(r"odata\.maxpagesize=(\d+)", asked.headers.get("Prefer", ""))
        preferred = int(match[1]) if match else None
        page, follow = pick(found, name, rows, options_of(asked.query), preferred, self.pages)
        values: dict[str, Any] = {"@odata.context": f"$metadata#{name}", "value": page}
        if follow is not None:
            start = name if self.pages.relative_links else asked.url
            values["@odata.nextLink"] = f"{start}?{follow}"
        applied = {"Preference-Applied": f"odata.maxpagesize={preferred}"} if preferred else {}
        return entity_answer(values, asked.accept, headers=applied)

    # Vouchers

    def _vouchers(self, asked: _Request, client: Client) -> Answer:
        if not asked.segments or asked.segments[0][0] != "VoucherSet" or len(asked.segments) > 2:
            raise not_found(asked.path)
        key = asked.segments[0][1]
        second = asked.segments[1] if len(asked.segments) == 2 else None
        if key is None:
            if second is None:
                return self._collection_of_vouchers(asked, client)
            if second[0] == _ACTION + "Voucher_Default" and second[1] is not None:
                return self._template(asked, client, second[1])
            raise not_found(asked.path)
        voucher = self._voucher(key, client)
        if second is None:
            return self._single(asked, voucher)
        if second == ("VoucherRowArray", None):
            rows = [row_values(voucher, row) for row in voucher.rows]
            return entity_answer({"@odata.context": "$metadata", "value": rows}, asked.accept)
        if second[0] == _ACTION + "Voucher_Cancel":
            _need_tag(asked, voucher.etag)
            voucher.status, voucher.version = "Cancelled", voucher.version + 1
            return _voucher_answer(voucher, asked)
        raise not_found(asked.path)

    def _collection_of_vouchers(self, asked: _Request, client: Client) -> Answer:
        if asked.method != "POST":
            raise Refused(405, "ODP_METHOD_NOT_ALLOWED", "The method is not allowed.")
        values = read_body(asked.body, asked.headers.get("Content-Type", ""))
        company = self.companies.get(str(values.get("Company"))) if values.get("Company") in client.companies else None
        if self.post_if_match:
            _need_tag(asked, company.template_etag(str(values.get("VoucherType"))) if company else "")
        voucher = make_voucher(company, values)
        assert company is not None
        voucher.made_at = self.clock()
        company.keep(voucher)
        location = (
            f"{asked.url}(Company='{voucher.company}',AccountingYear={voucher.year},VoucherType='{voucher.type}',"
            f"VoucherNo={voucher.number})"
        )
        return _voucher_answer(voucher, asked, 201, {"Location": location}, with_rows=True)

    def _template(self, asked: _Request, client: Client, arguments: str) -> Answer:
        given = key_values(arguments)
        if set(given) != {"Company", "VoucherType"}:
            raise malformed("Voucher_Default takes Company and VoucherType.")
        company = self.companies.get(given["Company"]) if given["Company"] in client.companies else None
        if company is None or given["VoucherType"] not in company.types:
            raise not_found(f"Voucher type {given['VoucherType']}")
        day = self.today()
        period = company.period_of(day)
        etag = company.template_etag(given["VoucherType"])
        values = {
            "@odata.context": "$metadata#VoucherSet/$entity",
            "@odata.etag": etag,
            "Company": company.id,
            "VoucherType": given["VoucherType"],
            "VoucherDate": day,
            "AccountingYear": Decimal(day.year),
            "AccountingPeriod": Decimal(period.number if period else day.month),
            "VoucherNo": None,
            "UserGroup": company.user_group or None,
            "FunctionGroup": "M",
            "VoucherText": None,
            "CurrencyCode": company.currency,
        }
        return entity_answer(values, asked.accept, headers={"ETag": etag})

    def _voucher(self, key: str, client: Client) -> Voucher:
        parts = key_values(key)
        if set(parts) != _KEY:
            raise malformed("The key of VoucherSet is Company, AccountingYear, VoucherType, VoucherNo.")
        company = self.companies.get(parts["Company"]) if parts["Company"] in client.companies else None
        found = company.find(parts["VoucherType"], parts["AccountingYear"], parts["VoucherNo"]) if company else None
        if found is None:
            raise not_found(f"VoucherSet({key})")
        return found

    def _single(self, asked: _Request, voucher: Voucher) -> Answer:
        match asked.method:
            case "GET":
                return _voucher_answer(voucher, asked)
            case "PATCH":
                _need_tag(asked, voucher.etag)
                changes = read_body(asked.body, asked.headers.get("Content-Type", ""))
                voucher.text, voucher.version = changes.get("VoucherText", voucher.text), voucher.version + 1
                return _voucher_answer(voucher, asked)
            case "DELETE":
                _need_tag(asked, voucher.etag)
                self.companies[voucher.company].vouchers.remove(voucher)
                return Answer(b"", 204)
        raise Refused(405, "ODP_METHOD_NOT_ALLOWED", "The method is not allowed.")


def _decoded(request: web.Request, body: bytes) -> _Request:
    # A client may send its target in absolute form; a fragment never arrives.
    parts = urlsplit(request.raw_path)
    projection, _, rest = parts.path.removeprefix(BASE + "/").partition(".svc")
    segments: list[tuple[str, str | None]] = []
    for raw in filter(None, rest.split("/")):
        match = _SEGMENT.fullmatch(unquote(raw))
        if match is None:
            raise malformed("The path cannot be read.")
        segments.append((match[1], match[2]))
    url = f"{request.scheme}://{request.host}{parts.path}"
    return _Request(request.method, url, parts.path, projection, segments, parts.query, request.headers, body)


def _need_tag(asked: _Request, current: str) -> None:
    given = asked.headers.get("If-Match")
    if given is None:
        raise Refused(428, "ODP_MISSING_PRECONDITION", "The If-Match header is missing.")
    if given not in ("*", current):
        details = rule("Voucher.FND_MODIFIED", "The object was modified by another user.", "20114").details
        raise Refused(412, "ODP_PRECONDITION_FAILED", "The object was modified.", details)


def _voucher_answer(
    voucher: Voucher,
    asked: _Request,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    with_rows: bool = False,
) -> Answer:
    values = {"@odata.context": "$metadata#VoucherSet/$entity", **voucher_values(voucher, with_rows=with_rows)}
    return entity_answer(values, asked.accept, status, {"ETag": voucher.etag, **(headers or {})})
