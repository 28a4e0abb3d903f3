"""The overview: per tenant and company what is posted, held and waiting, and the amounts by month."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from include.ledger.database import Ledger

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
    """One tenant in one ERP company. ``oldest_hold``: since when (UTC) the oldest held, rejected or conflicting journal is there."""

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
    raise NotImplementedError
