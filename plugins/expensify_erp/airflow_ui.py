"""Addresses of pages of Airflow's UI. ``root`` is where Airflow is served: an address or a path, ending in a slash."""

from __future__ import annotations

from urllib.parse import quote


def dag(root: str, dag_id: str) -> str:
    """A DAG's page."""
    return f"{root}dags/{quote(dag_id, safe='')}"


def run(root: str, dag_id: str, run_id: str) -> str:
    """A run's page."""
    return f"{dag(root, dag_id)}/runs/{quote(run_id, safe='')}"


def task(
    root: str, dag_id: str, run_id: str, task_id: str, map_index: int | None, try_number: int | None = None
) -> str:
    """A task instance's page, at its log; ``map_index`` is ``None`` or -1 where the task is not mapped."""
    mapped = f"/mapped/{map_index}" if map_index is not None and map_index >= 0 else ""
    query = f"?try_number={try_number}" if try_number else ""
    return f"{run(root, dag_id, run_id)}/tasks/{quote(task_id, safe='')}{mapped}{query}"
