"""One Airflow DAG per tenant: approved Expensify reports become journals in the tenant's ERP ledger.

This file never raises: an import error would stop every tenant of it. A wrong tenant file is left out here and reported by
``tenant_files.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.sdk import (  # noqa: E402
    DAG,
    AssetAlias,
    CronDataIntervalTimetable,
    Param,
    get_parsing_context,
)
from airflow.sdk.definitions.param import ParamsDict  # noqa: E402
from expensify_erp.dag_names import EXPENSES  # noqa: E402
from expensify_erp.operators.acknowledge import AcknowledgeOperator  # noqa: E402
from expensify_erp.operators.extract import ExtractOperator  # noqa: E402
from expensify_erp.operators.load import LoadOperator  # noqa: E402
from expensify_erp.operators.transform import TransformOperator  # noqa: E402
from expensify_erp.operators.validate import ValidateOperator  # noqa: E402
from expensify_erp.tenant_dags import beside_the_erp, default_args, first_moment  # noqa: E402

from include.settings.catalogue import for_parsing  # noqa: E402
from include.settings.tenant import Tenant  # noqa: E402

PARAMS = {
    "dry_run": Param(
        False, type="boolean", title="Dry run", description="Show what would be posted; claim, post and mark nothing."
    ),
    "report_ids": Param(
        None,
        type=["null", "array"],
        items={"type": "string"},
        title="Reports",
        description="Only these Expensify report IDs, one per line.",
    ),
    "journals": Param(
        None,
        type=["null", "array"],
        items={"type": "string"},
        title="Journals",
        description="Only these journals of the ledger, one key per line.",
    ),
    "from": Param(
        None,
        type=["null", "string"],
        format="date",
        title="From",
        description="First approval day, tenant's local time.",
    ),
    "to": Param(None, type=["null", "string"], format="date", title="To", description="Last approval day, included."),
}


def expenses_dag(tenant: Tenant) -> DAG:
    """extract -> transform -> validate -> load, one box per journal -> acknowledge."""
    with DAG(
        dag_id=f"{EXPENSES}{tenant.name}",
        schedule=CronDataIntervalTimetable(tenant.schedule, timezone=tenant.timezone),
        start_date=first_moment(tenant),
        catchup=True,
        max_active_runs=3,
        default_args=default_args(),
        tags=["expenses", tenant.erp.type, tenant.name],
        doc_md=__doc__,
    ) as dag:
        erp = beside_the_erp(tenant)
        extract = ExtractOperator(task_id="extract", tenant=tenant.name)
        archive = "{{ ti.xcom_pull(task_ids='extract') }}"
        transform = TransformOperator(task_id="transform", tenant=tenant.name, archive=archive)
        validate = ValidateOperator(task_id="validate", tenant=tenant.name, archive=archive, **erp)
        load_boxes = LoadOperator.partial(
            task_id="load",
            tenant=tenant.name,
            retries=8,
            map_index_template="{{ journal_name }}",
            outlets=[AssetAlias(f"{tenant.name}_ledger")],
            **erp,
        ).expand(journal_keys=validate.output)
        acknowledge = AcknowledgeOperator(task_id="acknowledge", tenant=tenant.name, trigger_rule="all_done")
        extract >> transform >> validate >> load_boxes >> acknowledge
    # Set last: a task made under a DAG with parameters carries a copy of them, and checking the copies' schemas over and over
    # is most of what parsing and serialising a DAG costs. A run's tasks see the DAG's parameters either way.
    dag.params = ParamsDict(PARAMS)
    return dag


for found in for_parsing(EXPENSES, get_parsing_context().dag_id):
    globals()[f"{EXPENSES}{found.name}"] = expenses_dag(found)
