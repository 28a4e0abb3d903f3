"""What is held, grouped by cause: one correction often frees many journals."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.journal_id import JournalId
from include.ledger.views.journal_list import JournalRow, rows_of
from include.ledger.views.ordering import Order, count_some, read_page
from include.ledger.views.overview import BLOCKED_STATES
from include.ledger.views.paging import FIRST_PAGE, Ask, Count, Page, Place, place_of
from include.ledger.views.replaying import Box, boxes_in

# These say something else each time; what the ERP said is the cause itself.
_TOLD_APART_BY_MESSAGE = ("rejected",)


@dataclass(frozen=True)
class Cause:
    """What equal holds share. ``message`` is ``""`` where ``code`` and ``subject`` tell causes apart already.

    ``currency`` is that of the amounts, ``""`` when unknown.
    """

    tenant: str
    target: str
    code: str
    subject: str
    currency: str
    message: str = ""


@dataclass(frozen=True)
class HoldGroup:
    """All that one cause holds up: ``message`` says what is wrong, ``fix`` what to change and where.

    ``cents`` adds up what the cause holds up in each report (not the journals' totals: one journal may have several causes).
    ``messages`` counts different wordings, of which ``message`` is one. ``since``: claim of the oldest journal.
    """

    cause: Cause
    message: str
    messages: int
    fix: str
    journals: int
    reports: int
    cents: int
    since: datetime


@dataclass(frozen=True)
class HeldJournal:
    """A journal that a cause holds, and what to clear to replay it: newest run first, empty when no run is known."""

    row: JournalRow
    cents: int
    boxes: tuple[Box, ...]


def holds(
    ledger: Ledger,
    tenants: Collection[str],
    only: Collection[str] = (),
    ask: Ask = FIRST_PAGE,
) -> Page[HoldGroup]:
    """The causes of all held, rejected and conflicting journals, by tenant, most money first.

    :param tenants: the tenants that may be seen, earlier names included. :param only: narrows them; empty: all.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    with ledger.read() as connection:
        groups = hold_groups(connection, set(tenants) & set(only) if only else tenants)
    place = place_of(ask.cursor, 1)
    # So few that they are always read whole: the cursor is a number of groups.
    first = 0
    if place is not None:
        number = place.values[0]
        at = number if isinstance(number, int) else 0
        first = max(0, at - ask.limit) if place.before else at + 1
    rows = groups[first : first + ask.limit]
    keys = [(first + offset,) for offset in range(len(rows))]
    following = Place(keys[-1]).cursor() if rows and first + len(rows) < len(groups) else None
    preceding = Place(keys[0], before=True).cursor() if rows and first else None
    return Page(tuple(rows), following, preceding, Count(len(groups)))


def hold_groups(connection: sa.Connection, tenants: Collection[str]) -> list[HoldGroup]:
    """All causes, within a view of the ledger that the caller holds."""
    journal = tables.journal.c
    reason = _Reasons(connection)
    cents = sa.func.coalesce(sa.func.sum(reason.cents), 0)
    grouped = (journal.tenant, journal.target, reason.code, reason.subject, reason.currency, reason.told)
    query = (
        sa.select(*grouped)
        .add_columns(sa.func.min(reason.message), sa.func.count(sa.distinct(reason.message)), sa.func.min(reason.fix))
        .add_columns(sa.func.count(sa.distinct(journal.journal_key)), sa.func.count(sa.distinct(reason.report_id)))
        .add_columns(sa.func.sum(sa.case((reason.report_id.is_(None), _reports_in(tables.journal)), else_=0)))
        .add_columns(cents, sa.func.min(journal.created_at))
        .select_from(tables.journal)
        .join(reason.each, sa.true())
        .where(journal.tenant.in_(sorted(tenants)), journal.state.in_(BLOCKED_STATES))
        .group_by(*grouped)
        .order_by(journal.tenant, cents.desc(), journal.target, reason.code, reason.subject, reason.told)
    )
    return [
        HoldGroup(
            Cause(*row[:6]),
            message=row[6],
            messages=row[7],
            fix=row[8],
            journals=row[9],
            reports=row[10] + int(row[11] or 0),
            cents=int(row[12]),
            since=row[13],
        )
        for row in connection.execute(query)
    ]


def _reports_in(owner: sa.FromClause) -> sa.ScalarSelect[Any]:
    """What stops a whole journal stops all of its reports."""
    member = tables.journal_report.c
    return (
        sa.select(sa.func.count())
        .where(
            member.target == owner.c.target,
            member.tenant == owner.c.tenant,
            member.journal_key == owner.c.journal_key,
            member.left_at.is_(None),
        )
        .correlate(owner)
        .scalar_subquery()
    )


class _Reasons:
    """The stored reasons of ``journal`` as rows: JSON is read by the database, which both kinds can."""

    def __init__(self, connection: sa.Connection) -> None:
        column = tables.journal.c.reasons
        if connection.dialect.name == "sqlite":
            each = sa.func.json_each(column).table_valued("value", name="reason")

            def part(name: str) -> sa.ColumnElement[Any]:
                return sa.func.json_extract(each.c.value, f"$.{name}")
        else:
            # The derived form from the beginning: its columns and its place in FROM must be one and the same.
            elements = sa.func.json_array_elements(column).table_valued(sa.column("value", sa.JSON), name="reason")
            each = elements.render_derived()

            def part(name: str) -> sa.ColumnElement[Any]:
                return each.c.value.op("->>")(name)

        self.each = each
        self.code, self.message, self.fix = part("code"), part("message"), part("fix")
        self.subject = sa.func.coalesce(part("subject"), "")
        self.currency = sa.func.coalesce(part("currency"), "")
        self.report_id = part("report_id")
        self.cents = sa.cast(part("amount_cents"), sa.BigInteger)
        self.told: sa.ColumnElement[str] = sa.case((self.code.in_(_TOLD_APART_BY_MESSAGE), self.message), else_="")


def held_journals(
    ledger: Ledger,
    tenants: Collection[str],
    cause: Cause,
    ask: Ask = FIRST_PAGE,
) -> Page[HeldJournal]:
    """The journals of one cause, oldest first; nothing when its tenant may not be seen.

    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    journal = tables.journal.c
    order = Order((journal.created_at, journal.target, journal.tenant, journal.journal_key))
    if cause.tenant not in tenants:
        order.place(ask.cursor)
        return Page((), None, None, Count(0))
    with ledger.read() as connection:
        reason = _Reasons(connection)
        same = sa.and_(
            reason.code == cause.code,
            reason.subject == cause.subject,
            reason.currency == cause.currency,
            reason.told == cause.message,
        )
        cents = sa.select(sa.func.coalesce(sa.func.sum(reason.cents), 0)).select_from(reason.each).where(same)
        query = sa.select(*order.columns, cents.scalar_subquery().label("cents")).where(
            journal.tenant == cause.tenant,
            journal.target == cause.target,
            journal.state.in_(BLOCKED_STATES),
            sa.exists(sa.select(sa.literal(1)).select_from(reason.each).where(same)),
        )
        page = read_page(connection, query, order, ask, lambda: count_some(connection, query))
        cents_of = {JournalId(row["tenant"], row["target"], row["journal_key"]): row["cents"] for row in page.rows}
        rows, boxes = rows_of(connection, list(cents_of)), boxes_in(connection, list(cents_of))
    held = tuple(HeldJournal(rows[name], int(cents_of[name]), boxes[name]) for name in cents_of)
    return Page(held, page.next, page.previous, page.total)
