"""Checks a tenant before its first run, or whenever somebody wants to know. Writes nothing, neither here nor there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from expensify_erp import pool_notes
from include.errors import Held, Misconfigured
from include.settings import catalogue
from include.settings.catalogue import TenantFileError

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
        note = getattr(context["dag_run"], "note", None)
        result = preflight_of(name, pool_notes.read(note, _pool_of(name)))
        self.log.info("%s", result.text())
        context["ti"].xcom_push("preflight", result.as_json())
        if result.blocking:
            raise Held(f"{len(result.blocking)} would block {name}:\n" + "\n".join(result.blocking))


def _pool_of(name: str) -> str:
    try:
        return catalogue.load(name).erp.pool
    except TenantFileError:
        return ""
