"""Replaying refused journals: their reports are read again, derived again and checked again.

A task is a replay when its run was cleared after its journal was last checked in it; Airflow counts the clears of a run. One
reading serves all open journals of the run: the task that comes first takes the run's turn, the others wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.clock import Clock, utc_now
from include.erps.port import Erp
from include.errors import Retryable
from include.ledger import checking, claims, journals, queue, runs
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Scope
from include.ledger.reading import reading_of, run_day
from include.ledger.runs import Run
from include.settings.tenant import Tenant

TURN_LASTS_S = 900.0
_POLL_S = 1.0


@dataclass(frozen=True)
class Replay:
    """How to replay the journals of one run.

    :param clear_number: how often Airflow has cleared the run so far.
    :param read_again: exports the named reports and returns the archive's lines.
    """

    ledger: Ledger
    scope: Scope
    tenant: Tenant
    run: Run
    clear_number: int
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
        while key in self.stale([key]):
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

    def stale(self, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` that are not settled and were last checked before the run was cleared."""
        with self.ledger.read() as connection:
            found = journals.fetch(connection, self.scope, keys)
            checked = runs.last_checked(connection, self.run.key)
        return [
            journal.key
            for journal in found.values()
            if journal.state == "drafted"
            or (journal.state in ("held", "rejected") and checked.get(journal.key, -1) < self.clear_number)
        ]

    def _take_turn(self) -> datetime | None:
        with self.ledger.write() as connection:
            return runs.begin_refresh(connection, self.run.key, self.clock(), TURN_LASTS_S)

    def _refresh_open_journals(self, key: str) -> None:
        with self.ledger.read() as connection:
            listed = list(dict.fromkeys([key, *runs.keys(connection, self.run.key)]))
        stale = self.stale(listed)
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
        with self.ledger.write() as connection:
            runs.set_checked(connection, self.run.key, stale, self.clear_number)
