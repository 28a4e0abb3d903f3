"""The table and the verdict of `make run`, from a ledger of a few rows."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scripts.run_report import Journal, open_journal, read_journals, table, verdict


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("""
            CREATE TABLE journal (tenant, target, journal_key, state, total_debit_cents, currency, document_number, reasons);
            CREATE TABLE journal_line (tenant, target, journal_key, account);
            CREATE TABLE expense (tenant, target, transaction_id, journal_key, report_id);
            INSERT INTO journal VALUES ('midwest', 't', '20261119-1', 'posted', 1234567, 'USD', '2026/412', NULL);
            INSERT INTO journal_line VALUES ('midwest', 't', '20261119-1', '6100'), ('midwest', 't', '20261119-1', '2150');
            INSERT INTO expense VALUES ('midwest', 't', 1, '20261119-1', 'R1'), ('midwest', 't', 2, '20261120-1', 'R2');
        """)
        database.execute(
            "INSERT INTO journal VALUES ('midwest', 't', '20261120-1', 'held', 500, 'USD', NULL, ?)",
            (
                json.dumps(
                    [{"code": "c", "message": "'Gifts' has no account", "fix": "Write it down", "report_id": "R2"}]
                ),
            ),
        )
        database.commit()
    return path


def test_the_ledger_is_read_with_lines_reasons_and_reports(ledger: Path) -> None:
    posted, held = read_journals(ledger)
    assert (posted.state, posted.lines, posted.total_cents) == ("posted", 2, 1234567)
    assert set(posted.reports) == {"R1"}
    assert (held.lines, held.reasons) == (0, ("'Gifts' has no account (report R2). Write it down",))


def test_no_ledger_is_no_journal(tmp_path: Path) -> None:
    assert read_journals(tmp_path / "ledger.db") == []


def test_the_table_is_aligned(ledger: Path) -> None:
    lines = table(read_journals(ledger)).splitlines()
    assert lines[2] == "midwest  20261119-1  posted      2  12,345.67 USD  2026/412"
    assert lines[3] == "midwest  20261120-1  held        0       5.00 USD  -"


def journal(state: str, key: str = "J", *reports: str) -> Journal:
    return Journal("midwest", key, state, 2, 100, "USD", "", (), frozenset(reports))


GOOD = journal("posted", "G", "R0")


def test_all_posted_and_the_declared_one_held_is_as_expected() -> None:
    assert verdict([GOOD, journal("held", "J", "R1", "R2")], ["midwest"], {"midwest": {"R1"}}) == []


@pytest.mark.parametrize(
    ("journals", "declared", "finding"),
    [
        ([], {}, "nothing was posted"),
        ([GOOD, journal("held", "J", "R1")], {}, "J is held and should be posted"),
        ([GOOD, journal("posting", "J", "R1")], {"midwest": {"R1"}}, "J is posting, expected held"),
        ([GOOD, journal("posted", "J", "R1")], {"midwest": {"R1"}}, "report R1 should be held and is not"),
    ],
)
def test_what_differs_is_named(journals: list[Journal], declared: dict[str, set[str]], finding: str) -> None:
    (found,) = verdict(journals, ["midwest"], declared)
    assert finding in found


def test_a_held_journal_shows_the_way_out() -> None:
    text = open_journal(journal("held"), Path(".run/tenants/midwest.yaml"), "http://127.0.0.1/box", expected=False)
    assert ".run/tenants/midwest.yaml" in text
    assert "clear the red box http://127.0.0.1/box" in text
