"""The parse at a task's start: Airflow parses the DAG file again and names the one DAG that it wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def prepare(dags: str, dag_id: str) -> Callable[[], str]:
    """:param dags: the DAG file."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    path = Path(dags)

    def timed() -> str:
        with _airflow_parsing_context_manager(dag_id=dag_id, task_id="load"):
            bag = DagBag(path, safe_mode=False, bundle_path=path.parent, bundle_name="bench")
        if list(bag.dags) != [dag_id]:
            raise SystemExit(f"{list(bag.dags)[:3]}, {bag.import_errors}")
        return dag_id

    return timed
