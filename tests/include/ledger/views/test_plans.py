"""No screen reads a whole table: what the database plans to do, on a ledger large enough to have a choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from include.ledger.database import Ledger
from include.ledger.views import upkeep
from include.ledger.views.expense_list import ExpenseFilter, expenses
from include.ledger.views.finding_list import findings
from include.ledger.views.holds import holds
from include.ledger.views.journal_list import JournalFilter, journals
from include.ledger.views.one_journal import journal, journal_expenses
from include.ledger.views.overview import overview
from include.ledger.views.report_list import ReportFilter, reports
from include.ledger.views.run_list import runs
from tests.include.ledger.views.filling import RARE_MERCHANT, Filling, Size, fill, tenant

SIZE = Size(20_000, tenants=10, per_report=5, per_journal=1)
EVERY = [tenant(number) for number in range(10)]
LARGE = ("expense", "journal", "journal_line", "journal_report", "report", "run_journal", "event", "search_word")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Filling]]:
    with Ledger(f"sqlite:///{tmp_path_factory.mktemp('large') / 'ledger.db'}") as ledger:
        ledger.create_if_missing()
        filling = fill(ledger, SIZE)
        upkeep.catch_up(ledger)
        yield ledger, filling


SCREENS: dict[str, Callable[[Ledger, Filling], Any]] = {
    "overview": lambda ledger, filling: overview(ledger, EVERY, date(2026, 10, 31)),
    "journals": lambda ledger, filling: journals(ledger, EVERY),
    "journals_of_one": lambda ledger, filling: journals(ledger, EVERY[:1], sort="total"),
    "held": lambda ledger, filling: journals(ledger, EVERY, JournalFilter(states=("held",))),
    "account": lambda ledger, filling: journals(ledger, EVERY, JournalFilter(account="6100-P1")),
    "rare_text": lambda ledger, filling: journals(ledger, EVERY, JournalFilter(text=RARE_MERCHANT)),
    "frequent_text": lambda ledger, filling: journals(ledger, EVERY, JournalFilter(text="uber")),
    "journal": lambda ledger, filling: journal(ledger, EVERY, *filling.owner(7), filling.key(7)),
    "journal_expenses": lambda ledger, filling: journal_expenses(ledger, EVERY, *filling.owner(7), filling.key(7), 1),
    "expenses": lambda ledger, filling: expenses(ledger, EVERY),
    "expense": lambda ledger, filling: expenses(ledger, EVERY, ExpenseFilter(transaction_id="0")),
    "expenses_by_text": lambda ledger, filling: expenses(ledger, EVERY, ExpenseFilter(text=RARE_MERCHANT)),
    "reports": lambda ledger, filling: reports(ledger, EVERY),
    "report": lambda ledger, filling: reports(ledger, EVERY, ReportFilter(text=filling.key(7))),
    "holds": lambda ledger, filling: holds(ledger, EVERY),
    "findings": lambda ledger, filling: findings(ledger, EVERY),
    "runs": lambda ledger, filling: runs(ledger, EVERY),
}


def statements_of(ledger: Ledger, show: Callable[[], object]) -> list[tuple[str, Any]]:
    """What the ledger is asked while a screen is shown: statements with their parameters."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))

    sa.event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        show()
    finally:
        sa.event.remove(ledger.engine, "before_cursor_execute", note)
    return asked


@pytest.mark.parametrize("screen", sorted(SCREENS))
def test_sqlite_scans_no_large_table(filled: tuple[Ledger, Filling], screen: str) -> None:
    ledger, filling = filled
    asked = statements_of(ledger, lambda: SCREENS[screen](ledger, filling))
    statements = [(text, given) for text, given in asked if text.lstrip().startswith(("SELECT", "WITH"))]
    assert statements
    scanned = []
    with ledger.engine.connect() as connection:
        for statement, given in statements:
            for *_, step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given):
                # A walk along an index stops when the page is full; a scan of the table itself does not.
                whole = re.fullmatch(r"SCAN (\w+)", step)
                if whole and whole[1] in LARGE:
                    scanned.append((step, statement))
    assert scanned == []


OF_FEW_JOURNALS: dict[str, Callable[[Ledger, Filling], Any]] = {
    "account": lambda ledger, filling: journals(ledger, EVERY, JournalFilter(account="6100")),
    "journal_expenses": SCREENS["journal_expenses"],
    "expenses_by_rare_text": SCREENS["expenses_by_text"],
    "expenses_by_frequent_text": lambda ledger, filling: expenses(ledger, EVERY, ExpenseFilter(text="uber")),
}


@pytest.mark.parametrize("screen", sorted(OF_FEW_JOURNALS))
def test_sqlite_reads_journals_own_rows_and_not_its_companys(filled: tuple[Ledger, Filling], screen: str) -> None:
    ledger, filling = filled
    asked = statements_of(ledger, lambda: OF_FEW_JOURNALS[screen](ledger, filling))
    steps = []
    with ledger.engine.connect() as connection:
        for statement, given in asked:
            if re.search(r"FROM (expense|journal_line)|EXISTS \(SELECT journal_line", statement):
                steps += [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    walks = re.compile(r"SEARCH expense USING (COVERING )?INDEX \S+ \(target=\?\)")
    assert [step for step in steps if "expense" in step or "journal_line" in step]
    assert not [step for step in steps if walks.match(step)]
    if screen == "account":
        own = (
            "SEARCH journal_line USING INDEX sqlite_autoindex_journal_line_1 (target=? AND tenant=? AND journal_key=?)"
        )
        assert own in steps
