"""Boxes: each journal posted exactly once, or one error that says what is not posted and why."""

from __future__ import annotations

import json
from datetime import date

import pytest

from include.errors import Held, Misconfigured, Rejected, Retryable
from include.ledger.posting import Posted, Poster
from include.sandbox.faults import Drop, Fault
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_3, World

KEY = "20251102-1"


@pytest.fixture
def one(world: World) -> Run:
    """A validated run with one good journal over 12.50 USD."""
    world.report("R1")
    run = world.run()
    run.until_validated()
    return run


def box_of(world: World, *report_ids: str) -> Run:
    """A validated run with one journal per report, all in one box."""
    run = world.run("manual", None)
    assert sorted(key for box in run.until_validated() for key in box) == sorted(report_ids)
    run.xcoms["validate"] = [list(report_ids)]
    return run


def test_a_good_journal_is_posted_once_and_its_row_says_as_what(world: World, one: Run) -> None:
    row = {
        "journal_key": KEY,
        "state": "posted",
        "document_number": "2025/411",
        "total_debit_cents": 1250,
        "currency": "USD",
    }
    assert one.load() == [row]
    assert world.booked() == [(date(2025, 11, 2), "2150-00", -1250), (date(2025, 11, 2), "6100-P1", 1250)]
    assert world.events(KEY)[-2:] == [("ready", "posting"), ("posting", "posted")]


@pytest.mark.parametrize(
    ("keys", "name"),
    [(["20251102-1"], "20251102-1"), (["20251102-1", "20251103-1", "20251104-1"], "20251102-1 and 2 more")],
    ids=["one", "three"],
)
def test_a_box_is_named_by_its_journals_also_when_it_fails(world: World, keys: list[str], name: str) -> None:
    from expensify_erp.operators.load import LoadOperator

    run = world.run()
    run.extract()
    context = run.context("load", 0)
    with pytest.raises(Held):
        LoadOperator(task_id="load", tenant="acme", journal_keys=keys).execute(context)  # type: ignore[arg-type]
    assert context["journal_name"] == name


class TestEvents:
    def test_a_posting_is_announced_on_the_tenants_ledger(self, world: World, one: Run) -> None:
        rows = one.load()
        assert one.events["load_0"] == rows
        assert one.assets == {"erp://syspro/acme/ledger"}

    def test_a_posting_whose_task_was_killed_before_it_ended_is_announced_by_the_next_try(
        self, world: World, one: Run
    ) -> None:
        rows = one.load()
        one.states.pop("load_0")  # Airflow kept nothing of it
        one.load()
        assert one.events["load_0"] == rows

    def test_a_posting_that_a_finished_task_announced_is_not_announced_again(self, world: World, one: Run) -> None:
        one.load()
        one.acknowledge()
        one.clear()
        one.load()
        assert one.events["load_0"] == []

    def test_a_journal_that_is_closed_is_no_posting(self, world: World, one: Run) -> None:
        with world.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE journal SET state = 'closed'")
        assert [row["state"] for row in one.load()] == ["closed"]
        assert one.events["load_0"] == []


class TestAgain:
    def test_a_posted_journal_needs_no_erp(self, world: World, one: Run) -> None:
        first = one.load()
        asked = len(world.sandbox.operations("syspro"))
        one.clear()
        assert one.load() == first
        assert len(world.sandbox.operations("syspro")) == asked

    def test_a_lost_answer_is_waited_for_and_found_and_never_posted_twice(self, world: World, one: Run) -> None:
        world.sandbox.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Drop(), when="after"))
        with pytest.raises(Retryable, match="its outcome is unknown") as caught:
            one.load()
        assert caught.value.delay_s is not None
        assert 0 < caught.value.delay_s <= 5.5 + 0.5
        with pytest.raises(Retryable, match="an earlier try may still be posting it"):
            one.load()
        with world.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE attempt SET lease_until = '2025-11-02 00:00:00.000000'")
        assert one.load()[0]["document_number"] == "2025/411"
        assert (world.creates(), len(world.company.journals)) == (1, 1)

    def test_a_missing_connection_costs_nothing_but_a_clear(
        self, world: World, one: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The target still names the company, so that only opening the session fails."""
        import os

        kept = json.loads(os.environ["AIRFLOW_CONN_SYSPRO_ACME"])
        monkeypatch.setenv("AIRFLOW_CONN_SYSPRO_ACME", json.dumps(kept | {"password": ""}))
        with pytest.raises(Misconfigured, match="the connection syspro_acme has no password"):
            one.load()
        monkeypatch.setenv("AIRFLOW_CONN_SYSPRO_ACME", json.dumps(kept))
        one.clear()
        assert [row["state"] for row in one.load()] == ["posted"]
        assert world.creates() == 1


class TestBoxOfMany:
    @pytest.fixture(autouse=True)
    def per_report(self, world: World) -> None:
        world.tenant(posting={"per": "report"})

    def test_all_are_attempted_and_one_error_names_each_that_is_not_posted(self, world: World) -> None:
        world.report("R1", category="Gifts")
        world.report("R2")
        world.report("R3", cents=999)
        world.report("R4", cents=400)
        run = box_of(world, "R1", "R2", "R3", "R4")
        world.company.enter_journal([("6100-P1", 1), ("2150-00", -1)], day=date(2025, 11, 2), reference="EXP-R3")
        with pytest.raises(Held) as caught:
            run.load()
        first, *rest = str(caught.value).splitlines()
        assert first == "2 of 4 journals are not posted:"
        text = "\n".join(rest)
        assert "journal R1 is held:" in text
        assert "journal R3: " in text
        assert "EXP-R3" in text
        assert not any(f"journal {key}" in text for key in ("R2", "R4"))
        assert world.journals() == {"R1": "held", "R2": "posted", "R3": "conflict", "R4": "posted"}

    def test_as_long_as_one_may_pass_the_box_is_tried_again(self, world: World) -> None:
        world.report("R1", category="Gifts")
        world.report("R2")
        world.report("R3")
        run = box_of(world, "R1", "R2", "R3")
        world.sandbox.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Drop(), when="after"))
        with pytest.raises(Retryable, match="2 of 3 journals are not posted") as caught:
            run.load()
        assert "journal R1 is held" in str(caught.value)
        assert "journal R2: it was sent and its outcome is unknown" in str(caught.value)
        assert caught.value.delay_s is not None
        assert 0 < caught.value.delay_s <= 6.0, "the lease of R2, so that the retry does not come too early"
        assert world.journals()["R3"] == "posted"

    def test_the_posted_ones_are_announced_once_the_box_has_succeeded(self, world: World) -> None:
        world.report("R1", category="Gifts")
        world.report("R2")
        run = box_of(world, "R1", "R2")
        with pytest.raises(Held, match="1 of 2 journals are not posted"):
            run.load()
        world.report("R1")
        run.clear()
        run.load()
        assert [event["journal_key"] for event in run.events["load_0"]] == ["R1", "R2"]
        assert world.creates() == 2

    def test_an_error_nobody_foresaw_keeps_no_other_journal_from_being_posted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.report("R1")
        world.report("R2")
        run = box_of(world, "R1", "R2")
        post = Poster.post

        def fails_for_r1(poster: Poster, key: str) -> Posted:
            if key == "R1":
                raise KeyError("a secret value")
            return post(poster, key)

        monkeypatch.setattr(Poster, "post", fails_for_r1)
        with pytest.raises(Retryable, match="journal R1: unexpected KeyError") as caught:
            run.load()
        assert "a secret value" not in str(caught.value)
        assert world.journals() == {"R1": "ready", "R2": "posted"}

    def test_one_that_the_erp_refuses_keeps_the_erps_words(self, world: World) -> None:
        world.report("R1")
        run = box_of(world, "R1")
        world.company.put_account_on_hold("6100-P1")
        with pytest.raises(Rejected, match="R1"):
            run.load()
        assert world.journals() == {"R1": "rejected"}


class TestReplay:
    """Cleared after its last check, a refused journal's reports are read, mapped and checked again, then posted."""

    @pytest.fixture(autouse=True)
    def per_report(self, world: World) -> None:
        world.tenant(posting={"per": "report"})

    @pytest.fixture
    def held(self, world: World) -> Run:
        """Two held journals in boxes of their own, both tried once."""
        world.report("R1", category="Gifts")
        world.report("R2", category="Gifts")
        run = world.run()
        assert run.until_validated() == [["R1"], ["R2"]]
        for index in (0, 1):
            with pytest.raises(Held, match="Gifts"):
                run.load(index)
        return run

    def reads(self, world: World) -> list[tuple[str, ...]]:
        return world.exported_reports()[1:]

    def test_the_first_try_reads_nothing_again(self, world: World, held: Run) -> None:
        assert self.reads(world) == []

    def test_a_retry_without_a_clear_reads_nothing_again(self, world: World, held: Run) -> None:
        with pytest.raises(Held):
            held.load(0)
        assert self.reads(world) == []

    def test_one_reading_serves_all_open_journals_of_the_run(self, world: World, held: Run) -> None:
        world.report("R1", cents=700)
        world.report("R2")
        held.clear()
        assert held.load(0)[0]["total_debit_cents"] == 700
        assert held.load(1)[0]["state"] == "posted"
        assert self.reads(world) == [("R1", "R2")]

    def test_what_is_still_wrong_fails_again_and_is_read_once_per_clear(self, world: World, held: Run) -> None:
        held.clear()
        for index in (0, 1):
            with pytest.raises(Held, match="Gifts"):
                held.load(index)
        world.report("R2")
        held.clear()
        assert held.load(1)[0]["state"] == "posted"
        with pytest.raises(Held, match="Gifts"):
            held.load(0)
        assert self.reads(world) == [("R1", "R2"), ("R1", "R2")]

    def test_a_mapping_that_was_corrected_is_enough(self, world: World, held: Run) -> None:
        world.company.add_account("6700-P1")
        world.tenant(posting={"per": "report"}, mapping={"gl_account": {"values": {"Gifts": "6700"}}})
        held.clear()
        assert [held.load(index)[0]["state"] for index in (0, 1)] == ["posted", "posted"]

    def test_a_report_that_is_no_longer_approved_leaves_and_its_empty_journal_is_closed(
        self, world: World, held: Run
    ) -> None:
        world.report("R1", status="Open", approved="")
        held.clear()
        assert held.load(0) == [
            {
                "journal_key": "R1",
                "state": "closed",
                "document_number": None,
                "total_debit_cents": 0,
                "currency": "USD",
            }
        ]
        assert world.creates() == 0

    def test_a_rejected_journal_is_replayed_the_same_way(self, world: World) -> None:
        world.report("R1")
        run = world.run()
        run.until_validated()
        world.company.put_account_on_hold("6100-P1")
        with pytest.raises(Rejected):
            run.load()
        run.clear()
        with pytest.raises(Held, match="6100-P1"):
            run.load()
        world.company.put_account_on_hold("6100-P1", on_hold=False)
        run.clear()
        assert run.load()[0]["state"] == "posted"
        assert len(world.company.journals) == 1

    @pytest.mark.parametrize("param", ["journals", "report_ids"])
    def test_a_rejected_journal_whose_run_is_gone_is_replayed_by_naming_it(self, world: World, param: str) -> None:
        world.report("R1")
        run = world.run()
        run.until_validated()
        world.company.put_account_on_hold("6100-P1")
        with pytest.raises(Rejected):
            run.load()
        world.company.put_account_on_hold("6100-P1", on_hold=False)
        scheduled = world.run("scheduled", NOVEMBER_3)
        assert scheduled.until_validated() == []
        named = world.run("manual", **{param: ["R1"]})
        named.until_validated()
        assert named.load()[0]["state"] == "posted"
        assert len(world.company.journals) == 1

    def test_while_expensify_cannot_be_asked_nothing_changes(self, world: World, held: Run) -> None:
        world.report("R1")
        held.clear()
        world.sandbox.faults.add(Fault("expensify", "file", Drop(), times=20))
        with pytest.raises(Retryable):
            held.load(0)
        assert world.journals() == {"R1": "held", "R2": "held"}
        world.sandbox.faults.clear()
        assert held.load(0)[0]["state"] == "posted"

    def test_a_ready_journal_is_posted_as_it_was_checked(self, world: World) -> None:
        world.report("R1")
        run = world.run()
        run.until_validated()
        run.clear()
        run.load()
        assert self.reads(world) == []


def test_a_run_that_extract_never_registered_says_so(world: World) -> None:
    run = world.run()
    run.xcoms["validate"] = [[KEY]]
    with pytest.raises(Held, match="clear its extract task"):
        run.load()
