"""The ledger is the queue: what waits for somebody, whatever became of the run that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from include.ledger import journals, runs, tables
from include.ledger.bulk import among
from include.ledger.database import Ledger
from include.ledger.journals import Scope
from include.ledger.runs import RunKey

AnyAlive = Callable[[Iterable[RunKey]], bool]
"""Tells whether any of some runs is still going on; Airflow knows."""


def abandoned(ledger: Ledger, scope: Scope, any_alive: AnyAlive) -> list[str]:
    """Journals on their way that no live run carries: a task was killed, a run was deleted."""
    return _without_live_run(ledger, scope, ("drafted", "ready", "posting"), any_alive)


def held_by_ended_runs(ledger: Ledger, scope: Scope, any_alive: AnyAlive) -> list[str]:
    """Held journals that no live run carries; they are checked again by every run."""
    return _without_live_run(ledger, scope, ("held",), any_alive)


def _without_live_run(ledger: Ledger, scope: Scope, states: tuple[str, ...], any_alive: AnyAlive) -> list[str]:
    with ledger.read() as connection:
        waiting = [journal.key for journal in journals.in_states(connection, scope, states)]
        carried_by = runs.runs_of(connection, scope, waiting)
    return [key for key in waiting if not any_alive(carried_by[key])]


def reports_in(ledger: Ledger, scope: Scope, keys: Iterable[str]) -> list[str]:
    """The reports of journals; those that left as well: they may have come back."""
    members = tables.journal_report.c
    found: set[str] = set()
    with ledger.read() as connection:
        for named in among(connection, members.journal_key, keys):
            query = sa.select(members.report_id).where(
                members.target == scope.target, members.tenant.in_(scope.names), named
            )
            found |= set(connection.execute(query).scalars())
    return sorted(found)


def unknown_reports(ledger: Ledger, scope: Scope, report_ids: Iterable[str]) -> list[str]:
    """Those of ``report_ids`` that are in no journal."""
    wanted = list(dict.fromkeys(report_ids))
    members = tables.journal_report.c
    known: set[str] = set()
    with ledger.read() as connection:
        for named in among(connection, members.report_id, wanted):
            query = sa.select(members.report_id).where(
                members.target == scope.target, members.tenant.in_(scope.names), named
            )
            known |= set(connection.execute(query).scalars())
    return [report_id for report_id in wanted if report_id not in known]
