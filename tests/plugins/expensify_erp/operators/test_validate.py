"""Journals become ready, or held with reasons that say what to do."""

from __future__ import annotations

import pytest

from include.errors import Retryable
from include.sandbox.faults import Drop, Fault
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_10, World


def reasons(world: World, key: str) -> str:
    return " ".join(str(value) for reason in world.journals("reasons")[key] for value in reason.values())


def test_a_good_journal_is_ready_and_each_has_its_box(world: World) -> None:
    world.report("R1", day="2025-11-01")
    world.report("R2")
    run = world.run("manual", None)
    assert run.until_validated() == [["20251101-1"], ["20251102-1"]]
    assert world.journals() == {"20251101-1": "ready", "20251102-1": "ready"}
    assert world.creates() == 0, "checking posts nothing"


def test_nothing_to_post_means_no_boxes(world: World) -> None:
    run = world.run()
    assert run.until_validated() == []
    run.acknowledge()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda world: world.report("R1", category="Gifts"), "Gifts"),
        (lambda world: world.company.accounts.pop("6100-P1"), "6100-P1"),
        (lambda world: world.company.put_account_on_hold("6100-P1"), "6100-P1"),
        (lambda world: world.company.close_period(2025, 11), "period"),
    ],
    ids=["unmapped category", "missing account", "account on hold", "closed period"],
)
def test_a_bad_journal_is_held_and_keeps_its_box(world: World, break_it: object, said: str) -> None:
    world.report("R1")
    break_it(world)  # type: ignore[operator]
    run = world.run()
    assert run.until_validated() == [["20251102-1"]]
    assert world.journals() == {"20251102-1": "held"}
    assert said in reasons(world, "20251102-1")


def test_an_erp_that_does_not_answer_holds_nothing(world: World) -> None:
    world.report("R1")
    run = world.run()
    run.extract()
    run.transform()
    world.sandbox.faults.add(Fault("syspro", "Query/Query*", Drop(), times=50))
    with pytest.raises(Retryable):
        run.validate()
    assert world.journals() == {"20251102-1": "drafted"}
    world.sandbox.faults.clear()
    run.validate()
    assert world.journals() == {"20251102-1": "ready"}


def test_a_second_try_applies_todays_mapping(world: World) -> None:
    world.report("R1")
    run = world.run()
    run.until_validated()
    world.company.add_account("6900-P1")
    world.tenant(mapping={"gl_account": {"values": {"Meals": "6900"}}})
    run.clear()
    run.validate()
    assert world.rows("SELECT account FROM journal_line WHERE amount_cents > 0") == [("6900-P1",)]
    assert world.journals() == {"20251102-1": "ready"}


class TestHeldOfEarlierRuns:
    @pytest.fixture
    def held(self, world: World) -> str:
        """A journal held for an unmapped category; its run has ended."""
        world.report("R1", category="Gifts")
        run = world.run()
        run.until_validated()
        run.state = "failed"
        return "20251102-1"

    def allow_gifts(self, world: World) -> None:
        world.company.add_account("6700-P1")
        world.tenant(mapping={"gl_account": {"values": {"Meals": "6100", "Gifts": "6700"}}})

    def test_one_that_has_become_good_joins_the_run(self, world: World, held: str) -> None:
        self.allow_gifts(world)
        assert world.run("scheduled", NOVEMBER_10).until_validated() == [[held]]
        assert world.journals() == {held: "ready"}

    def test_one_that_is_still_bad_does_not(self, world: World, held: str) -> None:
        assert world.run("scheduled", NOVEMBER_10).until_validated() == []
        assert world.journals() == {held: "held"}

    def test_one_of_a_live_run_is_left_to_it(self, world: World, held: str) -> None:
        self.allow_gifts(world)
        world.airflow.runs[0].state = "running"
        assert world.run("backfill", NOVEMBER_10).until_validated() == []
        assert world.journals() == {held: "held"}

    def test_a_correction_in_expensify_counts_as_well(self, world: World, held: str) -> None:
        world.report("R1")
        assert world.run("scheduled", NOVEMBER_10).until_validated() == [[held]]
        assert world.journals() == {held: "ready"}

    def test_a_run_for_named_reports_leaves_them_alone(self, world: World, held: str) -> None:
        self.allow_gifts(world)
        world.report("R2", day="2025-11-10")
        assert world.run("manual", None, report_ids=["R2"]).until_validated() == [["20251110-1"]]
        assert world.journals()[held] == "held"

    def test_own_boxes_keep_their_places_when_one_joins_late(self, world: World, held: str) -> None:
        world.report("R2", day="2025-11-10")
        run = world.run("scheduled", NOVEMBER_10)
        assert run.until_validated() == [["20251110-1"]]
        self.allow_gifts(world)
        run.clear()
        assert run.validate() == [["20251110-1"], [held]]


class TestDryRun:
    def test_it_asks_the_erp_and_changes_nothing(self, world: World) -> None:
        world.report("R1")
        world.company.put_account_on_hold("6100-P1")
        run = world.run(dry_run=True)
        assert run.until_validated() == []
        rows = run.pushed["validate", "preview"]
        assert any("6100-P1" in reason for reason in rows[0]["reasons"])
        assert world.journals() == {}
        run.acknowledge()
        assert (world.creates(), world.booked()) == (0, [])

    def test_without_good_drafts_the_erp_is_not_asked(self, world: World) -> None:
        world.report("R1", category="Gifts")
        run = world.run(dry_run=True)
        run.until_validated()
        assert "Gifts" in run.pushed["validate", "preview"][0]["reasons"][0]
        assert world.sandbox.operations("syspro") == []
