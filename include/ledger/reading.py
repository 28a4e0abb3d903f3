"""From an archived export to what a run has read: the window cut, duplicates settled, absences noticed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import chain

from include.accounting.intake import report_facts
from include.accounting.reports import ReportFacts
from include.accounting.window import Window
from include.expensify.records import Part, read_export
from include.ledger.plan import Reading
from include.settings.tenant import Tenant


def reading_of(
    lines: Iterable[bytes],
    tenant: Tenant,
    *,
    window: Window | None,
    named: Iterable[str] = (),
    others: Sequence[Window] = (),
) -> Reading:
    """Read a verified archive.

    :param window: what the run covers; ``None`` for runs by report or journal.
    :param named: report IDs that the run was started for.
    :param others: windows of runs going on beside this one: its look-back leaves their reports to them.

    A report that came in several parts counts as the part with the latest start says.
    """
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        # An empty window, such as that of a second run by hand on one day, asks Expensify for nothing.
        return Reading(read={}, wanted=frozenset())
    zone = tenant.zone
    read: dict[str, ReportFacts] = {}
    asked: set[str] = set()
    probed: set[str] = set()
    unlabelled: set[str] = set()
    asked_at: datetime | None = None
    part: Part | None = None
    for item in read_export(chain([first], lines), plain=True):
        if isinstance(item, Part):
            part = item
            if _is_label_probe(part):
                probed |= set(part.report_ids)
            elif part.report_ids:
                asked |= set(part.report_ids)
                asked_at = min(asked_at, part.started_at) if asked_at else part.started_at
            continue
        assert part is not None
        if _is_label_probe(part):
            unlabelled.add(item.report_id)
            continue
        known = read.get(item.report_id)
        if known is None or known.extracted_at is None or known.extracted_at <= part.started_at:
            read[item.report_id] = report_facts(item, zone, part.started_at)
    named_ids = set(named)
    wanted: set[str] = set()
    too_early: set[str] = set()
    for report in read.values():
        if report.report_id not in named_ids and not _in_window(report, window, tenant, others):
            continue
        if report.approved_day is not None and report.approved_day < tenant.start_date:
            too_early.add(report.report_id)
        else:
            wanted.add(report.report_id)
    return Reading(
        read=read,
        wanted=frozenset(wanted),
        absent=frozenset(asked - set(read)),
        labelled=frozenset((probed & set(read)) - unlabelled),
        too_early=frozenset(too_early),
        named=frozenset(named_ids),
        extracted_at=asked_at,
    )


def _is_label_probe(part: Part) -> bool:
    """The second reading of named reports, with the label filter: those missing from it carry the label."""
    return bool(part.report_ids) and bool(part.asked.get("exclude_label"))


def _in_window(report: ReportFacts, window: Window | None, tenant: Tenant, others: Sequence[Window]) -> bool:
    if window is None:
        return False
    if report.approved_day is None:
        # Nothing says when it was approved: it is claimed by whoever sees it, and held.
        return True
    zone = tenant.zone
    day, at = report.approved_day, report.approved_at
    if window.holds(day, at, zone):
        return True
    return window.looks_back_to(day, at, zone) and not any(other.holds(day, at, zone) for other in others)


def run_day(tenant: Tenant, window: Window | None, now: datetime) -> date:
    """The interval's last local day, for ``posting.date: run``."""
    return window.last_day(tenant.zone) if window is not None else now.astimezone(tenant.zone).date()
