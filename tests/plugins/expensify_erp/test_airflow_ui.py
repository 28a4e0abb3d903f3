"""Addresses of Airflow's UI."""

from __future__ import annotations

from expensify_erp import airflow_ui


def test_addresses_hold_behind_a_path_of_a_proxy() -> None:
    assert airflow_ui.run("/airflow/", "expenses__a", "scheduled__2026-11-20T06:00:00+00:00") == (
        "/airflow/dags/expenses__a/runs/scheduled__2026-11-20T06%3A00%3A00%2B00%3A00"
    )


def test_a_task_that_is_not_mapped_has_no_index() -> None:
    assert airflow_ui.task("/", "d", "r", "validate", -1) == "/dags/d/runs/r/tasks/validate"
    assert airflow_ui.task("/", "d", "r", "load", 0, 2) == "/dags/d/runs/r/tasks/load/mapped/0?try_number=2"
