"""What the client needs of either API of GP, in values that know neither SOAP nor JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Protocol

from include.erps.port import DocumentsAsked, Draft, ErpDocument

_MOST_DIGITS = 18


@dataclass(frozen=True)
class Account:
    """A row of the chart. ``posting``: a posting account, neither a unit account nor an allocation account."""

    number: str
    active: bool
    posting: bool
    kind: str
    description: str = ""


@dataclass(frozen=True)
class Period:
    """A fiscal period and whether finance lets journals into it."""

    year: int
    number: int
    first_day: date
    last_day: date
    open: bool

    def __str__(self) -> str:
        return f"{self.year}/{self.number:02d}"


@dataclass(frozen=True)
class CostCenter:
    """A cost centre; over SOAP it is known only from the accounts that have its segment."""

    code: str
    description: str
    active: bool


@dataclass(frozen=True)
class Employee:
    """An employee as GP lists them; ``email`` and ``cost_center`` are empty over SOAP, whose summary has none."""

    code: str
    first_name: str
    last_name: str
    email: str
    department: str
    active: bool
    cost_center: str = ""


class Api(Protocol):
    """One company through one API."""

    can_write_master_data: bool
    """Whether cost centers and employees can be put; else the two ``put_`` methods are never called."""

    def open(self) -> None:
        """Make sure that the company can be reached and is the one the tenant file means."""

    def sign_in(self) -> str:
        """Prove that the Windows account is let in, whatever company is meant; says how that shows."""

    def may_post(self) -> str:
        """Ask for whatever a new journal needs before it can be sent, as far as it can be asked; says what was proved."""

    def company_details(self) -> dict[str, int]:
        """What a draft's ``details`` keep of the company, so that it is not looked for again."""

    def accounts(self, numbers: Collection[str]) -> dict[str, Account]:
        """Those of the accounts that exist, by number in upper case."""

    def cost_center(self, code: str) -> CostCenter | None:
        """A cost centre, or ``None`` when there is none."""

    def period_of(self, day: date) -> Period | None:
        """The fiscal period of a day."""

    def periods_after(self, day: date) -> Iterator[Period]:
        """The periods that begin after ``day``, earliest first."""

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every journal of the draft's reference. :raises include.errors.LookupFailed: no complete answer."""

    def just_created(self, draft: Draft) -> list[ErpDocument]:
        """Like :meth:`find`, right after the draft's create; number and state are enough."""

    def documents(self, asked: DocumentsAsked) -> list[ErpDocument]:
        """See :meth:`include.erps.port.Erp.documents`. :raises include.errors.LookupFailed: no complete answer."""

    def create(self, draft: Draft, batch: str, before_send: Callable[[str], None]) -> ErpDocument:
        """See :meth:`include.erps.port.Erp.create`."""

    def cost_centers(self) -> list[CostCenter]:
        """All cost centres."""

    def employees(self, since: datetime | None = None) -> list[Employee]:
        """Employees the account may see; those changed since a moment, where the API can tell."""

    def put_cost_center(self, center: CostCenter) -> None:
        """Create or change a cost center. :raises include.errors.Rejected: refused."""

    def put_employee(self, employee: Employee) -> None:
        """Create or change an employee, all fields. :raises include.errors.Rejected: refused."""

    def close(self) -> None:
        """Close the connection."""


class Unreadable(Exception):
    """A value of an answer is not what it should be; the message says which."""


def amount(cents: int) -> Decimal:
    """Cents as an amount with exactly two decimals."""
    return Decimal(cents).scaleb(-2)


def cents(text: str) -> int:
    """Cents of an amount as GP writes it (digits and at most one point; more decimals only if they are zeros).

    :raises Unreadable: it is no such amount.
    """
    try:
        value = Decimal(text.strip())
        if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
            raise InvalidOperation
        exact = value.scaleb(2)
        if exact != exact.to_integral_value():
            raise InvalidOperation
    except InvalidOperation:
        raise Unreadable(f"the amount {text[:40]!r}") from None
    return int(exact)


def line_text(text: str) -> str:
    """A line's description as it is sent: one line, at most 30 characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:30].rstrip()
