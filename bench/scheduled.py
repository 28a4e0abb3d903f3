"""A real Airflow with one Acumatica tenant and a DAG of empty tasks, and what its processes cost."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from cryptography.fernet import Fernet

from bench.measure import Cost
from include.sandbox.expensify import Policy
from include.sandbox.server import Sandbox
from scripts.local_airflow import PROJECT, LocalAirflow
from tests.e2e.erps.acumatica import AcumaticaCompany, AcumaticaUnderTest
from tests.e2e.reports import meals, report
from tests.include.ledger import postgres_cluster

TENANT, POOL, POLICY, LOGIN, SECRET = "bench", "erp_bench", "00000000000000B1", "aa_bench", "partner-secret"
SLOTS = 4
PATIENCE_S = 1800.0
ZONE = ZoneInfo("America/Chicago")
TICKS = os.sysconf("SC_CLK_TCK")

EMPTY_DAG = """\
from datetime import datetime, timedelta

from airflow.sdk import DAG, AssetAlias, BaseOperator


class Nothing(BaseOperator):
    def __init__(self, keys=(), **kwargs):
        super().__init__(**kwargs)
        self.keys = keys

    def execute(self, context):
        return None


class Boxes(BaseOperator):
    def execute(self, context):
        return [[str(number)] for number in range(context["params"]["boxes"])]


with DAG(
    "empty",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=3,
    default_args={{"retries": 3, "retry_delay": timedelta(seconds=15)}},
    params={{"boxes": 1}},
):
    validate = Boxes(task_id="validate", pool="{pool}")
    load = Nothing.partial(task_id="load", retries=8, pool="{pool}", outlets=[AssetAlias("empty_ledger")])
    boxes = load.expand(keys=validate.output)
    Nothing(task_id="extract") >> Nothing(task_id="transform") >> validate >> boxes
    boxes >> Nothing(task_id="acknowledge", trigger_rule="all_done")
"""


@dataclass
class Running:
    """Both DAGs on one running Airflow."""

    airflow: LocalAirflow
    sandbox: Sandbox
    company: AcumaticaCompany
    posted_before: int = 0

    def post(self, journals: int) -> tuple[Cost, int]:
        """Post so many new journals; the cost of the run, and how many load boxes it had.

        :raises RuntimeError: not every one was posted.
        """
        with self.sandbox.lock:
            for number in range(self.posted_before, self.posted_before + journals):
                lines = [meals(1000 + number), meals(500, plant="Plant 2")]
                self.sandbox.expensify.add_report(report(f"RB{number}", POLICY, day(2), lines))
        self.posted_before += journals
        before = len(self.company.documents())
        cost, boxes = self._run(f"expenses__{TENANT}", {"from": f"{day(2)}", "to": f"{day(2)}"})
        posted = len(self.company.documents()) - before
        if posted != journals:
            raise RuntimeError(f"{posted} of {journals} journals were posted")
        return cost, boxes

    def nothing(self, boxes: int) -> Cost:
        """The same number of tasks in the same shape, which do nothing."""
        return self._run("empty", {"boxes": boxes})[0]

    def _run(self, dag_id: str, conf: dict[str, Any]) -> tuple[Cost, int]:
        api = self.airflow.api
        wall, cpu = time.monotonic(), cpu_of(self.airflow.processes())
        run_id = api.trigger(dag_id, conf)
        while (state := api.dag_run(dag_id, run_id)["state"]) not in ("success", "failed"):
            if time.monotonic() - wall > PATIENCE_S:
                raise RuntimeError(f"{dag_id} did not end in {PATIENCE_S:.0f} s")
            time.sleep(1.0)
        wall, cpu = time.monotonic() - wall, cpu_of(self.airflow.processes()) - cpu
        boxes = len(api.task_instances(dag_id, run_id, "load"))
        if state != "success":
            raise RuntimeError(f"{dag_id} {run_id} is {state}")
        return Cost(wall, cpu, 0.0), boxes


def day(days_ago: int) -> date:
    """A local day before today."""
    return datetime.now(ZONE).date() - timedelta(days=days_ago)


def cpu_of(processes: list[int]) -> float:
    """Seconds of processors that the processes have used, and the children that they have waited for."""
    total = 0
    for pid in processes:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended since: its parent has its time
        total += sum(map(int, fields[11:15]))
    return total / TICKS


@contextmanager
def running(home: Path) -> Iterator[Running]:
    """Start everything; the sandbox and PostgreSQL are not among the processes that are measured.

    :raises RuntimeError: there is no PostgreSQL here.
    """
    if (missing := postgres_cluster.why_not()) is not None:
        raise RuntimeError(missing)
    tenants, dags = home / "tenants", home / "dags"
    for folder in (tenants, dags):
        folder.mkdir(parents=True)
    (dags / "expenses.py").symlink_to(PROJECT / "dags" / "expenses.py")
    (dags / "empty.py").write_text(EMPTY_DAG.format(pool=POOL))
    erp = AcumaticaUnderTest()
    with postgres_cluster.running() as url, Sandbox(*erp.services()) as sandbox:
        company = erp.found(sandbox, 1)
        (tenants / f"{TENANT}.yaml").write_text(yaml.safe_dump(_tenant(erp, company), sort_keys=False))
        with sandbox.lock:
            sandbox.expensify.credentials[LOGIN] = SECRET
            sandbox.expensify.scopes[LOGIN] = frozenset({POLICY})
            sandbox.expensify.policies[POLICY] = Policy(POLICY, TENANT)
        local = LocalAirflow(
            home / "airflow",
            dags,
            PROJECT / "plugins",
            database_url=url.render_as_string(hide_password=False),
            environment={"EXPENSIFY_ERP_TENANTS": str(tenants)},
            parallelism=SLOTS,
            # Parsing again and again would be on both sides' bill.
            refresh_s=3600,
            stop_grace_s=5,
        )
        with local:
            _install(local, sandbox, company, home)
            yield Running(local, sandbox, company)


def _tenant(erp: AcumaticaUnderTest, company: AcumaticaCompany) -> dict[str, Any]:
    return {
        "schedule": "0 0 1 1 *",
        "timezone": str(ZONE),
        "start_date": day(12),
        "expensify": {
            "connection": "expensify_bench",
            "policies": [POLICY],
            "mark_exported": "exported" if erp.marks else None,
            "request_timeout_s": 60,
        },
        "erp": company.erp_section("erp_bench", POOL),
        "posting": {"currency": "USD", "reference_prefix": "B", **erp.posting, "per": "report"},
        "mapping": {
            "gl_account": {"values": {"Meals": "6100"}},
            "dimensions": {"cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}}},
        },
    }


def _install(local: LocalAirflow, sandbox: Sandbox, company: AcumaticaCompany, home: Path) -> None:
    api, place = local.api, {"conn_type": "http", "schema": "http", "host": sandbox.host, "port": sandbox.port}
    api.put_pool(POOL, SLOTS)
    erp = company.connection()
    api.put_connection({**erp, "connection_id": "erp_bench", "extra": json.dumps(erp["extra"])})
    api.put_connection({**place, "connection_id": "expensify_bench", "login": LOGIN, "password": SECRET})
    ledger = {"connection_id": "expense_ledger", "conn_type": "sqlite", "host": str(home / "ledger.db")}
    archive = {
        "connection_id": "expense_archive",
        "conn_type": "generic",
        "host": (home / "archive").as_uri(),
        "password": Fernet.generate_key().decode(),
    }
    for connection in (ledger, archive):
        api.put_connection(connection)
    for dag_id in (f"expenses__{TENANT}", "empty"):
        api.wait_for_dag(dag_id, timeout_s=300)
        api.unpause(dag_id)
