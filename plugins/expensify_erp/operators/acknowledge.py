"""Step 5: mark what is posted in Expensify, then say whether the run is done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from expensify_erp.hooks.expensify import ExpensifyHook
from expensify_erp.operators.exports import naming
from expensify_erp.operators.load import box_name
from expensify_erp.operators.tenant import TenantOperator
from include.accounting.money import written
from include.clock import utc_now
from include.errors import Held
from include.expensify.replies import BadCredentials
from include.ledger import journals, marks, runs, tables
from include.ledger.database import Ledger, LedgerBusy
from include.ledger.journals import Journal, Scope
from include.ledger.runs import RunKey
from include.ledger.views.upkeep import catch_up
from include.settings.tenant import Tenant

if TYPE_CHECKING:
    from airflow.sdk import Context

STEPS_BEFORE = ("extract", "transform", "validate")
DONE = ("posted", "closed")


class AcknowledgeOperator(TenantOperator):
    """Runs whatever became of the steps before it, and fails while something of this run is open.

    It is the run's last word: a run is green only when every journal of it is posted or closed.
    """

    def execute(self, context: Context) -> None:
        ti = context["ti"]
        states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        failed = [step for step in STEPS_BEFORE if states.get(step) != "success"]
        tenant = self.settings()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            with ledger.read() as connection:
                run = runs.find(connection, self.run_key(context))
            if run is not None and not run.dry_run:
                self._mark(ledger, scope, tenant)
                self._note_announced(ledger, scope, run.key, states)
                # The page is right without it, only slower: never a reason to fail a run.
                with suppress(LedgerBusy):
                    catch_up(ledger)
            if failed:
                raise Held(f"{', '.join(failed)} did not succeed: clear it with everything downstream")
            if run is None or run.dry_run:
                return
            complaints = self._complaints(ledger, scope, run.key)
        if complaints:
            raise Held(f"{len(complaints)} journals of this run need a person:\n" + "\n".join(complaints))

    def _mark(self, ledger: Ledger, scope: Scope, tenant: Tenant) -> None:
        """All posted, not yet marked reports of the tenant, in as few requests as possible."""
        label = tenant.expensify.mark_exported
        if label is None:
            return
        with ledger.read() as connection:
            report_ids = marks.to_mark(connection, scope)
        if not report_ids:
            return
        hook = ExpensifyHook(tenant.expensify.connection, ledger, tenant.expensify.request_timeout_s)

        def note(marked: Sequence[str]) -> None:
            with ledger.write() as connection:
                marks.set_marked(connection, scope, marked, utc_now())

        try:
            with hook.get_conn() as client:
                client.mark_exported(report_ids, label, note)
        except BadCredentials:
            # The key may have been rotated a moment ago; marking twice is harmless.
            with naming(tenant.expensify.connection), hook.get_conn() as client:
                client.mark_exported(report_ids, label, note)
        self.log.info("marked %d reports as exported (%s)", len(report_ids), label)

    def _note_announced(self, ledger: Ledger, scope: Scope, key: RunKey, states: dict[str, str]) -> None:
        """Postings of finished load tasks have their asset event: Airflow keeps a task's events when it succeeds."""
        with ledger.write() as connection:
            boxes = runs.boxes(connection, key)
            done = [
                journal
                for index, box in enumerate(boxes)
                if states.get(f"load_{index}") == "success"
                for journal in box
            ]
            for start in range(0, len(done), 500):
                connection.execute(
                    tables.journal.update()
                    .where(
                        journals.in_scope(scope),
                        tables.journal.c.journal_key.in_(done[start : start + 500]),
                        tables.journal.c.state == "posted",
                    )
                    .values(announced=True)
                )

    def _complaints(self, ledger: Ledger, scope: Scope, key: RunKey) -> list[str]:
        with ledger.write() as connection:
            boxes = runs.boxes(connection, key)
            found = journals.fetch(connection, scope, [journal for box in boxes for journal in box])
            differing = _differing(connection, scope)
        lines = []
        for index, box in enumerate(boxes):
            for journal_key in box:
                journal = found.get(journal_key)
                if journal is None:
                    lines.append(f"{journal_key} is in this run and not in the ledger of {scope.target}")
                elif journal.state not in DONE:
                    lines.append(f"{_described(journal)} (task load, box {index}: {box_name(box)})")
                elif journal.state == "posted" and journal.incomplete:
                    lines.append(
                        f"{journal_key} is posted, and its number or release is missing in the ERP: clear load, box {index}"
                    )
                elif journal_key in differing:
                    lines.append(f"{journal_key}: {differing[journal_key]}")
        return lines


def _described(journal: Journal) -> str:
    reasons = " | ".join(reason.text() for reason in journal.reasons)
    total = written(journal.total_debit_cents, journal.currency)
    return f"{journal.key} ({total}) is {journal.state}{f': {reasons}' if reasons else ''}"


def _differing(connection: sa.Connection, scope: Scope) -> dict[str, str]:
    """Posted journals whose total the ERP shows differently, and that nobody has settled."""
    columns = tables.finding.c
    query = sa.select(columns.journal_key, columns.message).where(
        columns.target == scope.target,
        columns.tenant.in_(scope.names),
        columns.kind == "total_differs",
        columns.settled_at.is_(None),
    )
    return {row.journal_key: row.message for row in connection.execute(query)}
