"""Questions to Acumatica, in bulk: never one request per line.

An answer counts only when it is complete and holds what was asked. "Nothing found" counts only from a site that shows the
configured branch to this user: one that may not see a branch gets empty lists for it without a word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from include.erps.acumatica import values
from include.erps.acumatica.documents import BILL_FIELDS, JOURNAL_FIELDS
from include.erps.acumatica.periods import Calendar, calendar_of, financial_years
from include.erps.acumatica.session import Query, Session, equal, literal
from include.erps.acumatica.settings import BILL, DEBIT_ADJUSTMENT, AcumaticaSettings, header
from include.erps.acumatica.values import Record, Unreadable
from include.erps.kept_answers import KeptAnswers
from include.errors import LookupFailed

_PROOF_LASTS_S = 3600.0
_DOCUMENT_PAGE = 50
_PAYABLES = f"(Type eq {literal(BILL)} or Type eq {literal(DEBIT_ADJUSTMENT)})"
_BILL_LINE = ("Account", "ExtendedCost")
_JOURNAL_LINE = ("Account", "DebitAmount", "CreditAmount")


@dataclass(frozen=True)
class LedgerFacts:
    """A ledger with the branches that use it (upper case to active)."""

    id: str
    type: str
    currency: str
    branches: Mapping[str, bool]


@dataclass(frozen=True)
class Payee:
    """A vendor or an employee. ``status`` is Acumatica's word."""

    id: str
    status: str
    is_employee: bool


@dataclass(frozen=True)
class Lookups:
    """:param kept: where it is kept that the branch was readable, for an hour, and that a period was open."""

    session: Session
    settings: AcumaticaSettings
    kept: KeptAnswers

    # --- documents ---

    def bills(self, reference: str) -> list[Record]:
        """Bills and debit adjustments with this VendorRef, of any vendor: a remapped one must not hide the document."""
        query = Query("Bill", BILL_FIELDS, f"{equal('VendorRef', reference)} and {_PAYABLES}")
        rows = self.session.rows(query, subject=f"bill {reference}", page=_DOCUMENT_PAGE)
        for row in rows:
            same = values.text_of(row, "VendorRef").lower() == reference.lower()
            if not same or values.text_of(row, "Type") not in (BILL, DEBIT_ADJUSTMENT):
                raise LookupFailed(f"Acumatica's look-up of {reference} returned bills that were not asked for")
        return self._proven(rows)

    def journals(self, reference: str) -> list[Record]:
        """General ledger batches whose description begins with our header; never the payables' own batches."""
        begins = header(reference)
        where = f"Module eq 'GL' and startswith(Description,{literal(begins)})"
        query = Query("JournalTransaction", JOURNAL_FIELDS, where)
        rows = self.session.rows(query, subject=f"journal {reference}", page=_DOCUMENT_PAGE)
        for row in rows:
            same = values.text_of(row, "Description").lower().startswith(begins.lower())
            if not same or values.text_of(row, "Module") != "GL":
                raise LookupFailed(f"Acumatica's look-up of {reference} returned journals that were not asked for")
        return self._proven(rows)

    def bills_between(self, prefix: str, first: date, last: date) -> list[Record]:
        """Bills and debit adjustments of these days that show that they are ours, with their lines."""
        begins = f"startswith(Description,{literal(header(prefix).removesuffix(':'))})"
        ours = f"({begins} or startswith(VendorRef,{literal(prefix)}))" if prefix else begins
        where = f"{_PAYABLES} and {ours} and {_between('Date', first, last)}"
        return self._proven(
            self.session.rows(Query("Bill", _with(BILL_FIELDS, _BILL_LINE), where, "Details"), subject="our bills")
        )

    def bills_of(self, references: Collection[str]) -> list[Record]:
        """Bills and debit adjustments under any of the references, with their lines."""
        query = Query("Bill", _with(BILL_FIELDS, _BILL_LINE), _PAYABLES, "Details")
        conditions = [equal("VendorRef", reference) for reference in references]
        return self._proven(self.session.any_of(query, conditions, subject="our bills"))

    def journals_between(self, prefix: str, first: date, last: date) -> list[Record]:
        """General ledger batches of these days whose description begins as ours do, with their lines."""
        begins = f"startswith(Description,{literal(header(prefix).removesuffix(':'))})"
        where = f"Module eq 'GL' and {begins} and {_between('TransactionDate', first, last)}"
        query = Query("JournalTransaction", _with(JOURNAL_FIELDS, _JOURNAL_LINE), where, "Details")
        return self._proven(self.session.rows(query, subject="our journals"))

    def journals_of(self, references: Collection[str]) -> list[Record]:
        """General ledger batches under any of the references, with their lines."""
        query = Query("JournalTransaction", _with(JOURNAL_FIELDS, _JOURNAL_LINE), "Module eq 'GL'", "Details")
        conditions = [f"startswith(Description,{literal(header(reference))})" for reference in references]
        return self._proven(self.session.any_of(query, conditions, subject="our journals"))

    def with_lines(self, entity: str, row: Record, subject: str) -> Record:
        """A document with its details, by its id: a number may hold characters that a path cannot carry."""
        return self.session.one(f"{entity}/{row['id']}", subject=subject, expand="Details")

    def _proven(self, rows: list[Record]) -> list[Record]:
        if not rows:
            self.kept.answer(f"shows:{(self.settings.branch or '').upper()}", _PROOF_LASTS_S, self._branch_shown)
        return rows

    def _branch_shown(self) -> str:
        visible = {branch for ledger in self.ledgers() for branch in ledger.branches}
        wanted = (self.settings.branch or "").upper()
        if (wanted not in visible) if wanted else not visible:
            shown = ", ".join(sorted(visible)) or "none"
            raise LookupFailed(
                f"Acumatica does not show the branch {self.settings.branch or 'of any ledger'} to the integration's user, so an "
                f"empty answer proves nothing: check erp.branch and the user's access (branches shown: {shown})"
            )
        return ""

    # --- master data ---

    def ledgers(self) -> list[LedgerFacts]:
        """All ledgers with their branches."""
        query = Query("Ledger", "LedgerID,Type,Currency,Branches/BranchID,Branches/Active", expand="Branches")
        found = []
        try:
            for row in self.session.rows(query, subject="the ledgers"):
                branches = {
                    values.text_of(branch, "BranchID").upper(): values.truth_of(branch, "Active") is not False
                    for branch in values.lines_of(row, "Branches")
                }
                code, kind = values.text_of(row, "LedgerID"), values.text_of(row, "Type")
                found.append(LedgerFacts(code, kind, values.text_of(row, "Currency"), branches))
        except Unreadable as error:
            raise LookupFailed(f"Acumatica's ledgers cannot be read: {error}") from None
        return found

    def active(self, entity: str, key: str, codes: Collection[str]) -> dict[str, bool]:
        """Codes (upper case) that exist, and whether they are active: accounts and subaccounts."""
        rows = self._by_code(Query(entity, f"{key},Active"), key, codes)
        return {values.text_of(row, key).upper(): values.truth_of(row, "Active") is True for row in rows}

    def statuses(self, entity: str, key: str, codes: Collection[str]) -> dict[str, str]:
        """Codes (upper case) that exist, with their status: projects."""
        rows = self._by_code(Query(entity, f"{key},Status"), key, codes)
        return {values.text_of(row, key).upper(): values.text_of(row, "Status") for row in rows}

    def tasks(self, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """(Project, task) in upper case to the task's status."""
        conditions = [
            f"({equal('ProjectID', project)} and {equal('ProjectTaskID', task)})" for project, task in sorted(pairs)
        ]
        query = Query("ProjectTask", "ProjectID,ProjectTaskID,Status")
        return {
            (
                values.text_of(row, "ProjectID").upper(),
                values.text_of(row, "ProjectTaskID").upper(),
            ): values.text_of(row, "Status")
            for row in self.session.any_of(query, conditions, subject="project tasks")
        }

    def payees(self, ids: Collection[str]) -> dict[str, Payee]:
        """Vendors and employees by id (upper case); ``Payee.id`` is as Acumatica writes it."""
        found: dict[str, Payee] = {}
        for entity, key, is_employee in (("Vendor", "VendorID", False), ("Employee", "EmployeeID", True)):
            rest = [identity for identity in ids if identity.upper() not in found]
            for row in self._by_code(Query(entity, f"{key},Status"), key, rest):
                identity = values.text_of(row, key)
                found[identity.upper()] = Payee(identity, values.text_of(row, "Status"), is_employee)
        return found

    def employees_by_email(self, emails: Collection[str]) -> dict[str, list[Payee]]:
        """E-mail (lower case) to every employee who has it, inactive ones included."""
        conditions = [equal("ContactInfo/Email", email) for email in sorted(emails)]
        query = Query("Employee", "EmployeeID,Status,ContactInfo/Email", expand="ContactInfo")
        found: dict[str, list[Payee]] = defaultdict(list)
        for row in self.session.any_of(query, conditions, subject="employees"):
            email = values.text_of(values.linked(row, "ContactInfo"), "Email").lower()
            payee = Payee(values.text_of(row, "EmployeeID"), values.text_of(row, "Status"), True)
            if email and payee.id:
                found[email].append(payee)
        return dict(found)

    def calendar(self, days: Iterable[date]) -> Calendar:
        """The financial periods around these days."""
        company = self.settings.calendar_company
        entity = "CompanyFinancialPeriod" if company else "FinancialPeriod"
        details = ("FinancialPeriodID", "StartDate", "EndDate", "Status", "ClosedInAP")
        select = ",".join(["FinancialYear", *(f"Details/{name}" for name in details)])
        where = equal("Company", company) if company else ""
        query = Query(entity, select, where, "Details")
        conditions = [equal("FinancialYear", year) for year in financial_years(days)]
        try:
            return calendar_of(self.session.any_of(query, conditions, subject="financial periods"), self.settings)
        except Unreadable as error:
            raise LookupFailed(f"Acumatica's financial periods cannot be read: {error}") from None

    def was_open_lately(self, period: str, kind: str) -> bool:
        """Whether any task has seen the period take such documents within the last ``period_recheck_s``."""
        return self.kept.read(self._open_name(period, kind), self.settings.period_recheck_s) is not None

    def remember_open(self, seen: Collection[tuple[str, str]], asked_at: float) -> None:
        """These periods take documents of these kinds: (period, kind) pairs, asked for at ``asked_at``."""
        if self.settings.period_recheck_s:
            for period, kind in sorted(seen):
                self.kept.write(self._open_name(period, kind), "", asked_at)

    def _open_name(self, period: str, kind: str) -> str:
        return f"open:{self.settings.calendar_company or ''}:{period}:{kind}"

    def _by_code(self, query: Query, key: str, codes: Collection[str]) -> list[Record]:
        # As they are written: that case does not matter is Acumatica's business.
        conditions = [equal(key, code) for _, code in sorted({code.upper(): code for code in sorted(codes)}.items())]
        return self.session.any_of(query, conditions, subject=f"{query.entity} codes")


def _with(fields: str, line: Iterable[str]) -> str:
    return ",".join([fields, *(f"Details/{name}" for name in line)])


def _between(field: str, first: date, last: date) -> str:
    """Dates are days: they come as midnight in no zone, and are compared as such."""
    start, end = (f"datetimeoffset'{day.isoformat()}T00:00:00.000+00:00'" for day in (first, last))
    return f"{field} ge {start} and {field} le {end}"
