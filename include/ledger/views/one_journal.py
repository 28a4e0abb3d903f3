"""One journal with all that made it and all that happened to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.accounting.reasons import Reason
from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.expense_rows import ExpenseRow, describe
from include.ledger.views.finding_list import FindingFilter, FindingRow, finding_page
from include.ledger.views.journal_id import JournalId, these
from include.ledger.views.journal_list import JournalRow, rows_of
from include.ledger.views.ordering import Order, count_some, read_page
from include.ledger.views.paging import Ask, Count, Page
from include.ledger.views.replaying import Box, boxes_in
from include.ledger.views.report_list import ReportRow, reports_of

MOST_EVENTS = 500
MOST_RELATED = 50
MANY_ROWS = Ask(200)
SORTED_UP_TO = 10_000


@dataclass(frozen=True)
class TaskInstance:
    """The Airflow task instance that did something; ``None`` fields where a person or a test did it."""

    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int | None
    try_number: int | None


@dataclass(frozen=True)
class LineRow:
    """One line; ``amount_cents`` debit positive. ``rule`` says what mapped it. ``expenses`` is their number on this line."""

    number: int
    account: str
    dimensions: Mapping[str, str]
    amount_cents: int
    description: str
    rule: str
    expenses: int


@dataclass(frozen=True)
class EventRow:
    """One step in the journal's life; ``who`` is a person's name, else ``task`` did it."""

    at: datetime
    from_state: str | None
    to_state: str
    who: str | None
    message: str
    task: TaskInstance


@dataclass(frozen=True)
class AttemptRow:
    """One try to create the document in the ERP; ``document`` and ``raw_answer`` are what was sent and came back."""

    attempt_id: int
    task: TaskInstance
    started_at: datetime
    sent_at: datetime | None
    lease_until: datetime
    ended_at: datetime | None
    outcome: str | None
    document: str | None
    raw_answer: str | None


@dataclass(frozen=True)
class RelatedJournal:
    """Another journal of the same day or report: its card part (``-C``), a reissue or later correction (``-2``), their origin."""

    id: JournalId
    state: str
    document_number: str | None
    total_cents: int
    currency: str | None


@dataclass(frozen=True)
class JournalDetail:
    """``row`` is the journal as the list shows it; ``reports`` the first reports in it.

    ``events`` oldest first, ``attempts`` newest first, at most the 500 newest of each. ``boxes``: what to clear to replay it.
    """

    row: JournalRow
    description: str
    part: str
    per: str
    frozen: bool
    revision: int
    posted_debit_cents: int | None
    checked_at: datetime | None
    posted_at: datetime | None
    closed_because: str | None
    reasons: tuple[Reason, ...]
    lines: tuple[LineRow, ...]
    reports: Page[ReportRow]
    events: tuple[EventRow, ...]
    attempts: tuple[AttemptRow, ...]
    findings: tuple[FindingRow, ...]
    related: tuple[RelatedJournal, ...]
    boxes: tuple[Box, ...]


def journal(ledger: Ledger, tenants: Collection[str], tenant: str, target: str, key: str) -> JournalDetail | None:
    """The journal; ``None`` when there is none, or its tenant is not among those that may be seen."""
    if tenant not in tenants:
        return None
    name = JournalId(tenant, target, key)
    with ledger.read() as connection:
        row = rows_of(connection, [name]).get(name)
        if row is None:
            return None
        named = ("description", "part", "per", "frozen", "revision", "posted_debit_cents", "checked_at")
        columns = tables.journal.c
        query = sa.select(*(columns[one] for one in named), columns.posted_at, columns.closed_because, columns.reasons)
        header = dict(connection.execute(query.where(these(tables.journal, [name]))).mappings().one())
        reasons = tuple(Reason.from_json(reason) for reason in header.pop("reasons"))
        header["description"] = header["description"] or ""
        found = finding_page(connection, [tenant], FindingFilter(journal_key=key), Ask(MOST_EVENTS))
        return JournalDetail(
            row=row,
            **header,
            reasons=reasons,
            lines=_lines(connection, name),
            reports=reports_of(connection, name, tenants, MANY_ROWS),
            events=_events(connection, name),
            attempts=_attempts(connection, name),
            findings=tuple(finding for finding in found.rows if finding.target == target),
            related=_related(connection, name, tenants),
            boxes=boxes_in(connection, [name])[name],
        )


def _task(row: sa.RowMapping) -> TaskInstance:
    return TaskInstance(row["dag_id"], row["run_id"], row["task_id"], row["map_index"], row["try_number"])


def _lines(connection: sa.Connection, name: JournalId) -> tuple[LineRow, ...]:
    expense, line = tables.expense, tables.journal_line
    counts: dict[int, int] = {}
    for side in (expense.c.debit_line, expense.c.credit_line):
        query = sa.select(side, sa.func.count()).where(these(expense, [name]), side.is_not(None)).group_by(side)
        counts |= {row[0]: row[1] for row in connection.execute(query)}
    rows = connection.execute(sa.select(line).where(these(line, [name])).order_by(line.c.line)).mappings()
    return tuple(
        LineRow(
            row["line"],
            row["account"],
            row["dimensions"],
            row["amount_cents"],
            row["description"],
            row["rule"],
            counts.get(row["line"], 0),
        )
        for row in rows
    )


def _events(connection: sa.Connection, name: JournalId) -> tuple[EventRow, ...]:
    columns = tables.event.c
    query = sa.select(tables.event).where(these(tables.event, [name])).order_by(columns.id.desc()).limit(MOST_EVENTS)
    rows = [
        EventRow(row["at"], row["from_state"], row["to_state"], row["who"], row["message"], _task(row))
        for row in connection.execute(query).mappings()
    ]
    return tuple(reversed(rows))


def _attempts(connection: sa.Connection, name: JournalId) -> tuple[AttemptRow, ...]:
    table = tables.attempt
    query = sa.select(table).where(these(table, [name])).order_by(table.c.attempt_id.desc()).limit(MOST_EVENTS)
    return tuple(
        AttemptRow(
            row["attempt_id"],
            _task(row),
            row["started_at"],
            row["sent_at"],
            row["lease_until"],
            row["ended_at"],
            row["outcome"],
            row["document"],
            row["raw_answer"],
        )
        for row in connection.execute(query).mappings()
    )


def _related(connection: sa.Connection, name: JournalId, tenants: Collection[str]) -> tuple[RelatedJournal, ...]:
    """Journals that share a report with this one: its card part, its successor, its origin."""
    mine, other, journal = tables.journal_report.alias(), tables.journal_report.alias(), tables.journal.c
    # A day's journal has thousands of reports, and each was in few journals: the first ones tell.
    some = sa.select(mine.c.report_id).where(these(mine, [name])).order_by(mine.c.report_id).limit(500).subquery()
    keys = (
        sa.select(other.c.tenant, other.c.journal_key)
        .where(
            other.c.target == name.target,
            other.c.tenant.in_(sorted(tenants)),
            other.c.report_id == some.c.report_id,
            sa.or_(other.c.journal_key != name.key, other.c.tenant != name.tenant),
        )
        .distinct()
        .limit(MOST_RELATED)
    )
    found = [JournalId(tenant, name.target, key) for tenant, key in connection.execute(keys)]
    if not found:
        return ()
    query = (
        sa.select(journal.tenant, journal.target, journal.journal_key, journal.state, journal.document_number)
        .add_columns(journal.total_debit_cents, journal.currency)
        .where(these(tables.journal, found))
        .order_by(journal.journal_key, journal.tenant)
    )
    return tuple(RelatedJournal(JournalId(*row[:3]), *row[3:]) for row in connection.execute(query))


def journal_expenses(
    ledger: Ledger,
    tenants: Collection[str],
    tenant: str,
    target: str,
    key: str,
    line: int | None = None,
    ask: Ask = MANY_ROWS,
) -> Page[ExpenseRow]:
    """The expenses behind a journal, or behind one line of it (debit or credit side), by transaction ID.

    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    name = JournalId(tenant, target, key)
    expense = tables.expense
    order = Order((expense.c.transaction_id,))
    if tenant not in tenants:
        order.place(ask.cursor)
        return Page((), None, None, Count(0))
    query = sa.select(expense).where(these(expense, [name]))
    if line is not None:
        query = query.where(sa.or_(expense.c.debit_line == line, expense.c.credit_line == line))
    with ledger.read() as connection:
        # The key of the table walks every expense of the company: soon at a page of a journal that has many of them only.
        if _has_at_most(connection, query, SORTED_UP_TO):
            order = order.unindexed()
        page = read_page(connection, query, order, ask, lambda: count_some(connection, query))
        rows = tuple(describe(connection, page.rows, tenants))
    return Page(rows, page.next, page.previous, page.total)


def _has_at_most(connection: sa.Connection, query: sa.Select[Any], most: int) -> bool:
    some = query.with_only_columns(sa.literal(1)).limit(most + 1).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()) <= most
