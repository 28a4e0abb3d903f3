"""The books behind the Sage 100 sandbox: companies, accounts, periods, journal entries.

Amounts are integer cents. Methods that no channel offers stand for a person at the Sage screen: the accountant who runs the
register update or deletes an entry, the administrator who locks a record.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = ["Account", "Company", "Entry", "EntryLine", "Period", "Segment", "User"]

Status = Literal["A", "I", "D"]
_SEGMENT = re.compile(r"([AN])(\d\d)")


@dataclass
class User:
    """Who may log on. The name is compared without case; the third bad password locks."""

    name: str
    password: str
    enabled: bool = True
    may_create: bool = True
    companies: frozenset[str] | None = None
    locked: bool = False
    bad_passwords: int = 0


@dataclass(frozen=True)
class Segment:
    """One segment of the account format; `number` is 01 for the main account."""

    number: str
    kind: str
    length: int


@dataclass
class Account:
    """A combined account."""

    account: str
    key: str
    description: str = ""
    type: str = "11"
    status: Status = "A"
    start: date | None = None
    end: date | None = None
    created_by_entry: bool = False

    def main(self, delimiter: str) -> str:
        """The main account's code."""
        return self.account.split(delimiter)[0]

    def raw(self, delimiter: str) -> str:
        """The account without separators."""
        return self.account.replace(delimiter, "")


@dataclass
class Period:
    """A fiscal period; `status` O is open, C closed."""

    year: str
    number: str
    start: date
    end: date
    status: Literal["O", "C"] = "O"


@dataclass
class EntryLine:
    """One line of an entry."""

    account: str
    account_key: str
    debit_cents: int
    credit_cents: int
    comment: str = ""


@dataclass
class Entry:
    """A journal entry: in the journal until the register update posts it."""

    company: str
    source_journal: str
    number: str
    batch: str
    date: date
    period: Period
    reference: str
    comment: str
    lines: list[EntryLine]
    register: str | None = None

    @property
    def status(self) -> str:
        """UNPOSTED, or POSTED after the register update."""
        return "UNPOSTED" if self.register is None else "POSTED"

    @property
    def debit_cents(self) -> int:
        """Sum of the debit side."""
        return sum(line.debit_cents for line in self.lines)

    @property
    def credit_cents(self) -> int:
        """Sum of the credit side."""
        return sum(line.credit_cents for line in self.lines)


@dataclass
class Company:
    """One company.

    `enabled`: web services are allowed for it. `auto_create_accounts` is Sage's own option: Y creates a missing account
    whose segments exist instead of refusing it. `locks` counts down: so many creates meet a locked record (-1: all).
    """

    code: str
    name: str = "Sandbox Company"
    account_format: str = "-N03N02N02"
    enabled: bool = True
    batch_entry: bool = False
    auto_create_accounts: Literal["Y", "N", "P"] = "Y"
    current_year: str = "2026"
    current_period: str = "11"
    source_journals: set[str] = field(default_factory=lambda: {"GJ", "AP"})
    accounts: dict[str, Account] = field(default_factory=dict)
    sub_accounts: dict[str, dict[str, tuple[str, Status]]] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    batches_in_use: set[str] = field(default_factory=set)
    locks: int = 0
    last_numbers: dict[str, int] = field(default_factory=dict)
    last_register: int = 0
    last_batch: int = 0

    @property
    def delimiter(self) -> str:
        """What separates the segments."""
        return self.account_format[0]

    @property
    def segments(self) -> list[Segment]:
        """The segments of the account format, main account first."""
        found = _SEGMENT.findall(self.account_format[1:])
        return [Segment(f"{at:02d}", kind, int(length)) for at, (kind, length) in enumerate(found, start=1)]

    def add_account(
        self,
        account: str,
        description: str = "",
        *,
        type: str = "11",
        status: Status = "A",
        start: date | None = None,
        end: date | None = None,
    ) -> Account:
        """Open an account, and the values of its sub-account segments."""
        added = Account(account, f"{len(self.accounts) + 1:09d}", description, type, status, start, end)
        self.accounts[account] = added
        for number, code in enumerate(account.split(self.delimiter)[1:], start=2):
            self.add_sub_account(f"{number:02d}", code, code)
        return added

    def add_sub_account(self, segment: str, code: str, description: str, status: Status = "A") -> None:
        """Open a value of a sub-account segment; one that exists stays as it is."""
        self.sub_accounts.setdefault(segment, {}).setdefault(code, (description, status))

    def add_year(self, year: int, first_month: int = 1) -> None:
        """Set up twelve monthly periods, all open; a fiscal year that begins in July bears the number of its end."""
        start_year = year if first_month == 1 else year - 1
        for number in range(12):
            month = (first_month - 1 + number) % 12 + 1
            in_year = start_year + (first_month - 1 + number) // 12
            last = calendar.monthrange(in_year, month)[1]
            first = date(in_year, month, 1)
            self.periods.append(Period(str(year), f"{number + 1:02d}", first, date(in_year, month, last)))

    def period_of(self, day: date) -> Period | None:
        """The period that holds a day."""
        return next((one for one in self.periods if one.start <= day <= one.end), None)

    def close_period(self, year: int, period: int) -> None:
        """Close one period."""
        self._period(year, period).status = "C"

    def open_period(self, year: int, period: int) -> None:
        """Open a closed period again."""
        self._period(year, period).status = "O"

    def _period(self, year: int, period: int) -> Period:
        wanted = (str(year), f"{period:02d}")
        return next(one for one in self.periods if (one.year, one.number) == wanted)

    def next_number(self, source_journal: str) -> str:
        """The next entry number of a source journal; those of deleted entries do not come back."""
        number = self.last_numbers.get(source_journal, 0) + 1
        self.last_numbers[source_journal] = number
        return f"{number:06d}"

    def by_reference(self, reference: str) -> list[Entry]:
        """Every entry with that reference, posted or not."""
        return [entry for entry in self.entries if entry.reference == reference]

    def entry(self, source_journal: str, number: str) -> Entry | None:
        """The entry of that number."""
        wanted = (source_journal, number)
        return next((one for one in self.entries if (one.source_journal, one.number) == wanted), None)

    # What a person does at the screen

    def enter(
        self, lines: Iterable[tuple[str, int]], *, day: date, reference: str = "", source_journal: str = "GJ"
    ) -> Entry:
        """Key in an entry by hand: (account, signed cents) pairs. Nothing is checked but the period's existence."""
        period = self.period_of(day)
        assert period is not None
        rows = [
            EntryLine(
                account,
                self.accounts[account].key if account in self.accounts else "",
                max(cents, 0),
                max(-cents, 0),
            )
            for account, cents in lines
        ]
        number = self.next_number(source_journal)
        entry = Entry(self.code, source_journal, number, "00000", day, period, reference, "", rows)
        self.entries.append(entry)
        return entry

    def update_register(self) -> str:
        """The accountant's General Journal register update: all waiting entries are posted under one register number."""
        self.last_register += 1
        register = f"{self.last_register:06d}"
        for entry in self.entries:
            entry.register = entry.register or register
        return register

    def delete_entry(self, source_journal: str, number: str) -> None:
        """Delete an entry; only one that is not posted can be."""
        entry = self.entry(source_journal, number)
        if entry is None or entry.register is not None:
            raise LookupError(f"no unposted entry {source_journal}/{number} in company {self.code}")
        self.entries.remove(entry)

    def balance_cents(self, account: str) -> int:
        """Balance of an account over all entries, debit positive."""
        rows = [line for entry in self.entries for line in entry.lines if line.account == account]
        return sum(line.debit_cents - line.credit_cents for line in rows)
