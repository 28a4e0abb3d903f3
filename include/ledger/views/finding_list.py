"""Findings: what a person should know and no journal's state says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.ordering import Order, count_some, read_page
from include.ledger.views.paging import FIRST_PAGE, Ask, Page


@dataclass(frozen=True)
class FindingFilter:
    """All given conditions must hold; empty ones are no condition. ``open_only``: not settled by a person yet."""

    tenants: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    open_only: bool = False
    report_id: str | None = None
    journal_key: str | None = None


EVERY_FINDING = FindingFilter()


@dataclass(frozen=True)
class FindingRow:
    """One finding."""

    id: int
    tenant: str
    target: str
    kind: str
    message: str
    report_id: str | None
    journal_key: str | None
    at: datetime
    settled_at: datetime | None


def findings(
    ledger: Ledger,
    tenants: Collection[str],
    where: FindingFilter = EVERY_FINDING,
    ask: Ask = FIRST_PAGE,
) -> Page[FindingRow]:
    """One page of findings, newest first.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    with ledger.read() as connection:
        return finding_page(connection, tenants, where, ask)


_ORDER = Order((tables.finding.c.id,), descending=True)


def finding_page(
    connection: sa.Connection, tenants: Collection[str], where: FindingFilter, ask: Ask
) -> Page[FindingRow]:
    """As :func:`findings`, within a view of the ledger that the caller holds."""
    columns = tables.finding.c
    visible = set(tenants) & set(where.tenants) if where.tenants else set(tenants)
    query = sa.select(
        *(columns[name] for name in ("id", "tenant", "target", "kind", "message", "report_id", "journal_key")),
        columns.at,
        columns.settled_at,
    ).where(columns.tenant.in_(sorted(visible)))
    if where.kinds:
        query = query.where(columns.kind.in_(sorted(where.kinds)))
    if where.open_only:
        query = query.where(columns.settled_at.is_(None))
    if where.report_id is not None:
        query = query.where(columns.report_id == where.report_id)
    if where.journal_key is not None:
        query = query.where(columns.journal_key == where.journal_key)
    page = read_page(connection, query, _ORDER, ask, lambda: count_some(connection, query))
    return Page(tuple(FindingRow(**row) for row in page.rows), page.next, page.previous, page.total)
