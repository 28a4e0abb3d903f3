"""Which task instance of which run posts a journal: what a replay clears."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from include.ledger import runs, tables
from include.ledger.views.journal_id import JournalId, these

TASK_ID = "load"


@dataclass(frozen=True)
class Box:
    """A journal's place in a run: task ``load`` with this ``map_index``.

    ``map_index`` is ``None`` as long as the run has not cut its journals into boxes: clear the whole run then. ``shared``: other
    journals are in the same box (they are looked at again, and left alone when they are posted).
    """

    dag_id: str
    run_id: str
    created_at: datetime
    map_index: int | None
    shared: bool


def boxes_in(connection: sa.Connection, journals: Collection[JournalId]) -> dict[JournalId, tuple[Box, ...]]:
    """The boxes of each journal, newest run first; an empty tuple when no run holds it (start one for the journal then).

    The ledger does not know whether Airflow still has the run. Whether the tenants may be seen is the caller's to check.
    """
    run, member = tables.run.c, tables.run_journal.c
    found: dict[JournalId, list[Box]] = {journal: [] for journal in journals}
    query = (
        sa.select(member.tenant, member.target, member.journal_key, member.position)
        .add_columns(run.dag_id, run.run_id, run.created_at, run.box_size)
        .where(these(tables.run_journal, found), run.dag_id == member.dag_id, run.run_id == member.run_id)
        .order_by(run.created_at.desc(), run.run_id.desc())
    )
    if found:
        for tenant, target, key, position, dag_id, run_id, created_at, size in connection.execute(query):
            index = None if size is None else runs.box_of(position, size)
            shared = size is not None and (size > 1 or index == runs.MOST_BOXES - 1)
            found[JournalId(tenant, target, key)].append(Box(dag_id, run_id, created_at, index, shared))
    return {journal: tuple(boxes) for journal, boxes in found.items()}
