"""Replaying refused journals: their reports are read again, derived again and checked again.

One reading serves all open journals of the run: the task that comes first takes the run's turn, the others wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.clock import Clock, utc_now
from include.erps.port import Erp
from include.errors import Retryable
from include.ledger import checking, claims, journals, queue, runs, tables
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Journal, Scope
from include.ledger.reading import reading_of, run_day
from include.ledger.runs import Run
from include.settings.tenant import Tenant

TURN_LASTS_S = 900.0
_POLL_S = 1.0


@dataclass(frozen=True)
class Replay:
    """How to replay the journals of one run.

    :param read_again: exports the named reports and returns the archive's lines.
    """

    ledger: Ledger
    scope: Scope
    tenant: Tenant
    run: Run
    read_again: Callable[[Sequence[str]], Iterable[bytes]]
    open_erp: Callable[[], Erp]
    actor: Actor
    clock: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep

    def refresh(self, key: str) -> None:
        """Bring journal ``key`` (and with it the run's other open journals) up to date, if it has not been already.

        :raises Retryable: another task keeps the turn for too long, or one of the systems cannot be asked.
        """
        waited = 0.0
        while self._is_stale(key):
            if (until := self._take_turn()) is not None:
                try:
                    self._refresh_open_journals(key)
                finally:
                    with self.ledger.write() as connection:
                        runs.end_refresh(connection, self.run.key, until)
                return
            if waited >= TURN_LASTS_S:
                raise Retryable("another task of this run is reading the reports again", delay_s=30)
            self.sleep(_POLL_S)
            waited += _POLL_S

    def _is_stale(self, key: str) -> bool:
        with self.ledger.read() as connection:
            journal = journals.fetch(connection, self.scope, [key]).get(key)
        return journal is not None and is_stale(journal)

    def _take_turn(self) -> datetime | None:
        with self.ledger.write() as connection:
            return runs.begin_refresh(connection, self.run.key, self.clock(), TURN_LASTS_S)

    def _refresh_open_journals(self, key: str) -> None:
        with self.ledger.read() as connection:
            listed = list(dict.fromkeys([key, *runs.keys(connection, self.run.key)]))
            found = journals.fetch(connection, self.scope, listed)
        stale = [journal.key for journal in found.values() if is_stale(journal)]
        report_ids = queue.reports_in(self.ledger, self.scope, stale)
        day = run_day(self.tenant, self.run.window, self.clock())
        also_changed: list[str] = []
        if report_ids:
            reading = reading_of(self.read_again(report_ids), self.tenant, window=None)
            claimed = claims.claim(self.ledger, self.scope, self.tenant, reading, day, self.actor, None, self.clock)
            # A report of a stale journal may be in another one too (its card part), which was drafted anew with it.
            also_changed = [changed for changed in claimed.changed if changed not in stale]
        claims.derive_again(self.ledger, self.scope, self.tenant, stale, day, self.actor, self.clock)
        checked = [*stale, *also_changed]
        checking.check(self.ledger, self.scope, self.tenant, checked, self.open_erp(), self.actor, self.clock)
        columns = tables.journal.c
        with self.ledger.write() as connection:
            connection.execute(
                tables.journal.update()
                .where(journals.in_scope(self.scope), columns.journal_key.in_(stale))
                .values(refreshed_at=self.clock())
            )


def is_stale(journal: Journal) -> bool:
    """What is known of it has been refused once already, or has never been checked."""
    if journal.state == "drafted":
        return True
    return journal.state in ("held", "rejected") and journal.was_refused_since_refresh


def mark_refused(ledger: Ledger, scope: Scope, keys: Iterable[str], clock: Clock = utc_now) -> None:
    """A load task fails on these journals: its next run is a replay."""
    listed = list(keys)
    if listed:
        with ledger.write() as connection:
            connection.execute(
                tables.journal.update()
                .where(journals.in_scope(scope), tables.journal.c.journal_key.in_(listed))
                .values(refused_at=clock())
            )
