"""The flow back: employees, GL codes and cost centres of the ERP into the tenant's Expensify policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from expensify_erp.hooks.expensify import ExpensifyHook
from expensify_erp.operators.tenant import TenantOperator
from include.clock import utc_now
from include.errors import Misconfigured
from include.expensify.client import ExpensifyClient
from include.ledger import reference
from include.reference_data.categories import category_changes
from include.reference_data.changes import Change
from include.reference_data.employees import employee_changes, refused
from include.reference_data.source import Employee, GivesAccounts, GivesCostCenters, GivesEmployees
from include.reference_data.tags import tag_changes
from include.settings.tenant import ReferenceData, Tenant

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.erps.port import Erp

OVERLAP = timedelta(days=1)
"""Read again what changed shortly before the last reading: the ERP's clock and ours differ, and changes commit late."""

Source = TypeVar("Source")


class ReferenceDataOperator(TenantOperator):
    """Finds the difference, stores it, and (unless it is a dry run) sends it. Safe to clear and to run twice."""

    def execute(self, context: Context) -> list[str]:
        tenant = self.settings()
        wanted = tenant.reference_data
        if wanted is None:
            raise Misconfigured(f"{tenant.name}.yaml has no `reference_data` section")
        dry_run = bool(context["params"].get("dry_run"))
        started_at = utc_now()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            with ledger.read() as connection:
                last = reference.read_until(connection, scope)
            since = None if last is None or context["params"].get("full") else last - OVERLAP
            hook = ExpensifyHook(tenant.expensify.connection, ledger, tenant.expensify.request_timeout_s)
            with hook.get_conn() as expensify, self.open_erp(tenant, ledger) as erp:
                changes = self._synchronise(tenant, wanted, erp, expensify, since, dry_run)
            with ledger.write() as connection:
                reference.record(connection, scope, changes, self.actor(context), started_at, applied=not dry_run)
                if not dry_run:
                    reference.set_read_until(connection, scope, started_at)
        lines = [change.text() for change in changes]
        self.log.info(
            "%s\n%s", "Dry run, nothing is sent:" if dry_run else "Sent:", "\n".join(lines) or "no difference"
        )
        return lines

    def _synchronise(
        self,
        tenant: Tenant,
        wanted: ReferenceData,
        erp: Erp,
        expensify: ExpensifyClient,
        since: datetime | None,
        dry_run: bool,
    ) -> list[Change]:
        names = {"employees": wanted.employees, "categories": wanted.gl_codes, "tags": wanted.cost_centers}
        policies = expensify.policy(wanted.policies, [name for name, is_wanted in names.items() if is_wanted])
        changes: list[Change] = []
        if wanted.employees:
            changes += self._employees(wanted, _able(erp, GivesEmployees, tenant), policies, expensify, since, dry_run)
        if wanted.gl_codes:
            accounts = _able(erp, GivesAccounts, tenant).active_gl_accounts()
            for policy_id, sections in sorted(policies.items()):
                found = category_changes(
                    policy_id, sections.get("categories") or [], tenant.mapping.gl_account.values, accounts
                )
                changes += found
                records = [change.record for change in found if change.is_sent]
                if records and not dry_run:
                    expensify.update_policy(policy_id, {"categories": {"action": "merge", "data": records}})
        if wanted.cost_centers:
            changes += self._tags(tenant, wanted, _able(erp, GivesCostCenters, tenant), policies, expensify, dry_run)
        return changes

    def _employees(
        self,
        wanted: ReferenceData,
        erp: GivesEmployees,
        policies: dict[str, dict[str, Any]],
        expensify: ExpensifyClient,
        since: datetime | None,
        dry_run: bool,
    ) -> list[Change]:
        employees = erp.changed_employees(since)
        everybody = employees if since is None else _with_managers(erp, employees)
        managers = {one.employee_id: one.email.strip().lower() for one in everybody if one.email and one.active}
        changes = []
        for policy_id, sections in sorted(policies.items()):
            changes += employee_changes(
                policy_id,
                employees,
                managers,
                sections.get("employees") or [],
                complete=since is None,
                allow_removal=wanted.allow_removal,
            )
        records = [change.record for change in changes if change.is_sent]
        if records and not dry_run:
            changes += refused(changes, expensify.update_employees(records))
        return changes

    def _tags(
        self,
        tenant: Tenant,
        wanted: ReferenceData,
        erp: GivesCostCenters,
        policies: dict[str, dict[str, Any]],
        expensify: ExpensifyClient,
        dry_run: bool,
    ) -> list[Change]:
        section = tenant.mapping.dimensions.get("cost_center")
        if section is None:
            raise Misconfigured(
                f"{tenant.name}.yaml: `reference_data.cost_centers` needs `mapping.dimensions.cost_center`"
            )
        cost_centers = erp.known_cost_centers()
        changes = []
        for policy_id, sections in sorted(policies.items()):
            found, levels = tag_changes(
                policy_id,
                sections.get("tags") or [],
                cost_centers,
                section.tag,
                allow_removal=wanted.allow_removal,
            )
            changes += found
            if any(change.is_sent for change in found) and not dry_run:
                expensify.update_policy(policy_id, {"tags": {"source": "inline", "data": levels}})
        return changes


def _able(erp: Any, kind: type[Source], tenant: Tenant) -> Source:
    if not isinstance(erp, kind):
        raise Misconfigured(
            f"{tenant.name}.yaml: {tenant.erp.type} cannot give what `reference_data` asks for: switch that off there"
        )
    return erp


def _with_managers(erp: GivesEmployees, changed: Sequence[Employee]) -> Sequence[Employee]:
    """Everybody, where somebody's manager is not among those that changed."""
    known = {one.employee_id for one in changed}
    if all(one.manager_id in known for one in changed if one.active and one.manager_id):
        return changed
    return erp.changed_employees(None)
