"""Checks a tenant before its first run, or whenever somebody wants to know. Writes nothing, neither here nor there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from expensify_erp.pool_listener import POOLS
from include.errors import Held, Misconfigured
from include.settings import catalogue

if TYPE_CHECKING:
    from airflow.sdk import Context


class PreflightOperator(BaseOperator):
    """Logs findings and mapping coverage, pushes them as XCom ``preflight``, fails when something would block a posting."""

    def execute(self, context: Context) -> None:
        from expensify_erp.preflight import preflight_of

        name = str(context["params"].get("tenant") or "").strip()
        if not name:
            known = ", ".join(sorted(catalogue.load_all().tenants)) or "none"
            raise Misconfigured(f"name the tenant in the param `tenant`; the tenants with a good file are: {known}")
        pools = (context["dag_run"].conf or {}).get(POOLS)
        result = preflight_of(name, pools if isinstance(pools, dict) else None)
        self.log.info("%s", result.text())
        context["ti"].xcom_push("preflight", result.as_json())
        if result.blocking:
            raise Held(f"{len(result.blocking)} would block {name}:\n" + "\n".join(result.blocking))
