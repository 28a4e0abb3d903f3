"""Tries to post a journal, and their leases: who may ask the ERP now, and who may send.

A lease lasts as long as a request may take plus the time it may need to take effect. Nobody looks a journal up while another's
lease runs; so two processes never create at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.clock import Clock
from include.errors import LeaseRunning, Rejected, Retryable, UnclearRefusal
from include.ledger import journals, tables
from include.ledger.database import Ledger, LedgerBusy
from include.ledger.journals import Actor, Journal

_UNCLEAR = "unclear: "
"""Begins the outcome of an attempt that ended in :class:`include.errors.UnclearRefusal`; its words follow."""

STALE_LEASE_S = 5.0
"""A create is not sent when its lease was renewed longer ago than this: the process may have been suspended."""


class LostLease(Retryable):
    """Another process took the journal over before anything was sent."""


class Attempts:
    """The attempts of one actor.

    :param lease_s: how long an attempt may keep others away. :param settle_s: see :class:`include.ledger.posting.Poster`.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        lease_s: float,
        settle_s: float,
        actor: Actor,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._lease_s = lease_s
        self._settle_s = settle_s
        self._actor = actor
        self._clock = clock
        self._monotonic = monotonic

    def begin(self, journal: Journal) -> int | None:
        """``ready -> posting``, with a new attempt; ``None`` when another process was faster."""
        with self._ledger.write() as connection:
            attempt_id = self._insert(connection, journal)
            moved = journals.move(
                connection,
                journal,
                "posting",
                self._clock(),
                self._actor,
                "began to post",
                attempt_id=attempt_id,
                frozen=True,
            )
            if not moved:
                connection.execute(tables.attempt.delete().where(tables.attempt.c.attempt_id == attempt_id))
            return attempt_id if moved else None

    def take_over(self, journal: Journal) -> int | None:
        """A new attempt once the old one's lease has run out; ``None`` when another process was faster.

        :raises LeaseRunning: it has not.
        """
        with self._ledger.write() as connection:
            if not self._holds(connection, journal, journal.attempt_id):
                return None
            attempt = tables.attempt.c
            until = connection.execute(
                sa.select(attempt.lease_until).where(attempt.attempt_id == journal.attempt_id)
            ).scalar_one()
            left = (until - self._clock()).total_seconds()
            if left > 0:
                raise LeaseRunning(
                    f"journal {journal.key}: an earlier try may still be posting it; this one waits until {until:%H:%M:%S} UTC "
                    "and then looks it up",
                    delay_s=left + 0.5,
                    until=until,
                )
            return self.following(connection, journal, journal.attempt_id)

    def _holds(self, connection: sa.Connection, journal: Journal, attempt_id: int | None) -> bool:
        """Whether the journal is being posted by this attempt; its row stays locked until the transaction ends.

        Renewing a lease and taking over after one both begin here, so that neither overlooks the other.
        """
        columns = tables.journal.c
        query = (
            sa.select(columns.attempt_id)
            .where(journals.this(journal), columns.state == "posting", columns.attempt_id == attempt_id)
            .with_for_update()
        )
        return connection.execute(query).first() is not None

    def following(self, connection: sa.Connection, journal: Journal, old: int | None) -> int | None:
        """Compare-and-set the journal's attempt; ``None`` when another process was faster."""
        attempt_id = self._insert(connection, journal)
        taken = connection.execute(
            tables.journal.update()
            .where(journals.this(journal), tables.journal.c.state == "posting", tables.journal.c.attempt_id == old)
            .values(attempt_id=attempt_id)
        )
        if taken.rowcount != 1:
            connection.execute(tables.attempt.delete().where(tables.attempt.c.attempt_id == attempt_id))
            return None
        return attempt_id

    def _insert(self, connection: sa.Connection, journal: Journal) -> int:
        now = self._clock()
        result = connection.execute(
            tables.attempt.insert().values(
                tenant=journal.tenant,
                target=journal.target,
                journal_key=journal.key,
                started_at=now,
                lease_until=now + timedelta(seconds=self._lease_s),
                **self._actor.columns(),
            )
        )
        key = result.inserted_primary_key
        assert key is not None
        return int(key[0])

    def renew(self, journal: Journal, attempt_id: int, document: str) -> None:
        """Renew the lease for the one request that has the effect; raises when the journal is no longer ours."""
        began = self._monotonic()
        with self._ledger.write() as connection:
            if not self._holds(connection, journal, attempt_id):
                raise LostLease(f"journal {journal.key}: another process took it over; nothing was sent", delay_s=5)
            now = self._clock()
            connection.execute(
                tables.attempt.update()
                .where(tables.attempt.c.attempt_id == attempt_id)
                .values(sent_at=now, lease_until=now + timedelta(seconds=self._lease_s), document=document)
            )
        if self._monotonic() - began > STALE_LEASE_S:
            self.end(attempt_id, "not_sent", release=True, sent_at=None)
            raise LostLease(f"journal {journal.key}: the ledger was too slow to lease it; nothing was sent", delay_s=5)

    def require_proof_of_absence(self, journal: Journal, attempt_id: int, asked_at: datetime) -> Rejected | None:
        """One empty look-up is proof, unless an earlier create's outcome is unknown: then a second, a settle time later.

        :param asked_at: when this empty look-up began; the one before counts from its end.
        :returns: what the create whose absence is proved now was refused with, if its answer was an unclear refusal.
        """
        attempt = tables.attempt.c
        mine = sa.and_(
            attempt.target == journal.target,
            attempt.tenant == journal.tenant,
            attempt.journal_key == journal.key,
        )
        now = self._clock()
        with self._ledger.write() as connection:
            if not self._holds(connection, journal, attempt_id):
                raise LostLease(f"journal {journal.key}: another process took it over; nothing was sent", delay_s=5)
            unknown = sa.and_(
                mine,
                attempt.sent_at.is_not(None),
                sa.or_(attempt.outcome.is_(None), attempt.outcome == "unknown", attempt.outcome.startswith(_UNCLEAR)),
                attempt.attempt_id != attempt_id,
            )
            last_sent = connection.execute(sa.select(sa.func.max(attempt.sent_at)).where(unknown)).scalar()
            if last_sent is None:
                return None
            first_empty = connection.execute(
                sa.select(sa.func.min(attempt.absent_at)).where(mine, attempt.absent_at > last_sent)
            ).scalar()
            since = (asked_at - first_empty).total_seconds() if first_empty is not None else -1.0
            if first_empty is not None and since >= self._settle_s:
                last = connection.execute(
                    sa.select(attempt.outcome, attempt.raw_answer).where(unknown, attempt.sent_at == last_sent)
                ).first()
                connection.execute(tables.attempt.update().where(unknown).values(outcome="absent", ended_at=now))
                return None if last is None else _refusal(str(last.outcome or ""), last.raw_answer)
            wait = self._settle_s - max(since, 0.0)
            connection.execute(
                tables.attempt.update()
                .where(attempt.attempt_id == attempt_id)
                .values(absent_at=now, outcome="absent_once", ended_at=now, lease_until=now + timedelta(seconds=wait))
            )
        raise Retryable(
            f"journal {journal.key}: the outcome of an earlier create is unknown and the ERP shows nothing yet; it is looked "
            f"up once more in {wait:.0f} s before it is created again",
            delay_s=wait + 0.5,
        )

    @staticmethod
    def outcome_in_doubt(error: Exception) -> str:
        """How an attempt ends whose effect is not known."""
        return f"{_UNCLEAR}{error}" if isinstance(error, UnclearRefusal) else "unknown"

    def end(self, attempt_id: int, outcome: str, *, release: bool, **values: Any) -> None:
        """Close an attempt that has sent nothing; its lease ends at once. Best effort: an unwritten lease just runs out."""
        try:
            with self._ledger.write() as connection:
                self.write_end(connection, attempt_id, outcome, release=release, **values)
        except LedgerBusy:
            return

    def write_end(
        self, connection: sa.Connection, attempt_id: int, outcome: str, *, release: bool = False, **values: Any
    ) -> None:
        """Close an attempt; ``release`` ends its lease at once."""
        now = self._clock()
        if release:
            values["lease_until"] = now
        connection.execute(
            tables.attempt.update()
            .where(tables.attempt.c.attempt_id == attempt_id)
            .values(outcome=outcome, ended_at=now, **values)
        )


def _refusal(outcome: str, raw_answer: str | None) -> Rejected | None:
    """Looked up twice, and never there: what the create was answered with was a refusal after all."""
    if not outcome.startswith(_UNCLEAR):
        return None
    words = outcome.removeprefix(_UNCLEAR)
    return Rejected(f"{words}; looked up twice since, and no such document is there", raw_answer)
