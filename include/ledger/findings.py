"""What a person should know and no journal says: recorded once per cause."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.journals import Scope


class _Found(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def report_id(self) -> str | None: ...
    @property
    def journal_key(self) -> str | None: ...
    @property
    def message(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


def record(connection: sa.Connection, scope: Scope, found: _Found, now: datetime) -> None:
    """Write a finding, unless the same one stands already."""
    columns = tables.finding.c
    known = connection.execute(
        sa.select(columns.id).where(
            columns.target == scope.target,
            columns.tenant.in_(scope.names),
            columns.fingerprint == found.fingerprint,
        )
    ).first()
    if known is None:
        connection.execute(
            tables.finding.insert().values(
                tenant=scope.tenant,
                target=scope.target,
                report_id=found.report_id,
                journal_key=found.journal_key,
                kind=found.kind,
                message=found.message,
                fingerprint=found.fingerprint,
                at=now,
            )
        )
