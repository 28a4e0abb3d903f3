"""What flows back to Expensify: employees with their managers, and accounts. Reading only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from include.erps.acumatica import values
from include.erps.acumatica.session import Query, Session
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.acumatica.values import Record
from include.errors import LookupFailed

_EMPLOYEE_FIELDS = (
    "EmployeeID,EmployeeName,Status,LastModifiedDateTime,ContactInfo/Email,ContactInfo/FirstName,ContactInfo/LastName,"
    "EmployeeSettings/ReportsTo,EmployeeSettings/DepartmentID"
)


@dataclass(frozen=True)
class Employee:
    """``None`` where Acumatica has none; nothing is invented."""

    id: str
    name: str
    email: str | None
    manager_id: str | None
    department: str | None
    active: bool
    first_name: str | None = None
    last_name: str | None = None


@dataclass(frozen=True)
class GlAccount:
    """``type``: Asset, Liability, Income or Expense."""

    code: str
    description: str
    type: str
    active: bool


T = TypeVar("T")


@dataclass(frozen=True)
class Changes(Generic[T]):
    """Rows, and the stamp (UTC) to pass as ``since`` next time: the latest that was seen."""

    rows: tuple[T, ...]
    until: datetime | None


@dataclass(frozen=True)
class Reference:
    """Reads what has changed since a stamp; without one, everything.

    The stamp is asked for with an overlap (``change_overlap_s``): equal stamps and late commits would be lost otherwise, so
    rows may come twice over several calls.
    """

    session: Session
    settings: AcumaticaSettings

    def employees(self, since: datetime | None = None) -> Changes[Employee]:
        """Employees of every status: who has become inactive must be seen, too.

        :raises include.errors.LookupFailed: no complete answer.
        """
        query = Query("Employee", _EMPLOYEE_FIELDS, self._since(since), "ContactInfo,EmployeeSettings")
        return self._changes(query, "the employees", since, self._employee)

    def accounts(self, since: datetime | None = None) -> Changes[GlAccount]:
        """Accounts of every type and state.

        :raises include.errors.LookupFailed: no complete answer.
        """
        query = Query("Account", "AccountCD,Description,Type,Active,LastModifiedDateTime", self._since(since))
        return self._changes(query, "the accounts", since, _account)

    def _changes(self, query: Query, subject: str, since: datetime | None, read: Callable[[Record], T]) -> Changes[T]:
        rows = self.session.rows(query, subject=subject)
        stamps = [_stamp(row, subject) for row in rows]
        return Changes(tuple(read(row) for row in rows), max([*stamps, *([since] if since else [])], default=None))

    def _since(self, since: datetime | None) -> str:
        if since is None:
            return ""
        moment = since.astimezone(UTC) - timedelta(seconds=self.settings.change_overlap_s)
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+00:00"
        return f"LastModifiedDateTime ge datetimeoffset'{stamp}'"

    def _employee(self, row: Record) -> Employee:
        contact, known = values.linked(row, "ContactInfo"), values.linked(row, "EmployeeSettings")
        words = [word.lower() for word in self.settings.statuses.active_employee]
        return Employee(
            id=values.text_of(row, "EmployeeID"),
            name=values.text_of(row, "EmployeeName"),
            email=values.text_of(contact, "Email") or None,
            manager_id=values.text_of(known, "ReportsTo") or None,
            department=values.text_of(known, "DepartmentID") or None,
            active=values.text_of(row, "Status").lower() in words,
            first_name=values.text_of(contact, "FirstName") or None,
            last_name=values.text_of(contact, "LastName") or None,
        )


def _account(row: Record) -> GlAccount:
    return GlAccount(
        values.text_of(row, "AccountCD"),
        values.text_of(row, "Description"),
        values.text_of(row, "Type"),
        values.truth_of(row, "Active") is True,
    )


def _stamp(row: Record, subject: str) -> datetime:
    try:
        stamp = datetime.fromisoformat(values.text_of(row, "LastModifiedDateTime"))
    except ValueError:
        raise LookupFailed(f"Acumatica's answer about {subject} has a row without a readable time of change") from None
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
