"""Says on the run and in the scheduler's log when a tenant's pool does not exist.

Airflow leaves tasks of an unknown pool in ``scheduled`` for ever, without a word, and no task can look at pools. This runs in
the scheduler, which can.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from expensify_erp.dag_names import EXPENSES, RECONCILE, REFERENCE_DATA

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)

OF_A_TENANT = (EXPENSES, RECONCILE, REFERENCE_DATA)
"""How the DAGs begin whose tasks wait for a tenant's pool."""

POOLS = "pools"
"""Where a run of ``preflight`` finds Airflow's pools in its configuration: names and slots."""


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """Compare the pools of the run's tasks with those that exist; a preflight is told of them, and compares for itself."""
    if dag_run.dag_id == "preflight":
        _tell_pools(dag_run)
        return
    if not dag_run.dag_id.startswith(OF_A_TENANT):
        return
    missing = _missing_pools(dag_run)
    if missing:
        text = (
            f"Pool {', '.join(missing)} does not exist: the tasks that talk to the ERP stay in `scheduled` until it is made "
            "under Admin > Pools (1 slot where the ERP takes one writer)."
        )
        log.error("%s, run %s: %s", dag_run.dag_id, dag_run.run_id, text)
        dag_run.note = text


def _tell_pools(dag_run: DagRun) -> None:
    """Into the run's configuration: of what is kept with a run, it alone reaches the tasks."""
    from airflow.models.pool import Pool
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is not None:
        pools = {str(name): slots for name, slots in session.execute(select(Pool.pool, Pool.slots))}
        dag_run.conf = {**(dag_run.conf or {}), POOLS: pools}


def _missing_pools(dag_run: DagRun) -> list[str]:
    from airflow.models.pool import Pool
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return []
    needed = {instance.pool for instance in dag_run.get_task_instances(session=session)}
    known = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(needed))))
    return sorted(needed - known)
