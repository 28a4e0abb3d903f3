"""The sums that the overview reads equal what the journals say, whatever happened and whoever wrote it."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import ExpenseError
from include.ledger import database, tables
from include.ledger.database import Ledger
from include.ledger.settle import APPLIES_TO, Decision, close_unknown_reports, settle_journals
from include.ledger.views import sums
from tests.include.ledger.company import Company, report
from tests.include.ledger.test_claims_by_chance import World, empty

EVERY = {"suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow], "deadline": None}
WAITING_IN_ERP = {"U", "UNPOSTED", "Work", "Balanced", "Hold"}


def truth(ledger: Ledger) -> dict[tuple[object, ...], tuple[int, int]]:
    """Counted from the journals, one by one."""
    found: Counter[tuple[object, ...]] = Counter()
    cents: Counter[tuple[object, ...]] = Counter()
    with ledger.read() as connection:
        for row in connection.execute(sa.select(tables.journal)).mappings():
            day = row["posting_date"] or row["approval_date"] or row["created_at"].date()
            unfinished = row["state"] == "posted" and (row["incomplete"] or row["erp_status"] in WAITING_IN_ERP)
            key = (
                *(row["tenant"], row["target"], row["currency"] or "", f"{day:%Y-%m}", row["state"]),
                int(unfinished),
            )
            found[key] += 1
            cents[key] += row["total_debit_cents"]
    return {key: (found[key], cents[key]) for key in found}


def summed(ledger: Ledger) -> dict[tuple[object, ...], tuple[int, int]]:
    found: dict[tuple[object, ...], tuple[int, int]] = {}
    with ledger.read() as connection:
        for *key, journals, cents in connection.execute(sa.select(sums.all_sums())):
            before = found.get(tuple(key), (0, 0))
            found[tuple(key)] = (before[0] + journals, before[1] + cents)
    return {key: value for key, value in found.items() if value != (0, 0)}


class SettlingWorld(World):
    """People decide, too."""

    def happen(self) -> None:
        self.random.choice([super().happen] * 6 + [self.settle, self.settle, self.fold, self.close_unknown])()

    def settle(self) -> None:
        states = self.company.states()
        action = self.random.choice(["adopt", "close", "reissue"])
        fitting = sorted(key for key, state in states.items() if state in APPLIES_TO[action])  # type: ignore[index]
        if not fitting:
            return
        key = self.random.choice(fitting)
        if action == "reissue":
            self.erp.documents.pop(self.company.journal(key).reference or "", None)
        decision = Decision(action, "because", "ann", "D-1" if action == "adopt" else None)  # type: ignore[arg-type]
        company = self.company
        with contextlib.suppress(ExpenseError):
            settle_journals(
                company.ledger, company.scope, company.tenant, [key], decision, self.erp, company.actor, company.clock
            )

    def close_unknown(self) -> None:
        company = self.company
        name = f"X{self.random.randrange(3)}"
        decision = Decision("close", "by hand", "ann")
        close_unknown_reports(company.ledger, company.scope, [name], decision, company.actor, company.clock)

    def fold(self) -> None:
        sums.fold(self.company.ledger)


@pytest.mark.parametrize(
    "settings_",
    [{}, {"posting": {"per": "report", "company_card": "journal"}}],
    ids=["day", "report_and_cards"],
)
@settings(max_examples=6, derandomize=True, database=None, **EVERY)
@given(seed=st.integers(0, 2**32))
def test_sums_equal_the_journals_after_whatever_happened(
    new_company: Callable[..., Company], settings_: dict[str, object], seed: int
) -> None:
    company = new_company(target=f"plain:{seed}", **settings_)
    empty(company)
    world = SettlingWorld(company, Random(seed))
    for _ in range(40):
        world.happen()
        assert summed(company.ledger) == truth(company.ledger)
    assert sums.fold(company.ledger) >= 0
    assert summed(company.ledger) == truth(company.ledger)


def insert(connection: sa.Connection, key: str, **values: object) -> None:
    row = {
        "tenant": "midwest",
        "target": "plain:x",
        "journal_key": key,
        "kind": "journal",
        "part": "main",
        "per": "day",
        "state": "posted",
        "currency": "USD",
        "total_debit_cents": 500,
        "reasons": [],
        "created_at": datetime(2026, 11, 21, 6, tzinfo=UTC),
        **values,
    }
    connection.execute(tables.journal.insert().values(**row))


@pytest.mark.parametrize(
    ("values", "month", "unfinished"),
    [
        ({"posting_date": date(2026, 9, 30), "approval_date": date(2026, 8, 1)}, "2026-09", 0),
        ({"approval_date": date(2026, 8, 1)}, "2026-08", 0),
        ({}, "2026-11", 0),
        ({"erp_status": "P"}, "2026-11", 0),
        ({"erp_status": "UNPOSTED"}, "2026-11", 1),
        ({"erp_status": "Work"}, "2026-11", 1),
        ({"erp_status": "Balanced"}, "2026-11", 1),
        ({"erp_status": "U"}, "2026-11", 1),
        ({"erp_status": "Approved"}, "2026-11", 0),
        ({"erp_status": "Approved", "target": "ifs_cloud://erp.example/10"}, "2026-11", 1),
        ({"target": "ifs_cloud://erp.example/10"}, "2026-11", 0),
        ({"erp_status": "Posted", "incomplete": True}, "2026-11", 1),
        ({"erp_status": "Work", "state": "closed"}, "2026-11", 0),
    ],
    ids=lambda value: "-".join(map(str, value.values())) or "plain" if isinstance(value, dict) else None,
)
def test_a_journal_counts_in_its_month_and_by_what_the_erp_said(
    ledger: Ledger, values: dict[str, object], month: str, unfinished: int
) -> None:
    with ledger.write() as connection:
        insert(connection, "J", **values)
    (key,) = summed(ledger)
    assert (key[3], key[5]) == (month, unfinished)
    assert summed(ledger)[key] == (1, 500)


def test_a_change_that_is_rolled_back_leaves_no_trace(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="no"), ledger.write() as connection:
        insert(connection, "J")
        raise ValueError("no")
    assert summed(ledger) == {}


def test_rows_that_are_removed_are_subtracted(ledger: Ledger) -> None:
    with ledger.write() as connection:
        insert(connection, "J1")
        insert(connection, "J2", total_debit_cents=7)
    sums.fold(ledger)
    with ledger.write() as connection:
        connection.execute(tables.journal.delete().where(tables.journal.c.journal_key == "J1"))
    assert list(summed(ledger).values()) == [(1, 7)]


def test_folding_empties_the_changes_and_keeps_the_sums(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for number in range(5):
            insert(connection, f"J{number}", total_debit_cents=number)
    before = summed(ledger)
    assert sums.fold(ledger) == 5
    assert sums.fold(ledger) == 0
    with ledger.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.journal_sums_change)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.journal_sums)).scalar() == 1
    assert summed(ledger) == before == {("midwest", "plain:x", "USD", "2026-11", "posted", 0): (5, 10)}


def test_folding_while_others_write_loses_nothing(ledger_url: sa.URL) -> None:
    def write(first: int) -> None:
        with Ledger(ledger_url) as mine:
            for number in range(first, first + 30):
                with mine.write() as connection:
                    insert(connection, f"J{number}")
                with mine.write() as connection:
                    connection.execute(
                        tables.journal.update()
                        .where(tables.journal.c.journal_key == f"J{number}")
                        .values(state="closed")
                    )

    def fold() -> None:
        with Ledger(ledger_url) as mine:
            for _ in range(20):
                sums.fold(mine)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 100)]
    threads += [threading.Thread(target=fold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with Ledger(ledger_url) as ledger:
        sums.fold(ledger)
        assert summed(ledger) == {("midwest", "plain:x", "USD", "2026-11", "closed", 0): (60, 30_000)}


def test_a_ledger_from_before_the_sums_gets_them(empty_url: sa.URL) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with Ledger(empty_url) as ledger:
        with ledger.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            insert(connection, "J1", posting_date=date(2026, 9, 30), erp_status="Work")
            insert(connection, "J2", posting_date=date(2026, 9, 1), erp_status="Work")
        ledger.create_if_missing()
        assert summed(ledger) == {("midwest", "plain:x", "USD", "2026-09", "posted", 1): (2, 1000)}


def test_reports_of_one_company_do_not_count_for_another(new_company: Callable[..., Company]) -> None:
    first, second = new_company(name="first"), new_company(name="second")
    first.claim(report("R1"))
    second.claim(report("R2"), report("R3"))
    with first.ledger.read() as connection:
        assert sums.count(connection, ["first"]) == 1
        assert sums.count(connection, ["second"]) == 1
        assert sums.count(connection, ["first", "second"]) == 2
        assert sums.count(connection, None) == 2
        assert sums.count(connection, []) == 0
        assert sums.known_tenants(connection, ["first", "nobody"]) == ["first"]
