"""Where the ledger is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from expensify_erp.hooks.ledger import LedgerHook

from include.errors import Misconfigured

SetConnection = Callable[..., None]


def tables_in(file: Path) -> set[str]:
    return set(sa.inspect(sa.create_engine(f"sqlite:///{file}")).get_table_names())


def test_without_a_connection_it_is_a_file_in_airflows_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_EXPENSE_LEDGER", raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with LedgerHook().get_conn() as ledger:
        assert ledger.is_sqlite
    assert {"journal", "expense", "event", "alembic_version"} <= tables_in(tmp_path / "expense_ledger.db")


def test_a_sqlite_connection_names_the_file_and_missing_folders_are_made(
    tmp_path: Path, set_connection: SetConnection
) -> None:
    file = tmp_path / "new" / "folder" / "ledger.db"
    set_connection("expense_ledger", "sqlite", host=str(file))
    for _ in range(2):
        with LedgerHook().get_conn():
            pass
    assert "journal" in tables_in(file)


def test_a_home_folder_in_the_path_is_resolved(
    tmp_path: Path, set_connection: SetConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    set_connection("expense_ledger", "sqlite", host="~/ledger.db")
    with LedgerHook().get_conn():
        pass
    assert (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("conn_type", ["postgres", "postgresql"])
def test_a_postgres_connection_with_characters_that_urls_escape(set_connection: SetConnection, conn_type: str) -> None:
    set_connection(
        "expense_ledger", conn_type, host="db.example", port=5433, login="led@ger", password="p/w:d @%", schema="money"
    )
    url = sa.make_url(LedgerHook()._url())
    assert (url.drivername, url.host, url.port) == ("postgresql+psycopg2", "db.example", 5433)
    assert (url.username, url.password, url.database) == ("led@ger", "p/w:d @%", "money")


def test_another_type_is_refused_by_name(set_connection: SetConnection) -> None:
    set_connection("expense_ledger", "mysql", host="db.example", password="secret-word")
    with pytest.raises(Misconfigured, match="type 'mysql': use `sqlite`") as caught:
        LedgerHook().get_conn()
    assert "secret-word" not in str(caught.value)


def test_a_sqlite_connection_without_a_file_is_refused(set_connection: SetConnection) -> None:
    set_connection("expense_ledger", "sqlite")
    with pytest.raises(Misconfigured, match="set the path in the connection's host"):
        LedgerHook().get_conn()
