"""What today's mapping makes of a journal's expenses, and how that is written.

The one path from claimed expenses to journal lines: for new journals, for corrected reports, and for replays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from include.accounting.checks import report_reasons
from include.accounting.grouping import Booked, DerivedJournal, Grouping, Numbers
from include.accounting.mapping import look_up
from include.accounting.reasons import Reason
from include.accounting.reports import ExpenseFacts, ReportFacts
from include.erps.port import Draft, Line
from include.ledger import journals, stored, tables
from include.ledger.journals import Actor, Journal, Scope, draft_to_json
from include.settings.tenant import Tenant

EMPTY = "nothing to post"
NOT_CLAIMED = "not_claimed"


@dataclass
class Content:
    """A journal's reports and, by report, the expenses that it books.

    ``unclaimed`` explains why a report's expenses could not be claimed; the journal is then held without them.
    """

    key: str
    part: str
    per: str
    day: date | None
    currency: str | None
    reference: str | None
    reports: list[ReportFacts] = field(default_factory=list)
    expenses: dict[str, list[ExpenseFacts]] = field(default_factory=dict)
    unclaimed: list[Reason] = field(default_factory=list)


@dataclass
class Outcome:
    """The derived journal: its lines, what stops it, and the draft that would be sent.

    ``lines_of`` holds, by report, the lines of its expenses in the order of ``content.expenses``.
    """

    content: Content
    derived: DerivedJournal
    reasons: list[Reason]
    posting_date: date | None
    draft: Draft | None
    lines_of: dict[str, list[Numbers]]

    @property
    def is_empty(self) -> bool:
        """Nothing to post and nothing wrong."""
        return not self.reasons and self.derived.is_empty


def derive_contents(contents: Sequence[Content], tenant: Tenant, run_day: date) -> dict[str, Outcome]:
    """Map and group the contents, one outcome per journal key.

    :param run_day: the interval's last local day, for ``posting.date: run``.
    """
    grouping = Grouping(tenant)
    outcomes = {}
    for content in contents:
        booked = [
            Booked(report.report_id, report.already_reimbursed, content.expenses.get(report.report_id, ()))
            for report in content.reports
        ]
        derived, numbers = grouping.journal(booked, content.currency)
        lines_of = {one.report_id: found for one, found in zip(booked, numbers, strict=True)}
        outcomes[content.key] = _outcome(content, derived, tenant, run_day, lines_of)
    return outcomes


def _outcome(
    content: Content,
    derived: DerivedJournal,
    tenant: Tenant,
    run_day: date,
    lines_of: dict[str, list[Numbers]],
) -> Outcome:
    # What was not claimed was not kept either: its amounts cannot be checked here.
    unclaimed = {reason.report_id for reason in content.unclaimed}
    claimed = [report for report in content.reports if report.report_id not in unclaimed]
    reasons = [reason for report in claimed for reason in report_reasons(report, tenant)]
    reasons += [_too_early(report, tenant) for report in claimed if _is_too_early(report, tenant)]
    reasons += content.unclaimed + derived.reasons
    posting_date = _posting_date(content, tenant, run_day)
    reference, complaint = _reference(content, tenant)
    draft = None
    if not derived.is_empty:
        reasons += complaint
        if posting_date is not None and reference is not None:
            draft = _draft(content, derived, tenant, reference, posting_date)
            reasons += [
                Reason(found.code, found.message, found.fix, found.subject) for found in tenant.erp.problems(draft)
            ]
    return Outcome(content, derived, reasons, posting_date, draft, lines_of)


def _is_too_early(report: ReportFacts, tenant: Tenant) -> bool:
    return report.approved_day is not None and report.approved_day < tenant.start_date


def _too_early(report: ReportFacts, tenant: Tenant) -> Reason:
    return Reason(
        "before_start_date",
        f"It was approved on {report.approved_day}, before `start_date` {tenant.start_date}",
        f"Settle it as closed, or set an earlier `start_date` in {tenant.name}.yaml and clear this task",
        report_id=report.report_id,
        amount_cents=report.total_cents,
        currency=report.currency,
    )


def _posting_date(content: Content, tenant: Tenant, run_day: date) -> date | None:
    if tenant.posting.date == "run":
        return run_day
    if tenant.posting.date == "report":
        spent = [fact.spent_on for facts in content.expenses.values() for fact in facts if fact.spent_on]
        return max(spent, default=content.day)
    return content.day


def _reference(content: Content, tenant: Tenant) -> tuple[str | None, list[Reason]]:
    if content.reference is not None:
        return content.reference, []
    try:
        wanted = tenant.erp.reference(content.key, tenant.posting.reference_prefix, content.per)
    except ValueError as error:
        return None, [Reason("reference_invalid", str(error), f"Set another `reference_prefix` in {tenant.name}.yaml")]
    return None, [
        Reason(
            "reference_taken",
            f"The reference {wanted} belongs to another journal of this company",
            f"Set another `posting.reference_prefix` in {tenant.name}.yaml, then clear this task",
            subject=wanted,
        )
    ]


def _draft(content: Content, derived: DerivedJournal, tenant: Tenant, reference: str, posting_date: date) -> Draft:
    currency = content.currency or tenant.posting.currency
    # A day's journal may have lost its day: its report came back without an approval date, and is held.
    approval_date = content.day or posting_date
    submitters = {report.submitter_email for report in content.reports}
    submitter = submitters.pop() if len(submitters) == 1 else None
    if content.per == "day":
        summary = f"Expensify {approval_date:%Y-%m-%d}, {len(content.reports)} reports"
    else:
        report = content.reports[0]
        summary = f"Expensify {report.report_id} {report.name or ''}".strip()
    return Draft(
        key=content.key,
        reference=reference,
        kind=derived.kind,
        currency=currency,
        approval_date=approval_date,
        posting_date=posting_date,
        description=tenant.erp.description(content.key, reference, summary),
        lines=tuple(
            Line(line.number, line.account, line.amount_cents, line.dimensions, line.description)
            for line in derived.lines
            if line.amount_cents
        ),
        report_ids=tuple(report.report_id for report in content.reports),
        submitter_email=submitter,
        submitter_id=look_up(tenant.mapping.employee, submitter, None, "mapping.employee").value,
    )


def stored_contents(connection: sa.Connection, scope: Scope, found: Iterable[Journal]) -> list[Content]:
    """The contents of journals as the ledger holds them."""
    listed = list(found)
    keys = [journal.key for journal in listed]
    members: dict[str, list[str]] = {}
    for key, report_id, has_left in stored.memberships(connection, scope, journal_keys=keys):
        if not has_left:
            members.setdefault(key, []).append(report_id)
    report_ids = {report_id for ids in members.values() for report_id in ids}
    reports = stored.reports(connection, scope, report_ids)
    counts = stored.expense_counts(connection, scope, report_ids)
    expenses = stored.expenses(connection, scope, report_ids)
    contents = []
    for journal in listed:
        content = Content(
            journal.key, journal.part, journal.per, journal.approval_date, journal.currency, journal.reference
        )
        for report_id in members.get(journal.key, ()):
            report = reports[report_id]
            by_journal = expenses.get(report_id, {})
            report.expenses = [fact for facts in by_journal.values() for fact in facts]
            content.reports.append(report)
            content.expenses[report_id] = by_journal.get(journal.key, [])
            if len(report.expenses) != counts.get(report_id, 0):
                content.unclaimed += [
                    reason for reason in journal.reasons if reason.code == NOT_CLAIMED and reason.report_id == report_id
                ] or [Reason(NOT_CLAIMED, "Its expenses are not claimed", "Clear this task", report_id=report_id)]
        contents.append(content)
    return contents


def write_outcome(connection: sa.Connection, journal: Journal, outcome: Outcome, now: datetime, actor: Actor) -> bool:
    """Replace the lines of an existing journal that is not frozen; false when it changed under our feet."""
    columns = tables.journal.c
    unfrozen = columns.frozen.is_(False)
    values = {
        "kind": outcome.derived.kind,
        "posting_date": outcome.posting_date,
        "total_debit_cents": outcome.derived.total_debit_cents,
        "reasons": [reason.as_json() for reason in outcome.reasons],
        "description": outcome.draft.description if outcome.draft else None,
        "content_hash": outcome.derived.content_hash(),
        "payload": draft_to_json(outcome.draft) if outcome.draft else None,
        "reference": outcome.content.reference,
        "derived_at": now,
        "checked_at": None,
        "closed_because": None if journal.state != "closed" or not outcome.is_empty else EMPTY,
        "revision": journal.revision + 1,
    }
    to_state = journal.state
    stays_held = journal.state == "held" and outcome.reasons
    if journal.state != "drafted" and not stays_held and not (journal.state == "closed" and outcome.is_empty):
        moved = journals.move(
            connection, journal, "drafted", now, actor, "derived again from its expenses", where=[unfrozen], **values
        )
        if not moved:
            return False
        to_state = "drafted"
    else:
        changed = connection.execute(
            tables.journal.update().where(journals.unchanged(journal), unfrozen).values(**values)
        )
        if changed.rowcount != 1:
            return False
    _replace_lines(connection, journal.tenant, journal.target, outcome)
    if to_state == "drafted" and outcome.is_empty:
        close_as_empty(connection, journal.tenant, journal.target, journal.key, now, actor)
    return True


def close_as_empty(connection: sa.Connection, tenant: str, target: str, key: str, now: datetime, actor: Actor) -> None:
    """``drafted -> closed``: nothing is left to post."""
    columns = tables.journal.c
    connection.execute(
        tables.journal.update()
        .where(columns.target == target, columns.tenant == tenant, columns.journal_key == key)
        .values(state="closed", closed_because=EMPTY)
    )
    journals.record(connection, tenant, target, key, "drafted", "closed", now, actor, EMPTY)


def _replace_lines(connection: sa.Connection, tenant: str, target: str, outcome: Outcome) -> None:
    line = tables.journal_line.c
    key = outcome.content.key
    connection.execute(
        tables.journal_line.delete().where(line.target == target, line.tenant == tenant, line.journal_key == key)
    )
    rows = line_rows(tenant, target, outcome)
    if rows:
        connection.execute(tables.journal_line.insert(), rows)
    numbers = [
        {"this_target": target, "this_id": fact.transaction_id, "debit": debit, "credit": credit}
        for report_id, listed in outcome.lines_of.items()
        for fact, (debit, credit) in zip(outcome.content.expenses.get(report_id, ()), listed, strict=True)
    ]
    if numbers:
        expense = tables.expense.c
        connection.execute(
            tables.expense.update()
            .where(expense.target == sa.bindparam("this_target"), expense.transaction_id == sa.bindparam("this_id"))
            .values(debit_line=sa.bindparam("debit"), credit_line=sa.bindparam("credit")),
            numbers,
        )


def line_rows(tenant: str, target: str, outcome: Outcome) -> list[dict[str, object]]:
    """The rows of ``journal_line``; zero lines are kept for their lineage."""
    return [
        {
            "tenant": tenant,
            "target": target,
            "journal_key": outcome.content.key,
            "line": line.number,
            "account": line.account,
            "dimensions": line.dimensions,
            "amount_cents": line.amount_cents,
            "description": line.description,
            "rule": line.rule,
        }
        for line in outcome.derived.lines
    ]
