"""Reconciliation through its operators: a person acts in Expensify or in SYSPRO, and exactly that is found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from expensify_erp.operators.reconcile import ReconcileExtractOperator, ReconcileOperator
from expensify_erp.operators.settle import SettleOperator

from include.errors import LookupFailed, Misconfigured, Retryable, Unreconciled
from include.ledger import reconciliation
from include.sandbox.faults import Drop, Fault, Status
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run
from tests.plugins.expensify_erp.operators.conftest import World

LABEL = {"mark_exported": "syspro-acme"}


class Reconciliation(Run):
    """A run of the tenant's other DAG."""

    @property
    def dag_id(self) -> str:
        return f"reconcile__{self.tenant}"

    def run(self) -> dict[str, Any]:
        extracted = self._execute(ReconcileExtractOperator(task_id="extract", tenant=self.tenant))
        return self.compare(extracted)

    def compare(self, extracted: Any) -> dict[str, Any]:
        return dict(self._execute(ReconcileOperator(task_id="compare", tenant=self.tenant, extracted=extracted)))


def started(world: World, month: str | None = "2025-11") -> Reconciliation:
    run = Reconciliation(
        world.airflow, "acme", f"manual__r{len(world.airflow.runs) + 1}", "manual", None, {"month": month}
    )
    world.airflow.runs.append(run)
    return run


def reconcile(world: World, month: str | None = "2025-11") -> list[tuple[str, str | None, str | None]]:
    """Kind, report and journal of each difference that a new run finds."""
    run = started(world, month)
    with suppress(Unreconciled):
        run.run()
    with world.ledger.read() as connection:
        (last,) = reconciliation.latest(connection, ["acme"])
        page = reconciliation.differences(connection, ["acme"], limit=100)
    assert last.run_id == run.run_id
    newest = [one for one in page.rows if one.last_seen_at == last.at]
    assert last.difference_count == len(newest)
    return sorted((one.kind, one.report_id, one.journal_key) for one in newest)


def settle(world: World, action: str, **params: Any) -> None:
    run = world.airflow.run("acme", "manual", None, tenant="acme", action=action, reason="seen by audit", **params)
    run.user, run.state = "pat", "success"
    SettleOperator(task_id="settle").execute(run.context("settle"))  # type: ignore[arg-type]


@pytest.fixture
def posted(world: World) -> World:
    """Three reports in two journals, posted and marked."""
    world.tenant(expensify=LABEL)
    world.report("R1", cents=1250)
    world.report("R2", cents=300)
    world.report("R3", day="2025-11-03", cents=99)
    world.run("manual", None).post_all()
    return world


def expense(world: World, report_id: str) -> dict[str, Any]:
    report = world.sandbox.expensify.reports[report_id]
    (found,) = report["transactionList"]
    return dict(found)


# --- what a person does, and what is found ---


def raise_amount(world: World) -> None:
    world.report("R1", cents=1350)


def recategorise(world: World) -> None:
    world.report("R1", category="Airfare")


def delete_report(world: World) -> None:
    del world.sandbox.expensify.reports["R1"]


def reopen_report(world: World) -> None:
    world.sandbox.expensify.reports["R1"]["status"] = "Open"


def approve_another(world: World) -> None:
    world.report("R9", day="2025-11-04", cents=700)


def take_the_mark_off(world: World) -> None:
    world.sandbox.expensify.labels["R1"].clear()


def cancel(world: World) -> None:
    world.company.cancel_journal(2025, 411)


def alter(world: World) -> None:
    world.company.alter_journal(2025, 411, 1, 1551)


def redate(world: World) -> None:
    journal = world.company.journal(2025, 411)
    journal.lines = [replace(line, date=date(2025, 12, 24)) for line in journal.lines]


def move_to_another_account(world: World) -> None:
    journal = world.company.journal(2025, 411)
    journal.lines = [replace(line, ledger_code="6200-P1") if line.cents > 0 else line for line in journal.lines]


def key_it_in_again(world: World) -> None:
    lines = [(line.ledger_code, line.cents) for line in world.company.journal(2025, 411).lines]
    world.company.enter_journal(lines, day=date(2025, 11, 20), reference="EXP-20251102-1")


def key_in_something_of_our_prefix(world: World) -> None:
    world.company.enter_journal(
        [("6100-P1", 5), ("2150-00", -5)], day=date(2025, 11, 20), reference="exp-20251120-1", period=11
    )


ACTS: dict[str, tuple[Callable[[World], None], tuple[str, str | None, str | None]]] = {
    "amount": (raise_amount, ("changed", "R1", "20251102-1")),
    "category": (recategorise, ("changed", "R1", "20251102-1")),
    "deleted": (delete_report, ("deleted", "R1", "20251102-1")),
    "reopened": (reopen_report, ("withdrawn", "R1", "20251102-1")),
    "approved": (approve_another, ("not_posted", "R9", None)),
    "unmarked": (take_the_mark_off, ("not_marked", "R1", None)),
    "cancelled": (cancel, ("missing_in_erp", None, "20251102-1")),
    "altered": (alter, ("altered_in_erp", None, "20251102-1")),
    "redated": (redate, ("altered_in_erp", None, "20251102-1")),
    "other-account": (move_to_another_account, ("altered_in_erp", None, "20251102-1")),
    "twice": (key_it_in_again, ("posted_twice", None, "20251102-1")),
    "foreign": (key_in_something_of_our_prefix, ("unknown_document", None, None)),
}


class TestOneDifference:
    @pytest.mark.parametrize("name", ACTS)
    def test_it_is_found_and_nothing_else(self, posted: World, name: str) -> None:
        assert reconcile(posted) == []
        act, expected = ACTS[name]
        act(posted)
        assert reconcile(posted) == [expected]

    def test_the_run_is_red_and_says_what_to_do(self, posted: World) -> None:
        alter(posted)
        with pytest.raises(Unreconciled) as caught:
            started(posted).run()
        said = str(caught.value)
        assert "acme: 1 difference between Expensify, the ledger and the ERP" in said
        assert "15.50 USD, was altered in the ERP: it shows document 2025/411 over 15.51 instead of 15.50" in said
        assert "adopt it with settle" in said
        assert "dana@acme.example" not in said

    def test_both_amounts_are_stored(self, posted: World) -> None:
        alter(posted)
        reconcile(posted)
        rows = posted.rows("SELECT expected_cents, found_cents, currency, day FROM reconcile_difference")
        assert rows == [(1550, 1551, "USD", "2025-11-02")]


class TestNoDifference:
    def test_the_totals_of_the_three_sides_are_stored(self, posted: World) -> None:
        assert started(posted).run() == {
            "differences": 0,
            "totals": [
                {"currency": "USD", "expensify": 1649, "closed": 0, "under_way": 0, "ledger": 1649, "erp": 1649}
            ],
        }
        with posted.ledger.read() as connection:
            (last,) = reconciliation.latest(connection, ["acme"])
        assert (last.outcome, last.report_count, last.journal_count, last.document_count) == ("agrees", 3, 2, 2)
        assert (last.first_day, last.last_day) == (date(2025, 11, 1), date(2025, 11, 30))
        assert last.categories == [
            {
                "currency": "USD",
                "category": "Meals",
                "reimbursable": True,
                "expensify": 1649,
                "ledger": 1649,
                "erp": 1649,
            }
        ]

    def test_what_was_approved_before_the_start_or_outside_the_days_is_not_compared(self, posted: World) -> None:
        posted.report("R7", day="2025-10-31")
        posted.report("R8", day="2025-12-01")
        assert reconcile(posted) == []
        assert reconcile(posted, "2025-12") == [("not_posted", "R8", None)]

    def test_the_last_moment_of_a_local_day_belongs_to_it(self, posted: World) -> None:
        # Chicago is six hours behind: 05:59 UTC of 1 December is 23:59 of 30 November there.
        posted.report("R7", approved="2025-12-01 05:59:00")
        posted.report("R8", approved="2025-12-01 06:00:00")
        assert reconcile(posted) == [("not_posted", "R7", None)]

    def test_a_report_that_a_person_closed_is_settled(self, posted: World) -> None:
        approve_another(posted)
        settle(posted, "close", report_ids=["R9"])
        assert reconcile(posted) == [("not_marked", "R9", None)]
        posted.sandbox.expensify.labels.setdefault("R9", set()).add("syspro-acme")
        assert reconcile(posted) == []

    def test_a_dry_run_leaves_nothing_to_compare(self, world: World) -> None:
        world.report("R1")
        run = world.run("manual", None, dry_run=True)
        run.until_validated()
        run.state = "success"
        assert reconcile(world) == [("not_posted", "R1", None)]

    def test_expenses_that_net_to_nothing_agree(self, world: World) -> None:
        report = world.report("R1", total=0)
        (meal,) = report["transactionList"]
        report["transactionList"].append({**meal, "transactionID": "92", "amount": -1250})
        world.run("manual", None).post_all()
        assert world.journals() == {"20251102-1": "closed"}
        assert reconcile(world) == []

    def test_a_document_in_a_period_other_than_approved_agrees(self, world: World) -> None:
        world.tenant(posting={"closed_period": "next_open"})
        world.company.period = 12
        world.company.close_period(2025, 11)
        world.report("R1")
        world.run("manual", None).post_all()
        assert world.journals("posting_date") == {"20251102-1": date(2025, 12, 1)}
        assert reconcile(world) == []

    def test_a_held_journal_is_not_posted_because(self, posted: World) -> None:
        posted.report("R9", day="2025-11-04", category="Hotel")
        run = posted.run("manual", None, report_ids=["R9"])
        run.until_validated()
        run.state = "failed"
        assert reconcile(posted) == [("not_posted", "R9", "20251104-1")]
        ((message,),) = posted.rows("SELECT message FROM reconcile_difference")
        assert "held because Category 'Hotel' has no account" in message

    def test_a_journal_that_a_live_run_is_about_to_post_is_no_difference(self, posted: World) -> None:
        approve_another(posted)
        run = posted.run("manual", None, report_ids=["R9"])
        run.until_validated()
        assert reconcile(posted) == []
        run.state = "failed"
        assert reconcile(posted) == [("not_posted", "R9", "20251104-1")]


class TestDayAfterDay:
    def test_a_difference_keeps_the_time_when_it_was_first_seen_and_is_resolved_when_it_is_gone(
        self, posted: World
    ) -> None:
        alter(posted)
        reconcile(posted)
        ((first,),) = posted.rows("SELECT first_seen_at FROM reconcile_difference")
        posted.company.alter_journal(2025, 411, 1, 1552)
        reconcile(posted)
        ((again, found, resolved),) = posted.rows(
            "SELECT first_seen_at, found_cents, resolved_at FROM reconcile_difference"
        )
        assert (again, found, resolved) == (first, 1552, None)
        posted.company.alter_journal(2025, 411, 1, 1550)
        assert reconcile(posted) == []
        ((resolved,),) = posted.rows("SELECT resolved_at FROM reconcile_difference")
        assert resolved is not None

    def test_one_that_comes_back_is_a_new_one(self, posted: World) -> None:
        alter(posted)
        reconcile(posted)
        posted.company.alter_journal(2025, 411, 1, 1550)
        reconcile(posted)
        alter(posted)
        reconcile(posted)
        rows = posted.rows("SELECT resolved_at IS NULL FROM reconcile_difference ORDER BY id")
        assert rows == [(0,), (1,)]

    def test_a_run_over_other_days_resolves_nothing(self, posted: World) -> None:
        alter(posted)
        reconcile(posted)
        assert reconcile(posted, "2025-12") == []
        with posted.ledger.read() as connection:
            (last,) = reconciliation.latest(connection, ["acme"])
        assert (last.outcome, last.difference_count, last.open_count) == ("agrees", 0, 1)

    def test_a_cleared_run_replaces_what_it_stored(self, posted: World) -> None:
        alter(posted)
        run = started(posted)
        with pytest.raises(Unreconciled):
            run.run()
        run.clear()
        with pytest.raises(Unreconciled):
            run.run()
        assert posted.rows("SELECT count(*) FROM reconciliation") == [(1,)]
        assert posted.rows("SELECT count(*) FROM reconcile_difference") == [(1,)]

    def test_without_a_month_the_days_that_are_due_are_compared(self, posted: World) -> None:
        # All of the tenant's reports are older than that.
        started(posted, None).run()
        with posted.ledger.read() as connection:
            (last,) = reconciliation.latest(connection, ["acme"])
        assert last.first_day is not None
        assert last.last_day is not None
        assert (last.last_day - last.first_day).days == 44
        assert last.report_count == 0


class TestFailures:
    @pytest.mark.parametrize("fault", [Drop(), Status(500, "no")], ids=["dropped", "500"])
    def test_a_look_up_that_fails_is_never_no_difference(self, posted: World, fault: Any) -> None:
        alter(posted)
        reconcile(posted)
        posted.sandbox.faults.add(Fault("syspro", "Query/Query*", fault, when="after", times=99))
        with pytest.raises(LookupFailed):
            started(posted).run()
        with posted.ledger.read() as connection:
            (last,) = reconciliation.latest(connection, ["acme"])
        assert (last.outcome, last.open_count) == ("failed", 1)
        assert last.error

    def test_an_export_that_fails_is_never_no_difference(self, posted: World) -> None:
        posted.sandbox.faults.add(Fault("expensify", "*", Drop(), when="before", times=99))
        with pytest.raises(Retryable):
            started(posted).run()
        with posted.ledger.read() as connection:
            (last,) = reconciliation.latest(connection, ["acme"])
        assert last.outcome == "failed"

    def test_a_wrong_month_is_refused(self, posted: World) -> None:
        with pytest.raises(Misconfigured, match="'2025-13' is not a month"):
            started(posted, "2025-13").run()

    def test_nothing_is_written_anywhere_but_into_the_ledger_s_own_tables(self, posted: World) -> None:
        creates, marks = posted.creates(), posted.sandbox.operations("expensify").count("file:mark")
        alter(posted)
        approve_another(posted)
        reconcile(posted)
        assert posted.creates() == creates
        assert posted.sandbox.operations("expensify").count("file:mark") == marks
        assert sorted(posted.journals()) == ["20251102-1", "20251103-1"]


class TestReading:
    def test_differences_are_paged_and_exported(self, posted: World) -> None:
        alter(posted)
        approve_another(posted)
        reconcile(posted)
        with posted.ledger.read() as connection:
            first = reconciliation.differences(connection, ["acme"], limit=1)
            second = reconciliation.differences(connection, ["acme"], offset=1, limit=1)
            of_kind = reconciliation.differences(connection, ["acme"], kind="not_posted")
            nobody = reconciliation.differences(connection, ["other"])
            header, *rows = reconciliation.csv_rows(connection, ["acme"])
        assert (first.total, second.total, of_kind.total, nobody.total) == (2, 2, 1, 0)
        assert {one.kind for one in (*first.rows, *second.rows)} == {"altered_in_erp", "not_posted"}
        columns = [dict(zip(header, row, strict=True)) for row in rows]
        assert {(one["kind"], one["expected"], one["found"]) for one in columns} == {
            ("altered_in_erp", "15.50", "15.51"),
            ("not_posted", "7.00", "0.00"),
        }
