"""The ledger as it stands, for whoever must not write to it: not a table, not a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from include.errors import Misconfigured
from include.ledger.database import BUSY_TIMEOUT_S, Ledger


class LedgerView(Ledger):
    """A ledger opened for reading. :meth:`write` and :meth:`create_if_missing` are refused.

    :raises Misconfigured: the URL names no file. A SQLite file that does not exist is not made: see :attr:`exists`.
    """

    def __init__(self, url: str | sa.URL) -> None:
        self.url = sa.make_url(url)
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        if not self._is_sqlite:
            self.engine = sa.create_engine(self.url, pool_pre_ping=True, pool_size=1)
            return
        if not self.url.database:
            raise Misconfigured("the ledger needs a file: set the path in the connection's host")
        self.file = Path(self.url.database)
        self.engine = sa.create_engine("sqlite://", creator=self._opened, poolclass=sa.pool.NullPool)

    def _opened(self) -> sqlite3.Connection:
        # Without a write-ahead log nobody has the file open, and reading it must not leave one behind.
        alone = not self.file.with_name(f"{self.file.name}-wal").exists()
        how = "immutable=1" if alone else "mode=ro"
        address = f"file:{quote(str(self.file.absolute()))}?{how}"
        return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)

    @property
    def exists(self) -> bool:
        """Whether there is a ledger: the file, or the tables."""
        if self._is_sqlite and not self.file.is_file():
            return False
        with self.read() as connection:
            return sa.inspect(connection).has_table("alembic_version")

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Refused."""
        raise RuntimeError("a ledger that was opened for reading cannot be written to")
        yield

    def create_if_missing(self) -> None:
        """Refused."""
        raise RuntimeError("a ledger that was opened for reading is not created")
