"""Journals counted and added up by tenant, company, currency, month and state, without reading the journals.

Triggers append a row to ``journal_sums_change`` with every change of a journal, in its own transaction and whoever makes it, so
the sums cannot drift. ``journal_sums`` holds what was folded; the truth is always both together. Nobody waits for anybody: a
counter that is updated in place would make two postings of one tenant wait for each other, or deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.bulk import batches
from include.ledger.database import Ledger

_NAMES = ("tenant", "target", "currency", "month", "state", "unfinished")
_FOLDED_AT_ONCE = 20_000
_FOLDERS = 7306915

Company = tuple[str, str]
"""Tenant and target."""


def all_sums() -> sa.Subquery:
    """Folded sums and later changes as one relation; several rows may have the same names: add them up."""
    columns = (*_NAMES, "journals", "cents")
    folded = sa.select(*(tables.journal_sums.c[name] for name in columns))
    later = sa.select(*(tables.journal_sums_change.c[name] for name in columns))
    return sa.union_all(folded, later).subquery("sums")


def known_tenants(connection: sa.Connection, tenants: Collection[str]) -> list[str]:
    """Those of ``tenants`` that have journals, sorted."""
    sums = all_sums()
    query = sa.select(sums.c.tenant).where(sums.c.tenant.in_(sorted(tenants))).distinct()
    return sorted(connection.execute(query).scalars())


def companies(connection: sa.Connection, tenants: Collection[str]) -> list[Company]:
    """The companies in which the tenants have journals, by target."""
    sums = all_sums().c
    query = sa.select(sums.tenant, sums.target).where(sums.tenant.in_(sorted(tenants))).distinct()
    found = [(tenant, target) for tenant, target in connection.execute(query)]
    return sorted(found, key=lambda company: (company[1], company[0]))


def as_relations(companies: Sequence[Company]) -> Iterator[sa.CTE]:
    """The companies as relations, as many at a time as SQLite joins in one statement."""
    for some in batches(companies, 200):
        rows = (
            sa.select(sa.literal(tenant).label("tenant"), sa.literal(target).label("target")) for tenant, target in some
        )
        yield sa.union_all(*rows).cte("company")


def count(
    connection: sa.Connection,
    tenants: Collection[str] | None,
    *,
    target: str | None = None,
    states: Collection[str] = (),
    unfinished: bool = False,
    months: tuple[str | None, str | None] = (None, None),
) -> int:
    """How many journals there are; ``tenants`` ``None``: of everybody. ``months``: from and to, both included."""
    sums = all_sums().c
    query = sa.select(sa.func.coalesce(sa.func.sum(sums.journals), 0))
    if tenants is not None:
        query = query.where(sums.tenant.in_(sorted(tenants)))
    if target is not None:
        query = query.where(sums.target == target)
    if states:
        query = query.where(sums.state.in_(sorted(states)))
    if unfinished:
        query = query.where(sums.unfinished == 1)
    first, last = months
    if first is not None:
        query = query.where(sums.month >= first)
    if last is not None:
        query = query.where(sums.month <= last)
    return int(connection.execute(query).scalar_one())


def fold(ledger: Ledger) -> int:
    """Fold the changes into the sums, some at a time; how many there were. Readers see the same sums before and after."""
    folded = 0
    while True:
        done = _fold_some(ledger)
        folded += done
        if done < _FOLDED_AT_ONCE:
            return folded


def _fold_some(ledger: Ledger) -> int:
    change = tables.journal_sums_change
    with ledger.write() as connection:
        if not only_one(connection, ledger, _FOLDERS):
            return 0
        some = sa.select(change.c.id).order_by(change.c.id).limit(_FOLDED_AT_ONCE)
        gone = change.delete().where(change.c.id.in_(some))
        rows = connection.execute(gone.returning(*(column for column in change.c if column.name != "id"))).all()
        journals: Counter[Sequence[object]] = Counter()
        cents: Counter[Sequence[object]] = Counter()
        for row in rows:
            journals[row[:6]] += row[6]
            cents[row[:6]] += row[7]
        values = [
            {**dict(zip(_NAMES, names, strict=True)), "journals": journals[names], "cents": cents[names]}
            for names in journals
            if journals[names] or cents[names]
        ]
        if values:
            connection.execute(_ADD, values)
        return len(rows)


_ADD = sa.text(
    "INSERT INTO journal_sums (tenant, target, currency, month, state, unfinished, journals, cents) "
    "VALUES (:tenant, :target, :currency, :month, :state, :unfinished, :journals, :cents) "
    "ON CONFLICT (tenant, target, currency, month, state, unfinished) "
    "DO UPDATE SET journals = journal_sums.journals + excluded.journals, cents = journal_sums.cents + excluded.cents"
)


def only_one(connection: sa.Connection, ledger: Ledger, lock: int) -> bool:
    """True when no other process does this work in this moment, until the transaction ends."""
    if ledger.is_sqlite:
        return True
    return bool(connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(lock))).scalar())
