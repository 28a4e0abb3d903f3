"""Would this tenant's reports post? Asks Expensify, the ERP and Airflow with the tenant's own credentials; writes nothing.

Started by hand, from the trigger form. The task's log holds two tables: what was checked, and where each category and tag
would land. The run fails when something would block a posting.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.sdk import DAG, Param  # noqa: E402
from expensify_erp.operators.preflight import PreflightOperator  # noqa: E402

with DAG(
    dag_id="preflight",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 0},
    params={"tenant": Param("", type="string", minLength=1, title="Tenant", description="Name of the tenant file.")},
    tags=["expenses"],
    doc_md=__doc__,
):
    PreflightOperator(task_id="preflight")
