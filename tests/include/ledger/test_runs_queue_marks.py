from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from include.accounting.window import Mode, Window
from include.ledger import marks, queue, runs, tables
from include.ledger.runs import Run, RunKey
from tests.include.ledger.company import START, Company, expense, no_expenses, report
from tests.include.ledger.fake_erp import FakeErp

HOUR = timedelta(hours=1)


def append(company: Company, key: RunKey, *keys: str) -> None:
    with company.ledger.write() as connection:
        runs.append(connection, company.scope, key, keys)


def listed(company: Company, key: RunKey) -> list[str]:
    with company.ledger.read() as connection:
        return runs.keys(connection, key)


def boxes(company: Company, key: RunKey) -> list[list[str]]:
    with company.ledger.write() as connection:
        return runs.boxes(connection, key)


def register(company: Company, run_id: str, mode: Mode, window: Window | None, *, dry_run: bool = False) -> RunKey:
    key = RunKey("expenses__midwest", run_id)
    with company.ledger.write() as connection:
        runs.register(connection, company.scope, Run(key, mode, window, dry_run), START)
    return key


def window(start: datetime, end: datetime) -> Window:
    return Window(start, end, start - HOUR)


def names(count: int, first: int = 0) -> list[str]:
    return [f"J{number:05}" for number in range(first, first + count)]


# --- runs ---


def test_a_cleared_run_keeps_the_window_it_had(company: Company) -> None:
    key = register(company, "r", "schedule", window(START, START + HOUR))
    with company.ledger.read() as connection:
        run = runs.find(connection, key)
        assert runs.find(connection, RunKey("expenses__midwest", "other")) is None
    assert run == Run(key, "schedule", Window(START, START + HOUR, START - HOUR), False)


def test_positions_never_change_and_late_journals_come_last(company: Company) -> None:
    key = company.begin_run()
    append(company, key, "b", "a")
    append(company, key, "c", "a", "c", "d")
    assert listed(company, key) == ["b", "a", "c", "d"]
    rows = company.rows(tables.run_journal)
    assert sorted((row["position"], row["journal_key"]) for row in rows) == [(0, "b"), (1, "a"), (2, "c"), (3, "d")]


@pytest.mark.parametrize(
    ("journals", "count", "size"), [(0, 0, 0), (1, 1, 1), (200, 200, 1), (201, 101, 2), (401, 134, 3), (5000, 200, 25)]
)
def test_boxes_hold_one_journal_each_up_to_two_hundred(company: Company, journals: int, count: int, size: int) -> None:
    key = company.begin_run()
    append(company, key, *names(journals))
    cut = boxes(company, key)
    assert len(cut) == count
    assert max((len(box) for box in cut), default=0) == size
    assert [name for box in cut for name in box] == names(journals)


def test_the_box_size_is_fixed_at_the_first_expansion(company: Company) -> None:
    key = company.begin_run()
    append(company, key, *names(3))
    first = boxes(company, key)
    append(company, key, *names(400, first=3))
    later = boxes(company, key)
    assert later[:3] == first
    assert {len(box) for box in later} == {1}
    assert len(later) == 403


def test_beyond_a_thousand_boxes_the_last_takes_the_surplus(company: Company) -> None:
    key = company.begin_run()
    append(company, key, *names(200))
    boxes(company, key)
    append(company, key, *names(800, first=200))
    full = boxes(company, key)
    assert len(full) == 1000
    assert full[-1] == ["J00999"]
    append(company, key, *names(5, first=1000))
    over = boxes(company, key)
    assert len(over) == 1000
    assert over[:999] == full[:999]
    assert over[-1] == names(6, first=999)


def test_manual_runs_begin_where_the_last_covered_window_ended(company: Company) -> None:
    def covered() -> datetime | None:
        with company.ledger.read() as connection:
            return runs.covered_until(connection, company.scope)

    def cover(key: RunKey) -> None:
        with company.ledger.write() as connection:
            runs.mark_covered(connection, key, START)

    assert covered() is None
    cover(register(company, "a", "schedule", window(START, START + HOUR)))
    assert covered() == START + HOUR
    register(company, "b", "schedule", window(START, START + 2 * HOUR))
    assert covered() == START + HOUR, "b has not claimed anything yet"
    cover(register(company, "c", "range", window(START, START + 3 * HOUR)))
    cover(register(company, "d", "backfill", window(START, START + 4 * HOUR)))
    cover(register(company, "e", "manual", window(START, START + 5 * HOUR), dry_run=True))
    cover(register(company, "f", "reports", None))
    assert covered() == START + HOUR, "named days, backfills, dry runs and named reports move nothing"
    cover(register(company, "g", "manual", window(START, START + 6 * HOUR)))
    assert covered() == START + 6 * HOUR


# --- the ledger as the queue ---


def alive(*run_ids: str) -> queue.AnyAlive:
    def any_alive(keys: Iterable[RunKey]) -> bool:
        return any(key.run_id in run_ids for key in keys)

    return any_alive


def test_journals_without_a_live_run_are_abandoned_whatever_became_of_their_run(company: Company) -> None:
    ended, live = company.begin_run("ended"), company.begin_run("live")
    company.claim(report("R1"), run=ended)
    company.claim(report("R2"), run=live)
    company.claim(report("R3"))
    assert queue.abandoned(company.ledger, company.scope, alive("live")) == ["20261120-1", "20261120-3"]
    append(company, live, "20261120-1")
    assert queue.abandoned(company.ledger, company.scope, alive("live")) == ["20261120-3"]


def test_only_what_is_on_its_way_is_abandoned(company: Company) -> None:
    states = ["drafted", "ready", "posting", "held", "rejected", "conflict", "posted", "closed"]
    for number, state in enumerate(states, start=1):
        company.claim(report(f"R{number}"))
        with company.ledger.write() as connection:
            this = tables.journal.c.journal_key == f"20261120-{number}"
            connection.execute(tables.journal.update().where(this).values(state=state))
    assert queue.abandoned(company.ledger, company.scope, alive()) == ["20261120-1", "20261120-2", "20261120-3"]
    assert queue.held_by_ended_runs(company.ledger, company.scope, alive()) == ["20261120-4"]


def test_the_queue_of_a_renamed_tenant_is_its_own(company: Company) -> None:
    company.claim(report("R1"))
    renamed = company.with_settings(name="middle", formerly=["midwest"])
    assert queue.abandoned(renamed.ledger, renamed.scope, alive()) == ["20261120-1"]
    assert queue.abandoned(company.ledger, company.with_settings(name="other").scope, alive()) == []


def test_reports_of_journals_include_those_that_left(company: Company) -> None:
    company.claim(report("R1"), report("R2"))
    company.claim(report("R1", status="OPEN"))
    assert queue.reports_in(company.ledger, company.scope, ["20261120-1"]) == ["R1", "R2"]
    assert queue.unknown_reports(company.ledger, company.scope, ["R3", "R1", "R4", "R3"]) == ["R3", "R4"]


# --- marks ---


def to_mark(company: Company) -> list[str]:
    with company.ledger.read() as connection:
        return marks.to_mark(connection, company.scope)


def post(company: Company, key: str) -> None:
    company.check(key)
    company.poster(FakeErp()).post(key)


def test_a_report_is_marked_when_every_journal_of_it_is_posted_or_closed(company: Company) -> None:
    company = company.with_settings(posting={"per": "report", "company_card": "journal"})
    company.claim(report("R1", expense("1"), expense("2", reimbursable=False)), report("R2"))
    assert to_mark(company) == []
    post(company, "R1")
    assert to_mark(company) == []
    post(company, "R1-C")
    assert to_mark(company) == ["R1"]
    with company.ledger.write() as connection:
        marks.set_marked(connection, company.scope, ["R1"], START)
    assert to_mark(company) == []
    assert {row["report_id"]: row["exported_at"] for row in company.rows(tables.report)} == {"R1": START, "R2": None}


def test_a_report_without_expenses_is_marked(company: Company) -> None:
    company.claim(no_expenses("R1"))
    assert to_mark(company) == ["R1"]


def test_a_report_that_left_is_not_marked(company: Company) -> None:
    company.claim(report("R1"))
    company.claim(report("R1", status="OPEN"))
    assert to_mark(company) == []


def test_a_report_that_is_not_claimed_is_not_marked_with_its_days_journal(company: Company) -> None:
    company.claim(report("R1", expense("1")))
    company.claim(report("R2", expense("1")))
    post(company, "20261120-1")
    assert to_mark(company) == ["R1"]


def test_a_first_mark_keeps_its_time(company: Company) -> None:
    company.claim(no_expenses("R1"))
    for hours in range(2):
        with company.ledger.write() as connection:
            marks.set_marked(connection, company.scope, ["R1"], START + hours * HOUR)
    assert company.rows(tables.report)[0]["exported_at"] == START
