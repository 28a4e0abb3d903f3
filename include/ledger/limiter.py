"""Request budgets shared by all processes that use one credential."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from include.clock import Clock, utc_now
from include.errors import Retryable
from include.ledger import tables
from include.ledger.database import Ledger


@dataclass(frozen=True)
class Limit:
    """At most ``count`` requests in any ``seconds``."""

    count: int
    seconds: float


class Budget:
    """A named budget under several limits at once; sliding windows kept in the ledger.

    :param slack_s: added to each window, because a server counts arrivals and this counts departures.
    :param patience_s: how long :meth:`take` may wait before it gives the worker back.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        limits: Sequence[Limit],
        *,
        slack_s: float = 1.0,
        patience_s: float = 600,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._limits = tuple(limits)
        self._slack_s = slack_s
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep

    def take(self) -> None:
        """Wait until a request may be sent, and count it.

        :raises Retryable: the budget stays used up for longer than the patience.
        """
        waited = 0.0
        while True:
            wait = self._try_to_take()
            if wait <= 0:
                return
            if waited + wait > self._patience_s:
                raise Retryable(f"the request budget of {self._name} is used up for {wait:.0f} s more", delay_s=wait)
            self._sleep(wait)
            waited += wait

    def pause(self, seconds: float) -> None:
        """Nobody sends for ``seconds``: the server said that its limit is reached."""
        until = self._clock() + timedelta(seconds=seconds)
        with self._ledger.write() as connection:
            taken, paused_until = self._locked_row(connection)
            if paused_until is None or paused_until < until:
                self._store(connection, taken, until)

    def _try_to_take(self) -> float:
        """0 when counted, else the seconds to wait."""
        with self._ledger.write() as connection:
            taken, paused_until = self._locked_row(connection)
            now = self._clock()
            waits = [(paused_until - now).total_seconds() if paused_until else 0.0]
            stamp = now.timestamp()
            longest = max(limit.seconds for limit in self._limits) + self._slack_s
            taken = [at for at in taken if stamp - longest < at <= stamp + longest]
            for limit in self._limits:
                if len(taken) >= limit.count:
                    waits.append(taken[-limit.count] + limit.seconds + self._slack_s - stamp)
            wait = max(waits)
            if wait <= 0:
                self._store(connection, [*taken, stamp], paused_until)
            return wait

    def _locked_row(self, connection: sa.Connection) -> tuple[list[float], datetime | None]:
        query = sa.select(tables.limiter).where(tables.limiter.c.budget == self._name).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            insert = sa.text("INSERT INTO limiter (budget, taken_at) VALUES (:name, '[]') ON CONFLICT DO NOTHING")
            connection.execute(insert, {"name": self._name})
            row = connection.execute(query).one()
        return sorted(row.taken_at), row.paused_until

    def _store(self, connection: sa.Connection, taken: list[float], paused_until: datetime | None) -> None:
        connection.execute(
            tables.limiter.update()
            .where(tables.limiter.c.budget == self._name)
            .values(taken_at=taken, paused_until=paused_until)
        )
