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


def record(
    connection: sa.Connection, scope: Scope, changes: Iterable[Change], actor: Actor, at: datetime, *, applied: bool
) -> None:
    """Store each change, or why there was none. ``applied`` is false for a dry run."""
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
            "applied": applied and change.is_sent,
            "at": at,
        }
        for change in changes
    ]
    if rows:
        connection.execute(tables.reference_change.insert(), rows)
