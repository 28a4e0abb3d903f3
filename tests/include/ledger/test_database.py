from __future__ import annotations

import multiprocessing
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from include.errors import Misconfigured, Retryable
from include.ledger import database, tables
from include.ledger.database import Ledger, LedgerBusy, ledger_url

MIGRATIONS = Path(database.__file__).parent / "migrations"


def _first_use(url: str, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with Ledger(url) as ledger:
        ledger.create_if_missing()
        with ledger.write() as connection:
            connection.execute(
                tables.claim_version.insert().values(target=str(multiprocessing.current_process().pid), version=1)
            )


def count(ledger: Ledger, table: sa.Table) -> int:
    with ledger.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize(
    "told", ["Konto gesperrt: Müller & Söhne", "half a character \ud800", 2**70, [1.5, None, True]], ids=repr
)
def test_whatever_an_erp_tells_is_kept_as_json(ledger: Ledger, told: object) -> None:
    row = {"budget": "acme", "taken_at": {"told": told}, "paused_until": None}
    with ledger.write() as connection:
        connection.execute(tables.limiter.insert().values(**row))
    with ledger.read() as connection:
        assert connection.execute(sa.select(tables.limiter.c.taken_at)).scalar_one() == {"told": told}


def test_first_use_by_several_processes_at_once_makes_one_ledger(empty_url: sa.URL) -> None:
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(4)
    url = empty_url.render_as_string(hide_password=False)
    processes = [fork.Process(target=_first_use, args=(url, start)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    with Ledger(empty_url) as ledger:
        assert count(ledger, tables.claim_version) == 4


def test_migrations_make_exactly_what_the_tables_say(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_the_ledger_knows_its_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [database._HEAD]


def test_creating_again_changes_nothing(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(tables.claim_version.insert().values(target="t", version=7))
    ledger.create_if_missing()
    assert count(ledger, tables.claim_version) == 1


def test_a_read_is_one_consistent_view(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.claim_version)).scalar() == 0
        with ledger.write() as other:
            other.execute(tables.claim_version.insert().values(target="t", version=1))
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.claim_version)).scalar() == 0
    assert count(ledger, tables.claim_version) == 1


def test_nothing_written_while_reading_is_kept(ledger: Ledger) -> None:
    try:
        with ledger.read() as connection:
            connection.execute(tables.claim_version.insert().values(target="t", version=1))
    except sa.exc.DBAPIError:
        pass  # PostgreSQL refuses at once
    assert count(ledger, tables.claim_version) == 0


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_write_that_raises_leaves_nothing(ledger: Ledger, error: BaseException) -> None:
    def work() -> None:
        with ledger.write() as connection:
            connection.execute(tables.claim_version.insert().values(target="t", version=1))
            raise error

    with pytest.raises(type(error)):
        work()
    assert count(ledger, tables.claim_version) == 0
    with ledger.write() as connection:
        connection.execute(tables.claim_version.insert().values(target="t", version=2))
    assert count(ledger, tables.claim_version) == 1


@pytest.mark.parametrize("access", ["read", "write"])
def test_a_signal_within_a_statement_is_not_hidden_and_leaves_nothing(ledger: Ledger, access: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def work() -> None:
        with getattr(ledger, access)() as connection:
            if access == "write":
                connection.execute(tables.claim_version.insert().values(target="t", version=1))
            sa.event.listen(ledger.engine, "before_cursor_execute", interrupt)
            try:
                connection.execute(sa.select(tables.claim_version))
            finally:
                sa.event.remove(ledger.engine, "before_cursor_execute", interrupt)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert count(ledger, tables.claim_version) == 0


def test_a_locked_sqlite_ledger_is_busy_and_retryable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "ledger.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.create_if_missing()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerBusy) as caught, ledger.write():
            pytest.fail("the write began while another held the lock")
        assert isinstance(caught.value, Retryable)
        holder.execute("ROLLBACK")
        holder.close()
        with ledger.write() as connection:
            connection.execute(tables.claim_version.insert().values(target="t", version=1))
        assert count(ledger, tables.claim_version) == 1


def test_a_server_that_is_gone_is_busy_and_not_a_programming_error() -> None:
    with Ledger("postgresql+psycopg2://nobody@127.0.0.1:9/none") as ledger, pytest.raises(LedgerBusy), ledger.read():
        pytest.fail("there is no server on port 9")


def test_a_connection_that_breaks_within_a_transaction_is_busy(ledger: Ledger, backend: str) -> None:
    if backend == "sqlite":
        pytest.skip("a file has no connection that could break")

    def work() -> None:
        with ledger.write() as connection:
            pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
            with ledger.engine.connect() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            connection.execute(tables.claim_version.insert().values(target="t", version=1))

    with pytest.raises(LedgerBusy):
        work()
    assert count(ledger, tables.claim_version) == 0


def test_times_keep_their_moment_in_utc(ledger: Ledger) -> None:
    moment = datetime(2026, 11, 20, 23, 30, 15, 123456, tzinfo=timezone(timedelta(hours=-6)))
    with ledger.write() as connection:
        connection.execute(tables.limiter.insert().values(budget="b", taken_at=[], paused_until=moment))
    with ledger.read() as connection:
        kept = connection.execute(sa.select(tables.limiter.c.paused_until)).scalar_one()
    assert kept == datetime(2026, 11, 21, 5, 30, 15, 123456, tzinfo=UTC)
    assert kept.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    naive = datetime(2026, 11, 20)  # noqa: DTZ001
    with pytest.raises(sa.exc.StatementError, match="zone"), ledger.write() as connection:
        connection.execute(tables.limiter.insert().values(budget="b", taken_at=[], paused_until=naive))


def test_the_connection_types_become_urls() -> None:
    assert str(ledger_url("sqlite", "/data/ledger.db", None, None, None, None)) == "sqlite:////data/ledger.db"
    made = ledger_url("postgres", "db", 5433, "erp", "p@ss/word", "ledger")
    assert (made.host, made.port, made.username, made.password, made.database) == (
        "db",
        5433,
        "erp",
        "p@ss/word",
        "ledger",
    )
    with pytest.raises(Misconfigured, match="mysql"):
        ledger_url("mysql", "db", None, None, None, None)


def test_a_sqlite_ledger_without_a_file_says_what_to_set() -> None:
    with pytest.raises(Misconfigured, match="set the path"):
        Ledger("sqlite://")
