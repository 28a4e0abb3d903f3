"""Step 2: the export becomes balanced journals in the ledger, every expense claimed, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expensify_erp.operators.params import listed
from expensify_erp.operators.tenant import TenantOperator
from include.accounting.preview import preview_rows, preview_table
from include.clock import utc_now
from include.collector import collector_paused
from include.errors import Held
from include.ledger import claims, journals, queue, runs
from include.ledger.database import Ledger
from include.ledger.journals import Scope
from include.ledger.plan import Plan
from include.ledger.reading import run_day
from include.ledger.runs import Run

if TYPE_CHECKING:
    from airflow.sdk import Context


class TransformOperator(TenantOperator):
    """Claims the run's reports and returns the keys of all its journals, in an order that never changes.

    :param archive: URI of the run's export (templated).
    """

    template_fields = ("archive",)

    def __init__(self, *, archive: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.archive = archive

    @collector_paused()
    def execute(self, context: Context) -> list[str]:
        tenant = self.settings()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            run = self.run_of(ledger, self.run_key(context))
            reading = self.reading(self.archive, ledger, scope, tenant, run, context)
            day = run_day(tenant, run.window, utc_now())
            if run.dry_run:
                _, plan, outcomes = claims.prepare(ledger, scope, tenant, reading, day)
                self._tell(plan)
                rows = preview_rows(outcomes.values())
                context["ti"].xcom_push("preview", rows)
                self.log.info("Dry run, nothing is claimed:\n%s", preview_table(rows))
                return []
            claimed = claims.claim(ledger, scope, tenant, reading, day, self.actor(context), run.key)
            self._tell(claimed.plan)
            joined = self._joining(ledger, scope, run, claimed.in_window, context)
            with ledger.write() as connection:
                runs.append(connection, scope, run.key, joined)
                runs.mark_covered(connection, run.key, utc_now())
                keys = runs.keys(connection, run.key)
        self.log.info(
            "%d new journals, %d made anew, %d in this run", len(claimed.fresh), len(claimed.changed), len(keys)
        )
        return keys

    def _tell(self, plan: Plan) -> None:
        for found in plan.found:
            self.log.warning("report %s: %s", found.report_id, found.message)

    def _joining(
        self, ledger: Ledger, scope: Scope, run: Run, in_window: tuple[str, ...], context: Context
    ) -> list[str]:
        """Journals that this run carries besides its own new ones."""
        if run.mode == "journals":
            wanted = listed(context["params"], "journals")
            with ledger.read() as connection:
                known = journals.fetch(connection, scope, wanted)
            missing = [key for key in wanted if key not in known]
            if missing:
                raise Held(f"journals {', '.join(missing)} are not in the ledger of {scope.target}: check their keys")
            return wanted
        if run.mode == "reports":
            with ledger.read() as connection:
                named = journals.fetch(connection, scope, in_window).values()
            return [journal.key for journal in named if journal.state not in ("posted", "closed")]
        return queue.abandoned(ledger, scope, self.liveness(context))
