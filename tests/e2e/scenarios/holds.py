"""Held journals: every kind of hold, repaired where it belongs, replayed in every way; clears of what needs none."""

from __future__ import annotations

from typing import Any

from tests.e2e.reports import Expense, meals
from tests.e2e.suite import Play, Scene, scenario, short_scenario
from tests.e2e.tenants import day, key


@scenario
def a_category_without_account_is_mapped_and_its_red_box_cleared(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, meals(500))
    tenant.report(3, Expense("Client Gifts", 18400), meals(16))
    yield
    run = tenant.red(tenant.trigger())
    assert tenant.posted() == {key(4): 500}, "the other day's journal does not wait"
    assert tenant.states() == {key(4): "posted", key(3): "held"}
    position = tenant.rows("run_journal", "journal_key = ?", [key(3)])[0]["position"]
    box = tenant.box(run, "load", position)
    assert (box["state"], box["try_number"]) == ("failed", 1), "a hold is not retried"
    assert "Client Gifts" in tenant.log(run, "load", position)
    assert key(3) in tenant.log(run, "acknowledge")

    tenant.map_category("Client Gifts", "6700")
    tenant.clear(run, position)
    tenant.green(run)
    assert tenant.posted() == {key(4): 500, key(3): 18416}


@scenario
def a_tag_without_cost_center_is_repaired_in_expensify_and_the_failed_cleared(scene: Scene) -> Play:
    tenant = scene.tenant()
    report = tenant.report(3, meals(1250, "Plant 9"))
    yield
    run = tenant.red(tenant.trigger())
    assert tenant.states() == {key(3): "held"}
    assert "Plant 9" in tenant.log(run, "load", 0)

    def retag(found: dict[str, Any]) -> None:
        found["transactionList"][0] |= {"tag": "Plant 2", "ntag1": "Plant 2"}

    tenant.edit(report, retag)
    tenant.clear_failed(run)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}
    assert tenant.company.account("6100", "P2") in dict(tenant.documents()[0].lines)


@short_scenario
def an_account_on_hold_is_released_and_its_red_box_cleared(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, Expense("Airfare", 41260))
    tenant.company.hold_account("6200", "P1", on_hold=True)
    yield
    run = tenant.red(tenant.trigger())
    assert tenant.states() == {key(3): "held"}
    assert tenant.company.account("6200", "P1") in tenant.log(run, "load", 0)
    assert tenant.creates(key(3)) == []
    tenant.company.hold_account("6200", "P1", on_hold=False)
    tenant.clear(run, 0)
    tenant.green(run)
    assert tenant.posted() == {key(3): 41260}


@scenario
def an_account_on_hold_is_released_and_the_next_run_posts(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, Expense("Airfare", 41260))
    tenant.company.hold_account("6200", "P1", on_hold=True)
    yield
    first = tenant.red(tenant.trigger())
    assert tenant.states() == {key(3): "held"}
    assert tenant.company.account("6200", "P1") in tenant.log(first, "load", 0)
    tenant.company.hold_account("6200", "P1", on_hold=False)
    tenant.green(tenant.trigger())
    assert tenant.posted() == {key(3): 41260}
    assert scene.airflow.api.dag_run(tenant.dag_id, first)["state"] == "failed", "red until somebody looks"
    calls = len([call for call in scene.sandbox.calls if tenant.reference(key(3)) in call.text])
    tenant.clear(first, 0)
    tenant.green(first)
    after = len([call for call in scene.sandbox.calls if tenant.reference(key(3)) in call.text])
    assert after == calls, "green without asking the ERP"


@scenario
def a_closed_period_is_opened_and_the_red_box_cleared(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(990))
    tenant.company.close_period(day(3))
    yield
    run = tenant.red(tenant.trigger())
    assert tenant.states() == {key(3): "held"}
    assert "closed" in tenant.log(run, "load", 0).lower()
    tenant.clear(run, 0)
    tenant.red(run)  # still closed: red again
    assert tenant.posted() == {}
    tenant.company.open_period(day(3))
    tenant.clear(run, 0)
    tenant.green(run)
    assert tenant.posted() == {key(3): 990}


@short_scenario
def clearing_a_finished_run_changes_nothing(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, meals(800))
    tenant.report(3, meals(900))
    yield
    run = tenant.green(tenant.trigger())
    before = tenant.documents()
    tenant.clear_all(run)
    tenant.green(run)
    assert tenant.documents() == before
    assert [len(tenant.creates(key(days))) for days in (4, 3)] == [1, 1]
    tenant.clear(run, 0, only_failed=False)
    tenant.green(run)
    assert tenant.posted() == {key(4): 800, key(3): 900}


@scenario
def a_report_unapproved_before_posting_leaves_and_returns(scene: Scene) -> Play:
    tenant = scene.tenant()
    report = tenant.report(3, Expense("Client Gifts", 18400))
    yield
    run = tenant.red(tenant.trigger())
    tenant.edit(report, lambda found: found.update(status="Open"))
    tenant.clear(run, 0)
    tenant.green(run)
    assert tenant.states() == {key(3): "closed"}
    assert tenant.marked() == set(), "nothing was posted of it"

    def approve(found: dict[str, Any]) -> None:
        found["status"] = "Approved"
        found["transactionList"][0]["category"] = "Meals"

    tenant.edit(report, approve)
    tenant.green(tenant.trigger(report_ids=[report]))
    assert tenant.posted() == {key(3): 18400}


@scenario
def a_report_changed_after_posting_is_a_finding(scene: Scene) -> Play:
    tenant = scene.tenant()
    report = tenant.report(3, meals(1250))
    yield
    tenant.green(tenant.trigger())
    tenant.edit(report, lambda found: found.update(status="Open"))
    tenant.green(tenant.trigger(report_ids=[report]))
    assert tenant.findings() == ["unapproved_after_posting"]

    def approve_changed(found: dict[str, Any]) -> None:
        found |= {"status": "Approved", "approved": f"{day(1)} 15:30:00", "total": 1300}
        found["transactionList"][0]["amount"] = 1300

    tenant.edit(report, approve_changed)
    tenant.green(tenant.trigger(report_ids=[report]))
    assert tenant.findings() == ["changed_after_posting", "unapproved_after_posting"]
    assert tenant.posted() == {key(3): 1250}
