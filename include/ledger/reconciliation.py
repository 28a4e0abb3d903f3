"""Reconciliations as they are stored, and as people read them.

A difference that is found again keeps the time when it was first seen. One that a later run covers and does not find gets its
``resolved_at``; one that has only dropped out of the days compared stays open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.journals import Scope
from include.ledger.runs import RunKey
from include.ledger.views.csv_text import cents
from include.reconcile.comparison import Comparison
from include.reconcile.sides import Difference

Outcome = Literal["agrees", "differs", "failed", "nothing_due"]
Days = tuple[date, date]

CSV_COLUMNS = (
    "tenant", "kind", "report_id", "journal_key", "document", "day", "currency", "expected", "found", "message", "next_step",
    "first_seen_at", "last_seen_at", "resolved_at",
)  # fmt: skip


def record(
    connection: sa.Connection, scope: Scope, run: RunKey, days: Days | None, compared: Comparison | None, now: datetime
) -> None:
    """Store what a run found: its row, and each difference. Without ``compared`` there was no day to compare yet."""
    found = compared.differences if compared else ()
    outcome: Outcome = "nothing_due" if compared is None else "differs" if found else "agrees"
    _put_run(connection, scope, run, days, outcome, now, compared)
    if days is None or compared is None:
        return
    open_rows = _open(connection, scope)
    for difference in found:
        values = _values(difference, now)
        known = open_rows.pop(difference.fingerprint, None)
        if known is None:
            row = {"tenant": scope.tenant, "target": scope.target, "first_seen_at": now, **values}
            connection.execute(tables.reconcile_difference.insert().values(row))
        else:
            _update(connection, known[0], **values)
    for row_id, day in open_rows.values():
        if day is None or days[0] <= day <= days[1]:
            _update(connection, row_id, resolved_at=now)


def record_failure(
    connection: sa.Connection, scope: Scope, run: RunKey, days: Days | None, error: str, now: datetime
) -> None:
    """Store that a run could not compare, so that the last good one is not taken for today's."""
    _put_run(connection, scope, run, days, "failed", now, None, error)


def _put_run(
    connection: sa.Connection,
    scope: Scope,
    run: RunKey,
    days: Days | None,
    outcome: Outcome,
    now: datetime,
    compared: Comparison | None,
    error: str | None = None,
) -> None:
    columns = tables.reconciliation.c
    connection.execute(tables.reconciliation.delete().where(columns.dag_id == run.dag_id, columns.run_id == run.run_id))
    connection.execute(
        tables.reconciliation.insert().values(
            tenant=scope.tenant,
            target=scope.target,
            dag_id=run.dag_id,
            run_id=run.run_id,
            at=now,
            outcome=outcome,
            error=error,
            first_day=days[0] if days else None,
            last_day=days[1] if days else None,
            totals=[total.as_json() for total in compared.totals] if compared else [],
            categories=[total.as_json() for total in compared.categories] if compared else [],
            notes=list(compared.notes) if compared else [],
            report_count=compared.reports if compared else 0,
            journal_count=compared.journals if compared else 0,
            document_count=compared.documents if compared else 0,
            difference_count=len(compared.differences) if compared else 0,
        )
    )


def _values(difference: Difference, now: datetime) -> dict[str, Any]:
    return {
        "fingerprint": difference.fingerprint,
        "kind": difference.kind,
        "report_id": difference.report_id,
        "journal_key": difference.journal_key,
        "document": difference.document,
        "day": difference.day,
        "currency": difference.currency,
        "expected_cents": difference.expected_cents,
        "found_cents": difference.found_cents,
        "message": difference.message,
        "next_step": difference.next_step,
        "last_seen_at": now,
    }


def _open(connection: sa.Connection, scope: Scope) -> dict[str, tuple[int, date | None]]:
    columns = tables.reconcile_difference.c
    query = sa.select(columns.fingerprint, columns.id, columns.day).where(
        columns.target == scope.target, columns.tenant.in_(scope.names), columns.resolved_at.is_(None)
    )
    return {row.fingerprint: (row.id, row.day) for row in connection.execute(query)}


def _update(connection: sa.Connection, row_id: int, **values: Any) -> None:
    table = tables.reconcile_difference
    connection.execute(table.update().where(table.c.id == row_id).values(**values))


# --- for people ---


@dataclass(frozen=True)
class Reconciled:
    """A run's result. ``totals`` and ``categories``: see :mod:`include.reconcile.comparison`; cents.

    ``outcome``: ``agrees``, ``differs``, ``failed`` (``error`` says why; nothing was compared) or ``nothing_due``.
    ``open_count``: differences of the tenant that are not resolved, also those older than this run's days.
    """

    tenant: str
    dag_id: str
    run_id: str
    at: datetime
    outcome: str
    error: str | None
    first_day: date | None
    last_day: date | None
    totals: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    notes: list[str]
    report_count: int
    journal_count: int
    document_count: int
    difference_count: int
    open_count: int


@dataclass(frozen=True)
class StoredDifference:
    """A difference as stored; amounts in cents. ``resolved_at``: when a run no longer found it."""

    id: int
    tenant: str
    target: str
    kind: str
    report_id: str | None
    journal_key: str | None
    document: str | None
    day: date | None
    currency: str
    expected_cents: int | None
    found_cents: int | None
    message: str
    next_step: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True)
class DifferencePage:
    """One page of a list, and how many rows the whole list has."""

    rows: tuple[StoredDifference, ...]
    total: int


def latest(connection: sa.Connection, tenants: Sequence[str]) -> list[Reconciled]:
    """The newest run of each of the tenants that has one, by name."""
    columns = tables.reconciliation.c
    newest = (
        sa.select(sa.func.max(columns.id)).where(columns.tenant.in_(list(tenants))).group_by(columns.tenant)
    ).scalar_subquery()
    differences = tables.reconcile_difference.c
    counts = (
        sa.select(differences.tenant, sa.func.count())
        .where(differences.tenant.in_(list(tenants)), differences.resolved_at.is_(None))
        .group_by(differences.tenant)
    )
    open_counts = {row[0]: int(row[1]) for row in connection.execute(counts)}
    query = sa.select(tables.reconciliation).where(columns.id.in_(newest)).order_by(columns.tenant)
    found = []
    for row in connection.execute(query).mappings():
        values = {name: row[name] for name in Reconciled.__dataclass_fields__ if name != "open_count"}
        found.append(Reconciled(**values, open_count=open_counts.get(row["tenant"], 0)))
    return found


def differences(
    connection: sa.Connection,
    tenants: Sequence[str],
    *,
    offset: int = 0,
    limit: int = 50,
    kind: str | None = None,
    include_resolved: bool = False,
) -> DifferencePage:
    """Differences of the tenants, those seen last first, then the oldest first; ``limit`` rows from ``offset``."""
    chosen = _chosen(tenants, kind, include_resolved)
    table = tables.reconcile_difference
    total = connection.execute(sa.select(sa.func.count()).select_from(table).where(chosen)).scalar_one()
    query = sa.select(table).where(chosen).order_by(*_ORDER).offset(offset).limit(limit)
    return DifferencePage(tuple(_stored(row) for row in connection.execute(query).mappings()), total)


def csv_rows(
    connection: sa.Connection, tenants: Sequence[str], *, kind: str | None = None, include_resolved: bool = True
) -> Iterator[tuple[str, ...]]:
    """All differences for a CSV file: :data:`CSV_COLUMNS` first, then one row each, amounts with two decimals."""
    yield CSV_COLUMNS
    query = sa.select(tables.reconcile_difference).where(_chosen(tenants, kind, include_resolved)).order_by(*_ORDER)
    for row in connection.execute(query).mappings():
        one = _stored(row)
        yield (
            one.tenant,
            one.kind,
            one.report_id or "",
            one.journal_key or "",
            one.document or "",
            one.day.isoformat() if one.day else "",
            one.currency,
            cents(one.expected_cents) or "",
            cents(one.found_cents) or "",
            one.message,
            one.next_step,
            one.first_seen_at.isoformat(),
            one.last_seen_at.isoformat(),
            one.resolved_at.isoformat() if one.resolved_at else "",
        )


_ORDER = (
    tables.reconcile_difference.c.last_seen_at.desc(),
    tables.reconcile_difference.c.first_seen_at,
    tables.reconcile_difference.c.id,
)


def _chosen(tenants: Sequence[str], kind: str | None, include_resolved: bool) -> sa.ColumnElement[bool]:
    columns = tables.reconcile_difference.c
    conditions: list[sa.ColumnElement[bool]] = [columns.tenant.in_(list(tenants))]
    if kind is not None:
        conditions.append(columns.kind == kind)
    if not include_resolved:
        conditions.append(columns.resolved_at.is_(None))
    return sa.and_(*conditions)


def _stored(row: sa.RowMapping) -> StoredDifference:
    return StoredDifference(**{name: row[name] for name in StoredDifference.__dataclass_fields__})
