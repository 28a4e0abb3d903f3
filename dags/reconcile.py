"""One Airflow DAG per tenant that compares Expensify, the ledger and the ERP to the cent, every day over the last 45 days.

A red run means that something does not match (its log and the ledger page say what), or that one side could not be asked.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_parsing_context  # noqa: E402
from expensify_erp.dag_names import RECONCILE  # noqa: E402
from expensify_erp.operators.reconcile import ReconcileExtractOperator, ReconcileOperator  # noqa: E402
from expensify_erp.tenant_dags import beside_the_erp, default_args, first_moment  # noqa: E402

from include.settings.catalogue import for_parsing  # noqa: E402
from include.settings.tenant import Tenant  # noqa: E402


def reconcile_dag(tenant: Tenant) -> DAG:
    """extract -> compare."""
    with DAG(
        dag_id=f"{RECONCILE}{tenant.name}",
        schedule=CronTriggerTimetable(tenant.schedule, timezone=tenant.timezone),
        start_date=first_moment(tenant),
        # A missed comparison is made up for by the next one: it covers the same days.
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params={
            "month": Param(
                None,
                type=["null", "string"],
                pattern="^[0-9]{4}-(0[1-9]|1[0-2])$",
                title="Month",
                description="Compare the approvals of this month (YYYY-MM) instead of the last 45 days.",
            )
        },
        tags=["expenses", tenant.erp.type, tenant.name],
        doc_md=__doc__,
    ) as dag:
        extract = ReconcileExtractOperator(task_id="extract", tenant=tenant.name)
        ReconcileOperator(task_id="compare", tenant=tenant.name, extracted=extract.output, **beside_the_erp(tenant))
    return dag


for found in for_parsing(RECONCILE, get_parsing_context().dag_id):
    globals()[f"{RECONCILE}{found.name}"] = reconcile_dag(found)
