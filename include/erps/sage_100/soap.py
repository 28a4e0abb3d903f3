"""The SOAP service with the general-ledger extension: the Sage user's log-on in every request, refusals as faults.

A fault's code is Sage's own error code, in its detail or, without one, in the local part of ``faultcode``. An empty array
comes back as ``None``, and so does an absent one: the difference is read from the answer itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import zeep
import zeep.exceptions
import zeep.helpers
from lxml import etree
from pydantic import BaseModel

from include.erps.sage_100.answers import Account, Entry, Period, Structure, SubAccount, Unreadable, read
from include.erps.sage_100.channel import Created, Credentials
from include.erps.sage_100.documents import Entry as NewEntry
from include.erps.sage_100.documents import EntryLine
from include.erps.sage_100.failures import Failure
from include.erps.sage_100.settings import SOAP_NAMESPACE, Sage100Settings
from include.erps.soap_wire import ANSWER_ERRORS, OtherAnswer, SoapWire
from include.errors import Misconfigured
from include.transport import HttpClient

M = TypeVar("M", bound=BaseModel)
# zeep has no types; as Any it may be called under strict checking.
_ZEEP: Any = zeep
_WSDL = Path(__file__).with_name("wsdl") / "masservice.wsdl"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_LONGEST_ANSWER_KEPT = 200_000


class _Wire(SoapWire):
    """Our WSDL with the namespace that this company's service has."""

    def __init__(self, http: HttpClient, settings: Sage100Settings) -> None:
        super().__init__(http, settings.lookup_attempts)
        self._namespace = settings.soap_namespace
        self.repeatable = True

    def load(self, url: str) -> bytes:
        """A WSDL file, by its path."""
        content = super().load(url)
        if url == str(_WSDL):
            return content.replace(SOAP_NAMESPACE.encode(), self._namespace.encode())
        return content


class SoapChannel:
    """:param credentials: the Sage user, sent with every request."""

    def __init__(self, http: HttpClient, settings: Sage100Settings, credentials: Credentials) -> None:
        self._http = http
        self._settings = settings
        self._space = f"{{{settings.soap_namespace}}}"
        self._wire = _Wire(http, settings)
        self._arguments = {
            "logon": {"Password": credentials.password, "Username": credentials.user},
            "companyCode": settings.company_code,
        }
        self._bound: Any = None
        self._blank: date | None = None

    def structure(self) -> Structure:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return read(Structure, _camel(self._ask("GetGLAccountStructure")))

    def account(self, account: str) -> Account:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return self._account(self._ask("GetGLAccount", account=account))

    def accounts(self) -> list[Account]:
        """All accounts, each page after the last one's; the last page is short."""
        size = self._settings.account_page
        found: dict[str, Account] = {}
        after: dict[str, str] = {}
        while True:
            rows = [self._account(row) for row in self._list("GetGLAccounts", **after, maxRows=size)]
            if len(rows) > size or any(row.account in found for row in rows):
                raise Unreadable("the pages of accounts overlap")
            found.update((row.account, row) for row in rows)
            if len(rows) < size:
                return list(found.values())
            after = {"startAfter": rows[-1].account}

    def sub_accounts(self, segment_no: str) -> list[SubAccount]:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return [read(SubAccount, _camel(row)) for row in self._list("GetGLSubAccounts", segmentNo=segment_no)]

    def periods(self, fiscal_year: str) -> list[Period]:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return [read(Period, _camel(row)) for row in self._list("GetGLPeriods", fiscalYear=fiscal_year)]

    def entries(self, reference: str) -> list[Entry]:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return [_entry(row) for row in self._list("GetGLJournalEntries", externalReference=reference)]

    def create(self, entry: NewEntry, before_send: Callable[[str], None]) -> Created:
        """See :class:`include.erps.sage_100.channel.Channel`."""

        def keep(envelope: etree._Element) -> None:
            # Only the entry: the log-on stands next to it.
            found = next(envelope.iter(f"{self._space}journalEntry"))
            before_send(etree.tostring(found, encoding="unicode"))

        self._wire.before_send = keep
        try:
            made = _entry(self._ask("CreateGLJournalEntry", journalEntry=_journal_entry(entry)))
        finally:
            self._wire.before_send = None
        return Created(made, self._kept(self._wire.last))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _ask(self, operation: str, **arguments: Any) -> Any:
        """The operation's result, which must be there and not nil."""
        result, given = self._call(operation, {**self._arguments, **arguments})
        if not given or result is None:
            raise Unreadable("the answer has no result")
        return result

    def _list(self, operation: str, **arguments: Any) -> Sequence[Any]:
        """The rows of an array; an empty one is an answer, an absent or nil one is none."""
        result, given = self._call(operation, {**self._arguments, **arguments})
        if not given:
            raise Unreadable("the answer has no result")
        rows = result or []
        if any(row is None for row in rows):
            raise Unreadable("the answer has a row without content")
        return list(rows)

    def _call(self, operation: str, arguments: Mapping[str, Any]) -> tuple[Any, bool]:
        """The result as zeep reads it, and whether the answer holds one that is not nil."""
        try:
            call = getattr(self._service(), operation)
        except AttributeError:
            raise Misconfigured(f"erp.wsdl has no operation {operation}: give it the extension's own WSDL") from None
        self._wire.sent = False
        try:
            result = call(**arguments)
        except zeep.exceptions.Fault as fault:
            raise self._failure(fault) from None
        except OtherAnswer as other:
            answer = other.answer
            raise Failure(answer.status, None, "", answer.retry_after_s, self._kept(answer.body)) from None
        except (*ANSWER_ERRORS, zeep.exceptions.Error) as error:
            if self._wire.sent:
                raise Unreadable(f"no complete SOAP answer ({type(error).__name__})") from None
            if not isinstance(error, zeep.exceptions.Error):
                raise
            raise Misconfigured(f"erp.wsdl does not fit the operation {operation} ({type(error).__name__})") from None
        return result, self._is_given(operation)

    def _is_given(self, operation: str) -> bool:
        root = etree.fromstring(self._wire.last, etree.XMLParser(resolve_entities=False, no_network=True))
        found = root.find(f".//{self._space}{operation}Response/{self._space}{operation}Result")
        return found is not None and found.get(_NIL) not in ("true", "1")

    def _failure(self, fault: Any) -> Failure:
        code = None
        # Without a fault in it, zeep gives the whole page as bytes.
        if isinstance(fault.detail, etree._Element):
            code = fault.detail.findtext(f".//{self._space}MasFault/{self._space}ErrorCode")
        code = (code or "").strip() or str(fault.code or "").rpartition(":")[2].strip() or None
        return Failure(500, code, self._http.masked(str(fault.message or "")), None, self._kept(self._wire.last))

    def _account(self, row: Any) -> Account:
        values = _camel(row)
        for name in ("dateStart", "dateEnd"):
            if values.get(name) is not None and values[name].date() == self._blank_date():
                values[name] = None
        return read(Account, values)

    def _blank_date(self) -> date:
        """The date by which this server says that there is none."""
        if self._blank is None:
            information, _ = self._call("GetContractInformation", {})
            told = information.NullDateTime if information is not None else None
            if told is None:
                raise Unreadable("the service does not tell which date means none")
            self._blank = told.date()
        assert self._blank is not None
        return self._blank

    def _kept(self, content: bytes) -> str:
        return self._http.masked(content.decode("utf-8", "replace"))[:_LONGEST_ANSWER_KEPT]

    def _service(self) -> Any:
        if self._bound is None:
            settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True)
            wsdl = self._settings.wsdl or str(_WSDL)
            try:
                client = _ZEEP.Client(wsdl, transport=self._wire, settings=settings)
                # The address in a WSDL often names a host inside the customer's network.
                address = f"{self._http.base_url}{self._settings.path}"
                self._bound = client.create_service(f"{self._space}{self._settings.soap_binding}", address)
            except (OSError, ValueError, zeep.exceptions.Error, etree.LxmlError) as error:
                raise Misconfigured(
                    f"the WSDL of Sage 100 cannot be used ({type(error).__name__}): erp.wsdl must be one complete file with the "
                    "binding erp.soap_binding in the namespace erp.soap_namespace"
                ) from None
        return self._bound


def _journal_entry(entry: NewEntry) -> dict[str, Any]:
    return {
        **({"BatchNo": entry.batch_number} if entry.batch_number else {}),
        "ExternalReference": entry.reference,
        "JournalComment": entry.comment,
        "Lines": {"GLJournalEntryLine": [_line(line) for line in entry.lines]},
        # Midnight without a zone: a bare date or an aware one is refused.
        "PostingDate": datetime.combine(entry.posting_date, time()),
        "SourceJournal": entry.source_journal,
    }


def _line(line: EntryLine) -> dict[str, Any]:
    return {
        "Account": line.account,
        "CreditAmount": Decimal(line.credit_cents).scaleb(-2),
        "DebitAmount": Decimal(line.debit_cents).scaleb(-2),
        "PostingComment": line.comment,
    }


def _camel(row: Any) -> dict[str, Any]:
    """A data contract's members under the names that the agent uses."""
    values = _ZEEP.helpers.serialize_object(row, dict)
    return {name[:1].lower() + name[1:]: value for name, value in values.items()}


def _entry(row: Any) -> Entry:
    values = _camel(row)
    lines = values.get("lines")
    if lines is not None:
        rows = lines.get("GLJournalEntryLine") if isinstance(lines, dict) else lines
        values["lines"] = [_camel(one) for one in rows or []]
    return read(Entry, values)
