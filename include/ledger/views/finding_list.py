"""Findings: what a person should know and no journal's state says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from include.ledger.database import Ledger
from include.ledger.views.paging import Ask, Page


@dataclass(frozen=True)
class FindingFilter:
    """All given conditions must hold; empty ones are no condition. ``open_only``: not settled by a person yet."""

    tenants: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    open_only: bool = False
    report_id: str | None = None
    journal_key: str | None = None


@dataclass(frozen=True)
class FindingRow:
    """One finding."""

    id: int
    tenant: str
    target: str
    kind: str
    message: str
    report_id: str | None
    journal_key: str | None
    at: datetime
    settled_at: datetime | None


def findings(
    ledger: Ledger,
    tenants: Collection[str],
    where: FindingFilter = FindingFilter(),  # noqa: B008 - frozen
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[FindingRow]:
    """One page of findings, newest first.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError
