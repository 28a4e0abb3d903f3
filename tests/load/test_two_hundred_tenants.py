"""Two hundred tenants fall due at the same minute, on one real Airflow with a LocalExecutor."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from include.sandbox.server import Sandbox
from scripts.local_airflow import PROJECT, LocalAirflow
from tests.e2e.erps import ERPS
from tests.e2e.reports import Expense, meals
from tests.e2e.suite import Suite
from tests.e2e.tenants import Tenant, day
from tests.include.ledger import postgres_cluster
from tests.load.memory import PeakMemory

TENANTS = int(os.environ.get("LOAD_TENANTS", "200"))
AT_ONCE = 8
PATIENCE_S = 3600.0
MOST_MEMORY_MB = 400

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(postgres_cluster.why_not() is not None, reason=str(postgres_cluster.why_not())),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(*(service for erp in ERPS for service in erp.services())) as running:
        yield running


def _tenant(suite: Suite, number: int) -> Tenant:
    """Due once, for yesterday; with one report or two of yesterday."""
    made = Tenant(suite, ERPS[number % len(ERPS)], suite.next_number(), f"load_{number:03}")
    made.settings |= {"schedule": "0 0 * * *", "start_date": day(1)}
    made.report(1, meals(1000 + number), Expense("Airfare", 20010, "Plant 2"))
    if number % 2:
        made.report(1, meals(705))
    made.write()
    return made


def test_two_hundred_tenants_on_one_schedule(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, ledger_file = tmp_path / "tenants", tmp_path / "ledger.db"
    folder.mkdir()
    suite = Suite(sandbox, folder, ledger_file)
    tenants = [_tenant(suite, number) for number in range(TENANTS)]
    with postgres_cluster.running() as url:
        airflow = LocalAirflow(
            tmp_path / "airflow",
            PROJECT / "dags",
            PROJECT / "plugins",
            database_url=url.render_as_string(hide_password=False),
            environment={"EXPENSIFY_ERP_TENANTS": str(folder)},
            options={("dag_processor", "dag_file_processor_timeout"): "300"},
            parallelism=AT_ONCE,
            refresh_s=3600,
            stop_grace_s=5,
        )
        with airflow, PeakMemory(airflow.processes) as memory:
            suite._airflow = airflow
            airflow.api.put_connection(
                {"connection_id": "expense_ledger", "conn_type": "sqlite", "host": str(ledger_file)}
            )
            airflow.api.put_connection(
                {
                    "connection_id": "expense_archive",
                    "conn_type": "generic",
                    "host": (tmp_path / "archive").as_uri(),
                    "password": Fernet.generate_key().decode(),
                }
            )
            for tenant in tenants:
                tenant.make_pool()
                tenant.put_erp_connection(tenant.company.connection())
                tenant.put_expensify_connection()
            for tenant in tenants:
                airflow.api.wait_for_dag(tenant.dag_id, timeout_s=PATIENCE_S)
            began = time.monotonic()
            for tenant in tenants:
                airflow.api.unpause(tenant.dag_id)
            states = _ended(airflow, tenants, began, capsys)
            took = time.monotonic() - began
            assert states == {tenant.dag_id: ["success"] for tenant in tenants}
            for tenant in tenants:
                assert list(tenant.states().values()) == ["posted"] * len(tenant.states())
                assert len(tenant.posted()) == len(tenant.states()) >= 1
                tenant.verify()
            log = tenants[0].log(airflow.api.dag_runs(tenants[0].dag_id)[0]["dag_run_id"], "load", map_index=0)
    assert airflow.processes() == []
    refused = Counter(call.service for call in sandbox.calls if call.status == 429)
    with capsys.disabled():
        print(
            f"\n{TENANTS} tenants, one run each: {took:.0f} s after they were switched on; "
            f"{len(sandbox.calls)} requests, refused for a limit: {dict(refused)} and {sandbox.expensify.limits.refused} "
            f"of Expensify; {memory.tasks_at_once} tasks at once, peak memory in MB {memory.peaks}"
        )
    assert sandbox.expensify.limits.refused == 0
    assert not refused
    assert "is posted: document" in log, "progress is visible"
    assert memory.peaks["task"] < MOST_MEMORY_MB


def _ended(
    airflow: LocalAirflow, tenants: list[Tenant], began: float, capsys: pytest.CaptureFixture[str]
) -> dict[str, list[str]]:
    """Wait until every tenant's run has ended; states of the runs by DAG."""
    while True:
        found: dict[str, list[str]] = {tenant.dag_id: [] for tenant in tenants}
        for run in airflow.api.dag_runs():
            found.setdefault(run["dag_id"], []).append(run["state"])
        counts = Counter(state for states in found.values() for state in states or ["not yet"])
        with capsys.disabled():
            print(f"  {time.monotonic() - began:4.0f} s {dict(counts)}", flush=True)
        if set(counts) <= {"success", "failed"}:
            return found
        if time.monotonic() - began > PATIENCE_S:
            raise AssertionError(f"not ended after {PATIENCE_S:.0f} s: {counts}")
        assert airflow.ended() is None, airflow.log_tail()
        time.sleep(15)
