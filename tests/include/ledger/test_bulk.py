"""Rows in bulk and look-ups by sets, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.ledger import bulk, stored, tables
from include.ledger.database import Ledger

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)


def expense(transaction_id: str, tags: Any = (("Plant 1", None),)) -> tuple[Any, ...]:
    amounts = (1250, 1250, None, None)
    where = ("syspro:x", transaction_id, "acme", "R1", "20261120-1", 1, 2)
    return (*where, *amounts, "USD", date(2026, 11, 19), None, "Meals", None, tags, True, None, None, None, None, None)


def test_values_come_back_as_they_went_in(ledger: Ledger) -> None:
    with ledger.write() as connection:
        bulk.insert(connection, tables.expense, stored.EXPENSE_COLUMNS, [expense("T1"), expense("T2", ())])
    with ledger.read() as connection:
        rows = connection.execute(sa.select(tables.expense).order_by("transaction_id")).mappings().all()
    assert [row["transaction_id"] for row in rows] == ["T1", "T2"]
    assert (rows[0]["amount_cents"], rows[0]["modified_cents"]) == (1250, None)
    assert rows[0]["spent_on"] == date(2026, 11, 19)
    assert (rows[0]["tags"], rows[1]["tags"]) == ([["Plant 1", None]], [])
    assert rows[0]["reimbursable"] is True


def test_values_encoded_by_the_caller_come_back_as_they_went_in(ledger: Ledger) -> None:
    spent_on, tags = stored.EXPENSE_COLUMNS.index("spent_on"), stored.EXPENSE_COLUMNS.index("tags")
    with ledger.write() as connection:
        encode_day, encode_tags = (
            bulk.encoder(connection, column) for column in (tables.expense.c.spent_on, tables.expense.c.tags)
        )
        rows = [list(expense("T1")), list(expense("T2", ()))]
        rows[1][spent_on] = None
        for row in rows:
            row[spent_on], row[tags] = encode_day(row[spent_on]), encode_tags(row[tags])
        bulk.insert(connection, tables.expense, stored.EXPENSE_COLUMNS, map(tuple, rows), encoded=("spent_on", "tags"))
    with ledger.read() as connection:
        found = connection.execute(sa.select(tables.expense).order_by("transaction_id")).mappings().all()
    assert [row["spent_on"] for row in found] == [date(2026, 11, 19), None]
    assert [row["tags"] for row in found] == [[["Plant 1", None]], []]


def test_columns_that_are_not_named_have_their_defaults(ledger: Ledger) -> None:
    row = {
        "created_at": NOW,
        "state": "drafted",
        "journal_key": "20261120-1",
        "tenant": "acme",
        "target": "syspro:x",
        "kind": "journal",
        "part": "main",
        "per": "day",
        "reasons": [],
    }
    with ledger.write() as connection:
        bulk.insert_mappings(connection, tables.journal, [row])
    with ledger.read() as connection:
        (found,) = connection.execute(sa.select(tables.journal)).mappings().all()
    assert (found["frozen"], found["revision"], found["announced"], found["total_debit_cents"]) == (False, 0, False, 0)
    assert (found["state"], found["created_at"], found["reasons"]) == ("drafted", NOW, [])


def test_a_key_that_no_database_can_hold_is_not_found(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.create_if_missing()
        with ledger.read() as connection:
            assert stored.claims(connection, "syspro:x", ["half a character \ud800", "T1"]) == {}


def test_more_keys_than_one_query_takes_are_all_looked_up(ledger: Ledger) -> None:
    with ledger.write() as connection:
        rows = (expense(f"T{number}") for number in range(25_000))
        bulk.insert(connection, tables.expense, stored.EXPENSE_COLUMNS, rows)
    wanted = [f"T{number}" for number in range(24_000, 26_000)] + [f"X{number}" for number in range(15_000)]
    with ledger.read() as connection:
        found = stored.claims(connection, "syspro:x", wanted)
        other_company = stored.claims(connection, "syspro:y", wanted)
        none = stored.claims(connection, "syspro:x", [])
    assert set(found) == {f"T{number}" for number in range(24_000, 25_000)}
    assert found["T24000"] == ("acme", "R1", "20261120-1")
    assert other_company == none == {}
