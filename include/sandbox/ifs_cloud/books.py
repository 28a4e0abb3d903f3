"""What an IFS Cloud environment holds: clients, companies, code parts, periods, vouchers."""

from __future__ import annotations

import calendar
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

__all__ = ["LETTERS", "Account", "Client", "CodeValue", "Company", "Period", "Voucher", "VoucherRow", "VoucherType"]

LETTERS = "BCDEFGHIJ"
Demand = Literal["Can", "Mandatory", "Blocked"]
_MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Client:
    """A service user by its client credentials. `companies` is row security; `refused` are projections without a grant."""

    id: str
    secret: str
    companies: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@dataclass
class CodeValue:
    """A code part value; both ends of its validity inclusive."""

    letter: str
    value: str
    description: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    budget: bool = False
    blocked: bool | None = None
    modified: datetime = _MODIFIED


@dataclass
class Account:
    """An account's say in code parts; parts without a word are `Can`."""

    account: str
    description: str = ""
    demands: dict[str, Demand] = field(default_factory=dict)


@dataclass
class Period:
    """An accounting period; `closed_for` are user groups for which it is closed although it is open."""

    year: int
    number: int
    first_day: date
    last_day: date
    open: bool = True
    closed_for: set[str] = field(default_factory=set)


@dataclass
class VoucherType:
    """A voucher type; with `approval` its vouchers wait for it."""

    name: str
    description: str = ""
    manual: bool = True
    approval: bool = False


@dataclass
class VoucherRow:
    """A row; amounts in the transaction's and in the accounting currency."""

    number: int
    account: str
    codes: dict[str, str]
    currency: str
    debit: Decimal | None
    credit: Decimal | None
    own_debit: Decimal | None
    own_credit: Decimal | None
    text: str | None
    serie: str | None
    reference: str | None
    extra: dict[str, object] = field(default_factory=dict)


@dataclass
class Voucher:
    """A voucher. `in_ledger`: the update job has moved it out of the hold table. `made_at`: the server's clock."""

    company: str
    type: str
    year: int
    number: int
    date: date
    period: int
    user_group: str
    text: str | None
    rows: list[VoucherRow]
    status: str = "Approved"
    in_ledger: bool = False
    version: int = 1
    made_at: float = 0.0

    @property
    def etag(self) -> str:
        """The tag of its present version."""
        return tag(f"{self.company}-{self.type}-{self.year}-{self.number}", self.version)


def tag(identity: str, version: int) -> str:
    """An entity tag as the service forms it: opaque, weak, with a coded object id and version inside."""
    return f'W/"{b64encode(f"W/{chr(34)}{identity}:{version}{chr(34)}".encode()).decode()}"'


@dataclass
class Company:
    """A company. `rates`: how much of the accounting currency one unit of a currency is; `decimals` by currency."""

    id: str
    name: str = ""
    currency: str = "USD"
    parts: str = "BC"
    user_group: str = "AC"
    user_groups: set[str] = field(default_factory=lambda: {"AC"})
    decimals: dict[str, int] = field(default_factory=lambda: {"USD": 2, "EUR": 2, "JPY": 0})
    rates: dict[str, Decimal] = field(default_factory=lambda: {"USD": Decimal(1), "EUR": Decimal("1.10")})
    tax_codes: set[str] = field(default_factory=set)
    codes: dict[tuple[str, str], CodeValue] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)
    types: dict[str, VoucherType] = field(default_factory=lambda: {"M": VoucherType("M", "Manual voucher")})
    vouchers: list[Voucher] = field(default_factory=list)
    template_versions: dict[str, int] = field(default_factory=dict)

    def add_code(self, letter: str, value: str, description: str = "", **more: object) -> CodeValue:
        """Add a code part value."""
        code = CodeValue(letter, value, description, **more)  # type: ignore[arg-type]
        self.codes[letter, value] = code
        return code

    def add_account(self, account: str, description: str = "", demands: Mapping[str, Demand] | None = None) -> Account:
        """Add an account: its value in code part A, and its demands."""
        self.add_code("A", account, description)
        self.accounts[account] = Account(account, description, dict(demands or {}))
        return self.accounts[account]

    def add_year(self, year: int, *, open_months: Sequence[int] = range(1, 13)) -> None:
        """Add twelve calendar months as periods."""
        for month in range(1, 13):
            last = calendar.monthrange(year, month)[1]
            first_day, last_day = date(year, month, 1), date(year, month, last)
            self.periods.append(Period(year, month, first_day, last_day, open=month in open_months))

    def period_of(self, day: date) -> Period | None:
        """The period that holds a day."""
        return next((period for period in self.periods if period.first_day <= day <= period.last_day), None)

    def template_etag(self, voucher_type: str) -> str:
        """The tag of the defaults for a voucher type."""
        return tag(f"template-{self.id}-{voucher_type}", self.template_versions.get(voucher_type, 1))

    def touch_template(self, voucher_type: str) -> None:
        """The defaults change: by a voucher made, or by somebody's hand."""
        self.template_versions[voucher_type] = self.template_versions.get(voucher_type, 1) + 1

    def next_number(self, voucher_type: str, year: int) -> int:
        """Numbers restart per type and year."""
        taken = [one.number for one in self.vouchers if (one.type, one.year) == (voucher_type, year)]
        return max(taken, default=year * 1_000_000) + 1

    def keep(self, voucher: Voucher) -> Voucher:
        """Store a voucher; the template of its type changes with it."""
        self.vouchers.append(voucher)
        self.touch_template(voucher.type)
        return voucher

    def find(self, voucher_type: str, year: int, number: int) -> Voucher | None:
        """A voucher in the hold table."""
        key = (voucher_type, year, number)
        return next((v for v in self.vouchers if (v.type, v.year, v.number) == key and not v.in_ledger), None)

    def enter_voucher(
        self,
        lines: Sequence[tuple[str, str]],
        *,
        day: date,
        reference: str,
        serie: str = "EXPENSIFY",
        voucher_type: str = "M",
        currency: str | None = None,
        status: str = "Approved",
        in_ledger: bool = False,
    ) -> Voucher:
        """A voucher that a person or another tool keyed; `lines` are (account, signed amount as text)."""
        code = currency or self.currency
        rows = [
            VoucherRow(
                number,
                account,
                {},
                code,
                Decimal(amount) if not amount.startswith("-") else None,
                Decimal(amount[1:]) if amount.startswith("-") else None,
                None,
                None,
                None,
                serie,
                reference,
            )
            for number, (account, amount) in enumerate(lines, start=1)
        ]
        period = self.period_of(day)
        number = self.next_number(voucher_type, day.year)
        month = period.number if period else day.month
        made = Voucher(
            self.id, voucher_type, day.year, number, day, month, "AC", None, rows, status=status, in_ledger=in_ledger
        )
        return self.keep(made)

    def update_vouchers(self) -> None:
        """The job that moves approved vouchers from the hold table to the ledger."""
        for voucher in self.vouchers:
            if voucher.status == "Approved":
                voucher.in_ledger = True
