"""A ledger that is only looked at."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.errors import Misconfigured
from include.ledger.database import Ledger
from include.ledger.view import LedgerView


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger in a folder of its own whose name no URL likes, closed by everybody."""
    folder = tmp_path / "a b?c#d%20"
    folder.mkdir()
    file = folder / "ledger.db"
    with Ledger(sa.URL.create("sqlite", database=str(file))) as ledger:
        ledger.create_if_missing()
    return file


def view_of(file: Path) -> LedgerView:
    return LedgerView(sa.URL.create("sqlite", database=str(file)))


def count(view: Ledger) -> int:
    with view.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM limiter").scalar_one())


def test_looking_leaves_no_trace(file: Path) -> None:
    def traces() -> dict[str, str]:
        return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in file.parent.iterdir()}

    before = traces()
    with view_of(file) as view:
        assert view.exists
        assert count(view) == 0
    assert traces() == before


def test_what_others_have_just_written_is_seen(file: Path) -> None:
    with Ledger(sa.URL.create("sqlite", database=str(file))) as ledger:
        with ledger.write() as connection:
            connection.exec_driver_sql("INSERT INTO limiter (budget, taken_at) VALUES ('a', '[]')")
        with view_of(file) as view:
            assert count(view) == 1


def test_a_ledger_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "ledger.db"
    with view_of(file) as view:
        assert not view.exists
    assert not file.parent.exists()


def test_an_empty_file_is_no_ledger(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.touch()
    with view_of(file) as view:
        assert not view.exists


def test_it_cannot_be_written_to(file: Path) -> None:
    with view_of(file) as view:
        with pytest.raises(RuntimeError, match="cannot be written to"), view.write():
            pass
        with pytest.raises(RuntimeError, match="not created"):
            view.create_if_missing()
        with pytest.raises(sa.exc.SQLAlchemyError), view.engine.connect() as connection:
            connection.exec_driver_sql("INSERT INTO limiter (budget, taken_at) VALUES ('a', '[]')")


def test_a_ledger_without_a_file_is_named() -> None:
    with pytest.raises(Misconfigured, match="the ledger needs a file"):
        LedgerView("sqlite://")
