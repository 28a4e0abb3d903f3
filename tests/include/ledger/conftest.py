"""Every ledger test runs twice: on SQLite and on a real PostgreSQL.

``EXPENSIFY_ERP_TEST_POSTGRES`` names a server to use (a URL); without it a private one is started.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.erps.registry import ERPS, Registered
from include.ledger import tables
from include.ledger.database import Ledger
from tests.include.ledger import postgres_cluster
from tests.include.ledger.company import Company
from tests.include.ledger.postgres_cluster import EmptiedDatabase, Server

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    given = os.environ.get("EXPENSIFY_ERP_TEST_POSTGRES")
    if given:
        server = Server(sa.make_url(given))
        yield server
        server.drop_all()
        return
    reason = postgres_cluster.why_not()
    if reason is not None:
        pytest.skip(reason)
    with postgres_cluster.running() as url:
        yield Server(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.create_if_missing()
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def postgres_ledger(postgres: Server) -> EmptiedDatabase:
    url = postgres.new()
    with Ledger(url) as ledger:
        ledger.create_if_missing()
    return EmptiedDatabase(url, tables.metadata)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """A database without any table."""
    if backend == "sqlite":
        yield sa.make_url(f"sqlite:///{tmp_path / 'ledger.db'}")
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.new()
    yield url
    server.drop(url)


@pytest.fixture
def ledger_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """A ledger of this version, empty."""
    if backend == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield sa.make_url(f"sqlite:///{path}")
        return
    database: EmptiedDatabase = request.getfixturevalue("postgres_ledger")
    database.empty()
    yield database.url


@pytest.fixture
def ledger(ledger_url: sa.URL) -> Iterator[Ledger]:
    with Ledger(ledger_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _plain_erp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ERPS, "plain", Registered("tests.include.ledger.plain_erp:PlainErp", "none:None"))


@pytest.fixture
def company(ledger: Ledger) -> Company:
    """A tenant posting one journal per day, with its ledger and a clock that only tests move."""
    return Company(ledger)


@pytest.fixture
def new_company(ledger: Ledger) -> Callable[..., Company]:
    """Tenants with other settings, on the same ledger."""

    def make(**settings: object) -> Company:
        return Company(ledger, **settings)  # type: ignore[arg-type]

    return make
