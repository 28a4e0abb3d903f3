"""From Expensify's exports to the reports of one side, and which questions to ask it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from include.accounting.checks import control_total
from include.accounting.intake import report_facts
from include.accounting.reports import ReportFacts
from include.expensify.extraction import queries_for_reports, queries_for_window
from include.expensify.query import ExportQuery
from include.expensify.records import Part, read_export
from include.reconcile.sides import ApprovedReport, Spent
from include.settings.tenant import Tenant


def window_queries(tenant: Tenant, first: date, last: date) -> list[ExportQuery]:
    """Everything approved in these days, marked or not; and, where the tenant marks, once more without what is marked."""
    settings = tenant.expensify
    return _with_probe(tenant, queries_for_window(first, last, settings.states, settings.policies))


def report_queries(tenant: Tenant, report_ids: Iterable[str]) -> list[ExportQuery]:
    """Named reports, in whatever state they are; and, where the tenant marks, once more without what is marked."""
    return _with_probe(tenant, queries_for_reports(list(report_ids), tenant.expensify.policies))


def _with_probe(tenant: Tenant, queries: list[ExportQuery]) -> list[ExportQuery]:
    label = tenant.expensify.mark_exported
    return queries + ([replace(query, exclude_label=label) for query in queries] if label else [])


@dataclass
class Exported:
    """What the exports brought. ``asked``: reports that were asked for by ID; ``unmarked``: seen without the label."""

    facts: dict[str, ReportFacts] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    unmarked: set[str] = field(default_factory=set)

    def add(self, lines: Iterable[bytes], tenant: Tenant) -> None:
        """Read one verified archive. A report that came twice counts as the later export has it."""
        is_probe, started_at = False, None
        for item in read_export(iter(lines)):
            if isinstance(item, Part):
                is_probe, started_at = bool(item.asked.get("exclude_label")), item.started_at
                if not is_probe:
                    self.asked |= set(item.report_ids)
            elif is_probe:
                self.unmarked.add(item.report_id)
            else:
                assert started_at is not None
                self._keep(report_facts(item, tenant.zone, started_at), started_at)

    def _keep(self, facts: ReportFacts, at: datetime) -> None:
        known = self.facts.get(facts.report_id)
        if known is None or known.extracted_at is None or known.extracted_at <= at:
            self.facts[facts.report_id] = facts

    def approved_in(self, first: date, last: date) -> set[str]:
        """Reports approved in these days, and those of which Expensify does not say when."""
        return {
            facts.report_id
            for facts in self.facts.values()
            if facts.approved_day is None or first <= facts.approved_day <= last
        }

    def reports(self, report_ids: Iterable[str], tenant: Tenant) -> list[ApprovedReport]:
        """Those of the reports that came."""
        marks = tenant.expensify.mark_exported is not None
        holds = tenant.expensify.control_total == "hold"
        found = []
        for report_id in sorted(set(report_ids) & self.facts.keys()):
            facts = self.facts[report_id]
            found.append(
                ApprovedReport(
                    report_id,
                    facts.status,
                    facts.currency or "",
                    facts.approved_day,
                    tuple(
                        Spent(one.transaction_id, one.amount_cents, one.category or "", one.reimbursable)
                        for one in facts.expenses
                    ),
                    marked=report_id not in self.unmarked if marks else None,
                    total_is_off=holds and any(True for _ in control_total(facts)),
                )
            )
        return found
