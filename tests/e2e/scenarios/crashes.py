"""Kills, lost answers and clears at the worst moment: one journal each, never two."""

from __future__ import annotations

import os
import signal

from include.sandbox.faults import Delay, Drop, Fault
from tests.e2e.reports import meals
from tests.e2e.suite import Play, Scene, long_scenario, scenario, short_scenario
from tests.e2e.tenants import Tenant, key, until

NEVER = 3600.0


@scenario
def transform_is_killed_between_its_claim_and_its_xcom(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    yield
    run = tenant.trigger()
    _kill_transform_after_its_claim(tenant, run)
    tenant.green(run)
    assert tenant.box(run, "transform")["try_number"] == 2
    assert tenant.posted() == {key(3): 1250}


def _kill_transform_after_its_claim(tenant: Tenant, run: str) -> None:
    """The claim is committed and seen here long before the task has told Airflow of anything."""
    until(lambda: tenant.box(run, "transform")["state"] == "running", "transform runs")
    processes = until(lambda: tenant.task_processes(run, "transform"), "transform has a process", every_s=0.1)
    until(tenant.states, "transform has claimed", every_s=0.002)
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


@long_scenario
def extract_is_killed_while_it_exports(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    scene.sandbox.faults.add(Fault("expensify", "file", Delay(NEVER), match=tenant.policy))
    yield
    run = tenant.trigger()
    until(lambda: _asked(tenant, "file", tenant.policy), "the export was asked for", every_s=0.05)
    tenant.kill_task(run, "extract")
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}


@long_scenario
def acknowledge_is_killed_after_it_marked(scene: Scene) -> Play:
    tenant = scene.tenant()
    identity = tenant.report(3, meals(1250))
    scene.sandbox.faults.add(Fault("expensify", "file:mark", Delay(6), "after", match=identity))
    yield
    run = tenant.trigger()
    if scene.erp.marks:
        until(tenant.marked, "the report is marked", every_s=0.05)
        tenant.kill_task(run, "acknowledge")
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}
    assert tenant.marked() == ({identity} if scene.erp.marks else set())


def _asked(tenant: Tenant, operation: str, text: str) -> bool:
    calls = tenant.suite.sandbox.calls
    return any((call.service, call.operation) == ("expensify", operation) and text in call.text for call in calls)


@long_scenario
def a_whole_run_is_cleared_after_its_load_was_killed(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    tenant.order(scene.erp.create, key(3), Delay(6), "after")
    yield
    run = tenant.trigger()
    until(tenant.documents, "the ERP has the journal", every_s=0.05)
    tenant.kill_task(run, "load", 0)
    tenant.clear_all(run)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}
    assert len(tenant.creates(key(3))) == 1


@scenario
def load_is_killed_after_the_journal_was_made(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    tenant.order(scene.erp.create, key(3), Delay(6), "after")
    yield
    run = tenant.trigger()
    until(tenant.documents, "the ERP has the journal", every_s=0.05)
    assert tenant.states() == {key(3): "posting"}
    tenant.kill_task(run, "load", 0)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}
    assert len(tenant.creates(key(3))) == 1
    assert tenant.events(key(3), "posted")[0].startswith("adopted")


@scenario
def load_is_killed_and_the_journal_was_never_made(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    tenant.order(scene.erp.create, key(3), Delay(NEVER), "before")
    yield
    run = tenant.trigger()
    until(lambda: tenant.creates(key(3)), "the create was sent", every_s=0.05)
    tenant.kill_task(run, "load", 0)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}
    assert len(tenant.creates(key(3))) == 2
    outcomes = [row["outcome"] for row in tenant.rows("attempt", "1=1 ORDER BY attempt_id")]
    assert "absent_once" in outcomes, "two empty look-ups before it was created again"


@scenario
def a_box_is_cleared_while_it_posts(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    tenant.order(scene.erp.create, key(3), Delay(5), "after")
    yield
    run = tenant.trigger()
    until(tenant.documents, "the ERP has the journal", every_s=0.05)
    tenant.clear(run, 0, only_failed=False)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}
    assert len(tenant.creates(key(3))) == 1


@short_scenario
def lost_answers_are_looked_up_before_anything_is_repeated(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, meals(400))
    tenant.report(3, meals(300))
    tenant.order(scene.erp.create, key(4), Drop(), "after")
    tenant.order(scene.erp.create, key(3), Drop(), "before")
    yield
    tenant.green(tenant.trigger())
    assert tenant.posted() == {key(4): 400, key(3): 300}
    assert [len(tenant.creates(key(days))) for days in (4, 3)] == [1, 2]
    assert tenant.events(key(4), "posted")[0].startswith("adopted")
    assert tenant.events(key(3), "posted")[0].startswith("posted")


@scenario
def a_run_deleted_while_it_posts_is_taken_over_by_the_next(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.settings["erp"]["settle_s"] = 20  # time enough to delete the run
    tenant.report(3, meals(1250))
    tenant.order(scene.erp.create, key(3), Drop(), "after")
    yield
    api = tenant.airflow.api
    lost = tenant.trigger()
    until(lambda: tenant.states().get(key(3)) == "posting" and tenant.documents(), "its outcome is unknown")
    until(lambda: tenant.box(lost, "load", 0)["state"] == "up_for_retry", "load waits for its retry")
    api.set_run_state(tenant.dag_id, lost, "failed")
    api.delete_run(tenant.dag_id, lost)
    tenant.green(tenant.trigger())
    assert tenant.posted() == {key(3): 1250}
    assert len(tenant.creates(key(3))) == 1
