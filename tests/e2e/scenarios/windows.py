"""Which reports a run takes: schedules, gaps, backfills, runs by hand, late reports, dry runs, named reports."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from tests.e2e.reports import Expense, meals
from tests.e2e.suite import Play, Scene, scenario, short_scenario, short_scenario_on_postgresql
from tests.e2e.tenants import PATIENCE_S, ZONE, Tenant, day, key, until

DAILY = "0 6 * * *"


@scenario
def a_ten_day_gap_is_caught_up(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.settings |= {"schedule": DAILY, "start_date": day(11)}
    tenant.report(12, meals(77700))  # before start_date: never posted
    tenant.report(10, meals(1000))
    tenant.report(7, meals(2000))
    tenant.report(7, meals(150, "Plant 2"), Expense("Airfare", 41260, card=True), status="Reimbursed")
    tenant.report(2, meals(99), meals(-9))
    yield
    runs = _scheduled_runs(tenant)
    assert len(runs) in (10, 11), "one run per day of the gap (by the hour of the day)"
    assert {run["state"] for run in runs} == {"success"}
    # Refunds go to the credit side: the debit is what was spent in all.
    assert tenant.posted() == {key(10): 1000, key(7): 2000 + 150 + 41260, key(2): 90}


def _scheduled_runs(tenant: Tenant) -> list[dict[str, object]]:
    """All scheduled runs, when none is due or under way any more."""
    api = tenant.airflow.api

    def all_ended() -> bool:
        due = api.dag(tenant.dag_id)["next_dagrun_run_after"]
        runs = api.dag_runs(tenant.dag_id)
        return bool(
            runs
            and datetime.fromisoformat(due) > datetime.now(UTC)
            and all(run["state"] in ("success", "failed") for run in runs)
        )

    until(all_ended, f"catch-up of {tenant.name} is done", 3 * PATIENCE_S, every_s=2)
    return api.dag_runs(tenant.dag_id, run_type="scheduled")


@short_scenario
def scheduled_runs_catch_up_from_the_start_date(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.settings |= {"schedule": DAILY, "start_date": day(3)}
    tenant.report(5, meals(300))  # before start_date: never posted
    tenant.report(2, meals(500), meals(150, "Plant 2"), Expense("Airfare", 41260, card=True), meals(-20))
    yield
    runs = _scheduled_runs(tenant)
    assert len(runs) in (2, 3), "one run per day (by the hour of the day)"
    assert {run["state"] for run in runs} == {"success"}
    assert tenant.posted() == {key(2): 500 + 150 + 41260 - 20}


@short_scenario_on_postgresql
def backfills_cover_new_windows_and_repeat_old_ones(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.settings |= {"schedule": DAILY, "start_date": day(3)}
    tenant.report(5, meals(300))
    tenant.report(2, meals(500))
    yield
    api = tenant.airflow.api
    _scheduled_runs(tenant)
    assert tenant.posted() == {key(2): 500}
    tenant.report(2, meals(700))  # approved late, in a window that has run
    tenant.settings["start_date"] = day(5)
    tenant.write()
    scene.suite.reparse()
    first = datetime.combine(day(5), time(), ZONE)
    last = datetime.combine(day(2), time(12), ZONE)
    until(
        lambda: datetime.fromisoformat(_start_date(tenant)) <= first + timedelta(days=1),
        "Airflow knows the earlier start_date",
    )
    with scene.suite.quiet():
        api.wait_for_backfill(api.create_backfill(tenant.dag_id, first, last, "completed"), PATIENCE_S)
    runs = api.dag_runs(tenant.dag_id)
    assert {run["state"] for run in runs} == {"success"}
    assert tenant.posted() == {key(5): 300, key(2): 500, key(2, 2): 700}


def _start_date(tenant: Tenant) -> str:
    details = tenant.airflow.api.request("GET", f"dags/{tenant.dag_id}/details")
    return str(details["start_date"])


@scenario
def a_run_by_hand_ignores_the_preset_interval_and_begins_where_the_last_ended(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(9, meals(1111))
    tenant.report(1, meals(222))
    yield
    # The trigger form presets a logical date, and with it an interval: with this schedule, last year.
    run = tenant.green(tenant.trigger(datetime.now(UTC)))
    assert tenant.posted() == {key(9): 1111, key(1): 222}
    row = tenant.rows("run", "run_id = ?", [run])[0]
    midnight = datetime.combine(day(0), time(), ZONE).astimezone(UTC)
    assert row["window_to"] == f"{midnight:%Y-%m-%d %H:%M:%S.%f}"
    again = tenant.green(tenant.trigger())
    assert tenant.rows("run", "run_id = ?", [again])[0]["window_from"] == row["window_to"]


@scenario
def a_late_report_joins_the_cleared_run(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, meals(1000))
    yield
    run = tenant.green(tenant.trigger(**{"from": str(day(5)), "to": str(day(3))}))
    tenant.report(4, meals(250))
    tenant.report(5, meals(33))
    tenant.clear_all(run)
    tenant.green(run)
    assert tenant.posted() == {key(4): 1000, key(4, 2): 250, key(5): 33}
    boxes = [row["journal_key"] for row in tenant.rows("run_journal", "run_id = ? ORDER BY position", [run])]
    assert boxes[0] == key(4), "the posted journal keeps its box"
    assert len(tenant.creates(key(4))) == 1


@scenario
def a_dry_run_changes_nothing(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250), meals(50, "Plant 2"))
    yield
    run = tenant.green(tenant.trigger(dry_run=True))
    assert tenant.states() == {}
    assert tenant.posted() == {}
    assert tenant.marked() == set()
    assert tenant.rows("expense") == []
    assert [row["dry_run"] for row in tenant.rows("run")] == [1]
    for task in ("transform", "validate"):
        preview = tenant.airflow.api.xcom(tenant.dag_id, run, task, "preview")
        shown = sorted((row["key"], row["account"], row["amount"]) for row in preview)
        spent = (("P1", 1250), ("P2", 50))
        expected = [(key(3), tenant.company.account("6100", plant), cents) for plant, cents in spent]
        assert [row for row in shown if row[2] > 0] == sorted(expected)
        assert sum(row[2] for row in shown) == 0
    assert tenant.box(run, "load")["state"] == "skipped"
    tenant.green(tenant.trigger())  # the window did not move
    assert tenant.posted() == {key(3): 1300}


@scenario
def only_named_reports_are_taken(scene: Scene) -> Play:
    tenant = scene.tenant()
    named = tenant.report(3, meals(1250))
    tenant.report(3, meals(50))
    yield
    tenant.green(tenant.trigger(report_ids=[named]))
    assert tenant.posted() == {key(3): 1250}
    tenant.green(tenant.trigger())  # the window did not move: the other one is still to come
    assert tenant.posted() == {key(3): 1250, key(3, 2): 50}


@scenario
def only_named_journals_are_taken(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, Expense("Client Gifts", 400))
    tenant.report(3, Expense("Client Gifts", 300))
    yield
    tenant.red(tenant.trigger())
    assert tenant.states() == {key(4): "held", key(3): "held"}
    tenant.map_category("Client Gifts", "6700")
    tenant.green(tenant.trigger(journals=[key(3)]))
    assert tenant.posted() == {key(3): 300}
    assert tenant.states() == {key(4): "held", key(3): "posted"}
