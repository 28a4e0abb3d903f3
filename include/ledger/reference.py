"""What flowed back into Expensify, and up to when the ERP's changes were read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.journals import Actor, Scope
from include.reference_data.changes import Change


def read_until(connection: sa.Connection, scope: Scope) -> datetime | None:
    """Up to when the ERP's changes have reached Expensify; ``None``: never."""
    columns = tables.reference_read.c
    query = sa.select(sa.func.max(columns.read_until)).where(
        columns.target == scope.target, columns.tenant.in_(scope.names)
    )
    found: datetime | None = connection.execute(query).scalar()
    return found


def set_read_until(connection: sa.Connection, scope: Scope, moment: datetime) -> None:
    """Everything changed before ``moment`` has been dealt with."""
    columns = tables.reference_read.c
    connection.execute(
        tables.reference_read.delete().where(columns.target == scope.target, columns.tenant.in_(scope.names))
    )
    connection.execute(
        tables.reference_read.insert().values(tenant=scope.tenant, target=scope.target, read_until=moment)
    )


def unresolved(connection: sa.Connection, scope: Scope) -> frozenset[str]:
    """Employees (e-mails or employee IDs) that could not be sent the last time they were compared, in any policy."""
    columns = tables.reference_change.c
    latest = (
        sa.select(sa.func.max(columns.id))
        .where(columns.target == scope.target, columns.tenant.in_(scope.names), columns.kind == "employee")
        .group_by(columns.policy_id, columns.subject)
    )
    query = sa.select(columns.subject).where(columns.id.in_(latest), columns.action == "skip")
    return frozenset(connection.execute(query).scalars())


def record(connection: sa.Connection, scope: Scope, changes: Iterable[Change], actor: Actor, at: datetime) -> None:
    """Store what is about to be done, or why it is not. Nothing counts as applied yet."""
    rows = [
        {
            "tenant": scope.tenant,
            "target": scope.target,
            "dag_id": actor.dag_id,
            "run_id": actor.run_id,
            "kind": change.kind,
            "action": change.action,
            "policy_id": change.policy_id,
            "subject": change.subject,
            "reason": change.reason,
            "applied": False,
            "at": at,
        }
        for change in changes
    ]
    if rows:
        connection.execute(tables.reference_change.insert(), rows)


def mark_applied(
    connection: sa.Connection, scope: Scope, changes: Iterable[Change], actor: Actor, at: datetime
) -> None:
    """The other side has taken these, of those that were recorded at ``at``."""
    columns = tables.reference_change.c
    statement = (
        tables.reference_change.update()
        .where(
            columns.tenant == scope.tenant,
            columns.target == scope.target,
            columns.run_id == actor.run_id,
            columns.at == at,
            *(columns[name] == sa.bindparam(f"its_{name}") for name in ("kind", "action", "policy_id", "subject")),
        )
        .values(applied=True)
    )
    rows = [
        {
            "its_kind": change.kind,
            "its_action": change.action,
            "its_policy_id": change.policy_id,
            "its_subject": change.subject,
        }
        for change in changes
    ]
    if rows:
        connection.execute(statement, rows)
