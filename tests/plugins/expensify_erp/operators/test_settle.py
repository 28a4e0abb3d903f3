"""A person's decisions: adopt, reissue, close. With a reason, a name, and nothing posted twice."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from expensify_erp.operators.settle import SettleOperator

from include.errors import Conflict, Held, Misconfigured, Retryable
from include.sandbox.faults import Drop, Fault
from include.settings.catalogue import TenantFileError
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_10, World

KEY = "20251102-1"


def settle(world: World, action: str, user: str | None = "pat", **params: Any) -> list[str]:
    """Start the settle DAG as ``user``."""
    run = world.airflow.run(
        "acme", "manual", None, **({"tenant": "acme", "action": action, "reason": "seen by audit"} | params)
    )
    run.user, run.state = user, "success"
    return SettleOperator(task_id="settle").execute(run.context("settle"))  # type: ignore[arg-type]


def last_event(world: World, key: str) -> tuple[Any, ...]:
    """Who and message of the journal's last event."""
    return [row[1:] for row in world.rows("SELECT journal_key, who, message FROM event ORDER BY id") if row[0] == key][
        -1
    ]


def ended(run: Run) -> Run:
    run.state = "failed"
    return run


@pytest.fixture
def held(world: World) -> Run:
    """A held journal whose run has ended red."""
    world.report("R1", category="Gifts")
    run = world.run()
    run.until_validated()
    with pytest.raises(Held):
        run.load()
    return ended(run)


@pytest.fixture
def conflict(world: World) -> Run:
    """Somebody keyed a journal under our reference, over another amount."""
    world.report("R1")
    run = world.run()
    run.until_validated()
    world.company.enter_journal([("6100-P1", 1), ("2150-00", -1)], day=date(2025, 11, 2), reference=f"EXP-{KEY}")
    with pytest.raises(Conflict):
        run.load()
    return ended(run)


@pytest.fixture
def posted(world: World) -> Run:
    world.report("R1")
    run = world.run()
    run.post_all()
    return run


class TestForm:
    """What is refused changes nothing."""

    @pytest.mark.parametrize(
        ("params", "said"),
        [
            ({"action": "close", "journals": [KEY], "reason": "  "}, "a reason is mandatory"),
            ({"action": "close", "journals": [KEY], "reason": None}, "a reason is mandatory"),
            ({"action": "close"}, "name either `journals` or `report_ids`"),
            ({"action": "close", "journals": [KEY], "report_ids": ["R1"]}, "name either `journals` or `report_ids`"),
            ({"action": "close", "journals": ["  "]}, "name either `journals` or `report_ids`"),
            ({"action": "close", "journals": [KEY, "20251102-9"]}, "journals 20251102-9 are not in the ledger"),
            ({"action": "adopt", "journals": [KEY]}, "the document number"),
            ({"action": "adopt", "journals": [KEY], "document_number": "  "}, "the document number"),
            ({"action": "adopt", "journals": [KEY, KEY + "x"], "document_number": "1"}, "exactly one journal"),
            ({"action": "adopt", "report_ids": ["R1"], "document_number": "1"}, "by report ID only `close`"),
            ({"action": "reissue", "report_ids": ["R1"]}, "by report ID only `close`"),
        ],
        ids=[
            "blank reason",
            "no reason",
            "nothing named",
            "both named",
            "blank name",
            "unknown journal",
            "adopt without number",
            "adopt with blank number",
            "adopt of two",
            "adopt by report",
            "reissue by report",
        ],
    )
    def test_an_incomplete_decision(self, world: World, held: Run, params: dict[str, Any], said: str) -> None:
        before = world.rows("SELECT * FROM event")
        with pytest.raises(Misconfigured, match=said):
            settle(world, **params)
        assert world.journals() == {KEY: "held"}
        assert world.rows("SELECT * FROM event") == before

    def test_an_unknown_tenant(self, world: World) -> None:
        with pytest.raises(TenantFileError, match=r"nobody\.yaml: there is no such file"):
            settle(world, "close", tenant="nobody", journals=[KEY])

    @pytest.mark.parametrize(("user", "name"), [("pat", "pat"), (None, "an unnamed user")], ids=["named", "unnamed"])
    def test_the_person_and_the_reason_stand_in_the_history(
        self, world: World, held: Run, user: str | None, name: str
    ) -> None:
        settle(world, "close", user, journals=[KEY], reason=" keyed by hand ")
        assert last_event(world, KEY) == (name, f"close by {name}: keyed by hand")
        assert world.rows("SELECT task_id FROM event ORDER BY id DESC LIMIT 1") == [("settle",)]


class TestAdopt:
    @pytest.mark.parametrize("state", ["held", "conflict"])
    def test_the_journal_is_that_document_from_now_on(
        self, world: World, state: str, request: pytest.FixtureRequest
    ) -> None:
        run: Run = request.getfixturevalue(state)
        sent = world.creates()
        said = settle(world, "adopt", journals=[KEY], document_number=" 2025/77 ")
        assert said == [f"journal {KEY} is posted as 2025/77"]
        assert (world.journals(), world.journals("document_number")) == ({KEY: "posted"}, {KEY: "2025/77"})
        run.clear()
        run.load()
        run.acknowledge()
        assert world.creates() == sent

    @pytest.mark.parametrize("state", ["drafted", "ready", "posting", "closed"])
    def test_not_a_journal_that_the_package_still_works_on(self, world: World, held: Run, state: str) -> None:
        with world.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE journal SET state = ?", (state,))
        with pytest.raises(Held, match=f"journal {KEY} is {state}: `adopt` takes"):
            settle(world, "adopt", journals=[KEY], document_number="2025/77")
        assert world.journals() == {KEY: state}

    def test_of_a_posted_one_settles_a_total_that_differs_and_keeps_its_number(self, world: World, posted: Run) -> None:
        with world.ledger.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO finding (tenant, target, journal_key, kind, message, fingerprint, at) "
                "SELECT tenant, target, journal_key, 'total_differs', 'x', 'x', created_at FROM journal"
            )
        with pytest.raises(Held):
            posted.acknowledge()
        settle(world, "adopt", journals=[KEY], document_number="2025/999")
        posted.acknowledge()
        assert world.journals("document_number") == {KEY: "2025/411"}


class TestClose:
    def test_a_closed_journal_is_never_posted_and_its_run_turns_green(self, world: World, held: Run) -> None:
        assert settle(world, "close", journals=[KEY]) == [f"journal {KEY} is closed: it is never posted"]
        world.report("R1")
        held.clear()
        held.load()
        held.acknowledge()
        world.run("manual", None).post_all()
        world.run("manual", None, report_ids=["R1"]).post_all()
        assert world.journals() == {KEY: "closed"}
        assert world.creates() == 0

    def test_its_reports_are_marked_as_done(self, world: World, held: Run) -> None:
        world.tenant(expensify={"mark_exported": "syspro-acme"})
        settle(world, "close", journals=[KEY])
        held.clear()
        held.acknowledge()
        assert world.sandbox.expensify.labels["R1"] == {"syspro-acme"}

    def test_one_in_conflict(self, world: World, conflict: Run) -> None:
        settle(world, "close", journals=[KEY])
        assert world.journals() == {KEY: "closed"}

    @pytest.mark.parametrize("state", ["ready", "posting", "posted", "closed"])
    def test_not_one_that_is_on_its_way_or_done(self, world: World, held: Run, state: str) -> None:
        with world.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE journal SET state = ?", (state,))
        with pytest.raises(Held, match=f"journal {KEY} is {state}: `close` takes"):
            settle(world, "close", journals=[KEY])
        assert world.journals() == {KEY: state}

    def test_of_several_none_is_closed_when_one_cannot_be(self, world: World, held: Run) -> None:
        world.report("R2", day="2025-11-10")
        world.run("backfill", NOVEMBER_10).post_all()
        with pytest.raises(Held, match="journal 20251110-1 is posted: `close` takes"):
            settle(world, "close", journals=[KEY, "20251110-1"])
        assert world.journals() == {KEY: "held", "20251110-1": "posted"}

    def test_no_erp_is_needed(self, world: World, held: Run) -> None:
        asked = len(world.sandbox.operations("syspro"))
        settle(world, "close", journals=[KEY])
        assert len(world.sandbox.operations("syspro")) == asked


class TestCloseUnknownReports:
    def test_they_are_never_posted_by_any_run(self, world: World) -> None:
        assert settle(world, "close", report_ids=["R1", " R2 ", "R1"]) == [
            "report R1 is closed: it is never posted",
            "report R2 is closed: it is never posted",
        ]
        world.report("R1")
        world.report("R2", day="2025-11-03")
        world.report("R3")
        world.run().post_all()
        world.run("manual", None).post_all()
        world.run("manual", None, report_ids=["R1", "R2"]).post_all()
        assert world.journals() == {KEY: "posted", "R1": "closed", "R2": "closed"}
        assert [cents for _, account, cents in world.booked() if account == "6100-P1"] == [1250], "R3 alone"

    def test_nor_is_their_company_card_part(self, world: World) -> None:
        world.tenant(posting={"per": "report", "company_card": "journal"})
        settle(world, "close", report_ids=["R1"])
        report = world.report("R1", total=2000)
        (meal,) = report["transactionList"]
        meal["amount"] = 1500
        report["transactionList"].append({**meal, "transactionID": "88", "amount": 500, "reimbursable": False})
        world.run().post_all()
        world.run("manual", None, report_ids=["R1"]).post_all()
        assert set(world.journals().values()) == {"closed"}
        assert world.booked() == []

    def test_not_even_when_they_come_back_changed(self, world: World) -> None:
        settle(world, "close", report_ids=["R1"])
        world.report("R1")
        world.run().post_all()
        world.report("R1", cents=9900)
        world.run("manual", None).post_all()
        assert world.booked() == []

    def test_reports_in_a_journal_are_left_to_that(self, world: World, held: Run) -> None:
        assert settle(world, "close", report_ids=["R1", "R9"]) == [
            "report R9 is closed: it is never posted",
            "report R1 is in a journal: settle that",
        ]
        assert world.journals() == {KEY: "held", "R9": "closed"}


class TestReissue:
    def test_a_cancelled_document_is_posted_anew_under_the_next_key(self, world: World, posted: Run) -> None:
        world.company.cancel_journal(2025, 411)
        assert settle(world, "reissue", journals=[KEY]) == [
            f"journal {KEY} is closed, its expenses are in {KEY}-2: the next run posts it"
        ]
        assert world.journals() == {KEY: "closed", f"{KEY}-2": "drafted"}
        assert world.rows("SELECT journal_key, amount_cents FROM expense") == [(f"{KEY}-2", 1250)]
        world.run("scheduled", NOVEMBER_10).post_all()
        assert world.journals("reference") == {KEY: f"EXP-{KEY}", f"{KEY}-2": f"EXP-{KEY}-2"}
        live = [one for one in world.company.journals if not one.cancelled]
        assert [(one.number, one.debit_cents) for one in live] == [(412, 1250)]

    def test_not_while_the_erp_shows_the_old_document(self, world: World, posted: Run) -> None:
        with pytest.raises(Held, match=r"the ERP still shows 2025/411 under EXP-20251102-1; void or reverse it first"):
            settle(world, "reissue", journals=[KEY])
        assert world.journals() == {KEY: "posted"}

    def test_not_while_the_erp_cannot_be_asked(self, world: World, posted: Run) -> None:
        world.company.cancel_journal(2025, 411)
        world.sandbox.faults.add(Fault("syspro", "Query/Query*", Drop(), times=50))
        with pytest.raises(Retryable):
            settle(world, "reissue", journals=[KEY])
        assert world.journals() == {KEY: "posted"}

    def test_a_conflict_whose_foreign_document_is_gone(self, world: World, conflict: Run) -> None:
        world.company.cancel_journal(2025, 411)
        settle(world, "reissue", journals=[KEY])
        world.run("scheduled", NOVEMBER_10).post_all()
        assert world.journals() == {KEY: "closed", f"{KEY}-2": "posted"}

    def test_twice_counts_on(self, world: World, posted: Run) -> None:
        world.company.cancel_journal(2025, 411)
        settle(world, "reissue", journals=[KEY])
        world.run("scheduled", NOVEMBER_10).post_all()
        world.company.cancel_journal(2025, 412)
        settle(world, "reissue", journals=[f"{KEY}-2"])
        world.run("manual", None).post_all()
        states = world.journals()
        assert sorted(states.values()) == ["closed", "closed", "posted"]
        assert sum(not one.cancelled for one in world.company.journals) == 1
        assert world.rows("SELECT count(DISTINCT journal_key), count(*) FROM expense") == [(1, 1)]

    @pytest.mark.parametrize("state", ["held", "ready", "posting", "closed", "rejected"])
    def test_not_a_journal_that_was_never_posted(self, world: World, held: Run, state: str) -> None:
        with world.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE journal SET state = ?", (state,))
        with pytest.raises(Held, match=f"journal {KEY} is {state}: `reissue` takes journals that are posted"):
            settle(world, "reissue", journals=[KEY])
        assert world.journals() == {KEY: state}
