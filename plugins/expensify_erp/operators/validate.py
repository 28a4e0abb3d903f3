"""Step 3: every journal is checked against the ERP in bulk; it becomes ready, or held with its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expensify_erp.operators.tenant import TenantOperator
from include.accounting.preview import preview_rows, preview_table
from include.clock import utc_now
from include.collector import collector_paused
from include.ledger import checking, claims, journals, queue, runs
from include.ledger.database import Ledger
from include.ledger.journals import Scope
from include.ledger.reading import run_day
from include.ledger.runs import Run
from include.settings.tenant import Tenant

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateOperator(TenantOperator):
    """Checks the run's journals and the held ones of earlier runs; returns the boxes that ``load`` expands over.

    :param archive: URI of the run's export (templated), for a dry run.
    """

    template_fields = ("archive",)

    def __init__(self, *, archive: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.archive = archive

    def execute(self, context: Context) -> list[list[str]]:
        tenant = self.settings()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            run = self.run_of(ledger, self.run_key(context))
            if run.dry_run:
                self._preview(ledger, scope, tenant, run, context)
                return []
            earlier = self._held_earlier(ledger, scope, run, context)
            with ledger.read() as connection:
                own = runs.keys(connection, run.key)
            self._derive_again(ledger, scope, tenant, run, [*own, *earlier], context)
            with self.open_erp(tenant, ledger) as erp:
                checking.check(ledger, scope, tenant, [*own, *earlier], erp, self.actor(context))
            with ledger.write() as connection:
                ready = journals.fetch(connection, scope, earlier)
                joining = [key for key in earlier if ready[key].state == "ready"]
                runs.append(connection, scope, run.key, joining)
                runs.set_checked(connection, run.key, [*own, *joining], context["dag_run"].clear_number or 0)
                boxes = runs.boxes(connection, run.key)
            self._report(ledger, scope, run)
        return boxes

    def _held_earlier(self, ledger: Ledger, scope: Scope, run: Run, context: Context) -> list[str]:
        if run.mode in ("reports", "journals"):
            return []
        return queue.held_by_ended_runs(ledger, scope, self.liveness(context))

    def _derive_again(
        self, ledger: Ledger, scope: Scope, tenant: Tenant, run: Run, keys: list[str], context: Context
    ) -> None:
        """Apply today's mapping to what is held, or was refused and is named by a person; on a replay to all not frozen."""
        is_replay = context["ti"].try_number > 1
        open_states = ("held", "rejected") if run.mode in ("reports", "journals") else ("held",)
        with ledger.read() as connection:
            found = journals.fetch(connection, scope, keys).values()
        stale = [journal.key for journal in found if journal.state in open_states or (is_replay and not journal.frozen)]
        if stale:
            day = run_day(tenant, run.window, utc_now())
            claims.derive_again(ledger, scope, tenant, stale, day, self.actor(context))

    @collector_paused()
    def _preview(self, ledger: Ledger, scope: Scope, tenant: Tenant, run: Run, context: Context) -> None:
        day = run_day(tenant, run.window, utc_now())
        _, _, outcomes = claims.prepare(
            ledger, scope, tenant, self.reading(self.archive, ledger, scope, tenant, run, context), day
        )
        drafts = [outcome.draft for outcome in outcomes.values() if outcome.draft and not outcome.reasons]
        if drafts:
            with self.open_erp(tenant, ledger) as erp:
                for key, reasons in checking.reasons_of(tenant, drafts, erp).items():
                    outcomes[key].reasons.extend(reasons)
        rows = preview_rows(outcomes.values())
        context["ti"].xcom_push("preview", rows)
        self.log.info("Dry run, nothing is claimed, posted or marked:\n%s", preview_table(rows))

    def _report(self, ledger: Ledger, scope: Scope, run: Run) -> None:
        with ledger.read() as connection:
            found = journals.fetch(connection, scope, runs.keys(connection, run.key))
        for journal in found.values():
            if journal.state == "held":
                for reason in journal.reasons:
                    self.log.warning("journal %s is held: %s", journal.key, reason.text())
            else:
                self.log.info("journal %s is %s", journal.key, journal.state)
