"""One Airflow DAG per tenant with a ``reference_data`` section: employees, GL codes and cost centres back into Expensify."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_parsing_context  # noqa: E402
from expensify_erp.dag_names import REFERENCE_DATA  # noqa: E402
from expensify_erp.operators.reference_data import ReferenceDataOperator  # noqa: E402
from expensify_erp.tenant_dags import beside_the_erp, default_args, first_moment  # noqa: E402

from include.settings.catalogue import for_parsing  # noqa: E402
from include.settings.tenant import Tenant  # noqa: E402


def reference_data_dag(tenant: Tenant) -> DAG:
    """One step: the difference, then the change."""
    with DAG(
        dag_id=f"{REFERENCE_DATA}{tenant.name}",
        schedule=CronTriggerTimetable(tenant.schedule, timezone=tenant.timezone),
        start_date=first_moment(tenant),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params={
            "dry_run": Param(False, type="boolean", title="Dry run", description="Store and show the difference only."),
            "full": Param(False, type="boolean", title="Full", description="Compare everybody, not only what changed."),
        },
        tags=["expenses", tenant.erp.type, tenant.name],
        doc_md=__doc__,
    ) as dag:
        ReferenceDataOperator(task_id="synchronise", tenant=tenant.name, **beside_the_erp(tenant))
    return dag


for found in for_parsing(REFERENCE_DATA, get_parsing_context().dag_id):
    if found.reference_data is not None:
        globals()[f"{REFERENCE_DATA}{found.name}"] = reference_data_dag(found)
