"""The runs as the ledger knows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from include.ledger.database import Ledger
from include.ledger.views.paging import Ask, Page


@dataclass(frozen=True)
class RunRow:
    """One run. The window's end is excluded; ``None`` for runs by report or journal. ``journals``: how many it holds."""

    tenant: str
    target: str
    dag_id: str
    run_id: str
    mode: str
    dry_run: bool
    created_at: datetime
    covered_at: datetime | None
    window_from: datetime | None
    window_to: datetime | None
    journals: int


def runs(
    ledger: Ledger,
    tenants: Collection[str],
    only: Collection[str] = (),
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[RunRow]:
    """One page of runs, newest first, dry runs included.

    :param tenants: the tenants that may be seen, earlier names included. :param only: narrows them; empty: all.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError
