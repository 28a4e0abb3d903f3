"""Clearing a red box: reports are read again once per run, derived, checked, and posted if they have become good."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import ExpenseError, Held, Retryable
from include.ledger import replay, runs
from include.ledger.replay import Replay
from include.ledger.runs import Run
from tests.include.ledger.company import Company, expense, report
from tests.include.ledger.exports import archive, expense_record, part, report_record
from tests.include.ledger.fake_erp import FakeErp, rejects

KEY = "20261120-1"
OTHER = "20261121-1"


class Rerun:
    """The load tasks of one run. ``reports`` is what Expensify gives when it is asked again."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.erp = FakeErp()
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[list[str]] = []
        self.run = Run(company.begin_run(), "schedule", None, False)
        self.cleared = 0

    def reread(self, report_ids: Sequence[str]) -> list[bytes]:
        self.asked.append(list(report_ids))
        found = [(report_record(name), self.reports[name]) for name in report_ids if name in self.reports]
        return archive(part(self.company.clock(), found, report_ids=list(report_ids)))

    def replay(self, **changes: Any) -> Replay:
        company = self.company
        values: dict[str, Any] = {
            "ledger": company.ledger,
            "scope": company.scope,
            "tenant": company.tenant,
            "run": self.run,
            "clear_number": self.cleared,
            "read_again": self.reread,
            "open_erp": lambda: self.erp,
            "actor": company.actor,
            "clock": company.clock,
            "sleep": company.clock.advance,
            **changes,
        }
        return Replay(**values)

    def load(self, key: str) -> str:
        """What a load task does with one journal."""
        self.company.clock.advance(1)
        if self.replay().stale([key]):
            self.replay().refresh(key)
        return self.company.poster(self.erp).post(key).state

    def validate(self) -> None:
        """What the validate task does with the run's journals."""
        self.company.check()
        with self.company.ledger.write() as connection:
            runs.set_checked(connection, self.run.key, runs.keys(connection, self.run.key), self.cleared)

    def clear(self) -> None:
        """A person clears something of the run; Airflow counts that."""
        self.cleared += 1
        self.company.clock.advance(1)


@pytest.fixture
def rerun(company: Company) -> Rerun:
    """Two held journals in one run, Gifts being unmapped."""
    rerun = Rerun(company)
    company.claim(
        report("R1", expense("1", category="Gifts")),
        report("R2", expense("2", category="Gifts"), day=datetime(2026, 11, 21, tzinfo=UTC).date()),
        run=rerun.run.key,
    )
    rerun.validate()
    rerun.reports = {"R1": [expense_record("1", "Gifts")], "R2": [expense_record("2", "Gifts")]}
    return rerun


def test_on_the_first_try_a_held_journal_just_fails(rerun: Rerun) -> None:
    with pytest.raises(Held, match="'Gifts' has no account"):
        rerun.load(KEY)
    assert rerun.asked == []


def test_a_later_try_reads_again_once_for_all_open_journals_of_the_run(rerun: Rerun) -> None:
    for key in (KEY, OTHER):
        with pytest.raises(Held):
            rerun.load(key)
    rerun.clear()
    rerun.reports = {"R1": [expense_record("1", "Meals")], "R2": [expense_record("2", "Meals")]}
    assert rerun.load(KEY) == "posted"
    assert rerun.load(OTHER) == "posted"
    assert rerun.asked == [["R1", "R2"]]


def test_an_edited_mapping_counts_at_the_next_try(rerun: Rerun) -> None:
    with pytest.raises(Held):
        rerun.load(KEY)
    rerun.clear()
    rerun.company = rerun.company.with_settings(mapping={"gl_account": {"values": {"Gifts": "6700"}}})
    assert rerun.load(KEY) == "posted"
    assert rerun.company.lines(KEY)[0] == ("6700", 1000)


def test_every_clear_reads_again(rerun: Rerun) -> None:
    for _ in range(3):
        with pytest.raises(Held):
            rerun.load(KEY)
        rerun.clear()
    assert len(rerun.asked) == 2


def test_a_retry_without_a_clear_reads_nothing_again(rerun: Rerun) -> None:
    for _ in range(2):
        with pytest.raises(Held):
            rerun.load(KEY)
    assert rerun.asked == []


def test_a_clear_counts_also_when_another_run_has_checked_the_journal_meanwhile(rerun: Rerun) -> None:
    with pytest.raises(Held):
        rerun.load(KEY)
    rerun.company.derive_again(KEY)
    rerun.company.check()
    rerun.clear()
    rerun.reports["R1"] = [expense_record("1", "Meals")]
    assert rerun.load(KEY) == "posted"


def test_a_rejected_journal_is_derived_and_checked_again(company: Company) -> None:
    rerun = Rerun(company)
    company.claim(report("R1", expense("1")), run=rerun.run.key)
    rerun.validate()
    rerun.erp.creates = [rejects]
    with pytest.raises(ExpenseError, match="on hold"):
        company.poster(rerun.erp).post(KEY)
    rerun.clear()
    rerun.reports = {"R1": [expense_record("1", "Meals")]}
    assert rerun.load(KEY) == "posted"
    assert rerun.asked == [["R1"]]
    assert rerun.erp.count("create") == 2


def test_a_drafted_journal_is_checked_on_the_first_try(company: Company) -> None:
    """Validate was killed, or the journal was drafted anew after it."""
    rerun = Rerun(company)
    company.claim(report("R1", expense("1")), run=rerun.run.key)
    rerun.reports = {"R1": [expense_record("1", "Meals")]}
    assert rerun.load(KEY) == "posted"


def test_a_report_that_is_no_longer_approved_closes_its_journal(rerun: Rerun) -> None:
    with pytest.raises(Held):
        rerun.load(KEY)
    rerun.clear()
    del rerun.reports["R1"]
    assert rerun.load(KEY) == "closed"
    assert rerun.erp.sent == []


def test_the_card_part_of_a_report_is_checked_with_the_part_that_is_replayed(company: Company) -> None:
    company = company.with_settings(posting={"per": "report", "company_card": "journal"})
    rerun = Rerun(company)
    company.claim(
        report("R1", expense("1", category="Gifts"), expense("2", category="Meals", reimbursable=False)),
        run=rerun.run.key,
    )
    rerun.validate()
    assert company.states() == {"R1": "held", "R1-C": "ready"}
    with pytest.raises(Held):
        rerun.load("R1")
    rerun.clear()
    rerun.reports = {"R1": [expense_record("1", "Meals"), expense_record("2", "Travel", reimbursable=False)]}
    assert rerun.load("R1") == "posted"
    assert company.states() == {"R1": "posted", "R1-C": "ready"}
    assert company.lines("R1-C")[0] == ("6200", 1000)


def test_expensify_being_down_gives_the_turn_back(rerun: Rerun) -> None:
    with pytest.raises(Held):
        rerun.load(KEY)
    rerun.clear()

    def down(_: Sequence[str]) -> list[bytes]:
        raise Retryable("no answer")

    with pytest.raises(Retryable):
        rerun.replay(read_again=down).refresh(KEY)
    rerun.reports["R1"] = [expense_record("1", "Meals")]
    assert rerun.load(KEY) == "posted"


def test_boxes_that_are_cleared_together_share_one_reading(rerun: Rerun) -> None:
    for key in (KEY, OTHER):
        with pytest.raises(Held):
            rerun.load(key)
    rerun.clear()
    rerun.reports = {"R1": [expense_record("1", "Meals")], "R2": [expense_record("2", "Meals")]}
    start = threading.Barrier(2)

    def slowly(report_ids: Sequence[str]) -> list[bytes]:
        time.sleep(0.3)
        return rerun.reread(report_ids)

    def box(key: str) -> None:
        start.wait()
        rerun.replay(read_again=slowly, sleep=lambda _: time.sleep(0.02)).refresh(key)

    threads = [threading.Thread(target=box, args=(key,)) for key in (KEY, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rerun.asked == [["R1", "R2"]]
    assert rerun.company.states() == {KEY: "ready", OTHER: "ready"}


def test_a_turn_that_is_never_given_back_runs_out(rerun: Rerun) -> None:
    with pytest.raises(Held):
        rerun.load(KEY)
    rerun.clear()
    with rerun.company.ledger.write() as connection:
        assert runs.begin_refresh(connection, rerun.run.key, rerun.company.clock(), replay.TURN_LASTS_S)
    rerun.reports["R1"] = [expense_record("1", "Meals")]
    rerun.replay(sleep=lambda _: rerun.company.clock.advance(60)).refresh(KEY)
    assert rerun.company.states()[KEY] == "ready"


def test_who_overstayed_its_turn_does_not_end_anothers(company: Company) -> None:
    key = company.begin_run()
    with company.ledger.write() as connection:
        mine = runs.begin_refresh(connection, key, company.clock(), 10)
        company.clock.advance(11)
        assert runs.begin_refresh(connection, key, company.clock(), 10) is not None
        assert mine is not None
        runs.end_refresh(connection, key, mine)
        assert runs.begin_refresh(connection, key, company.clock(), 10) is None


def test_exports_of_the_tests_are_json_lines() -> None:
    lines = archive(part(datetime(2026, 11, 21, tzinfo=UTC), [(report_record("R1"), [])], report_ids=["R1"]))
    assert [json.loads(line)["k"] for line in lines] == ["X", "B", "R", "Z", "F"]
