"""Under which names the ledger holds anything at all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.sums import all_sums


def tenant_names(ledger: Ledger) -> list[str]:
    """Every tenant name that journals, runs or findings carry, in order; those without a tenant file any more too."""
    with ledger.read() as connection:
        found = set(connection.execute(sa.select(all_sums().c.tenant).distinct()).scalars())
        for table in (tables.run, tables.finding):
            found |= set(connection.execute(_each_once(table.c.tenant)).scalars())
    return sorted(found)


def _each_once(column: sa.Column[Any]) -> sa.Select[Any]:
    """The distinct values, from one to the next along the column's index: their number counts, not that of the rows."""
    first = sa.select(sa.func.min(column).label("name")).cte("names", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > first.c.name).correlate(first).scalar_subquery()
    every = first.union_all(sa.select(following).where(first.c.name.is_not(None)))
    return sa.select(every.c.name).where(every.c.name.is_not(None))
