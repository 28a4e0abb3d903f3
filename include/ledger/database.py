"""The ledger's database: SQLite (WAL) for one machine, PostgreSQL for more.

Every write is one short transaction. On SQLite it begins with ``BEGIN IMMEDIATE`` and waits up to a minute for the lock,
so that two processes queue instead of failing half-way.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from include.errors import Misconfigured, Retryable

BUSY_TIMEOUT_S = 60
CACHE_KIB = 64 * 1024
_HEAD = "0003"


class LedgerBusy(Retryable):
    """The ledger's database did not answer in time, or the connection to it was lost."""


class Ledger:
    """Access to one ledger database. Cheap to make; call :meth:`close` (or use ``with``) in long-lived processes.

    :param url: SQLAlchemy URL, ``sqlite:///path`` or ``postgresql+psycopg2://...``.
    """

    def __init__(self, url: str | sa.URL) -> None:
        self.url = sa.make_url(url)
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            if not self.url.database:
                raise Misconfigured("the ledger needs a file: set the path in the connection's host")
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = sa.create_engine(self.url, connect_args={"timeout": BUSY_TIMEOUT_S}, json_serializer=as_json)
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
        else:
            self.engine = sa.create_engine(self.url, pool_pre_ping=True, pool_size=2, json_serializer=as_json)

    @property
    def is_sqlite(self) -> bool:
        """True for the single-machine SQLite ledger."""
        return self._is_sqlite

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view; nothing written in it is kept.

        :raises LedgerBusy: the database cannot be reached or is locked.
        """
        with _named_errors(), self.engine.connect() as connection:
            connection.execution_options(immediate=False)
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN")
            elif not connection.in_transaction():
                connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            try:
                yield connection
            finally:
                # Also right when a signal broke a statement off: the driver rolls back whatever it had begun.
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        :raises LedgerBusy: the database cannot be reached or stayed locked; nothing was written.
        """
        with _named_errors(), self.engine.connect() as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def create_if_missing(self) -> None:
        """Bring the schema to this version: on first use, and after an upgrade of the package.

        Safe when several processes start at once: one migrates, the others wait.
        """
        with self.read() as connection:
            tables = sa.inspect(connection).get_table_names()
            if "alembic_version" in tables:
                version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
                if version == _HEAD:
                    return
        self._migrate()

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.write() as connection:
            if not self._is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7306914)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def as_json(value: Any) -> str:
    """The text of a value for a JSON column or function."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        # Half a character, or a number beyond 64 bits: what an ERP answered must be kept even so.
        return json.dumps(value)


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # The driver's own implicit BEGIN is off: this module begins and ends transactions itself.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    # A claim of a million expenses touches three indexes all over: with SQLite's 2 MB its pages go out and in again.
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@retry(
    retry=retry_if_exception(_is_locked),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(BUSY_TIMEOUT_S),
    reraise=True,
)
def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Two processes that make a new file at once: the second is refused at once here, SQLite does not wait for its time-out."""
    cursor.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise _busy(error) from None
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise _busy(error) from None
        raise
    except sa.exc.TimeoutError:
        raise LedgerBusy("all connections of this process to the ledger's database are in use") from None


def _busy(error: sa.exc.DBAPIError) -> LedgerBusy:
    return LedgerBusy(f"the ledger's database did not answer ({type(error.orig).__name__}: {error.orig})")


def ledger_url(conn_type: str | None, host: str | None, port: int | None, login: str | None, password: str | None,
               schema: str | None) -> sa.URL:  # fmt: skip
    """The SQLAlchemy URL of the Airflow connection ``expense_ledger``.

    :raises Misconfigured: the connection's type is neither ``sqlite`` nor ``postgres``.
    """
    if conn_type == "sqlite":
        path = os.path.expanduser(host or "")
        return sa.URL.create("sqlite", database=path)
    if conn_type in ("postgres", "postgresql"):
        return sa.URL.create("postgresql+psycopg2", login, password, host, port, schema)
    raise Misconfigured(
        f"the connection expense_ledger has type {conn_type!r}: use `sqlite` (file path in host) or `postgres`"
    )
