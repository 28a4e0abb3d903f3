"""One GP company through the Web Services: which company it is, its chart, its cost centres and employees."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from lxml import etree

from include.clock import Clock, utc_now
from include.erps.dynamics_gp import soap
from include.erps.dynamics_gp.api import Account, CostCenter, Employee, Period
from include.erps.dynamics_gp.periods import CalendarFile
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.dynamics_gp.soap import Fault, NoEnvelope, Operation, SoapCalls
from include.erps.dynamics_gp.soap_journals import SoapJournals
from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentsAsked, Draft, ErpDocument
from include.errors import LookupFailed, Misconfigured, Retryable
from include.transport import HttpClient


class SoapCompany:
    """Implements :class:`include.erps.dynamics_gp.api.Api`. Nothing is sent before its first use."""

    can_write_master_data = False

    def __init__(
        self, http: HttpClient, settings: DynamicsGpSettings, kept: KeptAnswers, clock: Clock = utc_now
    ) -> None:
        assert settings.fiscal_calendar is not None
        self._settings = settings
        self._calendar = CalendarFile(settings.fiscal_calendar)
        self._calls = SoapCalls(http, settings.soap_path, settings.query_attempts)
        self._journals = SoapJournals(self._calls, settings, self.asked, self._context_of, kept, clock)
        self._company_id: int | None = None

    # --- the company ---

    def open(self) -> None:
        """Find the company's id by its display name, or make sure that the configured id has that name."""
        if self._company_id is not None:
            return
        name, known = self._settings.company_name, self._settings.company_id
        if known is None:
            assert name is not None
            self._company_id = self._search(name)
            return
        if name is not None:
            called = self._name_of(known) or self._name_of(known)
            if called is None or not _same(called, name):
                raise Misconfigured(
                    f"the Dynamics GP company with the id {known} is called {called!r}, not {name!r}: correct erp.company or "
                    "erp.company_id in the tenant file"
                    if called is not None
                    else f"Dynamics GP shows no company with the id {known}: correct erp.company_id in the tenant file, or "
                    "give the Windows account access to it"
                )
        self._company_id = known

    def sign_in(self) -> str:
        """Ask for a company by id: a fault that says that there is none comes after the log-on, too."""
        known = self._settings.company_id or 1
        self._name_of(known)
        return "the Web Services let the Windows account in"

    def may_post(self) -> str:
        """Read the policy that a new journal has to carry."""
        self._journals.read_policy(self._context_of())
        return "the policy for new journals (CreateGLTransaction) can be read"

    def company_details(self) -> dict[str, int]:
        """The company's id."""
        self.open()
        assert self._company_id is not None
        return {"company_id": self._company_id}

    def _search(self, name: str) -> int:
        # The Web Services have no list of companies by name; ids are small numbers, the sample company's is -1.
        candidates: list[int] = [*range(1, self._settings.company_id_search + 1), -1]
        for _ in range(2):
            named = ((candidate, self._name_of(candidate)) for candidate in candidates)
            unnamed = []
            for candidate, called in named:
                if called is None:
                    unnamed.append(candidate)
                elif _same(called, name):
                    return candidate
            # What failed may exist: a server's failure and a company that is not there look the same.
            candidates = unnamed
        raise Misconfigured(
            f"Dynamics GP shows no company called {name!r} to this Windows account (ids 1 to "
            f"{self._settings.company_id_search} and -1 were tried): correct erp.company, or set erp.company_id in the tenant "
            "file"
        )

    def _name_of(self, company_id: int) -> str | None:
        key = self._calls.new("CompanyKey", namespace=soap.DYN, Id=company_id)
        try:
            found = self._calls.ask("GetCompanyByKey", key=key, context=self._context(company_id))
        except Fault:
            # A company that does not exist, or that the account may not see, looks like a failure of the server.
            return None
        except NoEnvelope as error:
            raise LookupFailed(f"Dynamics GP could not be asked about its companies: {error}") from None
        return soap.text(found, "GetCompanyByKeyResult/Name")

    def _context(self, company_id: int) -> Any:
        return self._calls.new(
            "Context",
            namespace=soap.DYN,
            OrganizationKey=self._calls.new("CompanyKey", namespace=soap.DYN, Id=company_id),
            CultureName=self._settings.culture,
            CurrencyType="Transactional",
        )

    def _context_of(self, draft: Draft | None = None) -> Any:
        """The company that the check settled, else the tenant's."""
        frozen = draft.details.get("company_id") if draft is not None else None
        if isinstance(frozen, int):
            return self._context(frozen)
        self.open()
        assert self._company_id is not None
        return self._context(self._company_id)

    # --- questions ---

    def asked(self, operation: Operation, subject: str, context: Any, /, **arguments: Any) -> etree._Element:
        """A question's answer. :raises LookupFailed: there is none."""
        try:
            return self._calls.ask(operation, **arguments, context=context)
        except (LookupFailed, Misconfigured):
            raise
        except Retryable as error:
            raise LookupFailed(f"Dynamics GP could not be asked about {subject}: {error}", error.delay_s) from None
        except NoEnvelope as error:
            raise LookupFailed(
                f"Dynamics GP gave no readable answer about {subject}: {error}", error.answer.retry_after_s
            ) from None
        except Fault as fault:
            if fault.not_understood:
                raise Misconfigured(f"this Dynamics GP server does not know {operation}: check erp.soap_path") from None
            raise LookupFailed(
                f"Dynamics GP failed at the question about {subject}: {fault.text}. Its administrator finds the cause in the "
                "Dynamics GP Exception Management Console"
            ) from None

    def accounts(self, numbers: Collection[str]) -> dict[str, Account]:
        """Asked in bulk; an account that the bulk answer does not have is asked for alone before it counts as missing."""
        found: dict[str, Account] = {}
        wanted = sorted(set(numbers))
        size = self._settings.account_chunk
        for chunk in (wanted[at : at + size] for at in range(0, len(wanted), size)):
            if len(chunk) > 1:
                rows = self._account_rows(Items=self._calls.new("ArrayOfString", string=chunk))
                found |= {row.number.upper(): row for row in rows}
            for number in chunk:
                if number.upper() not in found:
                    rows = self._account_rows(EqualValue=number)
                    exact = [row for row in rows if row.number.upper() == number.upper()]
                    if rows and not exact:
                        raise LookupFailed(
                            f"Dynamics GP answered the question about account {number} with other accounts"
                        )
                    found |= {row.number.upper(): row for row in exact}
        asked = {number.upper() for number in wanted}
        return {number: row for number, row in found.items() if number in asked}

    def cost_center(self, code: str) -> CostCenter | None:
        """Known if any account has it as its segment."""
        separator = self._settings.segment_separator
        before = f"%{separator}" * (self._settings.cost_center_segment - 1)
        rows = self._account_rows(Like=f"{before}{_escaped(code)}%")
        ours = [row for row in rows if (self._settings.segment(row.number) or "").upper() == code.upper()]
        if not ours and len(rows) >= self._settings.list_cap:
            raise LookupFailed(f"Dynamics GP lists too many accounts to tell whether the cost centre {code} exists")
        return CostCenter(code, "", any(row.active for row in ours)) if ours else None

    def cost_centers(self) -> list[CostCenter]:
        """Every value of the cost centre's segment in the chart; active if one of its accounts is."""
        active: dict[str, bool] = {}
        for row in self._all(lambda last: self._account_rows(GreaterThan=last), lambda row: row.number):
            code = self._settings.segment(row.number)
            if code:
                active[code] = active.get(code, False) or row.active
        return [CostCenter(code, "", is_active) for code, is_active in sorted(active.items())]

    def employees(self, since: datetime | None = None) -> list[Employee]:
        """Employees as the Web Services list them, without a time of change; the account's entity filters may hide some."""
        return self._all(self._employee_rows, lambda row: row.code)

    def put_cost_center(self, center: CostCenter) -> None:
        """Never called: the Web Services have no such operation."""
        raise NotImplementedError

    def put_employee(self, employee: Employee) -> None:
        """Never called: the Web Services have no such operation."""
        raise NotImplementedError

    def period_of(self, day: date) -> Period | None:
        """From the calendar file."""
        return self._calendar.period_of(day)

    def periods_after(self, day: date) -> Iterator[Period]:
        """From the calendar file."""
        return self._calendar.periods_after(day)

    def find(self, draft: Draft) -> list[ErpDocument]:
        """See :meth:`SoapJournals.find`."""
        return self._journals.find(draft)

    def just_created(self, draft: Draft) -> list[ErpDocument]:
        """See :meth:`SoapJournals.just_created`."""
        return self._journals.just_created(draft)

    def documents(self, asked: DocumentsAsked) -> list[ErpDocument]:
        """See :class:`include.erps.dynamics_gp.api.Api`."""
        return self._journals.documents(asked)

    def create(self, draft: Draft, batch: str, before_send: Callable[[str], None]) -> ErpDocument:
        """See :meth:`SoapJournals.create`."""
        return self._journals.create(draft, batch, before_send)

    def close(self) -> None:
        """Close the connection."""
        self._calls.close()

    def _account_rows(self, **restriction: Any) -> list[Account]:
        by_number = self._calls.new("LikeRestrictionOfString", **restriction)
        criteria = self._calls.new("GLAccountCriteria", GLAccountId=by_number)
        answer = self.asked("GetGLAccountList", "accounts", self._context_of(), criteria=criteria)
        rows = soap.items(answer, "GetGLAccountListResult")
        if rows is None:
            raise LookupFailed("Dynamics GP's answer about accounts holds no list")
        return [self._account(row) for row in rows]

    def _account(self, row: etree._Element) -> Account:
        number, kind = soap.text(row, "Key/Id"), soap.text(row, "AccountType")
        if number is None or kind is None:
            raise LookupFailed("Dynamics GP's list of accounts has a row without number or type")
        return Account(
            number, not soap.says(row, "IsActive", False), kind == "Posting", kind, soap.text(row, "Description") or ""
        )

    def _employee_rows(self, last: str) -> list[Employee]:
        criteria = self._calls.new(
            "EmployeeCriteria", EmployeeKeyId=self._calls.new("LikeRestrictionOfString", GreaterThan=last)
        )
        answer = self.asked("GetEmployeeList", "employees", self._context_of(), criteria=criteria)
        rows = soap.items(answer, "GetEmployeeListResult")
        if rows is None or any(soap.text(row, "EmployeeKey/Id") is None for row in rows):
            raise LookupFailed("Dynamics GP's answer about employees cannot be read")
        return [
            Employee(
                soap.text(row, "EmployeeKey/Id") or "",
                soap.text(row, "Name/GivenName") or "",
                soap.text(row, "Name/FamilyName") or "",
                "",
                soap.text(row, "DepartmentKey/Id") or "",
                not soap.says(row, "IsActive", False),
            )
            for row in rows
        ]

    def _all(self, page: Callable[[str], Sequence[Any]], key: Callable[[Any], str]) -> list[Any]:
        """All rows by pages: a list is cut silently at its cap, so it is asked again from its last row on."""
        found: dict[str, Any] = {}
        last = ""
        for _ in range(self._settings.lookup_requests):
            rows = page(last)
            new = {key(row): row for row in rows if key(row) not in found}
            if not new:
                return list(found.values())
            found |= new
            last = max(key(row) for row in rows)
        raise LookupFailed("Dynamics GP's list does not come to an end: raise erp.lookup_requests in the tenant file")


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _escaped(text: str) -> str:
    """Text for SQL's LIKE: its wildcards taken literally."""
    return "".join(f"[{letter}]" if letter in "%_[" else letter for letter in text)
