"""One parse of a folder or file of DAGs, imports of the DAG file included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def prepare(dags: str, expected: str) -> Callable[[], str]:
    """:param dags: the DAG file or folder. :param expected: how many DAGs it must hold."""
    from airflow.dag_processing.dagbag import DagBag

    path = Path(dags)

    def timed() -> str:
        bag = DagBag(path, safe_mode=True, bundle_path=path if path.is_dir() else path.parent, bundle_name="bench")
        if bag.import_errors or len(bag.dags) != int(expected):
            raise SystemExit(f"{len(bag.dags)} DAGs, {bag.import_errors}")
        return f"{len(bag.dags)} DAGs"

    return timed
