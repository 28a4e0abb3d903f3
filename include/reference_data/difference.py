"""The whole difference between an ERP and its Expensify policies, found first and sent afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.errors import Misconfigured, Rejected
from include.expensify.client import ExpensifyClient
from include.reference_data.categories import category_changes
from include.reference_data.changes import Change
from include.reference_data.employees import Rules, concerned, employee_changes, refused
from include.reference_data.into_erp import lacking_cost_centers, lacking_employees
from include.reference_data.source import (
    CostCenter,
    Employee,
    GivesAccounts,
    GivesCostCenters,
    GivesEmployees,
    TakesReferenceData,
)
from include.reference_data.tags import Level, tag_changes
from include.settings.tenant import ReferenceData, Tenant

EMPLOYEES_PER_REQUEST = 500
"""A request's body must stay below 2 MB."""

Told = Callable[[Sequence[Change], Sequence[Change]], None]
"""Takes the changes that one request applied, and those that the other side refused, with its reasons."""


@dataclass(frozen=True)
class Difference:
    """All changes, and by policy the whole ``tags`` section that makes the ``tag`` changes."""

    changes: tuple[Change, ...]
    tags: Mapping[str, Sequence[Mapping[str, Any]]]

    def sent(self, kind: str, policy_id: str | None = None) -> list[Change]:
        """The changes of a kind that are sent."""
        return [
            change
            for change in self.changes
            if change.is_sent and change.kind == kind and policy_id in (None, change.policy_id)
        ]


class Comparison:
    """One tenant's ERP and its policies, read once.

    :param since: up to when the ERP's changes are known (UTC); ``None``: compare everybody. :param unresolved: who could not
        be sent the last time.
    :raises Misconfigured: the ERP cannot give what the tenant file asks for.
    """

    def __init__(
        self,
        tenant: Tenant,
        erp: object,
        expensify: ExpensifyClient,
        since: datetime | None = None,
        unresolved: frozenset[str] = frozenset(),
    ) -> None:
        if tenant.reference_data is None:
            raise Misconfigured(f"{tenant.name}.yaml has no `reference_data` section")
        self._tenant = tenant
        self._wanted: ReferenceData = tenant.reference_data
        self._erp = erp
        self._expensify = expensify
        self._since = since
        self._unresolved = unresolved
        self._tags: dict[str, list[dict[str, Any]]] = {}

    def find(self) -> Difference:
        """Read both sides; nothing is changed."""
        wanted = self._wanted
        names = {"employees": wanted.employees, "categories": wanted.gl_codes, "tags": wanted.cost_centers}
        # Before Expensify is asked: a request costs of a small budget.
        self._require_ability()
        takes = (
            self._erp.takes_reference_data if wanted.into_erp and isinstance(self._erp, TakesReferenceData) else None
        )
        policies = self._expensify.policy(wanted.policies, [name for name, is_wanted in names.items() if is_wanted])
        changes: list[Change] = []
        if wanted.employees and isinstance(self._erp, GivesEmployees):
            changes += self._employees(self._erp, _section(policies, "employees"), takes)
        if wanted.gl_codes and isinstance(self._erp, GivesAccounts):
            changes += self._categories(self._erp, _section(policies, "categories"))
        if wanted.cost_centers and isinstance(self._erp, GivesCostCenters):
            changes += self._cost_centers(self._erp, _section(policies, "tags"), takes)
        return Difference(tuple(changes), self._tags)

    def send(self, difference: Difference, told: Told) -> None:
        """Make the changes. ``told`` is called after each request, so that a later failure loses nothing."""
        people = difference.sent("employee")
        for start in range(0, len(people), EMPLOYEES_PER_REQUEST):
            chunk = people[start : start + EMPLOYEES_PER_REQUEST]
            not_taken = refused(chunk, self._expensify.update_employees([change.record for change in chunk]))
            names = {(change.policy_id, change.subject) for change in not_taken}
            told([change for change in chunk if (change.policy_id, change.subject) not in names], not_taken)
        for policy_id in self._wanted.policies:
            categories = difference.sent("category", policy_id)
            if categories:
                data = [change.record for change in categories]
                self._expensify.update_policy(policy_id, {"categories": {"action": "merge", "data": data}})
                told(categories, [])
            tags = difference.sent("tag", policy_id)
            if tags:
                section = {"source": "inline", "data": difference.tags[policy_id]}
                self._expensify.update_policy(policy_id, {"tags": section})
                told(tags, [])
        # Cost centers first: an employee may name one.
        for change in difference.sent("erp_cost_center") + difference.sent("erp_employee"):
            self._put(change, told)

    # --- one kind each ---

    def _employees(self, erp: GivesEmployees, policies: Mapping[str, Any], takes: bool | None) -> list[Change]:
        changed = erp.changed_employees(self._since)
        only: frozenset[str] | None = None
        everybody: Sequence[Employee] = changed
        if self._since is not None and takes is None:
            # What stands in the way of one employee may lie with another: a manager, a second holder of the e-mail.
            everybody = erp.changed_employees(None) if changed or self._unresolved else ()
            only = concerned(changed, everybody, self._unresolved)
        elif self._since is not None:
            everybody = erp.changed_employees(None)
        rules = Rules(self._wanted.allow_removal, self._wanted.default_manager)
        changes = [
            change
            for policy_id, members in sorted(policies.items())
            for change in employee_changes(policy_id, everybody, members, rules, only)
        ]
        if takes is None:
            return changes
        lacking = lacking_employees(policies, everybody, able=takes)
        # Who is given to the ERP now needs nobody to enter them there.
        given = {name for change in lacking if change.is_sent for name in (change.subject, change.record["email"])}
        return [change for change in changes if change.is_sent or change.subject not in given] + lacking

    def _categories(self, erp: GivesAccounts, policies: Mapping[str, Any]) -> list[Change]:
        accounts = erp.active_gl_accounts()
        mapped = self._tenant.mapping.gl_account.values
        return [
            change
            for policy_id, categories in sorted(policies.items())
            for change in category_changes(policy_id, categories, mapped, accounts)
        ]

    def _cost_centers(self, erp: GivesCostCenters, policies: Mapping[str, Any], takes: bool | None) -> list[Change]:
        section = self._tenant.mapping.dimensions.get("cost_center")
        if section is None:
            raise Misconfigured(
                f"{self._tenant.name}.yaml: `reference_data.cost_centers` needs `mapping.dimensions.cost_center`"
            )
        level = Level(section.tag, section.values)
        cost_centers = erp.known_cost_centers()
        changes: list[Change] = []
        if takes is not None:
            changes += lacking_cost_centers(policies, cost_centers, level, able=takes)
            # What goes into the ERP is known to it as far as the tags are concerned.
            added = [change.record for change in changes if change.action == "add"]
            cost_centers = [*cost_centers, *(CostCenter(row["code"], row["name"], True) for row in added)]
        for policy_id, tags in sorted(policies.items()):
            found, self._tags[policy_id] = tag_changes(
                policy_id, tags, cost_centers, level, allow_removal=self._wanted.allow_removal
            )
            changes += found
        return changes

    def _put(self, change: Change, told: Told) -> None:
        erp, record = self._erp, change.record
        assert isinstance(erp, TakesReferenceData)
        try:
            if change.kind == "erp_cost_center":
                erp.put_cost_center(CostCenter(record["code"], record["name"], True))
            else:
                first, last = record.get("first_name"), record.get("last_name")
                erp.put_employee(Employee(change.subject, record["email"], first, last, None, True))
        except Rejected as refusal:
            told([], [Change(change.kind, "skip", change.policy_id, change.subject, f"the ERP refused it: {refusal}")])
        else:
            told([change], [])

    def _require_ability(self) -> None:
        """:raises Misconfigured: the ERP's interface cannot do something that the tenant file switches on."""
        missing = [
            f"`{name}`"
            for name, is_wanted, kind in (
                ("employees", self._wanted.employees, GivesEmployees),
                ("gl_codes", self._wanted.gl_codes, GivesAccounts),
                ("cost_centers", self._wanted.cost_centers, GivesCostCenters),
                ("into_erp", self._wanted.into_erp, TakesReferenceData),
            )
            if is_wanted and not isinstance(self._erp, kind)
        ]
        if missing:
            raise Misconfigured(
                f"{self._tenant.name}.yaml: {self._tenant.erp.type} cannot give what `reference_data` asks for: switch "
                f"{' and '.join(missing)} off there"
            )


def _section(policies: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, list[dict[str, Any]]]:
    return {policy_id: list(sections.get(name) or ()) for policy_id, sections in policies.items()}
