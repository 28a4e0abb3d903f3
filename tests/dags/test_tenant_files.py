"""The one import error that names every wrong tenant file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

Parse = Callable[[str], DagBag]
WriteTenant = Callable[..., Path]


def test_good_files_give_no_dag_and_no_error(parse: Parse, write_tenant: WriteTenant) -> None:
    write_tenant("acme")
    bag = parse("tenant_files.py")
    assert (bag.import_errors, bag.dags) == ({}, {})


def test_one_error_names_each_file_and_key(parse: Parse, write_tenant: WriteTenant, tenants: Path) -> None:
    write_tenant("acme")
    write_tenant("bad_key", erp={"transprot": "rest"})
    write_tenant("bad_zone", timezone="Chicago", schedule="daily")
    (tenants / "bad_yaml.yaml").write_text("schedule: [")
    (tenants / "bad_day.yaml").write_text("start_date: 2026-13-45")
    (tenants / "ending.yml").write_text("")
    bag = parse("tenant_files.py")
    (error,) = bag.import_errors.values()
    lines = [line for line in error.splitlines() if ".yaml: " in line or ".yml: " in line]
    named = [line.split("TenantFileError: ")[-1].split(":")[0] for line in lines]
    assert named == ["bad_day.yaml", "bad_key.yaml", "bad_yaml.yaml", "bad_zone.yaml", "ending.yml"]
    assert "transprot: unknown key" in error
    assert "timezone: 'Chicago' is not a time zone name" in error
    assert "schedule: 'daily' is not a cron expression" in error
    assert "acme" not in error.split("TenantFileError: ")[-1]


def test_a_starting_task_is_not_bothered(parse: Parse, tenants: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tenants / "bad.yaml").write_text("schedule: [")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "expenses__acme")
    assert parse("tenant_files.py").import_errors == {}
    monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID")
    assert len(parse("tenant_files.py").import_errors) == 1


@pytest.mark.parametrize("file", ["expenses.py", "settle.py", "tenant_files.py"])
def test_airflow_does_not_skip_the_file(file: str) -> None:
    """Its safe mode leaves out files without both words."""
    from airflow.utils.file import might_contain_dag

    path = Path(__file__).resolve().parents[2] / "dags" / file
    text = path.read_bytes().lower()
    assert b"airflow" in text
    assert b"dag" in text
    assert might_contain_dag(str(path), safe_mode=True)
