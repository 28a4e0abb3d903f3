"""Companies and their books in a simulated Dynamics GP, and what finance does to them at its own screens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

__all__ = ["Account", "Company", "CostCenter", "Employee", "Journal", "JournalLine", "Period"]

AccountType = Literal["Posting", "Unit", "Fixed Allocation", "Variable Allocation"]
State = Literal["Work", "Open", "History"]


@dataclass
class Account:
    """One account of the chart."""

    number: str
    description: str = ""
    type: AccountType = "Posting"
    active: bool = True
    alias: str = ""
    modified: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class CostCenter:
    """A cost centre as the SBA service keeps it; in the chart it is a segment."""

    code: str
    description: str = ""
    active: bool = True
    modified: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Employee:
    """An employee."""

    code: str
    first_name: str
    last_name: str
    email: str = ""
    department: str = ""
    cost_center: str = ""
    active: bool = True
    modified: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Period:
    """A fiscal period."""

    year: int
    number: int
    first_day: date
    last_day: date
    closed: bool = False
    year_closed: bool = False


@dataclass(frozen=True)
class JournalLine:
    """One line; `cents` is signed, debit positive."""

    sequence: int
    account: str
    cents: int
    description: str = ""


@dataclass
class Journal:
    """One journal; `state` names the table it lies in: Work, Open or History."""

    number: int
    day: date
    batch: str
    reference: str
    lines: list[JournalLine]
    modified: datetime
    source_document: str = "GJ"
    currency: str = "USD"
    ledger: str = "Base"
    state: State = "Work"
    voided: bool = False

    @property
    def debit_cents(self) -> int:
        """The debit side."""
        return sum(line.cents for line in self.lines if line.cents > 0)


@dataclass
class Company:
    """One company.

    `busy_batches` are being posted. `refuses_closed_periods` and `takes_negative_amounts` are site options. `hidden` keeps
    journals out of every list, as a reporting copy that lags behind would. `utc_offset_h` is the server's clock.
    """

    id: int
    name: str
    currency: str = "USD"
    separator: str = "-"
    segments: tuple[int, ...] = (3, 4, 2)
    main_segment: int = 2
    next_number: int = 3501
    utc_offset_h: int = -6
    refuses_closed_periods: bool = False
    takes_negative_amounts: bool = False
    hidden: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    accounts: dict[str, Account] = field(default_factory=dict)
    cost_centers: dict[str, CostCenter] = field(default_factory=dict)
    employees: dict[str, Employee] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)
    source_documents: set[str] = field(default_factory=lambda: {"GJ"})
    busy_batches: set[str] = field(default_factory=set)
    journals: list[Journal] = field(default_factory=list)

    def add_account(
        self, number: str, description: str = "", *, type: AccountType = "Posting", active: bool = True
    ) -> Account:
        """Open an account, or replace the one with that number."""
        account = Account(number, description, type, active)
        self.accounts[number.upper()] = account
        return account

    def add_cost_center(self, code: str, description: str = "", *, active: bool = True) -> CostCenter:
        """Set up a cost centre."""
        center = CostCenter(code, description, active)
        self.cost_centers[code.upper()] = center
        return center

    def add_employee(self, employee: Employee) -> Employee:
        """Take on an employee."""
        self.employees[employee.code.upper()] = employee
        return employee

    def add_months(self, year: int) -> None:
        """Twelve open periods, one per month."""
        for month in range(1, 13):
            following = date(year + month // 12, month % 12 + 1, 1)
            self.periods.append(Period(year, month, date(year, month, 1), following - timedelta(days=1)))

    def period_of(self, day: date) -> Period | None:
        """The period of a day."""
        return next((period for period in self.periods if period.first_day <= day <= period.last_day), None)

    def close_period(self, day: date, closed: bool = True) -> None:
        """Close the period of a day for the financial series, or open it again."""
        period = self.period_of(day)
        assert period is not None
        period.closed = closed

    def take(
        self,
        day: date,
        batch: str,
        reference: str,
        lines: Iterable[JournalLine],
        *,
        source_document: str = "GJ",
        currency: str = "",
        ledger: str = "Base",
    ) -> Journal:
        """Put a journal into the Work tables under the next number. Nothing is checked."""
        journal = Journal(
            self.next_number,
            day,
            batch,
            reference,
            list(lines),
            self.now(),
            source_document,
            currency or self.currency,
            ledger,
        )
        self.next_number += 1
        self.journals.append(journal)
        return journal

    def enter(self, day: date, reference: str, *lines: tuple[str, int], batch: str = "BYHAND") -> Journal:
        """Key in a journal by hand: (account, cents) pairs."""
        numbered = (JournalLine(at * 16384, *line) for at, line in enumerate(lines, start=1))
        return self.take(day, batch, reference, numbered)

    def under(self, reference: str) -> list[Journal]:
        """The journals of a reference, oldest first."""
        return [one for one in self.journals if one.reference.casefold() == reference.casefold()]

    def journal(self, number: int) -> Journal:
        """The journal of that number."""
        for journal in self.journals:
            if journal.number == number:
                return journal
        raise LookupError(f"no journal {number} in {self.name}")

    # Finance at its screens

    def post_batch(self, batch: str) -> None:
        """Post a batch: its journals move from Work to Open, and the batch is gone."""
        for journal in self.journals:
            if journal.batch == batch and journal.state == "Work":
                journal.state, journal.batch, journal.modified = "Open", "", self.now()

    def close_year(self, year: int) -> None:
        """Close a year: posted journals move to History."""
        for journal in self.journals:
            if journal.day.year == year and journal.state == "Open":
                journal.state = "History"
        for period in self.periods:
            if period.year == year:
                period.year_closed = True

    def move(self, number: int, batch: str) -> None:
        """Put an unposted journal into another batch."""
        journal = self.journal(number)
        journal.batch, journal.modified = batch, self.now()

    def redate(self, number: int, day: date) -> None:
        """Give an unposted journal another date."""
        journal = self.journal(number)
        journal.day, journal.modified = day, self.now()

    def alter(self, number: int, sequence: int, cents: int) -> None:
        """Change the amount of one line (the journal may be out of balance afterwards)."""
        journal = self.journal(number)
        journal.lines = [replace(line, cents=cents) if line.sequence == sequence else line for line in journal.lines]
        journal.modified = self.now()

    def void(self, number: int) -> None:
        """Void a journal: it stays visible."""
        journal = self.journal(number)
        journal.voided, journal.modified = True, self.now()

    def delete(self, number: int) -> None:
        """Delete an unposted journal: it is gone without a trace, its number is used up."""
        self.journals.remove(self.journal(number))
