"""The books behind the SYSPRO sandbox: companies, accounts, journals, suppliers, invoices.

All amounts are integer cents, debit positive. The methods that are not part of posting stand for a person at
the SYSPRO screen: putting an account on hold, closing a period, altering a journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = [
    "Account",
    "AnalysisLine",
    "Company",
    "Invoice",
    "Journal",
    "JournalLine",
    "Operator",
    "Period",
    "Supplier",
]

# (ledger year, period number): a ledger year need not be the calendar year.
Period = tuple[int, int]


@dataclass
class Operator:
    """Who may log on, where, and what they may do. `companies=None` means every company."""

    name: str
    password: str
    companies: frozenset[str] | None = None
    may_post: bool = True
    may_authorize: bool = True
    locked: bool = False
    bad_passwords: int = 0


@dataclass
class Account:
    """A row of GenMaster. `analysis` names the categories (1..5) that every entry must carry."""

    code: str
    description: str = ""
    type: Literal["A", "L", "C", "R", "E", "S"] = "E"
    control: bool = False
    on_hold: bool = False
    analysis: frozenset[int] = frozenset()


@dataclass(frozen=True)
class AnalysisLine:
    """Part of an entry's amount; `codes` maps a category (1..5) to its code."""

    codes: tuple[tuple[int, str], ...]
    cents: int
    comment: str = ""


@dataclass(frozen=True)
class JournalLine:
    """One entry. `cents` is signed as it came in: positive debit, negative credit."""

    entry: int
    ledger_code: str
    cents: int
    date: date
    reference: str = ""
    comment: str = ""
    analysis: tuple[AnalysisLine, ...] = ()


@dataclass
class Journal:
    """A journal; its identity is (company, year, number), for numbers restart each ledger year."""

    company: str
    year: int
    period: int
    number: int
    date: date
    lines: list[JournalLine]
    reference: str = ""
    notation: str = ""
    type: str = "N"
    status: Literal["P", "U"] = "P"
    authorized: bool = True
    source: Literal["GJ", "AP"] = "GJ"
    cancelled: bool = False

    @property
    def debit_cents(self) -> int:
        """Sum of the debit entries."""
        return sum(line.cents for line in self.lines if line.cents > 0)


@dataclass
class Supplier:
    """A payables account."""

    code: str
    name: str = ""
    on_hold: bool = False


@dataclass
class Invoice:
    """A payables document. `cents` includes tax; `journal` is the sub-ledger journal of (year, period)."""

    supplier: str
    invoice: str
    date: date
    cents: int
    lines: list[JournalLine]
    reference: str = ""
    notation: str = ""
    tax_cents: int = 0
    year: int = 0
    period: int = 0
    journal: int = 0
    gl_journal: Journal | None = None


@dataclass
class Company:
    """One company and its ledger.

    `gl_company` is its key in the ledger tables, which companies share. `year`/`period` is the ledger's
    current period; `ap_year`/`ap_period` the payables' one. `closed` lists closed ledger periods, `ap_closed`
    closed relative payables periods (C, P, B). `first_number` starts each ledger year's journal numbers.
    `registered` are (supplier, invoice) of registered invoices, which no table of ours shows.
    """

    id: str
    name: str = "Sandbox Company"
    gl_company: str = ""
    password: str = ""
    currency: str = "USD"
    year: int = 2026
    period: int = 11
    periods_per_year: int = 12
    first_number: int = 1
    ap_year: int = 0
    ap_period: int = 0
    ap_control: str = "2100-00"
    ap_integrated: bool = True
    authorization_required: bool = False
    supplier_digits: int = 7
    closed: set[Period] = field(default_factory=set)
    ap_closed: set[str] = field(default_factory=set)
    accounts: dict[str, Account] = field(default_factory=dict)
    analysis_codes: dict[int, dict[str, str]] = field(default_factory=dict)
    suppliers: dict[str, Supplier] = field(default_factory=dict)
    journals: list[Journal] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    registered: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.gl_company = self.gl_company or self.id
        self.ap_year = self.ap_year or self.year
        self.ap_period = self.ap_period or self.period

    def add_account(
        self,
        code: str,
        description: str = "",
        *,
        type: Literal["A", "L", "C", "R", "E", "S"] = "E",
        control: bool = False,
        on_hold: bool = False,
        analysis: Iterable[int] = (),
    ) -> Account:
        """Open an account, or replace the one with that code."""
        account = Account(code, description, type, control, on_hold, frozenset(analysis))
        self.accounts[code] = account
        return account

    def put_account_on_hold(self, code: str, on_hold: bool = True) -> None:
        """Set or lift the hold of an account."""
        self.accounts[code].on_hold = on_hold

    def add_supplier(self, code: str, name: str = "", *, on_hold: bool = False) -> Supplier:
        """Open a supplier; numeric codes are stored with leading zeros."""
        supplier = Supplier(self.supplier_key(code), name, on_hold)
        self.suppliers[supplier.code] = supplier
        return supplier

    def supplier_key(self, code: str) -> str:
        """A supplier code as SYSPRO stores it: numeric keys filled with zeros, letters in upper case."""
        return code.zfill(self.supplier_digits) if code.isascii() and code.isdigit() else code.upper()

    def close_period(self, year: int, period: int) -> None:
        """Close one ledger period."""
        self.closed.add((year, period))

    def open_period(self, year: int, period: int) -> None:
        """Open a closed ledger period again."""
        self.closed.discard((year, period))

    def journal(self, year: int, number: int) -> Journal:
        """The journal of that year and number."""
        for journal in self.journals:
            if (journal.year, journal.number) == (year, number):
                return journal
        raise LookupError(f"no journal {year}/{number} in company {self.id}")

    def next_number(self, year: int) -> int:
        """The number that the next journal of a ledger year gets; also cancelled ones have used theirs up."""
        return max((one.number for one in self.journals if one.year == year), default=self.first_number - 1) + 1

    def enter_journal(
        self,
        lines: Iterable[tuple[str, int]],
        *,
        day: date,
        reference: str = "",
        year: int = 0,
        period: int = 0,
    ) -> Journal:
        """Key in a journal by hand: (account, cents) pairs, all with `reference`. Nothing is checked."""
        year = year or self.year
        entries = [
            JournalLine(number, code, cents, day, reference) for number, (code, cents) in enumerate(lines, start=1)
        ]
        number = self.next_number(year)
        journal = Journal(self.id, year, period or self.period, number, day, entries, reference)
        self.journals.append(journal)
        return journal

    def cancel_journal(self, year: int, number: int) -> None:
        """Cancel a journal: its entries are no longer found in the ledger tables."""
        self.journal(year, number).cancelled = True

    def alter_journal(self, year: int, number: int, entry: int, cents: int) -> None:
        """Change the amount of one entry (the journal may be out of balance afterwards)."""
        journal = self.journal(year, number)
        journal.lines = [
            JournalLine(one.entry, one.ledger_code, cents, one.date, one.reference, one.comment, one.analysis)
            if one.entry == entry
            else one
            for one in journal.lines
        ]

    def balance_cents(self, code: str) -> int:
        """Balance of an account over all posted journals, debit positive."""
        return sum(
            line.cents
            for journal in self.journals
            if journal.status == "P" and not journal.cancelled
            for line in journal.lines
            if line.ledger_code == code
        )
