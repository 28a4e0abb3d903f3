"""The flow back: employees, GL codes and cost centers of the ERP into the tenant's Expensify policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from expensify_erp.hooks.expensify import ExpensifyHook
from expensify_erp.operators.tenant import TenantOperator
from include.clock import utc_now
from include.ledger import reference
from include.reference_data.changes import Change, counted, report
from include.reference_data.difference import Comparison

if TYPE_CHECKING:
    from airflow.sdk import Context

OVERLAP = timedelta(days=1)
"""Read again what changed shortly before the last reading: the ERP's clock and ours differ, and changes commit late."""


class ReferenceDataOperator(TenantOperator):
    """Finds the difference, stores it, and (unless it is a dry run) sends it. Safe to clear and to run twice.

    Returns how many changes there were by kind and action; who and what stands in the log and in the ledger's table
    ``reference_change``, where ``applied`` tells what the other side has taken.
    """

    def execute(self, context: Context) -> dict[str, int]:
        tenant = self.settings()
        dry_run, full = (bool(context["params"].get(name)) for name in ("dry_run", "full"))
        at, actor = utc_now(), self.actor(context)
        refused: list[Change] = []
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            with ledger.read() as connection:
                last = reference.read_until(connection, scope)
                unresolved = reference.unresolved(connection, scope)
            since = None if last is None or full else last - OVERLAP
            hook = ExpensifyHook(tenant.expensify.connection, ledger, tenant.expensify.request_timeout_s)
            with hook.get_conn() as expensify, self.open_erp(tenant, ledger) as erp:
                comparison = Comparison(tenant, erp, expensify, since, unresolved)
                difference = comparison.find()
                with ledger.write() as connection:
                    reference.record(connection, scope, difference.changes, actor, at)
                self._show(report(difference.changes, dry_run=dry_run))
                if not dry_run:

                    def told(applied: Sequence[Change], not_taken: Sequence[Change]) -> None:
                        refused.extend(not_taken)
                        with ledger.write() as connection:
                            reference.mark_applied(connection, scope, applied, actor, at)
                            reference.record(connection, scope, not_taken, actor, at)

                    comparison.send(difference, told)
                    if tenant.reference_data is not None and tenant.reference_data.employees:
                        with ledger.write() as connection:
                            reference.set_read_until(connection, scope, at)
        if refused:
            self._show([f"{len(refused)} not taken by the other side:", *(change.text() for change in refused)])
        return counted([*difference.changes, *refused])

    def _show(self, lines: Sequence[str]) -> None:
        # A record per line: Airflow's page shows each as a line of its own, and warnings in another color.
        for line in lines:
            (self.log.warning if line.startswith("skip ") else self.log.info)("%s", line)
