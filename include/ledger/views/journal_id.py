"""What identifies a journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True)
class JournalId:
    """Keys are unique per tenant and target only."""

    tenant: str
    target: str
    key: str


def _by_company(names: Iterable[JournalId]) -> list[tuple[str, str, list[str]]]:
    """(tenant, target, keys): journals as SQL can ask for them."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for name in names:
        grouped.setdefault((name.tenant, name.target), []).append(name.key)
    return [(tenant, target, keys) for (tenant, target), keys in grouped.items()]


def these(table: sa.FromClause, names: Iterable[JournalId]) -> sa.ColumnElement[bool]:
    """The rows of ``table`` that belong to the journals."""
    columns = table.c
    return sa.or_(
        sa.false(),
        *(
            sa.and_(columns.target == target, columns.tenant == tenant, columns.journal_key.in_(keys))
            for tenant, target, keys in _by_company(names)
        ),
    )
