"""What an ERP gives for the flow back into Expensify, and what it takes. An ERP's session implements what its API can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Employee:
    """An employee as the ERP knows it. ``manager_id`` is another employee's ``employee_id``.

    ``tells_email`` is false where the ERP's interface never tells an e-mail: that none came then says nothing.
    """

    employee_id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    manager_id: str | None
    active: bool
    tells_email: bool = True
    display_name: str = ""

    @property
    def name(self) -> str:
        """For a person to read."""
        return (
            self.display_name
            or " ".join(part for part in (self.first_name, self.last_name) if part)
            or self.employee_id
        )


@dataclass(frozen=True)
class CostCenter:
    """A value of the cost center dimension."""

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
    """Can list cost centers."""

    def known_cost_centers(self) -> list[CostCenter]:
        """Every cost center."""


@runtime_checkable
class TakesReferenceData(Protocol):
    """Can be given what it lacks, where its interface has a way for that. Both calls set a state: repeating them is harmless."""

    @property
    def takes_reference_data(self) -> bool:
        """False: this interface reads only, so a person has to enter what is listed."""

    def put_cost_center(self, center: CostCenter) -> None:
        """Create a cost center. :raises include.errors.Rejected: refused, in the ERP's own words."""

    def put_employee(self, employee: Employee) -> None:
        """Create an employee, or give one that exists these values; what :class:`Employee` does not hold stays.

        :raises include.errors.Rejected: refused, in the ERP's own words.
        """
