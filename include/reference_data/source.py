"""What an ERP gives for the flow back into Expensify. An ERP's session implements as much of it as its API can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Employee:
    """An employee as the ERP knows it. ``manager_id`` is another employee's ``employee_id``."""

    employee_id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    manager_id: str | None
    active: bool


@dataclass(frozen=True)
class CostCenter:
    """A value of the cost centre dimension."""

    code: str
    name: str
    active: bool


@runtime_checkable
class GivesEmployees(Protocol):
    """Can list employees."""

    def changed_employees(self, since: datetime | None) -> list[Employee]:
        """All employees, active or not, changed since a moment (UTC); ``None``: all there are.

        :raises include.errors.Retryable: the ERP could not be asked.
        """


@runtime_checkable
class GivesAccounts(Protocol):
    """Can list GL accounts."""

    def active_gl_accounts(self) -> set[str]:
        """The active GL account codes that a category may carry."""


@runtime_checkable
class GivesCostCenters(Protocol):
    """Can list cost centres."""

    def known_cost_centers(self) -> list[CostCenter]:
        """Every cost centre."""
