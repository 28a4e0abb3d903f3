"""masservice.svc: SOAP 1.1 with the general-ledger extension. Every refusal is a fault under HTTP 500."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

from include.sandbox.sage_100.books import Account, Company, Entry, User
from include.sandbox.sage_100.contract import OPERATIONS, SPACE, Malformed, read_call, write_result
from include.sandbox.sage_100.journal import NewEntry, NewLine, create
from include.sandbox.sage_100.refusals import Refusal
from include.sandbox.stage import Answer, Stage

__all__ = ["soap_routes"]

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_PATH = "/{folder:(?i:ebusinesswebservices)}/{service:(?i:masservice\\.svc)}"
_ADDRESSING = "http://schemas.microsoft.com/ws/2005/05/addressing/none"
_DISPATCHER = "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})T00:00:00")
_MONEY = re.compile(r"(-?)([0-9]+)(?:\.([0-9]{1,2}))?")
_READ_ONLY = ("EntryNo", "FiscalPeriod", "FiscalYear", "JournalRegisterNo", "Status", "TotalCredit", "TotalDebit")
_READ_ONLY_LINE = ("AccountKey", "LineKey")


class _Server(Protocol):
    name: str
    extension: bool
    soap_limit: int
    null_date: str

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


@dataclass(frozen=True)
class _HostFault(Exception):
    """A fault of the service host itself: no detail, a namespace of its own."""

    code: str
    space: str
    text: str


def soap_routes(server: _Server, stage: Stage) -> list[web.AbstractRouteDef]:
    """The one page; `soap:<operation>` is the operation's name for faults. No WSDL is served."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.content_type != "text/xml":
            return web.Response(status=415)
        body = await request.read()
        if len(body) > server.soap_limit:
            return web.Response(status=413)
        try:
            operation, values, text = _parsed(request, body, server.extension)
        except _HostFault as fault:
            return _response(_fault(fault.code, fault.space, fault.text, detail=False))

        def run(refused: Refusal | None = None) -> Answer:
            try:
                if refused is not None:
                    raise refused
                return _envelope(write_result(operation, _call(server, operation, values)))
            except Refusal as refusal:
                return _fault(refusal.kind.soap, SPACE, refusal.soap_message, detail=True)

        if operation == "CreateGLJournalEntry":
            locked = Refusal("RECORD_LOCKED", "Record is in use by another user.")
            return await server.write(request, stage, f"soap:{operation}", text, run, lambda: run(locked))
        return await stage.perform(request, server.name, f"soap:{operation}", text, run)

    return [web.post(_PATH, handle)]


def _parsed(request: web.Request, body: bytes, extension: bool) -> tuple[str, dict[str, Any], str]:
    """Operation, arguments, and the request's text without its log-on."""
    action = request.headers.get("SOAPAction", "").strip().strip('"')
    operation = action.removeprefix(f"{SPACE}/IMasService/")
    if operation not in OPERATIONS or not action.startswith(SPACE) or ("GL" in operation and not extension):
        text = (
            f"The message with Action '{action}' cannot be processed at the receiver, due to a ContractFilter mismatch."
        )
        raise _HostFault("ActionNotSupported", _ADDRESSING, text)
    try:
        document = body.decode("utf-8-sig")
        if "<!DOCTYPE" in document or "<!ENTITY" in document:
            raise Malformed("DTD is prohibited in this XML document")
        envelope = ElementTree.fromstring(document)
        wrapper = envelope.find(f"{{{_ENVELOPE}}}Body/{{{SPACE}}}{operation}")
        if envelope.tag != f"{{{_ENVELOPE}}}Envelope" or wrapper is None:
            raise Malformed(f"the body does not hold {operation}")
        values = read_call(wrapper, operation)
    except (Malformed, UnicodeDecodeError, ElementTree.ParseError) as error:
        text = f"The formatter threw an exception while trying to deserialize the message: {error}"
        raise _HostFault("DeserializationFailed", _DISPATCHER, text) from None
    for child in list(wrapper):
        if child.tag == f"{{{SPACE}}}logon":
            wrapper.remove(child)
    return operation, values, ElementTree.tostring(wrapper, encoding="unicode")


def _call(server: _Server, operation: str, values: Mapping[str, Any]) -> Any:
    if operation == "GetContractInformation":
        return {"AssemblyVersion": "6.20.0.0", "ContractVersion": 4, "NullDateTime": server.null_date}
    logon = values.get("logon") or {}
    user = server.log_on(logon.get("Username") or "", logon.get("Password") or "")
    creating = operation == "CreateGLJournalEntry"
    company = server.open_company(user, values.get("companyCode") or "", create=creating)
    if creating:
        return _entry(create(company, _new_entry(values.get("journalEntry"))))
    return _read(server, company, operation, values)


def _read(server: _Server, company: Company, operation: str, values: Mapping[str, Any]) -> Any:
    match operation:
        case "GetGLAccount":
            account = company.accounts.get(values.get("account") or "")
            if account is None:
                raise _no_key()
            return _account(server, company, account)
        case "GetGLAccounts":
            most = int(values.get("maxRows") or "100")
            if not 1 <= most <= 500:
                raise Refusal("INVALID_VALUE", "maxRows is a number from 1 to 500.")
            after, status = values.get("startAfter") or "", values.get("status")
            rows = [one for code, one in sorted(company.accounts.items()) if code > after]
            return [_account(server, company, one) for one in rows if not status or one.status == status][:most]
        case "GetGLAccountStructure":
            segments = [
                {
                    "DataType": one.kind,
                    "Description": f"Segment {one.number}",
                    "Length": one.length,
                    "SegmentNo": one.number,
                }
                for one in company.segments
            ]
            return {"AccountFormat": company.account_format, "Delimiter": company.delimiter, "Segments": segments}
        case "GetGLSubAccounts":
            number = values.get("segmentNo") or ""
            return [
                {"SegmentNo": number, "Status": status, "SubAccountCode": code, "SubAccountDesc": text}
                for code, (text, status) in sorted(company.sub_accounts.get(number, {}).items())
            ]
        case "GetGLPeriods":
            return [
                {
                    "EndDate": _moment(one.end),
                    "FiscalPeriod": one.number,
                    "FiscalYear": one.year,
                    "StartDate": _moment(one.start),
                    "Status": one.status,
                }
                for one in company.periods
                if one.year == values.get("fiscalYear")
            ]
        case "GetGLJournalEntries":
            return [_entry(entry) for entry in company.by_reference(values.get("externalReference") or "")]
    entry = company.entry(values.get("sourceJournal") or "", values.get("entryNo") or "")
    if entry is None:
        raise _no_key()
    return _entry(entry)


def _no_key() -> Refusal:
    return Refusal("ENTRY_NOT_FOUND", "The record does not exist.")


def _new_entry(values: Mapping[str, Any] | None) -> NewEntry:
    if values is None:
        raise Refusal("FIELD_REQUIRED", "journalEntry is required.")
    _refuse_read_only(values, _READ_ONLY)
    rows = values.get("Lines")
    return NewEntry(
        source_journal=values.get("SourceJournal"),
        posting_date=_posting_date(values.get("PostingDate")),
        reference=values.get("ExternalReference"),
        comment=values.get("JournalComment"),
        batch=values.get("BatchNo"),
        lines=None if rows is None else [_new_line(row or {}, f"Lines[{at}]") for at, row in enumerate(rows)],
    )


def _new_line(row: Mapping[str, Any], place: str) -> NewLine:
    _refuse_read_only(row, _READ_ONLY_LINE)
    return NewLine(
        account=row.get("Account"),
        debit_cents=_cents(row.get("DebitAmount"), f"{place}.DebitAmount"),
        credit_cents=_cents(row.get("CreditAmount"), f"{place}.CreditAmount"),
        comment=row.get("PostingComment"),
    )


def _refuse_read_only(values: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if values.get(name) is not None:
            raise Refusal("READ_ONLY_FIELD", f"{name} is read-only.", name)


def _posting_date(text: str | None) -> date | None:
    if text is None:
        return None
    match = _MIDNIGHT.fullmatch(text)
    if match is None:
        raise Refusal("INVALID_VALUE", "PostingDate must be midnight without zone or offset.", "PostingDate")
    return date.fromisoformat(match[1])


def _cents(text: str | None, place: str) -> int | None:
    if text is None:
        return None
    match = _MONEY.fullmatch(text)
    if match is None:
        raise Refusal("INVALID_AMOUNT", "An amount has at most two decimals and no sign.", place)
    cents = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))
    return -cents if match[1] else cents


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _account(server: _Server, company: Company, account: Account) -> dict[str, Any]:
    return {
        "Account": account.account,
        "AccountDesc": account.description,
        "AccountKey": account.key,
        "AccountType": account.type,
        # A blank date is a date of its own here.
        "DateEnd": _moment(account.end) if account.end else server.null_date,
        "DateStart": _moment(account.start) if account.start else server.null_date,
        "MainAccountCode": account.main(company.delimiter),
        "RawAccount": account.raw(company.delimiter),
        "Status": account.status,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "BatchNo": entry.batch,
        "EntryNo": entry.number,
        "ExternalReference": entry.reference,
        "FiscalPeriod": entry.period.number,
        "FiscalYear": entry.period.year,
        "JournalComment": entry.comment,
        "JournalRegisterNo": entry.register,
        "Lines": [
            {
                "Account": line.account,
                "AccountKey": line.account_key,
                "CreditAmount": _money(line.credit_cents),
                "DebitAmount": _money(line.debit_cents),
                "LineKey": f"{at:06d}",
                "PostingComment": line.comment or None,
            }
            for at, line in enumerate(entry.lines, start=1)
        ],
        "PostingDate": _moment(entry.date),
        "SourceJournal": entry.source_journal,
        "Status": entry.status,
        "TotalCredit": _money(entry.credit_cents),
        "TotalDebit": _money(entry.debit_cents),
    }


def _fault(code: str, space: str, text: str, *, detail: bool) -> Answer:
    inner = ""
    if detail:
        error = f"<ErrorCode>{code}</ErrorCode><ErrorMessage>{escape(text)}</ErrorMessage>"
        inner = f'<detail><MasFault xmlns="{SPACE}">{error}</MasFault></detail>'
    return _envelope(
        f'<s:Fault><faultcode xmlns:a="{space}">a:{code}</faultcode>'
        f'<faultstring xml:lang="en-US">{escape(text)}</faultstring>{inner}</s:Fault>',
        status=500,
    )


def _envelope(body: str, status: int = 200) -> Answer:
    text = f'<s:Envelope xmlns:s="{_ENVELOPE}"><s:Body>{body}</s:Body></s:Envelope>'
    return Answer(text.encode(), status, {"Content-Type": "text/xml; charset=utf-8"})


def _response(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers=dict(answer.headers))
