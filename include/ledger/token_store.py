"""Tokens of ERP sessions, encrypted in the ledger, so that fifty tasks open one session and not fifty."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography.fernet import InvalidToken, MultiFernet

from include.clock import Clock, utc_now
from include.errors import Retryable
from include.ledger import tables
from include.ledger.database import Ledger

TURN_LASTS_S = 60.0
_POLL_S = 0.2


class LedgerTokens:
    """Implements :class:`include.erps.shared_state.TokenStore`.

    :param keys: the archive's Fernet keys; a token that none of them opens counts as absent.
    """

    def __init__(
        self,
        ledger: Ledger,
        keys: MultiFernet,
        *,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._sleep = sleep

    def read(self, name: str) -> str | None:
        """See :class:`include.erps.shared_state.TokenStore`."""
        with self._ledger.read() as connection:
            stored = connection.execute(
                sa.select(tables.cached_token.c.token).where(tables.cached_token.c.name == name)
            ).scalar()
        if stored is None:
            return None
        try:
            return self._keys.decrypt(stored.encode()).decode()
        except InvalidToken:
            return None

    def write(self, name: str, token: str) -> None:
        """See :class:`include.erps.shared_state.TokenStore`."""
        self._set(name, self._keys.encrypt(token.encode()).decode())

    def forget(self, name: str) -> None:
        """See :class:`include.erps.shared_state.TokenStore`."""
        self._set(name, None)

    @contextmanager
    def renewing(self, name: str) -> Iterator[None]:
        """See :class:`include.erps.shared_state.TokenStore`."""
        waited = 0.0
        while (until := self._take_turn(name)) is None:
            if waited > TURN_LASTS_S:
                raise Retryable(f"another task keeps renewing the session {name}", delay_s=5)
            self._sleep(_POLL_S)
            waited += _POLL_S
        try:
            yield
        finally:
            with self._ledger.write() as connection:
                # Only our own turn is given back: one that lasted too long may be another's by now.
                columns = tables.cached_token.c
                connection.execute(
                    tables.cached_token.update()
                    .where(columns.name == name, columns.renewing_until == until)
                    .values(renewing_until=None)
                )

    def _take_turn(self, name: str) -> datetime | None:
        """Until when the turn is ours; ``None`` while another has it."""
        columns = tables.cached_token.c
        with self._ledger.write() as connection:
            self._ensure(connection, name)
            now = self._clock()
            until = now + timedelta(seconds=TURN_LASTS_S)
            free = sa.or_(columns.renewing_until.is_(None), columns.renewing_until <= now)
            taken = connection.execute(
                tables.cached_token.update().where(columns.name == name, free).values(renewing_until=until)
            )
            return until if taken.rowcount == 1 else None

    def _set(self, name: str, token: str | None) -> None:
        with self._ledger.write() as connection:
            self._ensure(connection, name)
            connection.execute(
                tables.cached_token.update().where(tables.cached_token.c.name == name).values(token=token)
            )

    def _ensure(self, connection: sa.Connection, name: str) -> None:
        insert = sa.text("INSERT INTO cached_token (name) VALUES (:name) ON CONFLICT DO NOTHING")
        connection.execute(insert, {"name": name})
