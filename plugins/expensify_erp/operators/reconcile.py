"""Reconciliation: what was approved, what the ledger says, and what the ERP shows, to the cent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath

from expensify_erp import notices
from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.operators.exports import export
from expensify_erp.operators.tenant import TenantOperator
from include.clock import utc_now
from include.erps.port import DocumentList, DocumentsAsked
from include.errors import ExpenseError, Misconfigured, Unreconciled
from include.expensify.archive import read_lines
from include.ledger import books, reconciliation, runs
from include.ledger.database import Ledger
from include.ledger.journals import Scope
from include.notices import Notice
from include.reconcile import moving
from include.reconcile.comparison import Comparison, compare
from include.reconcile.notice import message_lines, open_items
from include.reconcile.reading import Exported, report_queries, window_queries
from include.reconcile.sides import Books, Rules
from include.reconcile.window import days_of
from include.settings.tenant import Tenant

if TYPE_CHECKING:
    from airflow.sdk import Context

Days = tuple[date, date]


class ReconcileExtractOperator(TenantOperator):
    """Exports everything approved in the days to compare, marked or not, and by ID what the ledger has and did not come.

    Returns ``{"days": [first, last] or None, "archives": [URIs]}``.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        tenant = self.settings()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            days = self._days(ledger, scope, tenant, context)
            if days is None:
                return {"days": None, "archives": []}
            try:
                archives = self._extracted(ledger, scope, tenant, days, context)
            except ExpenseError as error:
                _note_failure(ledger, scope, context, days, error)
                raise
        return {"days": [day.isoformat() for day in days], "archives": archives}

    def _days(self, ledger: Ledger, scope: Scope, tenant: Tenant, context: Context) -> Days | None:
        month = context["params"].get("month") or None
        with ledger.read() as connection:
            covered = runs.covered_until(connection, scope)
        try:
            return days_of(tenant, utc_now(), month=month, covered_until=covered)
        except ValueError as error:
            raise Misconfigured(f"the run's parameters are wrong: {error}") from None

    def _extracted(self, ledger: Ledger, scope: Scope, tenant: Tenant, days: Days, context: Context) -> list[str]:
        run_id = context["ti"].run_id
        archives = [str(export(ledger, tenant, window_queries(tenant, *days), run_id))]
        exported = _read(archives, tenant)
        with ledger.read() as connection:
            wanted, _ = books.in_days(connection, scope, *days, exported.approved_in(*days))
        missing = sorted(wanted - exported.facts.keys())
        if missing:
            self.log.info("%d reports of the ledger did not come with these days: asked for by ID", len(missing))
            archives.append(str(export(ledger, tenant, report_queries(tenant, missing), run_id)))
        return archives


class ReconcileOperator(TenantOperator):
    """Compares, stores every difference, and fails when there is one.

    :param extracted: what :class:`ReconcileExtractOperator` returned (templated).
    """

    template_fields = ("extracted",)

    def __init__(self, *, extracted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extracted = extracted

    def execute(self, context: Context) -> dict[str, Any]:
        tenant = self.settings()
        with self.ledger() as ledger:
            scope = self.scope(tenant)
            if self.extracted["days"] is None:
                with ledger.write() as connection:
                    reconciliation.record(connection, scope, self.run_key(context), None, None, utc_now())
                self.log.info("No day is due yet: nothing to compare")
                return {"differences": 0}
            first, last = (date.fromisoformat(day) for day in self.extracted["days"])
            try:
                compared = self._compared(ledger, scope, tenant, (first, last), context)
            except ExpenseError as error:
                _note_failure(ledger, scope, context, (first, last), error)
                raise
            with ledger.write() as connection:
                reconciliation.record(connection, scope, self.run_key(context), (first, last), compared, utc_now())
        self._tell(tenant, compared, context)
        return {"differences": 0, "totals": [total.as_json() for total in compared.totals]}

    def _compared(self, ledger: Ledger, scope: Scope, tenant: Tenant, days: Days, context: Context) -> Comparison:
        exported = _read(self.extracted["archives"], tenant)
        with ledger.read() as connection:
            report_ids, keys = books.in_days(connection, scope, *days, exported.approved_in(*days))
            before = books.read(connection, scope, keys)
        reports = exported.reports(report_ids, tenant)
        listed = self._listed(ledger, tenant, days, before, {report.report_id for report in reports})
        with ledger.read() as connection:
            after = books.read(connection, scope, keys)
            after = books.with_live_runs(connection, scope, after, self.liveness(context))
            names = (document.reference or "" for document in listed.documents)
            after = replace(after, references=books.known_references(connection, scope.target, names))
        too_late = report_ids - exported.facts.keys() - exported.asked
        rules = Rules(tenant.start_date, tenant.company_card == "exclude", tenant.expensify.mark_exported is not None)
        return compare(*moving.without(moving.moved(before, after, too_late), reports, after, listed), rules)

    def _listed(
        self, ledger: Ledger, tenant: Tenant, days: Days, known: Books, report_ids: Iterable[str]
    ) -> DocumentList:
        """The ERP's documents: of the ledger's journals, of approved reports that it does not know, and what else looks ours."""
        per, prefix = tenant.per, tenant.posting.reference_prefix
        drafts = [journal.draft for journal in known.journals.values() if journal.draft is not None]
        sent = {draft.reference for draft in drafts}
        further = {one.reference for one in known.journals.values() if one.reference} - sent
        if per == "report":
            in_ledger = {report_id for journal in known.journals.values() for report_id in journal.report_ids}
            further |= _references(tenant, set(report_ids) - in_ledger)
        posting_days = [draft.posting_date for draft in drafts]
        asked = DocumentsAsked(
            tuple(drafts),
            min([days[0], *posting_days]),
            max([days[1], *posting_days]),
            # A reference is its prefix and its key; what is left of one whose key is a single character is the prefix.
            tenant.erp.reference("0", prefix, per).removesuffix("0"),
            tuple(sorted(further)),
        )
        with self.open_erp(tenant, ledger) as erp:
            return erp.documents(asked)

    def _tell(self, tenant: Tenant, compared: Comparison, context: Context) -> None:
        for note in compared.notes:
            self.log.warning("%s", note)
        self.log.info(
            "%d reports, %d journals and %d documents compared", compared.reports, compared.journals, compared.documents
        )
        if compared.differences:
            ti = context["ti"]
            items = open_items(compared.differences)
            notices.send(context, Notice(tenant.name, ti.run_id, items, notices.run_link(context)))
            raise Unreconciled("\n".join(message_lines(tenant.name, ti.dag_id, ti.run_id, compared.differences)))


def _read(archives: Iterable[str], tenant: Tenant) -> Exported:
    exported = Exported()
    for uri in archives:
        exported.add(read_lines(ObjectStoragePath(uri), ArchiveHook().keys()), tenant)
    return exported


def _references(tenant: Tenant, report_ids: Iterable[str]) -> set[str]:
    found = set()
    for report_id in report_ids:
        try:
            found.add(tenant.erp.reference(report_id, tenant.posting.reference_prefix, tenant.per))
        except ValueError:
            # A report that this ERP can have no reference for is held, and cannot be in the ERP either.
            continue
    return found


def _note_failure(ledger: Ledger, scope: Scope, context: Context, days: Days, error: ExpenseError) -> None:
    ti = context["ti"]
    with ledger.write() as connection:
        key = runs.RunKey(ti.dag_id, ti.run_id)
        reconciliation.record_failure(connection, scope, key, days, str(error), utc_now())
