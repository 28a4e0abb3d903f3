"""The runs as the ledger knows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.ordering import Order, count_some, read_page, unindexed
from include.ledger.views.paging import FIRST_PAGE, Ask, Page


@dataclass(frozen=True)
class RunRow:
    """One run. The window's end is excluded; ``None`` for runs by report or journal. ``journals``: how many it holds."""

    tenant: str
    target: str
    dag_id: str
    run_id: str
    mode: str
    dry_run: bool
    created_at: datetime
    covered_at: datetime | None
    window_from: datetime | None
    window_to: datetime | None
    journals: int


def runs(
    ledger: Ledger,
    tenants: Collection[str],
    only: Collection[str] = (),
    ask: Ask = FIRST_PAGE,
) -> Page[RunRow]:
    """One page of runs, newest first, dry runs included.

    :param tenants: the tenants that may be seen, earlier names included. :param only: narrows them; empty: all.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    run, member = tables.run.c, tables.run_journal.c
    visible = sorted(set(tenants) & set(only) if only else set(tenants))
    names = ("tenant", "target", "dag_id", "run_id", "mode", "dry_run", "created_at", "covered_at")
    # A run's positions have no gaps, so the last one counts them.
    journals = (
        sa.select(sa.func.coalesce(sa.func.max(member.position) + 1, 0))
        .where(member.dag_id == run.dag_id, member.run_id == run.run_id)
        .scalar_subquery()
        .label("journals")
    )
    query = sa.select(*(run[name] for name in names), run.window_from, run.window_to, journals).where(
        (run.tenant if len(visible) == 1 else unindexed(run.tenant)).in_(visible)
    )
    with ledger.read() as connection:
        page = read_page(connection, query, _ORDER, ask, lambda: count_some(connection, query))
    return Page(tuple(RunRow(**row) for row in page.rows), page.next, page.previous, page.total)


_ORDER = Order((tables.run.c.created_at, tables.run.c.dag_id, tables.run.c.run_id), descending=True)
