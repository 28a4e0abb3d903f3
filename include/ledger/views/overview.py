"""The overview: per tenant and company what is posted, held and waiting, and the amounts by month."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.sums import Company, all_sums, as_relations

WAITING_STATES = ("drafted", "ready", "posting")
BLOCKED_STATES = ("held", "rejected", "conflict")


@dataclass(frozen=True)
class Amount:
    """How many journals, and their debit totals in cents."""

    journals: int = 0
    cents: int = 0


@dataclass(frozen=True)
class CurrencyAmounts:
    """One currency's journals by state; ``currency`` is ``""`` for journals whose reports named none.

    ``waiting`` are drafted, ready and posting together. ``unfinished`` is the part of ``posted`` that was created in the ERP but,
    when the ERP was last asked, not yet posted (or released, or numbered) there.
    """

    currency: str
    posted: Amount
    unfinished: Amount
    waiting: Amount
    held: Amount
    rejected: Amount
    conflict: Amount
    closed: Amount


@dataclass(frozen=True)
class LastRun:
    """The newest run that was no dry run. ``covered_at``: when its reports were claimed, ``None``: not yet.

    ``window_from`` and ``window_to`` (UTC, end excluded) are ``None`` for runs by report or journal.
    """

    dag_id: str
    run_id: str
    mode: str
    created_at: datetime
    covered_at: datetime | None
    window_from: datetime | None
    window_to: datetime | None


@dataclass(frozen=True)
class TenantOverview:
    """One tenant in one ERP company. ``oldest_hold``: claim (UTC) of the oldest held, rejected or conflicting journal."""

    tenant: str
    target: str
    amounts: tuple[CurrencyAmounts, ...]
    last_run: LastRun | None
    oldest_hold: datetime | None


@dataclass(frozen=True)
class MonthAmount:
    """One bar of the chart: ``month`` is ``2026-11``, that of the posting date, else of the approval, else of the claim."""

    month: str
    currency: str
    state: str
    journals: int
    cents: int


@dataclass(frozen=True)
class Overview:
    """``tenants`` by name and target; ``months`` over all of them, oldest month first."""

    tenants: tuple[TenantOverview, ...]
    months: tuple[MonthAmount, ...]


def overview(ledger: Ledger, tenants: Collection[str], today: date, months: int = 12) -> Overview:
    """What stands where. ``months`` counts calendar months, the one of ``today`` included; later ones are shown too.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    """
    names = sorted(set(tenants))
    with ledger.read() as connection:
        amounts = _amounts(connection, names)
        companies = sorted(amounts)
        runs = _last_runs(connection, companies)
        since = _oldest_holds(connection, companies)
        bars = _months(connection, names, _first_month(today, months))
    return Overview(
        tuple(
            TenantOverview(*company, amounts[company], runs.get(company), since.get(company)) for company in companies
        ),
        bars,
    )


def _amounts(connection: sa.Connection, names: list[str]) -> dict[Company, tuple[CurrencyAmounts, ...]]:
    """By (tenant, target); a company that has runs and no journal yet has no amounts."""
    sums = all_sums().c
    added = (sa.func.sum(sums.journals), sa.func.sum(sums.cents))
    groups = (sums.tenant, sums.target, sums.currency, sums.state, sums.unfinished)
    query = sa.select(*groups, *added).where(sums.tenant.in_(names)).group_by(*groups)
    found: dict[Company, dict[str, dict[str, Amount]]] = {}
    for tenant, target, currency, state, unfinished, journals, cents in connection.execute(query):
        if not journals:
            continue
        amount = Amount(int(journals), int(cents))
        by_name = found.setdefault((tenant, target), {}).setdefault(currency, {})
        for name in (_name(state), "unfinished") if unfinished else (_name(state),):
            before = by_name.get(name, Amount())
            by_name[name] = Amount(before.journals + amount.journals, before.cents + amount.cents)
    without = sorted(set(names) - {tenant for tenant, _ in found})
    run = tables.run.c
    for tenant, target in connection.execute(
        sa.select(run.tenant, run.target).where(run.tenant.in_(without)).distinct()
    ):
        found[tenant, target] = {}
    return {
        company: tuple(_currency(currency, by_name) for currency, by_name in sorted(currencies.items()))
        for company, currencies in found.items()
    }


def _name(state: str) -> str:
    return "waiting" if state in WAITING_STATES else state


def _currency(currency: str, by_name: dict[str, Amount]) -> CurrencyAmounts:
    names = ("posted", "unfinished", "waiting", "held", "rejected", "conflict", "closed")
    return CurrencyAmounts(currency, *(by_name.get(name, Amount()) for name in names))


def _last_runs(connection: sa.Connection, companies: list[Company]) -> dict[Company, LastRun]:
    run = tables.run.c
    columns = (run.dag_id, run.run_id, run.mode, run.created_at, run.covered_at, run.window_from, run.window_to)
    found = {}
    for company in as_relations(companies):
        newest = (
            sa.select(run.dag_id)
            .where(run.tenant == company.c.tenant, run.target == company.c.target, run.dry_run.is_(False))
            .order_by(run.created_at.desc(), run.dag_id.desc(), run.run_id.desc())
            .limit(1)
        )
        keys = sa.select(
            company.c.tenant,
            company.c.target,
            newest.scalar_subquery().label("dag_id"),
            newest.with_only_columns(run.run_id).scalar_subquery().label("run_id"),
        ).cte("newest")
        query = sa.select(keys.c.tenant, keys.c.target, *columns).where(
            run.dag_id == keys.c.dag_id, run.run_id == keys.c.run_id
        )
        for tenant, target, *row in connection.execute(query):
            found[tenant, target] = LastRun(*row)
    return found


def _oldest_holds(connection: sa.Connection, companies: list[Company]) -> dict[Company, datetime]:
    journal = tables.journal.c
    found = {}
    for company in as_relations(companies):
        oldest = [
            sa.select(journal.created_at)
            .where(journal.tenant == company.c.tenant, journal.target == company.c.target, journal.state == state)
            .order_by(journal.created_at)
            .limit(1)
            .scalar_subquery()
            for state in BLOCKED_STATES
        ]
        for tenant, target, *times in connection.execute(sa.select(company.c.tenant, company.c.target, *oldest)):
            held = [time for time in times if time is not None]
            if held:
                found[tenant, target] = min(held)
    return found


def _first_month(today: date, months: int) -> str:
    counted = today.year * 12 + today.month - max(1, months)
    return f"{counted // 12:04d}-{counted % 12 + 1:02d}"


def _months(connection: sa.Connection, names: list[str], first: str) -> tuple[MonthAmount, ...]:
    sums = all_sums().c
    journals: sa.ColumnElement[Any] = sa.func.sum(sums.journals)
    groups = (sums.month, sums.currency, sums.state)
    query = (
        sa.select(*groups, journals, sa.func.sum(sums.cents))
        .where(sums.tenant.in_(names), sums.month >= first)
        .group_by(*groups)
        .having(journals != 0)
        .order_by(*groups)
    )
    return tuple(
        MonthAmount(month, currency, state, int(count), int(cents))
        for month, currency, state, count, cents in connection.execute(query)
    )
