"""From an export to claimed journals, and which other journals join the run."""

from __future__ import annotations

import pytest

from include.errors import Held
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_3, NOVEMBER_10, World


def transformed(world: World, kind: str = "scheduled", interval: object = NOVEMBER_10, **params: object) -> list[str]:
    run = world.run(kind, interval, **params)
    run.extract()
    return run.transform()


def test_the_windows_reports_become_journals_of_the_run(world: World) -> None:
    world.report("R1")
    world.report("R2", cents=300)
    world.report("R3", day="2025-11-20")
    run = world.run()
    run.extract()
    assert run.transform() == ["20251102-1"]
    assert world.rows("SELECT position, journal_key, run_id FROM run_journal") == [(0, "20251102-1", "scheduled__1")]
    assert world.rows("SELECT report_id, journal_key, amount_cents FROM expense ORDER BY report_id") == [
        ("R1", "20251102-1", 1250),
        ("R2", "20251102-1", 300),
    ]
    assert world.journals("total_debit_cents") == {"20251102-1": 1550}


def test_the_claiming_task_stands_in_the_journals_history(world: World) -> None:
    world.report("R1")
    run = world.run()
    run.extract()
    run.transform()
    assert world.rows("SELECT dag_id, run_id, task_id, map_index, try_number FROM event") == [
        ("expenses__acme", "scheduled__1", "transform", -1, 1)
    ]


def test_a_second_try_returns_the_same_list_and_claims_nothing_twice(world: World) -> None:
    world.report("R1")
    world.report("R2", day="2025-11-01")
    run = world.run("backfill", (NOVEMBER_3[0].replace(day=1), NOVEMBER_3[0]))
    run.extract()
    first = run.transform()
    run.clear()
    run.extract()
    assert run.transform() == first == ["20251101-1", "20251102-1"]
    assert len(world.rows("SELECT transaction_id FROM expense")) == 2


def test_the_covered_window_is_noted_only_when_its_reports_are_claimed(world: World) -> None:
    run = world.run()
    run.extract()
    assert world.rows("SELECT covered_at FROM run") == [(None,)]
    run.transform()
    assert world.rows("SELECT covered_at IS NOT NULL FROM run") == [(1,)]


def test_without_its_export_it_says_which_task_to_clear(world: World) -> None:
    run = world.run()
    run.xcoms["extract"] = "file:///nowhere"
    with pytest.raises(Held, match="run scheduled__1 is not in the ledger: clear its extract task"):
        run.transform()


class TestDryRun:
    def test_it_writes_nothing_but_its_run(self, world: World) -> None:
        world.report("R1")
        run = world.run(dry_run=True)
        run.extract()
        assert run.transform() == []
        for table in ("journal", "journal_line", "expense", "report", "event", "finding", "run_journal"):
            assert world.rows("SELECT count(*) FROM " + table) == [(0,)], table
        assert world.rows("SELECT dry_run, covered_at FROM run") == [(1, None)]

    def test_its_preview_shows_every_line(self, world: World) -> None:
        world.report("R1")
        world.report("R2", cents=300, category="Gifts")
        run = world.run(dry_run=True)
        run.extract()
        run.transform()
        rows = run.pushed["transform", "preview"]
        assert {(row["key"], row["currency"], row["posting_date"]) for row in rows} == {
            ("20251102-1", "USD", "2025-11-02")
        }
        assert sum(row["amount"] for row in rows) == 0
        assert ("6100-P1", 1250, {"cost_center": "P1"}) in [
            (row["account"], row["amount"], row["dimensions"]) for row in rows
        ]
        assert "Gifts" in rows[0]["reasons"][0], "the day would be held, and the preview says why"

    def test_the_claims_of_others_are_seen(self, world: World) -> None:
        world.report("R1")
        world.run().post_all()
        run = world.run(dry_run=True)
        run.extract()
        run.transform()
        assert run.pushed["transform", "preview"] == []


class TestJoining:
    """The ledger is the queue: what no live run carries joins the next run by schedule or by hand."""

    @pytest.fixture
    def abandoned(self, world: World) -> str:
        """A journal whose run was ended before validate."""
        world.report("R1")
        run = world.run()
        run.extract()
        run.transform()
        run.state = "failed"
        return "20251102-1"

    @pytest.mark.parametrize("kind", ["scheduled", "manual", "backfill"])
    def test_an_abandoned_journal_joins(self, world: World, abandoned: str, kind: str) -> None:
        assert transformed(world, kind) == [abandoned]

    def test_it_comes_after_the_runs_own(self, world: World, abandoned: str) -> None:
        world.report("R2", day="2025-11-10")
        assert transformed(world) == ["20251110-1", abandoned]

    @pytest.mark.parametrize("state", ["running", "queued"])
    def test_a_journal_of_a_live_run_stays_there(self, world: World, abandoned: str, state: str) -> None:
        world.airflow.runs[0].state = state
        assert transformed(world) == []

    def test_a_journal_whose_run_was_deleted_joins(self, world: World, abandoned: str) -> None:
        world.airflow.runs.clear()
        assert transformed(world) == [abandoned]

    def test_a_held_journal_does_not_join_here(self, world: World) -> None:
        """Validate checks it first: it joins only when it has become good."""
        world.report("R1", category="Gifts")
        run = world.run()
        run.until_validated()
        run.state = "failed"
        assert world.journals() == {"20251102-1": "held"}
        assert transformed(world) == []

    def test_a_run_for_reports_takes_their_journals_and_no_other(self, world: World, abandoned: str) -> None:
        world.report("R2")
        world.report("R3", day="2025-11-10")
        assert transformed(world, "manual", None, report_ids=["R3"]) == ["20251110-1"]

    def test_a_run_for_a_report_that_is_claimed_carries_its_journal(self, world: World, abandoned: str) -> None:
        assert transformed(world, "manual", None, report_ids=["R1"]) == [abandoned]

    def test_a_run_for_a_report_that_is_posted_has_nothing_to_do(self, world: World) -> None:
        world.report("R1")
        world.run().post_all()
        assert transformed(world, "manual", None, report_ids=["R1"]) == []

    def test_a_run_for_journals_takes_exactly_those_in_the_order_named(self, world: World) -> None:
        world.report("R1")
        world.run().post_all()
        world.report("R3", day="2025-11-10")
        assert transformed(world) == ["20251110-1"]
        wanted = ["20251110-1", "20251102-1"]
        assert transformed(world, "manual", None, journals=wanted) == wanted

    def test_a_run_for_an_unknown_journal_names_it(self, world: World, abandoned: str) -> None:
        with pytest.raises(Held, match="journals 20251102-7 are not in the ledger of syspro"):
            transformed(world, "manual", None, journals=[abandoned, "20251102-7"])

    def test_runs_for_named_reports_move_no_window(self, world: World) -> None:
        world.report("R1")
        transformed(world, "manual", None, report_ids=["R1"])
        run = world.run("manual", None)
        run.extract()
        assert world.rows("SELECT window_from FROM run WHERE mode = 'manual'")[0][0].startswith("2025-11-01 05:00")


def test_blank_lines_in_the_form_name_nothing(world: World) -> None:
    world.report("R1")
    run = world.run("manual", None, report_ids=[""], journals=[" ", ""], **{"from": "2025-11-02", "to": "2025-11-02"})
    run.extract()
    assert run.transform() == ["20251102-1"]
    again = world.run("manual", None, journals=["20251102-1", " "])
    again.extract()
    assert again.transform() == ["20251102-1"]
