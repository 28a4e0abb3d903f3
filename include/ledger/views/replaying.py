"""Which task instance of which run posts a journal: what a replay clears."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from include.ledger.database import Ledger
from include.ledger.views.journal_list import JournalId

TASK_ID = "load"


@dataclass(frozen=True)
class Box:
    """A journal's place in a run: task ``load`` with this ``map_index``.

    ``map_index`` is ``None`` as long as the run has not cut its journals into boxes: clear the whole run then. ``shared`` tells that
    other journals are in the same box (they are looked at again and left alone when they are posted).
    """

    dag_id: str
    run_id: str
    created_at: datetime
    map_index: int | None
    shared: bool


def boxes_of(
    ledger: Ledger, tenants: Collection[str], journals: Iterable[JournalId]
) -> dict[JournalId, tuple[Box, ...]]:
    """The boxes of each journal, newest run first; an empty tuple when no run holds it (start one for the journal then).

    The ledger does not know whether Airflow still has the run. Journals of tenants that may not be seen are left out.
    """
    raise NotImplementedError
