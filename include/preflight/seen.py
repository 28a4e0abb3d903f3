"""What the tenant's window holds in Expensify now: reports counted, and which categories and tags they use. Marks nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from include.accounting.intake import report_facts
from include.accounting.reports import ReportFacts
from include.erps.site import Finding, ok
from include.expensify.extraction import Exporter, extract, queries_for_window
from include.expensify.records import Part, read_export
from include.settings.tenant import Tenant

STATES = ("APPROVED", "REIMBURSED", "ARCHIVED")


@dataclass(frozen=True)
class Use:
    """A category with its tags as an expense carries them. ``tags`` are (name, GL code) per level."""

    policy_id: str
    category: str
    category_gl_code: str | None
    tags: tuple[tuple[str, str | None], ...]


@dataclass
class Seen:
    """``approved``, ``reimbursed`` and ``closed`` count reports of the window by their state in Expensify.

    ``posted`` have a posted journal in the ledger, ``labelled`` carry the tenant's export label. ``uses`` and ``submitters``
    count the reports that are still to be posted.
    """

    approved: int = 0
    reimbursed: int = 0
    closed: int = 0
    too_early: int = 0
    posted: int = 0
    labelled: int | None = None
    to_post: int = 0
    uses: Counter[Use] = field(default_factory=Counter)
    submitters: Counter[str] = field(default_factory=Counter)

    def findings(self, tenant: Tenant, first: date, last: date) -> list[Finding]:
        """The counts in words."""
        window = f"approved from {first} to {last}"
        counts = (
            f"{self.approved} approved, {self.reimbursed} reimbursed, {self.closed} closed ({window}); "
            f"{self.posted} of them are posted already"
        )
        if self.labelled is not None:
            counts += f", {self.labelled} carry the label {tenant.expensify.mark_exported}"
        found = ok("reports", f"{counts}; {self.to_post} would be taken up")
        if self.too_early:
            found += ok("reports", f"{self.too_early} were approved before start_date {tenant.start_date} and stay out")
        if self.labelled is not None and self.labelled > self.posted:
            found.append(
                Finding(
                    "warning",
                    "reports",
                    f"{self.labelled - self.posted} carry the label and are not posted by this ledger: they are never posted",
                    "right if another system has booked them; else choose another expensify.mark_exported",
                )
            )
        return found


def seen_in(tenant: Tenant, expensify: Exporter, today: date, posted: frozenset[str]) -> Seen:
    """Export the reports from ``start_date`` to today; a second time with the label's filter where the tenant marks.

    Costs two requests per export and year of window, and leaves a file on Expensify's server that nobody downloads again.
    """
    reports = _read(tenant, expensify, today, None)
    label = tenant.expensify.mark_exported
    unlabelled = set(_read(tenant, expensify, today, label)) if label is not None else None
    seen = Seen()
    for report_id, report in reports.items():
        if report.approved_day is not None and report.approved_day < tenant.start_date:
            seen.too_early += 1
            continue
        match report.status:
            case "REIMBURSED":
                seen.reimbursed += 1
            case "ARCHIVED":
                seen.closed += 1
            case _:
                seen.approved += 1
        is_labelled = unlabelled is not None and report_id not in unlabelled
        if unlabelled is not None:
            seen.labelled = (seen.labelled or 0) + is_labelled
        if report_id in posted:
            seen.posted += 1
        elif not is_labelled and report.status in tenant.expensify.states:
            seen.to_post += 1
            _note_uses(seen, report)
    return seen


def _note_uses(seen: Seen, report: ReportFacts) -> None:
    if report.submitter_email:
        seen.submitters[report.submitter_email] += 1
    uses = {
        Use(report.policy_id or "", (one.category or "").strip(), one.category_gl_code, one.tags)
        for one in report.expenses
    }
    seen.uses.update(uses)


def _read(tenant: Tenant, expensify: Exporter, today: date, label: str | None) -> Mapping[str, ReportFacts]:
    last = max(today, tenant.start_date)
    queries = queries_for_window(tenant.start_date, last, STATES, tenant.expensify.policies, label)
    found: dict[str, ReportFacts] = {}
    with tempfile.TemporaryFile() as file:
        extract(expensify, queries, file, {"tenant": tenant.name, "run_id": "preflight"})
        file.seek(0)
        part: Part | None = None
        for item in read_export(file):
            if isinstance(item, Part):
                part = item
                continue
            assert part is not None
            found[item.report_id] = report_facts(item, tenant.zone, part.started_at)
    return found
