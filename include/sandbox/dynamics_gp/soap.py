"""The legacy SOAP endpoint: its operations over the books, their answers and faults."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from xml.sax.saxutils import escape

from lxml import etree

from include.sandbox.dynamics_gp.books import Account, Company, Journal
from include.sandbox.dynamics_gp.handshake import WindowsAccount
from include.sandbox.dynamics_gp.restrictions import boolean_fits, moment_fits, text_fits, word_fits
from include.sandbox.dynamics_gp.rules import Entry, EntryLine, Finding, check, taken
from include.sandbox.dynamics_gp.schema import DYN, GP, OPERATIONS, Malformed, read
from include.sandbox.stage import Answer

__all__ = ["Request", "SoapEndpoint"]

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_POLICY_ID = "ffa3b9a6-fa25-47a2-8179-cb37c695455e"
_REVERSING_ID = "b0c9fe57-c4f0-4d6a-b0aa-ab4d6d7596c8"
T = TypeVar("T")

_SYSTEM = "An unexpected error has occurred. Contact your system administrator."
_UNIT_TYPES = ("Unit", "Variable Allocation")


class _Site(Protocol):
    companies: dict[int, Company]
    list_cap: int
    logs: dict[str, list[Finding]]


class _System(Exception):
    """A system exception: nothing in its fault tells what went wrong."""


class _Invalid(Exception):
    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(findings)
        self.findings = findings


class Request:
    """One envelope, parsed as far as the operation's name."""

    def __init__(self, operation: str, call: etree._Element) -> None:
        self.operation = operation
        self.call = call


class SoapEndpoint:
    """Runs operations for an account that has come in."""

    def __init__(self, site: _Site) -> None:
        self._site = site
        self._run: dict[str, Callable[[Company, dict[str, Any]], str]] = {
            "GetGLTransactionByKey": self._transaction,
            "GetGLTransactionList": self._transactions,
            "GetGLAccountByKey": self._account,
            "GetGLAccountList": self._accounts,
            "GetPolicyByOperation": self._policy_of,
            "GetLoggedValidationResultByKey": self._log,
            "GetCompanyByKey": self._company,
            "GetGLAccountFormatList": self._formats,
            "GetEmployeeList": self._employees,
        }

    def parse(self, action: str, body: bytes) -> Request | Answer:
        """The request, or the refusal of what is no request at all."""
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            return Answer(b"", 400)
        try:
            root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError:
            return Answer(b"", 400)
        operation = action.strip().strip('"').removeprefix(f"{GP}/")
        if operation not in OPERATIONS or not action.strip().startswith('"'):
            return _fault(
                "a:ActionNotSupported", f"The message with Action '{escape(action)}' cannot be processed.", ""
            )
        if root.tag != f"{{{_ENVELOPE}}}Envelope":
            return Answer(b"", 400)
        call = root.find(f"{{{_ENVELOPE}}}Body/{{{GP}}}{operation}")
        if call is None:
            return _fault("s:Client", _SYSTEM, "")
        return Request(operation, call)

    def run(self, request: Request, account: WindowsAccount) -> Answer:
        """Carry the operation out."""
        try:
            arguments = read(request.call, request.operation)
            company = self._company_of(arguments, account)
            if request.operation == "CreateGLTransaction":
                content = self._create(company, arguments, request.call)
            else:
                content = self._run[request.operation](company, arguments)
        except Malformed as error:
            return _fault("s:Client", f"The formatter threw an exception: {error}", "")
        except _System:
            return _fault("s:Server", _SYSTEM, "")
        except _Invalid as error:
            log_id = str(uuid.uuid4())
            self._site.logs[log_id] = error.findings
            detail = f'<gp:ValidationFault xmlns:gp="{GP}"><gp:Message>{log_id}</gp:Message></gp:ValidationFault>'
            return _fault("s:Client", "Business object validation error.", detail)
        name = f"{request.operation}Response"
        inner = f'<{name} xmlns="{GP}" xmlns:xsi="{_XSI}">{content}</{name}>' if content else f'<{name} xmlns="{GP}"/>'
        return _envelope(inner)

    def _company_of(self, arguments: dict[str, Any], account: WindowsAccount) -> Company:
        context = arguments.get("context")
        key = context.get("OrganizationKey") if context else None
        company = self._site.companies.get(int(key["Id"])) if key and "Id" in key else None
        if company is None or not account.gp_user or not account.may_use(company.id):
            raise _System
        return company

    # --- journals ---

    def _create(self, company: Company, arguments: dict[str, Any], call: etree._Element) -> str:
        given = arguments.get("glTransaction")
        policy = call.find(f"{{{GP}}}policy")
        if not given or policy is None or not _same_content(policy, _policy_xml()):
            raise _System
        entry = _entry(company, given)
        findings = check(company, entry)
        if findings:
            raise _Invalid(findings)
        taken(company, entry)
        return ""

    def _transactions(self, company: Company, arguments: dict[str, Any]) -> str:
        wanted = arguments.get("criteria") or {}

        def fits(one: Journal) -> bool:
            return (
                moment_fits(datetime(one.day.year, one.day.month, one.day.day), wanted.get("Date"))  # noqa: DTZ001
                and moment_fits(_utc(one.modified), wanted.get("ModifiedDate"))
                and text_fits(one.batch, wanted.get("BatchId"))
                and text_fits(str(one.number), wanted.get("JournalId"))
                and text_fits(one.currency, wanted.get("CurrencyISOCode"))
                and text_fits(one.source_document, wanted.get("SourceDocumentId"))
                and word_fits(one.state, wanted.get("TransactionState"), "GLTransactionState")
                and word_fits(one.ledger, wanted.get("LedgerType"), "GLLedgerType")
            )

        found = [one for one in company.journals if not company.hidden and fits(one)]
        rows = "".join(
            f"<GLTransactionSummary>{_key(one)}<BatchKey><Source>GL_Normal</Source>{_leaf('Id', one.batch)}"
            f'<CreatedDateTime xsi:nil="true"/></BatchKey><CurrencyKey>{_leaf("ISOCode", one.currency)}</CurrencyKey>'
            f"{_leaf('ModifiedDate', _stamp(one.modified))}{_leaf('Reference', one.reference)}"
            f"<SourceDocumentKey>{_leaf('Id', one.source_document)}</SourceDocumentKey>"
            f"{_leaf('TransactionState', one.state)}{_leaf('LedgerType', one.ledger)}</GLTransactionSummary>"
            for one in self._capped(found)
        )
        return f"<GetGLTransactionListResult>{rows}</GetGLTransactionListResult>"

    def _transaction(self, company: Company, arguments: dict[str, Any]) -> str:
        key = arguments.get("key") or {}
        for one in company.journals:
            if str(one.number) == key.get("JournalId") and str(key.get("Date", ""))[:10] == one.day.isoformat():
                return f"<GetGLTransactionByKeyResult>{_journal(one)}</GetGLTransactionByKeyResult>"
        raise _System

    # --- accounts, company, employees ---

    def _accounts(self, company: Company, arguments: dict[str, Any]) -> str:
        wanted = arguments.get("criteria") or {}
        found = [
            one
            for _, one in sorted(company.accounts.items())
            if text_fits(one.number, wanted.get("GLAccountId"))
            and text_fits(one.description, wanted.get("Description"))
            and text_fits(one.alias, wanted.get("Alias"))
            and boolean_fits(one.active, wanted.get("IsActive"))
            and moment_fits(_utc(one.modified), wanted.get("ModifiedDate"))
            and word_fits(one.type, wanted.get("AccountType"), "GLAccountSummaryType")
        ]
        rows = "".join(
            f"<GLAccountSummary>{_account_head(one)}{_leaf('AccountType', one.type)}</GLAccountSummary>"
            for one in self._capped(found)
        )
        return f"<GetGLAccountListResult>{rows}</GetGLAccountListResult>"

    def _account(self, company: Company, arguments: dict[str, Any]) -> str:
        one = company.accounts.get(str((arguments.get("key") or {}).get("Id", "")).upper())
        if one is None:
            raise _System
        kind = "GLUnitAccount" if one.type in _UNIT_TYPES else "GLPostingAccount"
        return f'<GetGLAccountByKeyResult xsi:type="{kind}">{_account_head(one)}</GetGLAccountByKeyResult>'

    def _company(self, company: Company, arguments: dict[str, Any]) -> str:
        key = arguments.get("key") or {}
        one = self._site.companies.get(int(key["Id"])) if "Id" in key else None
        if one is None:
            raise _System
        return (
            f'<GetCompanyByKeyResult><Key><Id xmlns="{DYN}">{one.id}</Id></Key>{_leaf("Name", one.name)}'
            f"<Options><Unknown>1</Unknown></Options>{_leaf('AccountSegmentSeparator', one.separator)}"
            "</GetCompanyByKeyResult>"
        )

    def _formats(self, company: Company, arguments: dict[str, Any]) -> str:
        rows = "".join(
            f"<GLAccountFormat><Key><Id>{at}</Id></Key><SegmentName>Segment{at}</SegmentName>"
            f"<MaximumSegmentLength>{size}</MaximumSegmentLength><SegmentLength>{size}</SegmentLength>"
            f"<IsMainSegment>{str(at == company.main_segment).lower()}</IsMainSegment>"
            "<UserDefinedSegment>0</UserDefinedSegment></GLAccountFormat>"
            for at, size in enumerate(company.segments, start=1)
        )
        return f"<GetGLAccountFormatListResult>{rows}</GetGLAccountFormatListResult>"

    def _employees(self, company: Company, arguments: dict[str, Any]) -> str:
        wanted = arguments.get("criteria") or {}
        found = [
            one
            for _, one in sorted(company.employees.items())
            if text_fits(one.code, wanted.get("EmployeeKeyId"))
            and text_fits(one.last_name, wanted.get("FamilyName"))
            and text_fits(one.first_name, wanted.get("GivenName"))
        ]
        rows = "".join(
            f"<EmployeeSummary><EmployeeKey>{_leaf('Id', one.code)}</EmployeeKey>"
            f"<Name>{_leaf('GivenName', one.first_name)}<MiddleName/>{_leaf('FamilyName', one.last_name)}</Name>"
            f"<DepartmentKey>{_leaf('Id', one.department)}</DepartmentKey>"
            f"{_leaf('IsActive', str(one.active).lower())}</EmployeeSummary>"
            for one in self._capped(found)
        )
        return f"<GetEmployeeListResult>{rows}</GetEmployeeListResult>"

    def _policy_of(self, company: Company, arguments: dict[str, Any]) -> str:
        if arguments.get("operation") != "CreateGLTransaction":
            raise _System
        return f"<GetPolicyByOperationResult>{_policy_xml()}</GetPolicyByOperationResult>"

    def _log(self, company: Company, arguments: dict[str, Any]) -> str:
        findings = self._site.logs.get(str(arguments.get("logId", "")).lower())
        if findings is None:
            raise _System
        errors = "".join(
            "<ValidationError><ObjectType>Microsoft.Dynamics.GP.GLTransaction</ObjectType>"
            f"<PropertyNames>{_leaf('string', one.field)}</PropertyNames>{_leaf('Message', one.text)}"
            f"{_leaf('Id', str(uuid.uuid5(uuid.NAMESPACE_OID, one.code)))}</ValidationError>"
            for one in findings
        )
        return (
            f"<GetLoggedValidationResultByKeyResult><Errors>{errors}</Errors><Warnings/>"
            "</GetLoggedValidationResultByKeyResult>"
        )

    def _capped(self, rows: list[T]) -> list[T]:
        return rows[: self._site.list_cap]


def _entry(company: Company, given: dict[str, Any]) -> Entry:
    key = given.get("Key") or {}
    read_only = [name for name in ("AuditTrailCode", "ModifiedBy", "PostedBy", "TransactionState") if given.get(name)]
    if read_only or "Date" not in key:
        raise _Invalid([Finding("ReadOnly", f"{(read_only or ['Key.Date'])[0]} is not valid here.", "GLTransaction")])
    day = _local_day(company, str(key["Date"]))
    batch = (given.get("BatchKey") or {}).get("Id") or ""
    lines = []
    for at, line in enumerate((given.get("Lines") or {}).get("GLTransactionLine", [])):
        amounts = [line.get(name) for name in ("CreditAmount", "DebitAmount")]
        if any(one is None or "Value" not in one for one in amounts):
            raise _Invalid([Finding("MissingField", "Debit and credit amounts are both required.", f"Lines[{at}]")])
        lines.append(
            EntryLine(
                int((line.get("Key") or {}).get("SequenceNumber", 0)),
                (line.get("GLAccountKey") or {}).get("Id") or "",
                debit=Decimal(amounts[1]["Value"]),
                credit=Decimal(amounts[0]["Value"]),
                description=line.get("Description") or "",
            )
        )
    return Entry(
        day,
        batch or f"{day:%Y%m%d}",
        given.get("Reference") or "",
        tuple(lines),
        source_document=(given.get("SourceDocumentKey") or {}).get("Id") or "GJ",
        currency=(given.get("CurrencyKey") or {}).get("ISOCode") or "",
        ledger=given.get("LedgerType") or "Base",
        number=int(key.get("JournalId", 0)),
    )


def _local_day(company: Company, text: str) -> date:
    """A time with a zone is converted to the server's clock, which can move the day."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.date()
    return (moment.astimezone(UTC) + timedelta(hours=company.utc_offset_h)).date()


def _policy_xml() -> str:
    policy = f"<PolicyKey><Id>{_POLICY_ID}</Id></PolicyKey>"
    behavior = f"<BehaviorKey>{policy}<Id>{_REVERSING_ID}</Id></BehaviorKey>"

    def option(number: int, name: str) -> str:
        return f"<Key>{behavior}<Id>{number}</Id></Key><Name>{name}</Name>"

    keep, reverse = option(1, "Do not create reversing transaction"), option(2, "Create reversing transaction")
    return (
        f"<Key><Id>{_POLICY_ID}</Id></Key><Behaviors><Behavior><Key>{policy}<Id>{_REVERSING_ID}</Id></Key>"
        "<Name>Create Reversing Transaction</Name><Internal>false</Internal>"
        f"<Options><BehaviorOption>{keep}</BehaviorOption><BehaviorOption>{reverse}</BehaviorOption></Options>"
        f"<SelectedOption>{keep}</SelectedOption></Behavior></Behaviors>"
        "<Name>Create General Ledger Transaction</Name><RootBusinessObjectName>GLTransaction</RootBusinessObjectName>"
    )


def _same_content(element: etree._Element, expected: str) -> bool:
    other = etree.fromstring(f'<policy xmlns="{GP}">{expected}</policy>')

    def flat(root: etree._Element) -> list[tuple[str, str]]:
        return [(str(one.tag), (one.text or "").strip()) for one in root.iter() if isinstance(one.tag, str)]

    return flat(element) == flat(other)


def _journal(one: Journal) -> str:
    lines = "".join(
        f"<GLTransactionLine><Key>{_key(one, 'TransactionKey')}<SequenceNumber>{line.sequence}</SequenceNumber></Key>"
        f"{_money('CreditAmount', max(-line.cents, 0), one.currency)}"
        f"{_money('DebitAmount', max(line.cents, 0), one.currency)}"
        f"{_leaf('Description', line.description)}<GLAccountKey>{_leaf('Id', line.account)}"
        '<IsEncrypted>false</IsEncrypted></GLAccountKey><ExchangeRate xsi:nil="true"/><ExchangeDate xsi:nil="true"/>'
        "</GLTransactionLine>"
        for line in one.lines
    )
    return (
        f"{_key(one)}<BatchKey><Source>GL_Normal</Source>{_leaf('Id', one.batch)}"
        f'<CreatedDateTime xsi:nil="true"/></BatchKey><CurrencyKey>{_leaf("ISOCode", one.currency)}</CurrencyKey>'
        f"<Lines>{lines}</Lines>{_leaf('Reference', one.reference)}"
        f"<SourceDocumentKey>{_leaf('Id', one.source_document)}</SourceDocumentKey>"
        f'<ExchangeRate xsi:nil="true"/><ExchangeDate xsi:nil="true"/>{_leaf("LedgerType", one.ledger)}'
        f"{_leaf('IsVoided', str(one.voided).lower())}{_leaf('ModifiedDate', _stamp(one.modified))}"
        f"{_leaf('TransactionState', one.state)}"
    )


def _key(one: Journal, name: str = "Key") -> str:
    kind = ' xsi:type="GLTransactionPostedKey"' if one.state != "Work" else ""
    posted = (
        f"<RecurringTransactionSequence>0</RecurringTransactionSequence><FiscalYear>{one.day.year}</FiscalYear>"
        if kind
        else ""
    )
    return f"<{name}{kind}><JournalId>{one.number}</JournalId><Date>{one.day}T00:00:00</Date>{posted}</{name}>"


def _account_head(one: Account) -> str:
    return (
        f"<Key>{_leaf('Id', one.number)}<IsEncrypted>false</IsEncrypted></Key>{_leaf('Alias', one.alias)}"
        f"{_leaf('IsActive', str(one.active).lower())}{_leaf('Description', one.description)}"
    )


def _money(name: str, cents: int, currency: str) -> str:
    value = f"{cents // 100}.{cents % 100:02d}000"
    return (
        f'<{name} xsi:type="MoneyAmount"><Currency>{currency}</Currency><Value>{value}</Value>'
        f"<DecimalDigits>2</DecimalDigits></{name}>"
    )


def _leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _stamp(moment: datetime) -> str:
    return _utc(moment).isoformat(timespec="milliseconds")


def _fault(code: str, text: str, detail: str) -> Answer:
    return _envelope(
        f'<s:Fault><faultcode>{code}</faultcode><faultstring xml:lang="en-US">{escape(text)}</faultstring>'
        f"<detail>{detail}</detail></s:Fault>",
        500,
    )


def _envelope(body: str, status: int = 200) -> Answer:
    text = f'<s:Envelope xmlns:s="{_ENVELOPE}"><s:Body>{body}</s:Body></s:Envelope>'
    return Answer(text.encode(), status, {"Content-Type": "text/xml; charset=utf-8"})
