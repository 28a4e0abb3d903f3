"""Marks in Expensify, and the run's colour."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.errors import Held, Retryable
from include.ledger import tables
from include.sandbox.faults import Drop, Fault
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_10, World

LABEL = {"mark_exported": "syspro-acme"}


def labelled(world: World) -> set[str]:
    with world.sandbox.lock:
        return {report for report, labels in world.sandbox.expensify.labels.items() if "syspro-acme" in labels}


def marking_requests(world: World) -> int:
    return world.sandbox.operations("expensify").count("file:mark")


def with_card_line(world: World, report_id: str) -> None:
    """A report with a meal paid by the employee and one paid with the company card."""
    report = world.report(report_id, total=2000)
    (meal,) = report["transactionList"]
    meal["amount"] = 1500
    report["transactionList"].append({**meal, "transactionID": "88", "amount": 500, "reimbursable": False})


class TestMarks:
    def test_posted_reports_are_marked_in_one_request(self, world: World) -> None:
        world.tenant(expensify=LABEL)
        for number in range(1, 8):
            world.report(f"R{number}", day=f"2025-11-0{1 + number % 3}")
        world.run("manual", None).post_all()
        assert labelled(world) == {f"R{number}" for number in range(1, 8)}
        assert marking_requests(world) == 1
        assert world.rows("SELECT count(*) FROM report WHERE exported_at IS NULL") == [(0,)]

    def test_they_are_marked_once(self, world: World) -> None:
        world.tenant(expensify=LABEL)
        world.report("R1")
        run = world.run()
        run.post_all()
        run.clear()
        run.acknowledge()
        assert marking_requests(world) == 1

    def test_a_tenant_without_a_label_marks_nothing(self, world: World) -> None:
        world.report("R1")
        world.run().post_all()
        assert marking_requests(world) == 0

    def test_a_report_waits_for_all_of_its_journals(self, world: World) -> None:
        world.tenant(expensify=LABEL, posting={"per": "report", "company_card": "journal"})
        with_card_line(world, "R1")
        run = world.run()
        assert run.until_validated() == [["R1"], ["R1-C"]]
        run.load(0)
        with pytest.raises(Held, match=r"R1-C .* is ready"):
            run.acknowledge()
        assert labelled(world) == set()
        run.load(1)
        run.acknowledge()
        assert labelled(world) == {"R1"}

    def test_what_is_posted_is_marked_although_the_run_fails(self, world: World) -> None:
        world.tenant(expensify=LABEL)
        world.report("R1")
        world.report("R2", day="2025-11-03", category="Gifts")
        run = world.run("manual", None)
        run.until_validated()
        run.load(0)
        with pytest.raises(Held):
            run.acknowledge()
        assert labelled(world) == {"R1"}

    def test_a_report_without_expenses_is_closed_and_marked(self, world: World) -> None:
        world.tenant(expensify=LABEL)
        world.report("R1", total=0, transactionList=[])
        world.run().post_all()
        assert (set(world.journals().values()), labelled(world)) == ({"closed"}, {"R1"})

    def test_marks_left_undone_are_made_by_the_next_run(self, world: World) -> None:
        world.tenant(expensify=LABEL)
        world.report("R1")
        run = world.run()
        run.until_validated()
        run.load()
        world.sandbox.faults.add(Fault("expensify", "file:mark", Drop(), times=20))
        with pytest.raises(Retryable):
            run.acknowledge()
        run.state = "failed"
        world.sandbox.faults.clear()
        world.run("scheduled", NOVEMBER_10).post_all()
        assert labelled(world) == {"R1"}


class TestColour:
    def test_each_open_journal_is_named_with_its_amount_state_reason_and_box(self, world: World) -> None:
        world.report("R1", category="Gifts", cents=18400)
        world.report("R2", day="2025-11-03")
        world.report("R3", day="2025-11-04")
        run = world.run("manual", None)
        run.until_validated()
        run.load(2)
        with pytest.raises(Held) as caught:
            run.acknowledge()
        first, held, ready = str(caught.value).splitlines()
        assert first == "2 journals of this run need a person:"
        assert held.startswith("20251102-1 (184.00 USD) is held: ")
        assert "Gifts" in held
        assert held.endswith("(task load, box 0: 20251102-1)")
        assert ready == "20251103-1 (12.50 USD) is ready (task load, box 1: 20251103-1)"

    def test_a_run_whose_journals_another_run_has_posted_turns_green_without_the_erp(self, world: World) -> None:
        world.report("R1", category="Gifts")
        run = world.run()
        run.until_validated()
        with pytest.raises(Held):
            run.load()
        with pytest.raises(Held):
            run.acknowledge()
        run.state = "failed"
        world.report("R1")
        world.run("scheduled", NOVEMBER_10).post_all()
        asked = len(world.sandbox.operations("syspro"))
        run.clear()
        run.load()
        run.acknowledge()
        assert len(world.sandbox.operations("syspro")) == asked

    @pytest.mark.parametrize("step", ["extract", "transform", "validate"])
    @pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped"])
    def test_a_step_that_did_not_succeed_makes_it_fail(self, world: World, step: str, state: str) -> None:
        run = world.run()
        run.until_validated()
        run.states[step] = state
        with pytest.raises(Held, match=f"^{step} did not succeed: clear it with everything downstream$"):
            run.acknowledge()

    def test_all_steps_missing_are_named_also_when_the_run_never_began(self, world: World) -> None:
        with pytest.raises(Held, match=r"^extract, transform, validate did not succeed"):
            world.run().acknowledge()

    def test_a_dry_run_is_green_and_marks_nothing(self, world: World) -> None:
        world.tenant(expensify=LABEL)
        world.report("R1")
        run = world.run(dry_run=True)
        run.until_validated()
        run.acknowledge()
        assert (marking_requests(world), world.creates()) == (0, 0)

    def test_a_posting_that_the_erp_shows_with_another_total_needs_a_person(self, world: World) -> None:
        world.report("R1")
        run = world.run()
        run.until_validated()
        run.load()
        world.find_another_total()
        with pytest.raises(Held, match=r"20251102-1: Sent 12\.50, document 2025/411 shows 12\.51"):
            run.acknowledge()
        with world.ledger.write() as connection:
            connection.execute(tables.finding.update().values(settled_at=datetime(2025, 11, 4, tzinfo=UTC)))
        run.acknowledge()


class TestAnnouncements:
    def test_only_boxes_that_succeeded_have_announced(self, world: World) -> None:
        world.tenant(posting={"per": "report"})
        world.report("R1")
        world.report("R2", category="Gifts")
        world.report("R3")
        run = world.run()
        run.until_validated()
        run.xcoms["validate"] = [["R1"], ["R2"], ["R3"]]
        run.load(0)
        run.load(2)
        run.states["load_2"] = "failed"  # killed after its last statement
        with pytest.raises(Held):
            run.acknowledge()
        assert world.journals("announced") == {"R1": True, "R2": False, "R3": False}
