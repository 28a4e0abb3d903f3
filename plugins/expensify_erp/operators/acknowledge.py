"""Step 5: mark what is posted in Expensify, then say whether the run is done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from expensify_erp import notices
from expensify_erp.hooks.expensify import ExpensifyHook
from expensify_erp.operators.exports import naming
from expensify_erp.operators.load import box_name
from expensify_erp.operators.tenant import TenantOperator
from include.clock import utc_now
from include.errors import ExpenseError, Held, Refused
from include.expensify.replies import BadCredentials
from include.ledger import journals, marks, runs, tables
from include.ledger.bulk import among
from include.ledger.database import Ledger, LedgerBusy
from include.ledger.journals import Scope
from include.ledger.runs import Run, RunKey
from include.ledger.views.upkeep import catch_up
from include.notices import Notice, Open, open_journal
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
            if run is not None and run.dry_run:
                run = None
            try:
                if run is not None:
                    self._mark(ledger, scope, tenant)
                    self._note_announced(ledger, scope, run.key, states)
                    # The page is right without it, only slower: never a reason to fail a run.
                    with suppress(LedgerBusy):
                        catch_up(ledger)
            except ExpenseError as error:
                if isinstance(error, Refused) or ti.try_number > (ti.max_tries or 0):
                    # No further try will come to the end of this step, where people are told.
                    self._tell(context, tenant, self._open(ledger, scope, run, failed, context))
                raise
            found = self._open(ledger, scope, run, failed, context)
        self._tell(context, tenant, found)
        if failed:
            raise Held(found[0].line())
        if found:
            lines = "\n".join(one.line() for one in found)
            raise Held(f"{len(found)} journals of this run need a person:\n{lines}")

    @staticmethod
    def _tell(context: Context, tenant: Tenant, found: Sequence[Open]) -> None:
        """The one place of a run from which anybody is told."""
        if found:
            notices.send(context, Notice(tenant.name, context["ti"].run_id, tuple(found), notices.run_link(context)))

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
            columns = tables.journal.c
            for named in among(connection, columns.journal_key, done):
                connection.execute(
                    tables.journal.update()
                    .where(journals.in_scope(scope), named, columns.state == "posted")
                    .values(announced=True)
                )

    def _open(
        self, ledger: Ledger, scope: Scope, run: Run | None, failed: Sequence[str], context: Context
    ) -> list[Open]:
        """Everything of this run that is not done; only the steps, where one of those did not succeed."""
        if failed:
            return [Open(f"{', '.join(failed)} did not succeed", (("clear it with everything downstream", ""),))]
        if run is None:
            return []
        with ledger.write() as connection:
            boxes = runs.boxes(connection, run.key)
            found = journals.fetch(connection, scope, [journal for box in boxes for journal in box])
            differing = _differing(connection, scope)
        listed = []
        for index, box in enumerate(boxes):
            link = notices.run_link(context, index)
            for journal_key in box:
                journal = found.get(journal_key)
                if journal is None:
                    listed.append(Open(f"{journal_key} is in this run and not in the ledger of {scope.target}"))
                elif journal.state not in DONE:
                    listed.append(open_journal(journal, link, f"task load, box {index}: {box_name(box)}"))
                elif journal.state == "posted" and journal.incomplete:
                    said = "is posted, and its number or release is missing in the ERP: clear load, box"
                    listed.append(Open(f"{journal_key} {said} {index}", link=link))
                elif journal_key in differing:
                    listed.append(Open(journal_key, ((differing[journal_key], ""),), link))
        return listed


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
