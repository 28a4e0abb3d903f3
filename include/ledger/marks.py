"""Which reports may be marked as exported: those whose every journal is posted or closed, never before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.bulk import among
from include.ledger.journals import Scope


def to_mark(connection: sa.Connection, scope: Scope) -> list[str]:
    """IDs of reports that are done and not marked yet, in stable order."""
    report, member, journal = tables.report.c, tables.journal_report.c, tables.journal.c
    # A report keeps the tenant's name under which it came; journals it joins after a renaming carry the new one.
    same_report = sa.and_(
        member.target == report.target, member.tenant.in_(scope.names), member.report_id == report.report_id
    )
    same_journal = sa.and_(
        journal.target == member.target, journal.tenant == member.tenant, journal.journal_key == member.journal_key
    )
    joined = tables.report.join(tables.journal_report, same_report).join(tables.journal, same_journal)
    query = (
        sa.select(report.report_id)
        .select_from(joined)
        .where(
            report.target == scope.target,
            report.tenant.in_(scope.names),
            report.exported_at.is_(None),
            member.left_at.is_(None),
        )
        .group_by(report.report_id)
        .having(sa.func.sum(sa.case((journal.state.in_(("posted", "closed")), 0), else_=1)) == 0)
        .order_by(report.report_id)
    )
    return list(connection.execute(query).scalars())


def set_marked(connection: sa.Connection, scope: Scope, report_ids: Iterable[str], at: datetime) -> None:
    """Expensify has taken the label for these reports."""
    columns = tables.report.c
    for named in among(connection, columns.report_id, report_ids):
        connection.execute(
            tables.report.update()
            .where(
                columns.target == scope.target,
                columns.tenant.in_(scope.names),
                named,
                columns.exported_at.is_(None),
            )
            .values(exported_at=at)
        )
