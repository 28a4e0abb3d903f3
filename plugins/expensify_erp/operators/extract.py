"""Step 1: one complete, verified, encrypted export of what the run covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.operators.exports import export
from expensify_erp.operators.params import listed
from expensify_erp.operators.tenant import TenantOperator
from include.accounting.window import Mode, Window, window_of
from include.clock import utc_now
from include.errors import Held, Misconfigured
from include.expensify import archive
from include.expensify.extraction import queries_for_reports, queries_for_window
from include.expensify.query import ExportQuery
from include.ledger import queue, runs
from include.ledger.database import Ledger
from include.ledger.journals import Scope
from include.ledger.runs import Run
from include.settings.tenant import Tenant

if TYPE_CHECKING:
    from airflow.sdk import Context


class ExtractOperator(TenantOperator):
    """Exports the window's reports, and those of held journals whose runs have ended; returns the archive's URI."""

    def execute(self, context: Context) -> str:
        tenant = self.settings()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            run = self._registered_run(ledger, scope, tenant, context)
            queries = self._queries(ledger, scope, tenant, run, context)
            self.log.info("%s run over %s: %d exports", run.mode, run.window or "named reports", len(queries))
            file = export(ledger, tenant, queries, context["ti"].run_id)
        self._forget_old_exports(tenant)
        return str(file)

    def _registered_run(self, ledger: Ledger, scope: Scope, tenant: Tenant, context: Context) -> Run:
        """The run with the window it got at its first try."""
        key = self.run_key(context)
        with ledger.write() as connection:
            known = runs.find(connection, key)
            if known is not None:
                return known
            mode = _mode(context)
            window = None
            if mode not in ("reports", "journals"):
                window = _window(tenant, mode, context, runs.covered_until(connection, scope))
            run = Run(key, mode, window, bool(context["params"].get("dry_run")))
            runs.register(connection, scope, run, utc_now())
            return run

    def _queries(self, ledger: Ledger, scope: Scope, tenant: Tenant, run: Run, context: Context) -> list[ExportQuery]:
        settings = tenant.expensify
        if run.mode == "reports":
            return self._queries_by_id(ledger, scope, tenant, listed(context["params"], "report_ids"))
        if run.mode == "journals":
            keys = listed(context["params"], "journals")
            report_ids = queue.reports_in(ledger, scope, keys)
            if not report_ids:
                raise Held(f"none of the journals {', '.join(keys)} is known to {tenant.name}: check their keys")
            return queries_for_reports(report_ids, settings.policies)
        assert run.window is not None
        first, last = run.window.first_day(tenant.zone), run.window.last_day(tenant.zone)
        queries = []
        if run.window.start < run.window.end:
            queries = queries_for_window(first, last, settings.states, settings.policies, settings.mark_exported)
        held = queue.held_by_ended_runs(ledger, scope, self.liveness(context))
        return queries + queries_for_reports(queue.reports_in(ledger, scope, held), settings.policies)

    def _queries_by_id(
        self, ledger: Ledger, scope: Scope, tenant: Tenant, report_ids: Sequence[str]
    ) -> list[ExportQuery]:
        """By ID, without the label filter; a second reading with it tells which unknown ones carry the label."""
        settings = tenant.expensify
        try:
            queries = queries_for_reports(report_ids, settings.policies)
        except ValueError as error:
            raise Misconfigured(f"the run's report_ids are wrong: {error}. Write one ID per line") from None
        unknown = queue.unknown_reports(ledger, scope, report_ids)
        if settings.mark_exported and unknown:
            queries += [
                replace(query, exclude_label=settings.mark_exported)
                for query in queries_for_reports(unknown, settings.policies)
            ]
        return queries

    def _forget_old_exports(self, tenant: Tenant) -> None:
        removed = archive.remove_older_than(ArchiveHook().folder_of(tenant.name), tenant.retention.raw_days, utc_now())
        if removed:
            self.log.info("removed %d raw exports older than %d days", len(removed), tenant.retention.raw_days)


def _mode(context: Context) -> Mode:
    params = context["params"]
    if listed(params, "report_ids"):
        return "reports"
    if listed(params, "journals"):
        return "journals"
    if params.get("from") or params.get("to"):
        return "range"
    # The trigger form presets a logical date, so a manual run has an interval that nobody chose: it is not looked at.
    kinds: dict[str, Mode] = {"scheduled": "schedule", "backfill": "backfill"}
    return kinds.get(str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type)), "manual")


def _window(tenant: Tenant, mode: Mode, context: Context, covered_until: Any) -> Window:
    interval = None
    if mode in ("schedule", "backfill"):
        start, end = context["data_interval_start"], context["data_interval_end"]
        assert start is not None
        assert end is not None
        interval = (start, end)
    try:
        return window_of(
            tenant,
            first_day=_day(context, "from"),
            last_day=_day(context, "to"),
            interval=interval,
            covered_until=covered_until,
            now=utc_now(),
            look_back=mode == "schedule",
        )
    except ValueError as error:
        raise Misconfigured(f"the run's parameters are wrong: {error}") from None


def _day(context: Context, name: str) -> date | None:
    value = context["params"].get(name)
    return date.fromisoformat(str(value)[:10]) if value else None
