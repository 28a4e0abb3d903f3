"""Reconciliation on the real scheduler: green while the three sides agree, red with the reason when one does not."""

from __future__ import annotations

from typing import Any

from tests.e2e.reports import meals
from tests.e2e.suite import Play, Scene, scenario
from tests.e2e.tenants import PATIENCE_S, Tenant, day, key


def reconciled(tenant: Tenant, number: int) -> tuple[str, str]:
    """A run of the tenant's ``reconcile`` DAG by hand; returns its ID and the state it ends in."""
    api = tenant.airflow.api
    dag_id = f"reconcile__{tenant.name}"
    api.wait_for_dag(dag_id)
    api.unpause(dag_id)
    run_id = api.trigger(dag_id, {"month": f"{day(3):%Y-%m}"}, run_id=f"by-hand-{number}")
    return run_id, tenant.suite.watch.wait(dag_id, run_id, PATIENCE_S)


@scenario
def a_report_changed_after_posting_turns_the_reconciliation_red_until_it_is_changed_back(scene: Scene) -> Play:
    tenant = scene.tenant()
    report = tenant.report(3, meals(1250))
    yield
    tenant.green(tenant.trigger())
    assert reconciled(tenant, 1)[1] == "success"
    (row,) = tenant.rows("reconciliation")
    assert (row["outcome"], row["report_count"], row["document_count"]) == ("agrees", 1, 1)

    def raised(found: dict[str, Any]) -> None:
        found["transactionList"][0]["amount"] = 1350

    def lowered(found: dict[str, Any]) -> None:
        found["transactionList"][0]["amount"] = 1250

    tenant.edit(report, raised)
    run_id, state = reconciled(tenant, 2)
    assert state == "failed"
    dag_id = f"reconcile__{tenant.name}"
    (task,) = tenant.airflow.api.task_instances(dag_id, run_id, "compare")
    assert task["try_number"] == 1, "a difference is not retried"
    log = tenant.airflow.api.task_log(dag_id, run_id, "compare", 1)
    assert f"{report} was changed in Expensify after journal {key(3)} was posted" in log
    assert tenant.posted() == {key(3): 1250}

    tenant.edit(report, lowered)
    assert reconciled(tenant, 3)[1] == "success"
    (difference,) = tenant.rows("reconcile_difference")
    assert difference["kind"] == "changed"
    assert difference["resolved_at"] is not None
