"""What a parse, and so every task's start, has to import."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = ["pandas", "numpy", "zeep", "lxml", "pyarrow", "spnego", "alembic", "polars"]

PROBE = """
import json, pkgutil, sys
import airflow.sdk, airflow.dag_processing.dagbag, airflow.sdk.execution_time.task_runner
before = set(sys.modules)
sys.path.insert(0, "dags")
import expenses, preflight, reconcile, reference_data, settle, tenant_files
import expensify_erp.operators, expensify_erp.hooks
for package in (expensify_erp.operators, expensify_erp.hooks):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        __import__(module.name)
at_the_erp = [
    expenses.expenses__acme.get_task("load"),
    reconcile.reconcile__acme.get_task("compare"),
    reference_data.reference_data__studio.get_task("synchronise"),
]
print(json.dumps({
    "heavy": [name for name in HEAVY if name in sys.modules],
    "sandbox": [name for name in sys.modules if name.startswith("include.sandbox")],
    "others": sorted({name.partition(".")[0] for name in set(sys.modules) - before}),
    "queues": [task.queue for task in at_the_erp],
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A fresh interpreter imports all DAG files and all operators, with another default queue than Airflow's own."""
    folder = tmp_path_factory.mktemp("parse")
    for name, demo in (("acme", "midwest_manufacturing"), ("studio", "pacific_studio")):
        shutil.copyfile(PROJECT / f"include/sandbox/tenants/{demo}.yaml", folder / f"{name}.yaml")
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__OPERATORS__DEFAULT_QUEUE": "celery_main",
        "EXPENSIFY_ERP_TENANTS": str(folder),
    }
    environment.pop("PYTHONPATH", None)
    program = f"HEAVY = {HEAVY!r}\n{PROBE}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_parsing_imports_nothing_heavy(seen: dict[str, Any]) -> None:
    assert seen["heavy"] == []


def test_the_simulated_servers_are_not_part_of_production(seen: dict[str, Any]) -> None:
    assert seen["sandbox"] == []


def test_without_a_queue_the_tasks_stay_on_the_one_that_airflow_is_configured_with(seen: dict[str, Any]) -> None:
    """A name of ours would override ``[operators] default_queue`` and strand the tasks where no worker listens."""
    assert seen["queues"] == ["celery_main"] * 3
