"""A person's decision on journals that no automatic rule may decide. Started by hand, from the trigger form.

``adopt``: the journal is the named document of the ERP. ``reissue``: the ERP shows the old document absent or voided; the
expenses move to a new journal, ``<key>-2``. ``close``: never to be posted (keyed by hand, duplicate), also for reports that the
ledger does not know yet. The reason is mandatory; reason and user stand in the journal's events.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.sdk import DAG, Param  # noqa: E402
from expensify_erp.operators.settle import SettleOperator  # noqa: E402
from expensify_erp.retries import RetryByError  # noqa: E402

NAMES: dict[str, Any] = {"type": ["null", "array"], "items": {"type": "string"}}

with DAG(
    dag_id="settle",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # It runs only when a person starts it: paused, it would take decisions and carry none out.
    is_paused_upon_creation=False,
    default_args={"retries": 2, "retry_policy": RetryByError()},
    params={
        "tenant": Param("", type="string", minLength=1, title="Tenant", description="Name of the tenant file."),
        "action": Param("close", type="string", enum=["adopt", "reissue", "close"], title="Action"),
        "journals": Param(None, title="Journals", description="Journal keys, one per line.", **NAMES),
        "report_ids": Param(
            None, title="Reports", description="Only to close: Expensify report IDs, one per line.", **NAMES
        ),
        "document_number": Param(
            None, type=["null", "string"], title="Document number", description="Only to adopt: its number in the ERP."
        ),
        "reason": Param("", type="string", minLength=1, title="Reason", description="Mandatory; an auditor reads it."),
    },
    tags=["expenses"],
    doc_md=__doc__,
):
    SettleOperator(task_id="settle")
